/* Where model calls go, whoever works it out. */
#ifndef COMMON_PROVIDER_TARGET_H
#define COMMON_PROVIDER_TARGET_H

#include "common/provider/url.h"

enum inference_auth { INFERENCE_AUTH_NONE, INFERENCE_AUTH_BEARER, INFERENCE_AUTH_X_API_KEY }; /* as on the bus */

/* Where calls of one route go. */
struct inference_target {
	struct provider_url base;
	const char *model;	   /* as on the bus; of a publisher's model on Vertex with the publisher in front */
	const char *path_override; /* the whole path upstream in place of the agent's; "": base.path and the agent's */
	const char *const *protocols; /* ends with NULL */
	enum inference_auth auth;
	bool key_optional; /* a server of one's own: without a key it is called without one */
};

#endif
