/* api: what its files share: the process's state, its config, and what a call under way can be told. */
#ifndef API_API_H
#define API_API_H

#include "common/bus/curve.h"
#include "common/provider/profile.h"
#include "common/rpc/server.h"
#include "common/service/service.h"
#include "services/api/service_kept.h"

#define API_BUCKETS 256

/* The settings of api, beside those of every service. */
struct config {
	struct service_config service;
	uint32_t listen_fd;
	char gateway_name[64];
	bool tls;
	char tls_cert[SERVICE_PATH_BYTES], tls_key[SERVICE_PATH_BYTES], tls_client_ca[SERVICE_PATH_BYTES];
	bool allow_unauthenticated;
	bool enable_loopback_service_http;
	struct setting_texts server_sans;
	uint8_t credentials_key[32]; /* X25519 key that secrets are sealed for; zero: none are taken */
	char version[64];
	uint32_t connections_max;
	char *certificate_pem, *key_pem, *client_ca_pem; /* the files, read before the jail; NULL: plaintext */
};

/* Something that bus messages name by a number: a watch or a passage. */
struct numbered {
	uint64_t number;
	struct list link;
};

struct api {
	const struct config *config;
	struct loop *loop;
	struct bus bus;
	struct curve *curve;
	struct rpc_method *methods;
	struct rpc_server *server;
	uint64_t next_number;
	struct provider_profiles builtins; /* in builtins_arena */
	struct arena builtins_arena;
	struct list watches[API_BUCKETS], passages[API_BUCKETS];
	size_t passages_n, passages_most;
	uint64_t credit_bytes;		   /* passage_life.c: given to all passages beyond their first windows */
	struct list forwards[API_BUCKETS]; /* by sandbox: forward.c */
	struct services services;
	struct timer patience; /* for state and relay, before the first caller is let in */
	bool serving;
	enum err failed; /* why it could not serve */
	struct timer drain;
	unsigned drain_turns;
};

/* The state of a call under way; rpc_state of every call that waits for something. */
struct work {
	struct api *api;
	struct rpc_call *call;
	void (*gone)(struct work *work);     /* the client went, or the time is up: nothing may be sent any more */
	void (*writable)(struct work *work); /* may be NULL */
};

/* config.c */
enum err config_load(struct config *config, int argc, char **argv, struct why *why) must_check;
void config_done(struct config *config);

/* The peer of that role; ERR_UNAVAILABLE in words for a caller when there is none, or it is away. */
enum err api_peer(struct api *api, enum role role, struct peer **out, struct why *why) must_check;

/* Milliseconds that a question on behalf of the call may take: what is left of the caller's, at most most_ms. */
uint32_t api_patience(const struct rpc_call *call, uint32_t most_ms);

/* Find and file by number; find gives NULL when there is none. */
struct numbered *numbered_find(struct list *buckets, uint64_t number);
void numbered_add(struct list *buckets, struct numbered *numbered, uint64_t number);
void numbered_remove(struct numbered *numbered);

/* routes.c: what the bus brings */
extern const struct route routes[];

/* The state or the relay is away: what depends on it ends (watch.c; passage.h has the other). */
void watch_peer_down(struct api *api, const struct peer *peer);

/* This process is to end: watches, which would never end by themselves, do now. */
void watch_stop(struct api *api);

handler service_stale, watch_row, watch_log;

#endif
