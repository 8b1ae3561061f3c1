/* Passages: opened on the link for a caller, passed through under other numbers, and held to the credit. */
#include "services/relay/passage.h"

#include <stdlib.h>

#include "common/base/log.h"

static uint64_t
api_hash(const struct peer *api, uint64_t stream)
{
	return table_mix(stream ^ table_mix((uintptr_t)api));
}

static struct passage *
find_by_api(const struct relay *relay, const struct peer *api, uint64_t stream)
{
	struct table_entry *entry = table_first(&relay->by_api, api_hash(api, stream));

	for (; entry != NULL; entry = table_next(entry)) {
		struct passage *passage = table_item(entry, struct passage, by_api);

		if (passage->api == api && passage->api_stream == stream)
			return passage;
	}
	return NULL;
}

static struct passage *
find_by_link(const struct relay *relay, const struct peer *link, uint64_t stream)
{
	struct table_entry *entry = table_first(&relay->by_link, table_mix(stream));

	for (; entry != NULL; entry = table_next(entry)) {
		struct passage *passage = table_item(entry, struct passage, by_link);

		if (passage->link_stream == stream && passage->session->peer == link)
			return passage;
	}
	return NULL;
}

static struct passage *
find(struct relay *relay, const struct peer *from, uint64_t stream)
{
	struct passage *passage =
	    from->role == ROLE_API ? find_by_api(relay, from, stream) : find_by_link(relay, from, stream);

	if (passage == NULL)
		relay->counts.stray++;
	return passage;
}

struct passage *
passage_find(struct relay *relay, const struct passage_kind *kind, const struct peer *from, uint64_t stream)
{
	struct passage *passage = find(relay, from, stream);

	return passage == NULL || passage->kind != kind ? NULL : passage;
}

/* ---- how many ---- */

static struct passage_counts *
counts_of(const struct passage_kind *kind, struct passage_counts counts[PASSAGE_KINDS])
{
	return &counts[kind->place];
}

static void
count(struct passage *passage, unsigned open, unsigned starting)
{
	struct passage_counts *all = counts_of(passage->kind, passage->relay->passages);
	struct passage_counts *own = counts_of(passage->kind, passage->session->passages_n);

	all->open += open;
	own->open += open;
	all->starting += starting;
	own->starting += starting;
}

static bool
reached(unsigned n, unsigned max)
{
	return max != 0 && n >= max;
}

static enum err
room_for(struct relay *relay, const struct passage_kind *kind, struct session *session, struct why *why)
{
	const struct passage_counts *all = counts_of(kind, relay->passages),
				    *own = counts_of(kind, session->passages_n);

	if (reached(all->open, kind->all_max))
		return fail(why, ERR_LIMIT, "%u %s are open", all->open, kind->plural);
	if (reached(own->open, kind->sandbox_max))
		return fail(why, ERR_LIMIT, "%u %s are open in this sandbox", own->open, kind->plural);
	if (reached(all->starting, kind->starting_all_max))
		return fail(why, ERR_LIMIT, "%u %s are being opened", all->starting, kind->plural);
	if (reached(own->starting, kind->starting_sandbox_max))
		return fail(why, ERR_LIMIT, "%u %s are being opened in this sandbox", own->starting, kind->plural);
	return OK;
}

/* ---- the end ---- */

void
passage_free(struct passage *passage)
{
	struct relay *relay = passage->relay;

	count(passage, -1u, passage->start != 0 ? -1u : 0);
	if (passage->start != 0)
		call_cancel(passage->session->peer, passage->start);
	table_remove(&relay->by_api, &passage->by_api);
	table_remove(&relay->by_link, &passage->by_link);
	list_remove(&passage->in_caller);
	list_remove(&passage->in_session);
	peer_unref(passage->reply.peer); /* not answered: its caller is gone */
	peer_unref(passage->api);
	free(passage);
}

void
passage_tell(struct peer *peer, const struct msg *m)
{
	struct why why;

	if (peer_tell(peer, m, &why) != OK)
		log_debug("stream.untold", "role=%s why=\"%s\"", role_name(peer->role), why.text);
}

void
passage_stop(const struct passage *passage)
{
	struct msg m = {0};

	passage->kind->fill_stop(&m, passage->link_stream);
	passage_tell(passage->session->peer, &m);
}

