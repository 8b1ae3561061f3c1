/* Configuration: what is in force for a sandbox, how it is written, and how it comes to the sandboxes that run. */
#ifndef SERVICES_STATE_CONFIGURE_H
#define SERVICES_STATE_CONFIGURE_H

#include "services/state/state.h"

#define SETTINGS_MAX 64

/* ---- effective.c ---- */

/* All that is in force. Texts and bytes in the arena. */
struct effective {
	struct span workspace, name; /* empty: the gateway's own */
	struct span *command, *environment;
	size_t command_n, environment_n;
	bool tty;
	uint64_t resource_version, settings_revision;
	struct span policy, hash; /* the gateway's own may be empty */
	uint32_t version;
	uint32_t global_version;	 /* the policy is this revision of the gateway's own; 0: the sandbox's */
	struct span *settings, *managed; /* "KEY=value"; keys that the gateway sets */
	size_t settings_n, managed_n;
	struct span layers; /* changes when what providers add does; empty: none */
	bool retain;	    /* a policy that cannot be loaded leaves the last good one in force */
	uint64_t revision;  /* of all of it */
};

/* Of a sandbox; no id: the gateway's own. ERR_NOT_FOUND; ERR_LIMIT the arena's ceiling. */
enum err effective_read(
    struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why) must_check;

/* The same with the policy as it is stored: without what providers add. The revision is the same. */
enum err effective_stored(
    struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why) must_check;

/* Do attached providers add rules of their own? The gateway's setting says so, and a policy of its own ends it. */
bool effective_derives(const struct effective *of);

/* The number alone, without the policy's bytes. ERR_NOT_FOUND. */
enum err effective_revision(struct state *state, struct id sandbox, uint64_t *out, struct why *why) must_check;

/* "KEY=value" of all settings in force for a sandbox, and which of them are the gateway's; and the layers. */
enum err settings_effective(
    struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why) must_check;

/* Which sandbox that is: by id, or by workspace and name; none where both are empty. ERR_NOT_FOUND. */
enum err sandbox_named(struct state *state, struct id id, struct span workspace, struct span name, struct id *out,
    struct why *why) must_check;

/*
 * Changes whenever anything effective does: the first eight bytes of SHA-256 over all of it, little endian.
 * (client-surface b.12) Of the last only settings and layers count; hash is of the policy as it is stored.
 */
enum {
	REVISION_GLOBAL = 1 << 0,
	REVISION_RETAIN = 1 << 1
}; /* the gateway's own policy; what a failure leaves in force */
uint64_t config_revision(unsigned flags, uint32_t version, struct span hash, const struct effective *of);

/* The flags of this gateway, with REVISION_GLOBAL or not. */
unsigned revision_flags(const struct state *state, bool global);

/* ---- revisions.c ---- */

/* A sandbox whose configuration is being written: locked until the transaction ends. */
struct locked_box {
	struct id id;
	uint64_t resource_version, settings_revision;
	uint32_t version, newest; /* for policies: the revision in force; the last number given */
	uint8_t hash[32];
};

/* ERR_NOT_FOUND; ERR_CONFLICT it has not the expected resource_version; ERR_STATE it is being deleted. */
enum err box_lock(struct state *state, struct span workspace, struct span name, uint64_t expected,
    struct locked_box *out, struct why *why) must_check;

/* Within the transaction: tell all state processes that what is in force changed; no id: for every sandbox. */
enum err config_changed(struct state *state, struct id sandbox, struct why *why) must_check;

/* ---- applied.c ---- */

/* Within a transaction: a sandbox decides by its revision. Older news changes nothing. */
enum err policy_in_force(
    struct state *state, struct id sandbox, uint32_t version, bool started, struct why *why) must_check;

/* ---- push.c ---- */

/* Bring what is in force to the session of a sandbox, where it is ours and has something else; no id: to each. */
void push_config(struct state *state, struct id sandbox);

#endif
