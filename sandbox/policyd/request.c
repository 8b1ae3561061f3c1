/* Requests: first whether the connection's owners are still who they were, then whether the policy allows each. */
#include "sandbox/policyd/policyd.h"

#include "common/base/clock.h"
#include "sandbox/policyd/show.h"

#define LOOK_SHARE	100 /* of all time, looking takes one part in so many */
#define LOOK_SHARE_MOST 4   /* where that would be later than LOOK_EVERY_MS, up to one in so many */
#define LOOK_EVERY_MS	1000
#define VERDICT_ALLOW	1
#define VERDICT_CLOSE	5

/* ---- owners ---- */

/*
 * A new look at everything, where it is time: a descriptor may have been handed over, and no number tells of that. Its
 * cost does not grow with the number of questions, and where few are asked each has a look of its own.
 */
static enum err
look_when_due(struct policyd *policyd, struct why *why)
{
	uint64_t now = clock_us(), cost, wait;
	enum err r;

	if (now < policyd->look_due_us)
		return OK;
	r = look_now(&policyd->observer.look, why);
	cost = clock_us() - now;
	wait = cost * LOOK_SHARE < LOOK_EVERY_MS * 1000 ? cost * LOOK_SHARE : LOOK_EVERY_MS * 1000;
	policyd->look_due_us = now + cost + (wait > cost * LOOK_SHARE_MOST ? wait : cost * LOOK_SHARE_MOST);
	return r;
}

/* OK; ERR_MORE a file is being read; ERR_BUSY it may be so for a moment only; ERR_DENIED another owner for good. */
static enum err
check(struct policyd *policyd, struct connection *connection, struct why *why)
{
	struct observer *observer = &policyd->observer;
	enum err r;

	if (connection->anybody)
		return OK;
	if (!owners_same(observer, &connection->owners) && connection->looked == observer->look.number)
		return fail(why, ERR_BUSY, "the process behind the connection is another now");
	if (connection->looked == observer->look.number)
		return OK;
	r = owners_again(observer, connection->inode, connection->owners.identity, &connection->owners, why);
	if (r == OK)
		connection->looked = observer->look.number;
	return r == ERR_DENIED ? ERR_BUSY : r;
}

/*
 * All connections of a message. What is not OK may be so between fork and exec: then a fresh look is taken for the next
 * try, and what is left of it after the last is refused one by one.
 */
static enum err
check_all(struct policyd *policyd, const struct msg_requests_judge *in, unsigned looks)
{
	enum err worst = OK, r;
	struct why why = {0};

	policyd->observer.processes.round++;
	r = looks > 0 ? look_now(&policyd->observer.look, &why) : look_when_due(policyd, &why);
	if (r != OK)
		return ERR_BUSY;
	for (size_t i = 0; i < in->questions_n; i++) {
		struct connection *connection = connection_find(policyd, in->questions[i].connection);

		if (connection == NULL || (r = check(policyd, connection, &why)) == OK)
			continue;
		if (worst != ERR_MORE)
			worst = r;
	}
	return worst;
}

/* ---- the policy ---- */

static void
operations_of(const struct msg_question *in, struct arena *arena, struct engine_request *out)
{
	struct engine_operation *list = arena_array(arena, in->operations_n, sizeof(*list));

	for (size_t i = 0; list != NULL && i < in->operations_n; i++) {
		const struct msg_graphql_operation *one = &in->operations[i];

		list[i] = (struct engine_operation){.type = one->type,
		    .name = one->name,
		    .fields = one->fields,
		    .fields_n = one->fields_n,
		    .hash = one->hash,
		    .persisted_id = one->persisted_id};
	}
	out->operations = list;
	out->operations_n = in->operations_n;
}

static void
calls_of(const struct msg_question *in, struct arena *arena, struct engine_request *out)
{
	struct engine_call *list = arena_array(arena, in->calls_n, sizeof(*list));

	for (size_t i = 0; list != NULL && i < in->calls_n; i++)
		list[i] = (struct engine_call){.method = in->calls[i].method,
		    .tool = in->calls[i].tool,
		    .response = in->calls[i].response,
		    .has_tool = in->calls[i].has_tool};
	out->calls = list;
	out->calls_n = in->calls_n;
}

