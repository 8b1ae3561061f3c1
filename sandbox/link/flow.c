/* Flows: what is said about a stream reaches what the stream belongs to. */
#include "sandbox/link/flow.h"

void
flow_add(struct link *link, struct flow *flow, const struct flow_kind *kind, struct peer *peer, uint64_t stream)
{
	flow->kind = kind;
	flow->peer = peer;
	flow->stream = stream;
	list_append(&link->flows, &flow->in_link);
}

void
flow_remove(struct flow *flow)
{
	list_remove(&flow->in_link);
}

void
flow_over(struct link *link, uint64_t bytes)
{
	slack_used(&link->slack, bytes);
	if (list_empty(&link->flows))
		slack_idle(&link->slack);
}

struct flow *
flow_find(struct link *link, const struct peer *peer, uint64_t stream)
{
	struct flow *flow;

	list_each(flow, &link->flows, struct flow, in_link)
		if (flow->stream == stream && flow->peer == peer)
			return flow;
	return NULL;
}

/* A breach of the stream's rules costs the stream. */
static enum err
checked(struct flow *flow, enum err r, const struct why *why)
{
	if (r != OK)
		flow->kind->drop(flow, why->text);
	return r;
}

/*
 * Bytes of a channel.
 *
 * in      stream_data, from the relay or an SSH server; for a stream that is over it is dropped
 * errors  ERR_PROTOCOL beyond the credit, out of order, after the end, a channel that takes none: the stream is ended
 */
enum err
flow_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct flow *flow = flow_find(self, m->from, m->stream_data.stream);

	(void)answer;
	return flow == NULL ? OK : checked(flow, flow->kind->data(flow, &m->stream_data, why), why);
}

/* Credit for what flows out; may come before the stream is open. In: stream_grant. Errors as flow_data. */
enum err
flow_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct flow *flow = flow_find(self, m->from, m->stream_grant.stream);

	(void)answer;
	return flow == NULL ? OK : checked(flow, flow->kind->grant(flow, &m->stream_grant, why), why);
}

/* The end of a channel. In: stream_end. Errors as flow_data. */
enum err
flow_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct flow *flow = flow_find(self, m->from, m->stream_end.stream);

	(void)answer;
	return flow == NULL ? OK : checked(flow, flow->kind->end(flow, &m->stream_end, why), why);
}

/* A signal for what the stream belongs to. In: exec_signal, from the relay or an SSH server. */
enum err
flow_signal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct flow *flow = flow_find(self, m->from, m->exec_signal.stream);

	(void)answer;
	(void)why;
	if (flow != NULL && flow->kind->signal != NULL)
		flow->kind->signal(flow, m->exec_signal.signal);
	return OK;
}

/* Nobody wants it any more. In: door_closed, from the relay or an SSH server. */
enum err
flow_closed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct flow *flow = flow_find(self, m->from, m->door_closed.stream);

	(void)answer;
	(void)why;
	if (flow != NULL && flow->kind->closed != NULL)
		flow->kind->closed(flow);
	return OK;
}
