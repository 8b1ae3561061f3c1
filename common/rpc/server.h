/* The gRPC server: HTTP/2 over TLS or plaintext, protobuf-c messages, on the event loop; plain HTTP beside it. */
#ifndef COMMON_RPC_SERVER_H
#define COMMON_RPC_SERVER_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/span.h"
#include "common/os/loop.h"

#define RPC_MESSAGE_MAX	   (1u << 20)  /* of one request message; above: OUT_OF_RANGE, as the reference's server */
#define RPC_SEND_QUEUE_MAX (1u << 20)  /* above it rpc_room is 0 */
#define RPC_SEND_LIMIT	   (16u << 20) /* an owner who sends on regardless loses the call: RESOURCE_EXHAUSTED */

#define RPC_PING_INTERVAL_MS	 20000
#define RPC_PING_TIMEOUT_MS	 10000
#define RPC_HANDSHAKE_TIMEOUT_MS 10000

struct rpc_server;
struct rpc_call; /* one request or stream; valid until its ended callback has run */

enum rpc_kind { RPC_UNARY, RPC_SERVER_STREAM, RPC_CLIENT_STREAM, RPC_BIDI };

struct rpc_method {
	const char *path; /* "/openshell.v1.OpenShell/Health" */
	enum rpc_kind kind;
	const ProtobufCMessageDescriptor *request;
	/*
	 * A message came: once for unary and server streams, where it lives as long as the call; each one for the other
	 * kinds, where it is gone after this function. NULL message: the client half-closed (CLIENT_STREAM and BIDI only).
	 */
	void (*message)(void *self, struct rpc_call *call, const ProtobufCMessage *message);
	const void *extra; /* the owner's, e.g. who may call it */
	/* Runs on a message's bytes before they are read as request: out is them, or others in the arena. NULL: them. */
	enum err (*reshape)(
	    const struct rpc_method *method, struct span bytes, struct arena *arena, struct span *out, struct why *why);
};

/* A field of a plain HTTP message. Names of requests are lower case; HTTP/2's own begin with a colon. */
struct rpc_field {
	struct span name, value;
};

/* What is known of the caller's connection and request; borrowed from the call. */
struct rpc_caller {
	bool tls;
	bool certificate;	 /* a client certificate was presented and verified */
	struct span common_name; /* its CN */
	struct span units[16];	 /* its OUs */
	size_t units_n;
	struct span peer_address;  /* "127.0.0.1:54321" */
	struct span request_id;	   /* x-request-id, given or made here; echoed in the response */
	struct span authorization; /* header, may be empty */
};

struct rpc_server_config {
	struct loop *loop;
	const struct rpc_method *methods; /* ends with {NULL}; unknown paths answer UNIMPLEMENTED with the name */
	void *self;
	/*
	 * Runs on the request's headers, before any message: may it go on? Otherwise the call ends with that error.
	 * NULL: all may.
	 */
	enum err (*admit)(void *self, struct rpc_call *call, const struct rpc_method *method, struct why *why);
	/*
	 * Cancelled by the client, its connection lost, or past its deadline: no message callback follows, and nothing
	 * can be sent. Not called after rpc_finish. Never called from inside another rpc_ function but rpc_server_free.
	 */
	void (*cancelled)(void *self, struct rpc_call *call);
	/* There is room to send again after rpc_room was 0. */
	void (*writable)(void *self, struct rpc_call *call);
	/* A plain HTTP/1.1 or HTTP/2 request that is not gRPC. NULL: 404. */
	void (*http)(void *self, struct rpc_call *call, struct span method, struct span path);
	/*
	 * Is a request for this host (Host, :authority) one that http is to have, before all else, whatever its method and
	 * content type, with its body and an answer that are streamed? NULL: none is.
	 */
	bool (*claim)(void *self, struct span host);
	/* More of a claimed request's body is here, or its end: rpc_http_body. */
	void (*http_input)(void *self, struct rpc_call *call);
	/* Under TLS, on loopback: plaintext from loopback is taken too, for claimed requests alone. */
	bool plain_claimed;
	/* PEM texts, not paths, so that they can be read before the jail; certificate NULL: plaintext. */
	const char *certificate_pem, *key_pem, *client_ca_pem; /* client_ca set: a client certificate is required */
	/* 0: 1024; beyond it the oldest that is still in its handshake makes room, or else the new one is closed. */
	uint32_t connections_max;
	uint32_t ping_interval_ms, ping_timeout_ms; /* 0: 20 s, 10 s; interval UINT32_MAX: no PINGs */
	uint32_t handshake_timeout_ms; /* 0: 10 s; TLS and first bytes together, also between HTTP/1 requests */
};

enum err rpc_server_new(struct rpc_server **out, const struct rpc_server_config *config, struct why *why) must_check;

/* Serve a listening TCP or Unix socket (taken over). */
enum err rpc_server_listen(struct rpc_server *server, int fd, struct why *why) must_check;

