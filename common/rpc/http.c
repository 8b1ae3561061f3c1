/* Claimed requests: plain HTTP whose bodies are streamed, the same for HTTP/1 and HTTP/2; the last part of server.h. */
#include "common/rpc/connection.h"

struct span
call_host(const struct rpc_call *call)
{
	struct span authority = rpc_metadata(call, ":authority"), host = rpc_metadata(call, "host");

	if (authority.length == 0)
		return host;
	return host.length == 0 || http_same(authority, host) ? authority : SPAN_NONE; /* two that differ are none */
}

struct span
rpc_http_host(const struct rpc_call *call)
{
	return call_host(call);
}

const struct rpc_field *
rpc_http_fields(const struct rpc_call *call, size_t *n)
{
	*n = call->headers_n;
	return call->headers;
}

bool
rpc_http_upgrade(const struct rpc_call *call)
{
	if (call->stream == 0)
		return call->upgrade;
	return span_is(call->method_name, "CONNECT") && span_is(rpc_metadata(call, ":protocol"), "websocket");
}

struct span
rpc_http_body(const struct rpc_call *call, bool *ended)
{
	*ended = call->input_ended;
	return buffer_span(&call->in);
}

void
rpc_http_take(struct rpc_call *call, size_t n)
{
	buffer_take(&call->in, n);
	if (call->stream != 0 && !call->closed && !call->finished)
		http2_consume(call, n < call->unconsumed ? n : call->unconsumed);
	connection_wake(call->connection); /* what waits in the socket may come now */
}

void
call_trailer(struct rpc_call *call, struct call_trailers *trailers, struct span name, struct span value)
{
	if (trailers->at == NULL)
		trailers->at = arena_array(&call->arena, HTTP_TRAILERS_MAX, sizeof(*trailers->at));
	if (trailers->at == NULL || trailers->n == HTTP_TRAILERS_MAX ||
	    name.length + value.length > HTTP_TRAILERS_BYTES - trailers->bytes)
		return;
	if (arena_span(&call->arena, name, &trailers->at[trailers->n].name) != OK ||
	    arena_span(&call->arena, value, &trailers->at[trailers->n].value) != OK)
		return;
	trailers->bytes += name.length + value.length;
	trailers->n++;
}

const struct rpc_field *
rpc_http_trailers(const struct rpc_call *call, size_t *n)
{
	*n = call->trailers_in.n;
	return call->trailers_in.at;
}

bool
rpc_http_expects(const struct rpc_call *call)
{
	return call->expects;
}

void
rpc_http_interim(struct rpc_call *call, int status, const struct rpc_field *fields, size_t n)
{
	if (call->begun || call->finished || call->closed || call->old)
		return;
	if (call->stream == 0)
		http1_interim(call->connection, status, fields, n);
	else
		http2_interim(call, status, fields, n);
	connection_wake(call->connection);
}

void
rpc_http_continue(struct rpc_call *call)
{
	if (!call->expects || call->begun || call->finished || call->closed)
		return;
	call->expects = false;
	if (call->stream == 0)
		http1_continue(call->connection);
	else
		http2_interim(call, 100, NULL, 0);
	connection_wake(call->connection);
}

/* Has an answer with this status to this request a body? */
static bool
has_body(const struct rpc_call *call, int status)
{
	return !span_is(call->method_name, "HEAD") && status >= 200 && status != 204 && status != 304;
}

void
rpc_http_begin(struct rpc_call *call, int status, const struct rpc_field *fields, size_t n, uint64_t length)
{
	if (call->begun || call->finished || call->closed)
		return;
	call->framing = status == 101			  ? FRAMING_RAW
			: !has_body(call, status)	  ? FRAMING_NONE
			: length != RPC_HTTP_UNKNOWN	  ? FRAMING_LENGTH
			: call->stream != 0 || !call->old ? FRAMING_CHUNKED
							  : FRAMING_CLOSE;
	if (status == 204 || status == 101)
		length = RPC_HTTP_UNKNOWN; /* they have none to speak of (RFC 9110, 8.6) */
	if (call->stream == 0 && status == 101)
		call->input_ended = false; /* from here on bytes, until the client closes */
	if (call->stream == 0)
		http1_begin(call, status, fields, n, length);
	else
		http2_begin_fields(call, status == 101 ? 200 : status, fields, n, length);
	call->begun = true;
	connection_wake(call->connection);
}

void
rpc_http_send(struct rpc_call *call, struct span bytes)
{
	if (!call->begun || call->finished || call->closed || call->framing == FRAMING_NONE || bytes.length == 0)
		return;
	if (call->stream == 0)
		http1_queue(call, bytes);
	else
		buffer_add(&call->out, bytes);
	call->starved |= call->out.length >= call->queue_max;
	if (call->stream != 0)
		http2_resume(call);
	connection_wake(call->connection);
}

void
rpc_http_end(struct rpc_call *call, const struct rpc_field *trailers, size_t n)
{
	if (!call->begun || call->finished || call->closed)
		return;
	for (size_t i = 0; i < n; i++)
		call_trailer(call, &call->trailers_out, trailers[i].name, trailers[i].value);
	call->finished = true;
	if (call->stream == 0)
		http1_end(call);
	else {
		http2_consume(call, call->unconsumed);
		buffer_done(&call->in);
		http2_resume(call);
	}
	connection_wake(call->connection);
}

void
rpc_http_abort(struct rpc_call *call)
{
	if (call->finished || call->closed)
		return;
	call->finished = true;
	buffer_done(&call->out);
	if (call->stream == 0)
		http1_abort(call);
	else
		http2_abort(call);
	connection_wake(call->connection);
}