/* ERR_LIMIT: the arena is full; a list that is not there must not be read as an empty one. */
static enum err
request_of(const struct msg_question *in, struct arena *arena, struct engine_request *out)
{
	*out = (struct engine_request){.kind = (enum engine_kind)in->kind,
	    .method = in->method,
	    .path = in->path,
	    .query = in->query,
	    .overrides = in->overrides,
	    .overrides_n = in->overrides_n,
	    .upgrade = in->upgrade,
	    .event_stream = in->event_stream,
	    .body = (enum engine_body)in->body,
	    .refusal = in->refusal};
	operations_of(in, arena, out);
	calls_of(in, arena, out);
	return (out->operations == NULL && in->operations_n > 0) || (out->calls == NULL && in->calls_n > 0) ? ERR_LIMIT
													    : OK;
}

static void
verdict_of(const struct engine_verdict *from, struct msg_verdict *out)
{
	out->what = (uint8_t)from->what;
	out->look = (uint8_t)from->look;
	out->body_max = from->body_max;
	out->tool_names = from->tool_names;
	out->messages = from->messages;
	out->messages_graphql = from->messages_graphql;
	out->rewrite_body = from->rewrite_body;
	out->rewrite_messages = from->rewrite_messages;
	out->signing = (uint8_t)from->signing;
	out->sign_service = show_fit(from->sign_service, 64);
	out->sign_region = show_fit(from->sign_region, 64);
	out->protocol = show_fit(from->protocol, 16);
	out->policy = show_fit(from->policy, 253);
	out->rule = show_fit(from->rule, 512);
	out->code = from->code == NULL ? SPAN_NONE : span_of_text(from->code);
	out->reason = show_fit(from->reason, 512);
}

static void
close_it(struct msg_verdict *out, const char *code, const char *words)
{
	out->what = VERDICT_CLOSE;
	out->code = span_of_text(code);
	out->reason = span_of_text(words);
}

static void
judge(struct policyd *policyd, const struct msg_question *in, struct arena *arena, struct msg_verdict *out)
{
	struct connection *connection = connection_find(policyd, in->connection);
	struct engine_verdict verdict = {0};
	struct engine_request request;
	struct why why = {0};

	out->request = in->request;
	if (connection == NULL)
		close_it(out, "generation", "the policy under which the connection was admitted is gone");
	else if (check(policyd, connection, &why) != OK)
		close_it(out, "owner", "the process behind the connection is another now");
	else if (request_of(in, arena, &request) != OK ||
		 engine_request(policyd->force.engine, &connection->admission, &request, arena, &verdict, &why) != OK)
		close_it(out, "owner", "the request is too large to be judged");
	else
		verdict_of(&verdict, out);
}

void
requests_judge_again(struct policyd *policyd, const struct msg *m, unsigned looks, struct reply *reply)
{
	const struct msg_requests_judge *in = &m->requests_judge;
	struct msg answer = {.id = REQUESTS_JUDGED};
	struct msg_requests_judged *out = &answer.requests_judged;
	enum err r = check_all(policyd, in, looks);
	struct why why = {0};

	if ((r == ERR_MORE || (r == ERR_BUSY && ++looks < LOOKS_MAX)) &&
	    wait_for(policyd, m, looks, r == ERR_MORE ? WAIT_HASH : wait_look_ms(looks), reply, &why) == OK)
		return;
	if ((out->verdicts = arena_array(m->arena, in->questions_n, sizeof(struct msg_verdict))) == NULL) {
		(void)fail(&why, ERR_LIMIT, "no room for the answer");
		reply_fail(reply, ERR_LIMIT, &why);
		return;
	}
	out->verdicts_n = in->questions_n;
	for (size_t i = 0; i < in->questions_n; i++)
		judge(policyd, &in->questions[i], m->arena, &out->verdicts[i]);
	reply_send(reply, &answer);
}

/*
 * May these be sent?
 *
 * in      requests_judge, from the proxy
 * out     requests_judged, a verdict for each in the same order; later, when a process must be looked at again
 */
enum err
requests_judge(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct reply reply = reply_later(m);

	(void)answer;
	(void)why;
	requests_judge_again(self, m, 0, &reply);
	return OK;
}