/* Say GOAWAY on every connection, let open calls end, accept nothing new. */
void rpc_server_drain(struct rpc_server *server);
bool rpc_server_idle(const struct rpc_server *server); /* no call is open; after a drain: no connection */

/* Open calls are told cancelled. Not from inside a callback of the server. */
void rpc_server_free(struct rpc_server *server);

const struct rpc_caller *rpc_caller(const struct rpc_call *call);
const struct rpc_method *rpc_method(const struct rpc_call *call);

/* Value of a request header by lower-case name; empty when absent. */
struct span rpc_metadata(const struct rpc_call *call, const char *name);

/* Memory that lives as long as the call. */
struct arena *rpc_arena(struct rpc_call *call);

/* The owner's state of a call. */
void rpc_set_state(struct rpc_call *call, void *state);
void *rpc_state(const struct rpc_call *call);

/* Milliseconds left of grpc-timeout; UINT64_MAX when there is none. Past it the server ends the call itself. */
uint64_t rpc_deadline_ms(const struct rpc_call *call);

/* Send the response headers now (streams do it when they are admitted: clients wait for them). */
void rpc_begin(struct rpc_call *call);

/* Queue a message. It is packed at once; the caller keeps the struct. */
void rpc_send(struct rpc_call *call, const ProtobufCMessage *message);

/* Bytes that may be queued before the reader is slower than we are. */
size_t rpc_room(const struct rpc_call *call);

/* Queue less than RPC_SEND_QUEUE_MAX for this call: from that many bytes on rpc_room is 0. */
void rpc_set_queue(struct rpc_call *call, size_t bytes);

/*
 * Take no more messages of this call until rpc_resume: the client may then send no more than its window (256 KiB) and
 * is held back behind it. For CLIENT_STREAM and BIDI; may be called inside message(), also before it has returned.
 */
void rpc_pause(struct rpc_call *call);
void rpc_resume(struct rpc_call *call);

/* End the call. r OK: status 0. Otherwise err_grpc(r) with why's words, percent-encoded. The call is dead after it. */
void rpc_finish(struct rpc_call *call, enum err r, const struct why *why);

/* End the call with a status number of gRPC's own. */
void rpc_finish_status(struct rpc_call *call, int status, const char *message);

/* Answer a plain HTTP request and end it. */
void rpc_http_answer(struct rpc_call *call, int status, const char *content_type, struct span body);

/* ---- claimed requests: bodies that are streamed both ways (http.c) ---- */

#define RPC_HTTP_AHEAD	 65536	    /* of a body, that is here and not taken */
#define RPC_HTTP_UNKNOWN UINT64_MAX /* the length of a body */

struct span rpc_http_host(const struct rpc_call *call);
const struct rpc_field *rpc_http_fields(const struct rpc_call *call, size_t *n);

/* Does it ask for a WebSocket: Upgrade of HTTP/1.1 (RFC 6455), or CONNECT of HTTP/2 (RFC 8441)? */
bool rpc_http_upgrade(const struct rpc_call *call);

/* What of the body has come and was not taken; ended: nothing follows. Borrowed until the next turn or rpc_http_take. */
struct span rpc_http_body(const struct rpc_call *call, bool *ended);
void rpc_http_take(struct rpc_call *call, size_t n); /* the client may send as many more */

/* Trailers behind the body, once it has ended: at most 32, 8 KiB. */
const struct rpc_field *rpc_http_trailers(const struct rpc_call *call, size_t *n);

/* Does the client wait for 100 Continue with its body? */
bool rpc_http_expects(const struct rpc_call *call);

/* An answer before the answer, but 100 and 101: early hints. HTTP/1.0 has none. */
void rpc_http_interim(struct rpc_call *call, int status, const struct rpc_field *fields, size_t n);

/* A client that waits for 100 Continue may send. */
void rpc_http_continue(struct rpc_call *call);

/*
 * Begin an answer. Framing and what speaks of the connection is not among the fields.
 *
 * status  101 to what rpc_http_upgrade said yes to: from here on bytes both ways
 * length  of the body, or RPC_HTTP_UNKNOWN; of what has no body (HEAD, 204, 304) what it would have
 */
void rpc_http_begin(struct rpc_call *call, int status, const struct rpc_field *fields, size_t n, uint64_t length);

/* More of it; rpc_room says how much before the reader is slower than we are. The caller keeps to the length. */
void rpc_http_send(struct rpc_call *call, struct span bytes);

/* That was all; trailers go where there is a place for them, in chunks or HTTP/2. The call is dead after it. */
void rpc_http_end(struct rpc_call *call, const struct rpc_field *trailers, size_t n);

/* It cannot be brought to its end: the client sees that it is cut. The call is dead after it. */
void rpc_http_abort(struct rpc_call *call);

#endif
