/* Following a sandbox: WatchSandbox on the loop. */
#include "clients/sdk/watch.h"

#define FAILED_DEFAULT ERR_INTERNAL

struct follow {
	const struct watching *watching;
	struct connection *connection;
	struct rpc_stream *stream;
	struct timer idle;
	enum err result;
	bool done, ended;
	struct why *why;
};

static void
follow_finish(struct follow *follow, enum err result)
{
	if (follow->done)
		return;
	follow->done = true;
	follow->result = result;
}

static void
follow_idle(void *self)
{
	struct follow *follow = self;

	if (!follow->done)
		follow_finish(follow, fail(follow->why, ERR_TIMEOUT, "no progress for %llu seconds",
					  (unsigned long long)(follow->watching->idle_ms / 1000)));
}

static void
follow_renew(struct follow *follow)
{
	if (follow->watching->idle_ms > 0)
		loop_timer_set(follow->connection->loop, &follow->idle, follow->watching->idle_ms, follow_idle, follow);
}

static bool
follow_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	struct follow *follow = self;
	enum watch_next next;

	(void)stream;
	if (follow->done)
		return true;
	next = follow->watching->event(
	    follow->watching->self, (const Openshell__V1__SandboxStreamEvent *)message, follow->why);
	if (next == WATCH_RENEW)
		follow_renew(follow);
	else if (next == WATCH_DONE)
		follow_finish(follow, OK);
	else if (next == WATCH_FAILED)
		follow_finish(follow, FAILED_DEFAULT);
	return true;
}

static void
follow_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct follow *follow = self;

	(void)stream;
	follow->ended = true;
	if (follow->done)
		return;
	follow->connection->status = *status;
	if (status->code == 0)
		follow_finish(follow, fail(follow->why, ERR_NOT_FOUND, "the sandbox is gone"));
	else
		follow_finish(follow, connection_why(status,
					  status->code == 14  ? ERR_UNAVAILABLE
					  : status->code == 5 ? ERR_NOT_FOUND
							      : ERR_INTERNAL,
					  follow->why));
}

enum err
watch_sandbox(struct connection *connection, const struct watching *watching, struct why *why)
{
	struct follow follow = {.watching = watching, .connection = connection, .why = why};
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/WatchSandbox",
	    .response = &openshell__v1__sandbox_stream_event__descriptor,
	    .self = &follow,
	    .message = follow_message,
	    .ended = follow_ended,
	};
	enum err r;

	r = rpc_stream_open(connection->client, &config, &watching->request->base, true, &follow.stream, why);
	if (r != OK)
		return r;
	follow_renew(&follow);
	while (!follow.done && (r = loop_turn(connection->loop, -1, why)) == OK)
		if (watching->interrupted != NULL && *watching->interrupted != 0)
			follow_finish(&follow, fail(why, ERR_CANCELLED, "interrupted"));
	loop_timer_stop(connection->loop, &follow.idle);
	if (!follow.ended)
		rpc_stream_cancel(follow.stream);
	return follow.done ? follow.result : r;
}
