/* Providers of models: where each is, how it is logged in to, what it can, as one table; addresses of Vertex and
 * Bedrock. */
#ifndef COMMON_PROVIDER_INFERENCE_H
#define COMMON_PROVIDER_INFERENCE_H

#include "common/provider/attached.h"
#include "common/provider/target.h"

/* Lists end with NULL. */
struct inference_type {
	const char *type;
	const char *base_url;	  /* NULL: computed (google-vertex-ai) or only by configuration (aws-bedrock) */
	const char *overrides[3]; /* keys of the record's config; the first that is there wins */
	enum inference_auth auth;
	const char *keys[5]; /* credentials in order of preference */
	bool any_key;	     /* then any other, in alphabetical order */
	const char *protocols[6];
};

/* The row of a type (its normal name); NULL: it answers no model calls. */
const struct inference_type *inference_type(struct span type);

/* The credential that is used: an index into keys, of those that are stored; false: there is none. */
bool inference_key(const struct inference_type *type, const struct provider_key *keys, size_t n, size_t *out);

/*
 * Work out where a provider's model is reached.
 *
 * config  of the record
 * model   as the route names it; "" leaves the agent's
 * out     texts in the arena
 * errors  ERR_INVALID an address that is wrong or missing (BEDROCK_BASE_URL), a model id with / \ ? # % .. or white
 *         space (Vertex, Bedrock), a project or region that is none; ERR_NOT_FOUND no such type; ERR_LIMIT
 */
enum err inference_target(struct span type, const struct provider_pair *config, size_t config_count, const char *model,
    struct arena *arena, struct inference_target *out, struct why *why) must_check;

/* Has the record an address of its own, so that it may be made without any credential (Ollama, vLLM, llama.cpp)? */
bool inference_keyless(struct span type, const struct provider_pair *config, size_t config_count);

#endif
