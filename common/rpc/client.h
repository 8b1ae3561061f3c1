/* The gRPC client: one HTTP/2 connection to a gateway, calls that block on the event loop and streams with callbacks. */
#ifndef COMMON_RPC_CLIENT_H
#define COMMON_RPC_CLIENT_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/span.h"
#include "common/os/loop.h"

#define RPC_ANSWER_MAX	     (16u << 20) /* of one response message; above: OUT_OF_RANGE */
#define RPC_STREAM_QUEUE_MAX (1u << 20)	 /* above it rpc_stream_room is 0 */

struct rpc_client;
struct rpc_stream;

struct rpc_client_config {
	struct loop *loop;
	const char *endpoint; /* http://host:port (h2c prior knowledge), https://host:port or unix:/path (h2c) */
	const char *ca_pem;   /* trust only these; NULL: the system's store */
	const char *certificate_pem, *key_pem; /* own, for mutual TLS; NULL: none */
	bool insecure;			       /* no verification of the server */
	const char *bearer;		       /* sent as authorization: Bearer; NULL: none */
	const char *user_agent;
	const char *field, *field_value; /* one more field of every call; lower case, kept by the caller; NULL: none */
	uint32_t connect_timeout_ms;	 /* 0: 10000, TCP and TLS and HTTP/2 preface together */
	uint32_t ping_interval_ms, ping_timeout_ms; /* while a call is open; 0: 10 s, 20 s */
};

/* How a call ended. */
struct rpc_status {
	int code;	    /* of gRPC; 0 is OK */
	char message[1024]; /* percent-decoded; escape it before it is shown */
	char detail[128];   /* e.g. the connection's own error where code is 14 */
};

/* The standard name of a code: "NotFound" as tonic's Display words of the reference CLI: "Some requested entity was not found". */
const char *rpc_code_words(int code);

/*
 * Connect at once.
 *
 * errors  ERR_INVALID the endpoint; ERR_UNAVAILABLE with the step: resolve, connect, TLS, HTTP/2
 */
enum err rpc_client_new(struct rpc_client **out, const struct rpc_client_config *config, struct why *why) must_check;

/* Streams that are open end without a callback. Not from inside a callback of a stream. */
void rpc_client_free(struct rpc_client *client);

/*
 * One request, one answer. Blocks, serving the loop meanwhile.
 *
 * timeout_ms 0: no limit; otherwise also sent as grpc-timeout
 * out        freed by the caller with protobuf_c_message_free_unpacked(*out, NULL); NULL unless status is 0
 * errors     ERR_UNAVAILABLE and the like: err that has status->code as its gRPC number, or ERR_INTERNAL
 */
enum err rpc_unary(struct rpc_client *client, const char *path, const ProtobufCMessage *request,
    const ProtobufCMessageDescriptor *response, uint32_t timeout_ms, ProtobufCMessage **out,
    struct rpc_status *status) must_check;

/* May new calls be made? Not once the connection is lost or the server has said that it leaves. */
bool rpc_client_usable(const struct rpc_client *client);

struct rpc_stream_config {
	const char *path;
	const ProtobufCMessageDescriptor *response;
	void *self;
	/* Return false to stop reading until rpc_stream_resume (the server is held back by the window). */
	bool (*message)(void *self, struct rpc_stream *stream, const ProtobufCMessage *message);
	void (*ended)(void *self, struct rpc_stream *stream, const struct rpc_status *status); /* once, last */
	void (*writable)(void *self, struct rpc_stream *stream);			       /* may be NULL */
};

/* Open a stream; first is sent at once, and when only_first no more follow (server streams). */
enum err rpc_stream_open(struct rpc_client *client, const struct rpc_stream_config *config,
    const ProtobufCMessage *first, bool only_first, struct rpc_stream **out, struct why *why) must_check;
void rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message);
size_t rpc_stream_room(const struct rpc_stream *stream);
void rpc_stream_half_close(struct rpc_stream *stream);
void rpc_stream_resume(struct rpc_stream *stream);
void rpc_stream_cancel(struct rpc_stream *stream); /* no callback follows; the stream is gone */

#endif
