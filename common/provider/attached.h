/* The providers of a sandbox as they are asked about: records without their secrets, and the sandbox itself. */
#ifndef COMMON_PROVIDER_ATTACHED_H
#define COMMON_PROVIDER_ATTACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct provider_question {
	const char *sandbox; /* id as text */
	const struct provider_attached *attached;
	size_t attached_count;
	const Openshell__Sandbox__V1__SandboxPolicy *policy; /* the sandbox's own, or the global one; NULL: none */
	bool derive;   /* providers add rules (providers_v2_enabled, no global policy) */
	bool metadata; /* the Google metadata emulator runs there */
	int64_t now_ms;
};

#endif
