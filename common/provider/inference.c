/* The table of providers of models, and the plain addresses. */
#include "common/provider/inference.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/provider/vertex.h"

#define OPENAI                                                                                                         \
	{                                                                                                              \
		"openai_chat_completions", "openai_completions", "openai_responses", "openai_embeddings",              \
		    "model_discovery"                                                                                  \
	}

static const struct inference_type types[] = {
    {.type = "openai",
	.base_url = "https://api.openai.com/v1",
	.overrides = {"OPENAI_BASE_URL"},
	.auth = INFERENCE_AUTH_BEARER,
	.keys = {"OPENAI_API_KEY"},
	.any_key = true,
	.protocols = OPENAI},
    {.type = "anthropic",
	.base_url = "https://api.anthropic.com/v1",
	.overrides = {"ANTHROPIC_BASE_URL"},
	.auth = INFERENCE_AUTH_X_API_KEY,
	.keys = {"ANTHROPIC_API_KEY"},
	.any_key = true,
	.protocols = {"anthropic_messages", "model_discovery"}},
    {.type = "nvidia",
	.base_url = "https://integrate.api.nvidia.com/v1",
	.overrides = {"NVIDIA_BASE_URL"},
	.auth = INFERENCE_AUTH_BEARER,
	.keys = {"NVIDIA_API_KEY"},
	.any_key = true,
	.protocols = OPENAI},
    {.type = "deepinfra",
	.base_url = "https://api.deepinfra.com/v1/openai",
	.overrides = {"DEEPINFRA_BASE_URL"},
	.auth = INFERENCE_AUTH_BEARER,
	.keys = {"DEEPINFRA_API_KEY"},
	.any_key = true,
	.protocols = OPENAI},
    {.type = "google-vertex-ai",
	.overrides = {"GOOGLE_VERTEX_AI_BASE_URL", "VERTEX_AI_BASE_URL"},
	.auth = INFERENCE_AUTH_BEARER,
	.keys = {"GOOGLE_VERTEX_AI_SERVICE_ACCOUNT_TOKEN", "VERTEX_AI_SERVICE_ACCOUNT_TOKEN", "GOOGLE_VERTEX_AI_TOKEN",
	    "VERTEX_AI_TOKEN"},
	.protocols = {"anthropic_messages", "openai_chat_completions"}},
    {.type = "aws-bedrock",
	.overrides = {"BEDROCK_BASE_URL"},
	.auth = INFERENCE_AUTH_NONE,
	.protocols = {"aws_bedrock_invoke"}},
};

const struct inference_type *
inference_type(struct span type)
{
	for (size_t i = 0; i < COUNT(types); i++)
		if (span_is(type, types[i].type))
			return &types[i];
	return NULL;
}

bool
inference_key(const struct inference_type *type, const struct provider_key *keys, size_t n, size_t *out)
{
	size_t best = n;

	for (size_t i = 0; type->keys[i] != NULL; i++)
		for (size_t j = 0; j < n; j++)
			if (keys[j].stored && strcmp(keys[j].key, type->keys[i]) == 0) {
				*out = j;
				return true;
			}
	for (size_t j = 0; type->any_key && j < n; j++)
		if (keys[j].stored && (best == n || strcmp(keys[j].key, keys[best].key) < 0))
			best = j;
	if (best == n)
		return false;
	*out = best;
	return true;
}

/* The address that the record's configuration names; NULL. */
static const char *
override_of(const struct inference_type *type, const struct provider_pair *config, size_t n)
{
	for (size_t i = 0; i < COUNT(type->overrides) && type->overrides[i] != NULL; i++)
		for (size_t j = 0; j < n; j++)
			if (strcmp(config[j].key, type->overrides[i]) == 0 && config[j].value[0] != '\0')
				return config[j].value;
	return NULL;
}

bool
inference_keyless(struct span type, const struct provider_pair *config, size_t config_count)
{
	const struct inference_type *row = inference_type(type);

	return row != NULL && !span_is(type, "google-vertex-ai") && override_of(row, config, config_count) != NULL;
}

enum err
inference_target(struct span type, const struct provider_pair *config, size_t config_count, const char *model,
    struct arena *arena, struct inference_target *out, struct why *why)
{
	const struct inference_type *row = inference_type(type);
	struct inference_target made = {.path_override = "", .model = model};
	const char *url;
	enum err r;

	if (row == NULL)
		return fail(why, ERR_NOT_FOUND, "providers of type " SPAN_FORMAT " answer no model calls",
		    SPAN_ARGS(span_head(type, 64)));
	made.auth = row->auth;
	made.protocols = row->protocols;
	url = override_of(row, config, config_count);
	if (span_is(type, "google-vertex-ai"))
		return vertex_target(config, config_count, url, model, arena, out, why);
	if (span_is(type, "aws-bedrock") && (r = vertex_model_check(model, why)) != OK)
		return r;
	made.key_optional = url != NULL;
	if (url == NULL && (url = row->base_url) == NULL)
		return fail(why, ERR_INVALID, "the provider's configuration needs %s, the address of its bridge",
		    row->overrides[0]);
	if ((r = provider_url_read(span_of_text(url), arena, &made.base, why)) != OK)
		return because(why, r, "%s", made.key_optional ? row->overrides[0] : "base address");
	*out = made;
	return OK;
}
