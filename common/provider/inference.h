/* Providers of models: where each is, how it is logged in to, what it can, as one table; addresses of Vertex and
 * Bedrock. */
#ifndef COMMON_PROVIDER_INFERENCE_H
#define COMMON_PROVIDER_INFERENCE_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/provider/attached.h"

enum inference_auth {
	INFERENCE_AUTH_NONE,
	INFERENCE_AUTH_BEARER,
	INFERENCE_AUTH_X_API_KEY
}; /* as inference_backend.auth */

/* Lists end with NULL. */
struct inference_type {
	const char *type;
	const char *base_url;	  /* NULL: computed (google-vertex-ai) or only by configuration (aws-bedrock) */
	const char *overrides[3]; /* keys of the record's config, the first that is there wins */
	enum inference_auth auth;
	const char *keys[5];	       /* credentials in order of preference */
	bool any_key;		       /* then any other, in alphabetical order */
	const char *headers[3];	       /* of the agent that are passed on besides the usual ones */
	const char *default_header[2]; /* name and value, set where the agent sent none; NULL: none */
	const char *protocols[6];      /* what it can; vertex: messages or chat by its model */
};

/* The row of a type (its normal name); NULL: it answers no model calls. */
const struct inference_type *inference_type(struct span type);

/* The credential that is used: an index into keys of those that are stored; false: there is none (auth none needs
 * none). */
bool inference_key(const struct inference_type *type, const struct provider_key *keys, size_t n, size_t *out);

/* A base address, taken apart. */
struct inference_base {
	bool tls;
	const char *host; /* lower case, without brackets */
	uint16_t port;
	const char *path; /* without a slash at its end; "" */
};

/*
 * Read http[s]://host[:port][/path].
 *
 * out     texts in the arena
 * errors  ERR_INVALID another scheme, a user, a query, a fragment, dot segments, a host that is none; ERR_LIMIT
 */
enum err inference_base_read(
    struct span url, struct arena *arena, struct inference_base *out, struct why *why) must_check;

/* Where calls of one route go. */
struct inference_target {
	struct inference_base base;
	const char *model;		  /* what the agent's model becomes in the body; "": the body is left alone */
	const char *path_override;	  /* in place of the agent's path; "": base.path and the agent's */
	const char *stream_path_override; /* the same for a body with "stream": true; "": path_override */
	const char *const *protocols;	  /* ends with NULL */
};

/*
 * Work out where a provider's model is reached.
 *
 * config  of the record
 * model   as the route names it; "" leaves the agent's
 * errors  ERR_INVALID an address that is wrong or missing (BEDROCK_BASE_URL), a model id with / \ ? # % .. or white
 *         space (Vertex, Bedrock), a project id that is none; ERR_NOT_FOUND no such type; ERR_LIMIT
 */
enum err inference_target(struct span type, const struct provider_pair *config, size_t config_count, const char *model,
    struct arena *arena, struct inference_target *out, struct why *why) must_check;

/* "/base" and "/v1/chat/completions" joined, without a doubled /v1 (12.4); NULL past the arena's ceiling. */
char *inference_path(struct arena *arena, const char *base_path, struct span path);

#endif
