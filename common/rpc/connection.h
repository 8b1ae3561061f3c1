/* What the server's files share and nobody else includes: a server has connections, a connection has calls. */
#ifndef COMMON_RPC_CONNECTION_H
#define COMMON_RPC_CONNECTION_H

#include <nghttp2/nghttp2.h>

#include "common/base/list.h"
#include "common/rpc/grpc.h"
#include "common/rpc/pump.h"
#include "common/rpc/server.h"
#include "common/wire/http_chunk.h"

#define HEADER_BYTES_MAX 16384 /* of a request's headers, names and values */
#define HEADERS_MAX	 64
#define STREAMS_MAX	 256	/* open at once on a connection */
#define WINDOW_BYTES	 262144 /* that a client may send ahead on a stream */

struct rpc_server {
	struct rpc_server_config config;
	SSL_CTX *tls;
	struct list listeners, connections, newcomers;
	uint32_t connections_n, plain_n; /* plain_n: in clear on a port of TLS */
	bool draining;
};

enum protocol { PROTOCOL_UNKNOWN, PROTOCOL_HTTP1, PROTOCOL_HTTP2 };

/* How the end of a body is known to an HTTP/1 client. */
enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE, FRAMING_RAW };

struct connection {
	struct rpc_server *server;
	struct list link;     /* in server.connections */
	struct list newcomer; /* in server.newcomers, until its protocol is known: behind a handshake of TLS */
	struct pump pump;
	enum protocol protocol;
	struct buffer head; /* bytes that no protocol has taken yet; HTTP/1 requests */
	struct watch peek;  /* until the first byte tells TLS from plaintext */
	int peeked;	    /* its socket; -1: the pump has it */
	bool plain_only;    /* plaintext on a port of TLS: claimed requests alone */
	/* HTTP/1: the body of the claimed request under way */
	enum http_body body;
	uint64_t body_left;
	struct http_chunk chunk;
	nghttp2_session *session;
	struct list calls;  /* all of them */
	struct list ready;  /* those whose owner must be told something, or that are over */
	struct timer work;  /* runs once at the end of a turn in which something came or was sent */
	struct timer limit; /* until the first request, between HTTP/1 requests, until the client has hung up */
	struct timer ping;
	bool ping_waits; /* a PING is not answered yet */
	bool closing;	 /* close when all is sent */
	bool shut;	 /* nothing more will be sent */
	struct arena arena;
	struct rpc_caller caller; /* what is the same for all calls */
	char peer[128];
};

/* Of a body, in the call's arena. */
struct call_trailers {
	struct rpc_field *at; /* NULL: none yet */
	size_t n, bytes;
};

struct rpc_call {
	struct connection *connection;
	struct list link, ready;
	int32_t stream; /* HTTP/2; 0: HTTP/1 */
	struct arena arena;
	struct arena message; /* the one request of unary calls and server streams */
	struct rpc_caller caller;
	struct span method_name, path; /* of HTTP */
	struct rpc_field headers[HEADERS_MAX];
	size_t headers_n, headers_bytes;
	struct call_trailers trailers_in, trailers_out;
	const struct rpc_method *method; /* NULL: plain HTTP */
	void *state;
	struct timer deadline;
	struct buffer in, out;
	size_t promised;   /* bytes of out that a DATA frame's head speaks of already */
	size_t queue_max;  /* bytes of out from which there is no room */
	size_t dropped;	   /* that came after its answer was whole */
	size_t unconsumed; /* bytes of in that still fill the client's window */
	int status;
	char *status_words;
	/* from the client */
	bool headers_done, headers_too_big, input_ended;
	bool is_http; /* not gRPC */
	bool claimed; /* the owner streams it */
	bool upgrade; /* it asks for a WebSocket */
	bool expects; /* 100 Continue */
	bool old;     /* HTTP/1.0 */
	bool fresh;   /* its owner does not know yet what has come */
	enum framing framing;
	bool head;     /* HTTP HEAD: no body */
	bool last;     /* HTTP/1: the connection closes after it */
	bool closed;   /* the stream is gone: tell the owner, free */
	bool expired;  /* past its deadline */
	bool overflow; /* too much is queued */
	/* with the owner */
	bool known;	 /* the owner has seen it */
	bool told_end;	 /* that the client half-closed */
	bool paused;	 /* no messages for now */
	bool starved;	 /* rpc_room was 0 */
	bool room_again; /* and is not any more */
	/* to the client */
	bool begun;    /* response headers are on their way */
	bool finished; /* status is set */
};

/* connection.c: life of a connection. */
enum err rpc_connection_new(struct rpc_server *server, int fd, struct why *why) must_check;
void rpc_connection_free(struct connection *connection);
void connection_wake(struct connection *connection);  /* work at the end of this turn */
void connection_drain(struct connection *connection); /* end when the calls have ended */

/* http2.c and http1.c: what came in; false: the connection cannot go on. */
bool http2_open(struct connection *connection);
bool http2_take(struct connection *connection, struct span bytes);
bool http2_send(struct connection *connection); /* move frames to the pump */
void http2_begin(struct rpc_call *call, int http_status, const char *content_type, bool has_length, size_t length);
void http2_resume(struct rpc_call *call); /* out has something again, or the call is finished */
void http2_trailers_only(struct rpc_call *call);
void http2_consume(struct rpc_call *call, size_t n); /* let the client send n bytes more */
void http2_ping(struct connection *connection);
bool http1_take(struct connection *connection);
void http1_answer(struct rpc_call *call, int http_status, const char *content_type, struct span body);

bool http1_refuse(struct connection *connection, int status, struct span words); /* and hang up: false */
void http1_send(struct connection *connection);					 /* move an answer to the pump */
void http1_begin(struct rpc_call *call, int http_status, const struct rpc_field *fields, size_t n, uint64_t length);
void http1_queue(struct rpc_call *call, struct span bytes);
void http1_end(struct rpc_call *call);
void http1_abort(struct rpc_call *call);
void http1_continue(struct connection *connection);
void http1_interim(struct connection *connection, int status, const struct rpc_field *fields, size_t n);
void http2_begin_fields(
    struct rpc_call *call, int http_status, const struct rpc_field *fields, size_t n, uint64_t length);
void http2_interim(struct rpc_call *call, int status, const struct rpc_field *fields, size_t n);
void http2_abort(struct rpc_call *call);

/* http.c: a request's host; empty: none, or two that differ. */
struct span call_host(const struct rpc_call *call);

/* http.c: one more, copied; those beyond the bounds are dropped. */
void call_trailer(struct rpc_call *call, struct call_trailers *trailers, struct span name, struct span value);

/* peek.c: on a port of TLS that takes plaintext too, wait for the first byte. */
bool peek_wanted(const struct rpc_server *server, int fd);
enum err peek_open(struct connection *connection, int fd, struct why *why) must_check;
void peek_close(struct connection *connection);
enum err rpc_connection_begin(struct connection *connection, int fd, bool tls, struct why *why) must_check;

/* answer.c: the end of a call; afterwards its owner neither hears of it nor can do anything with it. */
void call_status(struct rpc_call *call, int status, const char *words);

/* call.c: life of a call. */
struct rpc_call *call_new(struct connection *connection, int32_t stream);
void call_header(struct rpc_call *call, struct span name, struct span value);
void call_wake(struct rpc_call *call);
void call_sent(struct rpc_call *call);	  /* something of out went: is there room again? */
void call_advance(struct rpc_call *call); /* tell the owner what there is to tell; may free the call */
void call_free(struct rpc_call *call);
void call_end(struct rpc_call *call, int status, const char *words); /* the server ends it by itself */

#endif
