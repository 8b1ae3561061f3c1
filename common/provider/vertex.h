/* Models on Google Vertex AI: their addresses are made of project, region, publisher and model (12.3). */
#ifndef COMMON_PROVIDER_VERTEX_H
#define COMMON_PROVIDER_VERTEX_H

#include "common/provider/attached.h"
#include "common/provider/target.h"

/*
 * Where a model is.
 *
 * url     in place of Google's address, which it must be one of (https, port 443); NULL: by the region. Not for models
 *         of Anthropic
 * errors  ERR_INVALID says which part; ERR_LIMIT
 */
enum err vertex_target(const struct provider_pair *config, size_t config_count, const char *url, const char *model,
    struct arena *arena, struct inference_target *out, struct why *why) must_check;

/* May this stand in a path: 1 to 256 bytes, no / \ ? # % .. and no white space? */
enum err vertex_model_check(const char *model, struct why *why) must_check;

#endif
