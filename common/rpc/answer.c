/* A call of the server, what its owner can ask and say: the second half of server.h. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/rpc/connection.h"

#define STATUS_WORDS_MAX 4096

const struct rpc_caller *
rpc_caller(const struct rpc_call *call)
{
	return &call->caller;
}

const struct rpc_method *
rpc_method(const struct rpc_call *call)
{
	return call->method;
}

struct span
rpc_metadata(const struct rpc_call *call, const char *name)
{
	for (size_t i = 0; i < call->headers_n; i++)
		if (span_is(call->headers[i].name, name))
			return call->headers[i].value;
	return SPAN_NONE;
}

struct arena *
rpc_arena(struct rpc_call *call)
{
	return &call->arena;
}

void
rpc_set_state(struct rpc_call *call, void *state)
{
	call->state = state;
}

void *
rpc_state(const struct rpc_call *call)
{
	return call->state;
}

uint64_t
rpc_deadline_ms(const struct rpc_call *call)
{
	uint64_t now = clock_ms();

	if (call->expired)
		return 0;
	if (call->deadline.place == 0)
		return UINT64_MAX;
	return call->deadline.at_ms > now ? call->deadline.at_ms - now : 0;
}

void
rpc_begin(struct rpc_call *call)
{
	if (call->begun || call->finished || call->closed || call->is_http)
		return;
	http2_begin(call, 200, "application/grpc", false, 0);
	connection_wake(call->connection);
}

void
rpc_send(struct rpc_call *call, const ProtobufCMessage *message)
{
	if (call->finished || call->closed || call->overflow || call->is_http)
		return;
	rpc_begin(call);
	grpc_frame_add(&call->out, message);
	call->starved |= call->out.length >= call->queue_max;
	if (call->out.length > RPC_SEND_LIMIT) {
		call->overflow = true;
		call_wake(call);
	}
	http2_resume(call);
	connection_wake(call->connection);
}

size_t
rpc_room(const struct rpc_call *call)
{
	if (call->finished || call->closed || call->out.length >= call->queue_max)
		return 0;
	return call->queue_max - call->out.length;
}

void
rpc_set_queue(struct rpc_call *call, size_t bytes)
{
	call->queue_max = bytes < RPC_SEND_QUEUE_MAX ? bytes : RPC_SEND_QUEUE_MAX;
	call->starved |= call->out.length >= call->queue_max;
}

void
rpc_pause(struct rpc_call *call)
{
	call->paused = true;
}

void
rpc_resume(struct rpc_call *call)
{
	call->paused = false;
	if (call->closed || call->finished)
		return;
	http2_consume(call, call->unconsumed);
	call_wake(call);
}

void
call_status(struct rpc_call *call, int status, const char *words)
{
	if (call->finished || call->closed)
		return;
	if (call->is_http) {
		rpc_http_answer(call, 500, "text/plain", span_of_text(words));
		return;
	}
	call->status = call->overflow ? GRPC_RESOURCE_EXHAUSTED : status;
	call->status_words = strndup(call->overflow ? "the reader is too slow" : words, STATUS_WORDS_MAX);
	if (call->status_words == NULL)
		abort();
	call->finished = true;
	loop_timer_stop(call->connection->server->config.loop, &call->deadline);
	if (call->begun)
		http2_resume(call);
	else
		http2_trailers_only(call);
	http2_consume(call, call->unconsumed);
	buffer_done(&call->in);
	connection_wake(call->connection);
}

void
rpc_finish_status(struct rpc_call *call, int status, const char *message)
{
	call_status(call, status, message == NULL ? "" : message);
}

void
rpc_finish(struct rpc_call *call, enum err r, const struct why *why)
{
	if (r == OK)
		rpc_finish_status(call, GRPC_OK, "");
	else
		rpc_finish_status(call, err_grpc(r), why != NULL && why->text[0] != '\0' ? why->text : err_words(r));
}

void
rpc_http_answer(struct rpc_call *call, int status, const char *content_type, struct span body)
{
	if (call->finished || call->closed)
		return;
	if (call->begun) {
		rpc_http_abort(call);
		return;
	}
	call->finished = true;
	if (call->stream == 0)
		http1_answer(call, status, content_type, body);
	else {
		if (!span_is(call->method_name, "HEAD"))
			buffer_add(&call->out, body);
		http2_begin(call, status, content_type, true, body.length);
	}
	connection_wake(call->connection);
}