/* The caller hears that it is lost: as the answer, when it waits for one. */
static void
lose(struct passage *passage, const char *words)
{
	struct msg m = {0};
	struct why why = {0};

	if (passage->reply.peer != NULL) {
		(void)fail(&why, ERR_UNAVAILABLE, "%s", words);
		reply_fail(&passage->reply, ERR_UNAVAILABLE, &why);
	} else {
		passage->kind->fill_lost(&m, passage->api_stream, words);
		passage_tell(passage->api, &m);
	}
	passage_free(passage);
}

void
caller_open(struct peer *peer)
{
	struct caller *caller = calloc(1, sizeof(*caller));

	if (caller == NULL)
		abort();
	list_init(&caller->passages);
	peer->self = caller;
}

void
caller_close(struct relay *relay, struct peer *peer)
{
	struct caller *caller = peer->self;
	struct passage *passage;

	(void)relay;
	list_each(passage, &caller->passages, struct passage, in_caller) {
		passage_stop(passage);
		passage_free(passage);
	}
	free(caller);
	peer->self = NULL;
}

void
passage_end_all(struct session *session, const char *words)
{
	struct passage *passage;

	list_each(passage, &session->passages, struct passage, in_session)
		lose(passage, words);
}

/* ---- the beginning ---- */

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct passage *passage = self;
	struct why reason = {0};

	count(passage, 0, -1u);
	passage->start = 0;
	if (r == OK && answer->id != passage->kind->started)
		r = fail(&reason, ERR_PROTOCOL, "the sandbox answered with another message");
	else if (r != OK)
		reason = *why;
	if (r == OK) {
		reply_send(&passage->reply, answer);
		return;
	}
	reply_fail(&passage->reply, r, &reason);
	passage_stop(passage); /* it may be on its way still, when the answer was late */
	passage_free(passage);
}

static struct passage *
passage_new(
    struct relay *relay, const struct passage_kind *kind, const struct msg *m, struct session *session, uint64_t stream)
{
	struct passage *passage = calloc(1, sizeof(*passage));
	struct caller *caller = m->from->self;

	if (passage == NULL)
		abort();
	passage->kind = kind;
	passage->relay = relay;
	passage->api = peer_ref(m->from);
	passage->api_stream = stream;
	passage->session = session;
	passage->link_stream = relay->next_stream++;
	passage->reply = reply_later(m);
	table_put(&relay->by_api, &passage->by_api, api_hash(passage->api, passage->api_stream));
	table_put(&relay->by_link, &passage->by_link, table_mix(passage->link_stream));
	list_append(&caller->passages, &passage->in_caller);
	list_append(&session->passages, &passage->in_session);
	count(passage, 1, 1);
	return passage;
}

enum err
passage_start(struct relay *relay, const struct passage_kind *kind, const struct msg *m, struct id sandbox,
    uint64_t stream, struct msg *onward, uint64_t *onward_stream, struct why *why)
{
	struct session *session = session_find(relay, sandbox);
	struct passage *passage;
	enum err r;

	if (m->from->role != ROLE_API)
		return fail(why, ERR_DENIED, "only api opens %s here", kind->plural);
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "a %s wants an answer: send it as a request", kind->name);
	if (id_none(sandbox))
		return fail(why, ERR_INVALID, "a %s without a sandbox", kind->name);
	if (find_by_api(relay, m->from, stream) != NULL)
		return fail(why, ERR_EXISTS, "stream %lu is in use", stream);
	if (session == NULL)
		return fail(why, ERR_UNAVAILABLE, "supervisor session not connected");
	if ((r = room_for(relay, kind, session, why)) != OK)
		return r;
	passage = passage_new(relay, kind, m, session, stream);
	*onward_stream = passage->link_stream;
	passage->start = peer_call(session->peer, onward, START_MS, started, passage);
	return OK;
}

/* ---- bytes, credit, ends ---- */

enum err
passage_breach(struct passage *passage, const struct peer *from, const char *words, struct why *why)
{
	enum err r = fail(why, ERR_PROTOCOL, "%s", words);

	passage->relay->counts.breaches++;
	log_warning("stream.breach", "role=%s sandbox=%s why=\"%s\"", role_name(from->role),
	    id_text(passage->session->sandbox), words);
	if (from->role == ROLE_LINK) {
		session_cut(passage->session, "session.breach", words);
		return r;
	}
	passage_stop(passage);
	lose(passage, "the stream's rules were broken");
	return r;
}

