/* service_head: heads of requests as a service gets them, and of its answers as clients get them. Pure. */
#ifndef API_SERVICE_HEAD_H
#define API_SERVICE_HEAD_H

#include "common/base/arena.h"
#include "common/base/text.h"
#include "common/rpc/server.h"
#include "common/wire/http_chunk.h"
#include "common/wire/http_head.h"

#define SERVICE_HEAD_BYTES 32768 /* of a request on its way in: what clients may send, and what is added */

struct service_request {
	struct span method, path;
	const struct rpc_field *fields; /* of HTTP/1 or HTTP/2; those that begin with a colon are passed over */
	size_t fields_n;
	uint16_t port;
	enum http_body body;	   /* how it goes on: NONE, LENGTH or CHUNKED */
	uint64_t length;	   /* of LENGTH */
	bool upgrade;		   /* to a WebSocket */
	bool expects;		   /* the client waits for 100 Continue */
	const char *websocket_key; /* where the client has none: HTTP/2; else NULL */
};

/*
 * Write the head of a request: without what speaks of the client's own connection, logs in to the gateway or to a front
 * before it; Host is the service's own.
 *
 * out     room of SERVICE_HEAD_BYTES
 * errors  ERR_SYNTAX a method or path that no server reads in one way; ERR_RANGE it is too long
 */
enum err service_request_write(const struct service_request *in, struct text *out, struct why *why) must_check;

/*
 * Write the trailers of a request, each a line; those that may be none, or that a head would not pass on, are left out.
 *
 * fields  of the request's head: Connection names more that is not passed on
 */
void service_trailers_write(
    const struct rpc_field *trailers, size_t n, const struct rpc_field *fields, size_t fields_n, struct text *out);

/*
 * The trailers of an answer for the client, all in the arena.
 *
 * errors  ERR_LIMIT the arena
 */
enum err service_answer_trailers(const struct http_trailers *trailers, struct arena *arena, struct rpc_field *fields,
    size_t *n, struct why *why) must_check;

/*
 * The fields of an answer for the client: names in lower case, without framing, with no cookie for anybody else's host.
 *
 * fields  room for HTTP_FIELDS_MAX; texts in the arena or borrowed from head
 * errors  ERR_LIMIT the arena
 */
enum err service_answer_fields(
    const struct http_head *head, struct arena *arena, struct rpc_field *fields, size_t *n, struct why *why) must_check;

#endif
