/* ask: questions on behalf of unary calls, forgotten when their caller goes. */
#include "services/api/ask.h"

/* The caller is gone; the other process may well finish what it was asked. */
static void
ask_gone(struct work *work)
{
	struct ask *ask = (struct ask *)work;

	if (ask->number != 0)
		call_cancel(ask->peer, ask->number);
	ask->number = 0;
	peer_unref(ask->peer);
	ask->peer = NULL;
}

struct ask *
ask_new(struct api *api, struct rpc_call *call, const ProtobufCMessage *request, size_t detail_bytes)
{
	struct ask *ask = arena_alloc(rpc_arena(call), sizeof(*ask));
	struct why why = {0};

	if (ask == NULL || (ask->detail = arena_alloc(rpc_arena(call), detail_bytes)) == NULL) {
		(void)fail(&why, ERR_LIMIT, "the request needs too much memory");
		rpc_finish(call, ERR_LIMIT, &why);
		return NULL;
	}
	ask->work = (struct work){.api = api, .call = call, .gone = ask_gone};
	ask->request = request;
	rpc_set_state(call, &ask->work);
	return ask;
}

static void
ask_done(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct ask *ask = self;
	struct why why = *reason;

	ask->number = 0;
	peer_unref(ask->peer);
	ask->peer = NULL;
	if (r == OK && answer->id != ask->want)
		r = fail(&why, ERR_PROTOCOL, "another process of the gateway answered something else");
	ask->answered(ask, r, answer, &why);
}

void
ask_put(struct ask *ask, enum role role, const struct msg *question, enum msg_id want, ask_answered *answered)
{
	uint32_t most_ms = ask->patience_ms != 0 ? ask->patience_ms : CALL_DEADLINE_MS;
	struct peer *peer;
	struct why why = {0};
	enum err r;

	if ((r = api_peer(ask->work.api, role, &peer, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	ask->want = want;
	ask->answered = answered;
	ask->peer = peer_ref(peer);
	ask->number = peer_call(peer, question, api_patience(ask->work.call, most_ms), ask_done, ask);
}

void
ask_send(struct ask *ask, const ProtobufCMessage *message)
{
	call_send(ask->work.call, message);
}

void
ask_fail(struct ask *ask, enum err r, const struct why *why)
{
	call_fail(ask->work.call, r, why);
}

void
call_send(struct rpc_call *call, const ProtobufCMessage *message)
{
	rpc_set_state(call, NULL);
	rpc_send(call, message);
	rpc_finish(call, OK, NULL);
}

void
call_fail(struct rpc_call *call, enum err r, const struct why *why)
{
	rpc_set_state(call, NULL);
	rpc_finish(call, r, why);
}
