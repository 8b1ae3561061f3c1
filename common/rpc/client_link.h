/* What the client's files share and nobody else includes: a client has one connection, on it streams. */
#ifndef COMMON_RPC_CLIENT_LINK_H
#define COMMON_RPC_CLIENT_LINK_H

#include <nghttp2/nghttp2.h>

#include "common/base/list.h"
#include "common/rpc/client.h"
#include "common/rpc/grpc.h"
#include "common/rpc/pump.h"

struct rpc_client {
	struct loop *loop;
	bool tls;
	char host[256], port[8], authority[300];
	char socket_path[108]; /* endpoint unix:/path; empty: TCP */
	char *bearer, *user_agent;
	const char *field, *field_value; /* borrowed; NULL: none */
	SSL_CTX *context;
	struct pump pump;
	nghttp2_session *session;
	bool settled; /* the server's SETTINGS came: it speaks HTTP/2 and took our certificate */
	bool lost;
	bool leaving;	/* the server said GOAWAY */
	struct why why; /* lost, or leaving: what was said */
	struct list streams, ready;
	struct timer work, ping;
	uint32_t ping_interval_ms, ping_timeout_ms;
	uint64_t ping_at_ms; /* when the PING that is not answered was sent; 0: none */
};

struct rpc_stream {
	struct rpc_client *client;
	struct list link, ready;
	struct rpc_stream_config config;
	ProtobufCMessage **keep; /* a unary call's answer goes here instead of to config.message */
	int32_t id;
	struct buffer in, out;
	size_t unconsumed;
	struct timer deadline;
	struct rpc_status status;
	unsigned http_status;
	bool has_status;  /* grpc-status came, or we made one */
	bool half_closed; /* after what is in out */
	bool paused;
	bool closed; /* the stream is gone: give the last messages, then ended */
	bool starved, room_again;
	bool busy; /* a callback of the owner runs */
	bool dead; /* and was the last */
};

/* connect.c: from an endpoint to a connected socket in client->pump. */
enum err client_endpoint(struct rpc_client *client, const char *endpoint, struct why *why) must_check;
enum err client_connect(struct rpc_client *client, uint32_t timeout_ms, struct why *why) must_check;

/* client.c */
void client_wake(struct rpc_client *client); /* work at the end of this turn */
void client_lose(struct rpc_client *client, const struct why *why);
void client_bytes(void *self, struct span bytes);
void client_changed(void *self);

/* streams.c: HTTP/2 of the client. */
bool streams_open(struct rpc_client *client);

/* stream.c: life of one stream. */
struct rpc_stream *stream_new(struct rpc_client *client, const struct rpc_stream_config *config);
enum err stream_start(struct rpc_stream *stream, uint32_t timeout_ms, struct why *why) must_check;
enum err streams_submit(struct rpc_stream *stream, uint32_t timeout_ms, struct why *why) must_check;
void streams_reset(struct rpc_stream *stream);
void stream_wake(struct rpc_stream *stream);
void stream_advance(struct rpc_stream *stream); /* may free it */
void stream_end(struct rpc_stream *stream, int code, const char *message, const char *detail);

#endif