static bool
may_write(const struct passage *passage, const struct peer *from, uint8_t channel)
{
	uint8_t mask = from->role == ROLE_API ? passage->kind->inward : passage->kind->outward;

	return (mask & 1u << channel) != 0;
}

static bool
may_read(const struct passage *passage, const struct peer *from, uint8_t channel)
{
	uint8_t mask = from->role == ROLE_API ? passage->kind->outward : passage->kind->inward;

	return (mask & 1u << channel) != 0;
}

/* The writer of a channel goes on at this offset: the channel, NULL when it may not. */
static struct passage_channel *
follows(struct passage *passage, const struct peer *from, uint8_t channel, uint64_t offset)
{
	struct passage_channel *at = &passage->channels[channel];

	return may_write(passage, from, channel) && !at->ended && offset == at->sent ? at : NULL;
}

/* An end whose queue is full is not reading: its stream is over. */
bool
passage_forward(struct passage *passage, const struct peer *from, struct msg *m, uint64_t *stream)
{
	bool up = from->role == ROLE_LINK;
	struct why why = {0};
	enum err r;

	*stream = up ? passage->api_stream : passage->link_stream;
	m->call = 0;
	if ((r = peer_tell(up ? passage->api : passage->session->peer, m, &why)) == OK || r == ERR_UNAVAILABLE)
		return true; /* away: its own end follows and ends all */
	log_warning("stream.lost", "sandbox=%s why=\"%s\"", id_text(passage->session->sandbox), why.text);
	passage_stop(passage);
	lose(passage, "the other end does not take its data");
	return false;
}

/*
 * Bytes of a channel, to the other end.
 *
 * in      stream_data, from api or a link
 * errors  ERR_PROTOCOL not the next offset, beyond the credit, after the end, or against the channel's direction
 */
enum err
passage_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg_stream_data *in = &m->stream_data;
	struct passage *passage = find(self, m->from, in->stream);
	struct passage_channel *channel;

	(void)answer;
	if (passage == NULL)
		return OK;
	if ((channel = follows(passage, m->from, in->channel, in->offset)) == NULL)
		return passage_breach(passage, m->from, "data that does not follow", why);
	if (in->bytes.length > channel->limit - channel->sent)
		return passage_breach(passage, m->from, "data beyond the credit", why);
	channel->sent += in->bytes.length;
	(void)passage_forward(passage, m->from, m, &in->stream);
	return OK;
}

/*
 * Credit for a channel, to the end that writes it.
 *
 * in      stream_grant, from the end that reads the channel
 * errors  ERR_PROTOCOL it goes back, gives over WINDOW_MAX at once, or comes from the writer
 */
enum err
passage_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg_stream_grant *in = &m->stream_grant;
	struct passage *passage = find(self, m->from, in->stream);
	struct passage_channel *channel;

	(void)answer;
	if (passage == NULL)
		return OK;
	channel = &passage->channels[in->channel];
	if (!may_read(passage, m->from, in->channel) || in->limit < channel->limit ||
	    in->limit - channel->sent > WINDOW_MAX)
		return passage_breach(passage, m->from, "credit that cannot be given", why);
	channel->limit = in->limit;
	(void)passage_forward(passage, m->from, m, &in->stream);
	return OK;
}

/* Both ways of a door have ended, and both ends know: neither says more. */
static bool
all_ended(const struct passage *passage)
{
	uint8_t channels = passage->kind->inward | passage->kind->outward;

	for (unsigned i = 0; i < CHANNELS; i++)
		if ((channels & 1u << i) != 0 && !passage->channels[i].ended)
			return false;
	return passage->kind->ends_with_channels;
}

/*
 * The end of a channel, to the other end.
 *
 * in      stream_end, from the end that writes the channel
 * errors  ERR_PROTOCOL twice, from the reader, or with another offset than what was sent
 */
enum err
passage_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct msg_stream_end *in = &m->stream_end;
	struct passage *passage = find(self, m->from, in->stream);
	struct passage_channel *channel;

	(void)answer;
	if (passage == NULL)
		return OK;
	if ((channel = follows(passage, m->from, in->channel, in->offset)) == NULL)
		return passage_breach(passage, m->from, "an end that does not follow", why);
	channel->ended = true;
	if (passage_forward(passage, m->from, m, &in->stream) && all_ended(passage))
		passage_free(passage);
	return OK;
}
