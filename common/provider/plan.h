/*
 * What the providers of one sandbox come to: which secrets its router gets and where each may go, what the agent's
 * environment says, which policy they add, and what is withheld and why. Pure: state asks it before it attaches, before
 * it stores a policy, and when it pushes.
 */
#ifndef COMMON_PROVIDER_PLAN_H
#define COMMON_PROVIDER_PLAN_H

#include <stdbool.h>

#include "common/policy/compose.h"
#include "common/provider/token.h"
#include "openshell/openshell.pb-c.h"

/* A credential of a record, without its value. */
struct provider_key {
	const char *key;
	int64_t expires_ms; /* wall clock; 0: never */
	bool stored;	    /* there is a value; false: reserved by a refresh that has not minted yet */
	bool refreshed;	    /* minted by the gateway: the agent is given the stable placeholder */
	const char *epoch;  /* of its refresh; NULL without */
};

struct provider_pair {
	const char *key, *value;
};

/* One attached provider. */
struct provider_attached {
	const char *name, *id; /* id as text */
	const char *type;
	const Openshell__V1__ProviderProfile *profile; /* NULL: its type has none */
	const struct provider_key *keys;
	size_t keys_count;
	const struct provider_pair *config;
	size_t config_count;
};

/* A secret for the router. */
struct provider_secret {
	size_t provider; /* which of attached */
	const char *key; /* slot, and variable */
	const struct provider_binding *bindings;
	size_t bindings_count;
	char handle[PROVIDER_HANDLE_BYTES];
	int64_t expires_ms;
	bool stable;  /* the agent is given s<handle>_KEY, else v<revision>_KEY */
	bool stored;  /* false: nothing to send yet */
	bool expired; /* not in the environment; still known, so that it is refused by name */
};

/* A key that is not given to the sandbox; the others are not disturbed by it. */
struct provider_withheld {
	size_t provider;
	const char *key;
	const char *reason; /* a sentence for people */
};

struct provider_plan {
	struct provider_secret *secrets;
	size_t secrets_count;
	struct provider_pair *plain; /* variables that are no secret */
	size_t plain_count;
	struct provider_withheld *withheld;
	size_t withheld_count;
	struct policy_layer *layers; /* for policy_compose: one for each provider with a profile */
	size_t layers_count;
};

struct provider_question {
	const char *sandbox; /* id as text */
	const struct provider_attached *attached;
	size_t attached_count;
	const Openshell__Sandbox__V1__SandboxPolicy *policy; /* the sandbox's own, or the global one; NULL: none */
	bool derive;   /* providers add rules (providers_v2_enabled, no global policy) */
	bool metadata; /* the Google metadata emulator runs there */
	int64_t now_ms;
};

/*
 * Work it out.
 *
 * out     in the arena; texts of keys and bindings borrow from the question. Untouched unless OK
 * errors  ERR_STATE two providers deliver one key, a key is another's plain variable, two token grants cannot be told
 *         apart, credential_binding names what is not attached, has no profile or has endpoints of its own, an endpoint
 *         with credential_signing and no AWS keys: names both; ERR_LIMIT the arena, or over PROVIDER_ATTACHED_MAX
 */
enum err provider_plan(const struct provider_question *question, struct arena *arena, struct provider_plan *out,
    struct why *why) must_check;

/*
 * The environment of commands that start from now on: KEY=openshell:resolve:env:TOKEN and KEY=value, for secrets_push.
 *
 * revision  of the push
 * out       texts in the arena, sorted by key
 */
enum err provider_environment(const struct provider_plan *plan, uint64_t revision, struct arena *arena,
    const char ***out, size_t *n, struct why *why) must_check;

/* How exactly a token grant's host and path name a destination (4.4): more is more exact. */
uint64_t provider_score(struct span host, struct span path);

#endif
