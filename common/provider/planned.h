/* What a plan is made of: secrets, token grants, variables, layers of policy, and what is withheld. */
#ifndef COMMON_PROVIDER_PLANNED_H
#define COMMON_PROVIDER_PLANNED_H

#include <stdbool.h>

#include "common/policy/compose.h"
#include "common/provider/attached.h"
#include "common/provider/token.h"

/* A secret for the router. */
struct provider_secret {
	size_t provider; /* which of attached */
	const char *key; /* slot, and variable */
	const struct provider_binding *bindings;
	size_t bindings_count;
	char handle[PROVIDER_HANDLE_BYTES];
	int64_t expires_ms;
	bool stable;	       /* the agent is given s<handle>_KEY, else v<revision>_KEY */
	bool stored;	       /* false: nothing to send yet */
	bool expired;	       /* not in the environment; still known, so that it is refused by name */
	uint16_t places;       /* where it may stand: common/provider/places.h */
	const char *field;     /* the one header field, lower case; "": any */
	const char *parameter; /* the one parameter of a query; "": any */
};

/* A token that is had on demand, as the router is to ask for it. Texts are as long as the bus takes them. */
struct provider_grant {
	size_t provider;					 /* which of attached */
	const Openshell__V1__ProviderCredentialTokenGrant *from; /* with the overrides */
	const struct provider_binding *bindings;
	size_t bindings_count;
	const char *field; /* lower case */
	bool bearer;
	const char *svid_audience, *assertion_type;
	uint32_t ttl_s; /* 0: as the token server says */
};

/* A key, or a credential with a token grant, that is not given to the sandbox; the others are not disturbed by it. */
struct provider_withheld {
	size_t provider;
	const char *key;    /* or the credential's name */
	const char *reason; /* a sentence for people */
};

struct provider_plan {
	struct provider_secret *secrets;
	size_t secrets_count;
	struct provider_grant *grants;
	size_t grants_count;
	struct provider_pair *plain; /* variables that are no secret */
	size_t plain_count;
	struct provider_withheld *withheld;
	size_t withheld_count;
	struct policy_layer *layers; /* for policy_compose: one for each provider with a profile */
	size_t layers_count;
};

#endif
