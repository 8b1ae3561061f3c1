/* How a credential is renewed: what its profile and what whoever configures it say, brought together and checked (9.2).
 */
#ifndef COMMON_PROVIDER_REFRESH_H
#define COMMON_PROVIDER_REFRESH_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/provider/attached.h"

struct refresh_question {
	const Openshell__V1__ProviderProfile *profile; /* NULL: its type has none */
	struct span key;			       /* which credential */
	int strategy;				       /* as asked for; unspecified: the profile's */
	bool sts;				       /* AWS STS may be used (providers_v2_enabled) */
	const struct provider_pair *material;
	size_t material_count;
	const char *const *secret_keys; /* of the material, as the caller marks them */
	size_t secret_keys_count;
};

struct refresh_plan {
	int strategy;
	const char *token_url;	   /* "": the strategy's own */
	const char *const *scopes; /* of the material, else the profile's */
	size_t scopes_count;
	int64_t refresh_before_s, max_lifetime_s;
	bool *secret;		  /* for each of the material: it goes to the credential store */
	const char **outputs;	  /* "OUTPUT=KEY", for refresh_run */
	const char **output_keys; /* KEY alone: owned by this refresh, too */
	size_t outputs_count;
};

/*
 * Check a configuration of refresh and work out what it comes to.
 *
 * out     in the arena; borrows from the question. Untouched unless OK
 * errors  ERR_INVALID says which: a key that the profile does not mint, over PROVIDER_MATERIAL_MAX, token_url,
 * token_uri or sts_endpoint_url among the material, a secret key that is not there, material missing, half of an AWS
 * key pair, a number that is none; ERR_STATE AWS STS while sts is off; ERR_LIMIT
 */
enum err refresh_plan(
    const struct refresh_question *question, struct arena *arena, struct refresh_plan *out, struct why *why) must_check;

#endif
