/* Secrets of a sandbox: what its router is to have, and how it comes there. */
#ifndef SERVICES_STATE_SECRETS_H
#define SERVICES_STATE_SECRETS_H

#include "services/state/planning.h"

struct session;

/* All that a push is made of. Texts in the arena; records borrowed from rows. */
struct secrets_set {
	uint64_t revision;
	uint8_t router_key[32], router_mac[32];
	struct msg_bundle_item *items;
	size_t items_n;
	struct span *environment; /* KEY=placeholder and KEY=value */
	size_t environment_n;
	struct msg_inference_backend *backends;
	size_t backends_n;
	struct rows rows; /* freed by the owner */
};

/*
 * Work it out, and remember which placeholders stay good: a transaction of its own.
 *
 * errors  ERR_NOT_FOUND it has no secrets, or this start has not enrolled; ERR_STATE its providers do not go together;
 *         ERR_LIMIT
 */
enum err secrets_read(struct state *state, struct id sandbox, uint32_t epoch, struct arena *arena,
    struct secrets_set *out, struct why *why) must_check;

/* The revision that it should have; 0: it has none and never had. */
enum err secrets_revision(struct state *state, struct id sandbox, uint64_t *out, struct why *why) must_check;

/* ---- deliver.c ---- */

/* Bring the secrets to the session of a sandbox, where it is ours and has older ones; no id: to each. */
void deliver_secrets(struct state *state, struct id sandbox);

/* The session ends: what is on its way to it is dropped. */
void delivery_end(struct session *session);

/* Whether it uses them is told in its row: status True or False, one CamelCase word, a sentence. */
enum err secrets_say(struct state *state, struct id sandbox, uint32_t epoch, bool well, const char *reason,
    struct span message, struct why *why) must_check;

handler secrets_applied;

#endif
