/* Addresses of Vertex AI. */
#include "common/provider/vertex.h"

#include <string.h>

#include "common/base/clean.h"

#define REGION "us-central1"
#define SMALL  "abcdefghijklmnopqrstuvwxyz"
#define WORD   SMALL "0123456789-"
#define DOMAIN "aiplatform.googleapis.com"

static const char *const messages[] = {"anthropic_messages", NULL}, *const chat[] = {"openai_chat_completions", NULL};

/* Who makes a model, by what its name begins with. */
static const struct {
	const char *prefix, *publisher;
} publishers[] = {{"gemini", "google"}, {"text-bison", "google"}, {"chat-bison", "google"}, {"llama", "meta"},
    {"mistral", "mistralai"}, {"codestral", "mistralai"}, {"jamba", "ai21"}, {"deepseek-", "deepseek"}};

static const char *
config_of(const struct provider_pair *config, size_t n, const char *key, const char *fallback)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(config[i].key, key) == 0 && config[i].value[0] != '\0')
			return config[i].value;
	return fallback;
}

enum err
vertex_model_check(const char *model, struct why *why)
{
	size_t length = strlen(model);

	if (length == 0 || length > 256 || strpbrk(model, "/\\?#% \t\r\n\v\f") != NULL || strstr(model, "..") != NULL)
		return fail(
		    why, ERR_INVALID, "a model id here has 1 to 256 bytes, no / \\ ? # %% .. and no white space");
	return OK;
}

static enum err
project_check(const char *project, struct why *why)
{
	size_t length = strlen(project);

	if (length == 0)
		return fail(why, ERR_INVALID, "the provider's configuration needs VERTEX_AI_PROJECT_ID");
	if (length < 6 || length > 30 || strspn(project, WORD) != length || strspn(project, SMALL) == 0 ||
	    project[length - 1] == '-')
		return fail(why, ERR_INVALID,
		    "VERTEX_AI_PROJECT_ID has 6 to 30 small letters, digits and hyphens, a letter first and no hyphen "
		    "last");
	return OK;
}

/* The host of a region. */
static const char *
host_of(const char *region, struct arena *arena)
{
	if (strcmp(region, "global") == 0)
		return DOMAIN;
	if (strcmp(region, "us") == 0 || strcmp(region, "eu") == 0)
		return arena_format(arena, "aiplatform.%s.rep.googleapis.com", region);
	return arena_format(arena, "%s-" DOMAIN, region);
}

/* Only Google's own addresses: a token for all of a project goes there. */
static enum err
official_read(const char *url, struct arena *arena, struct provider_url *out, struct why *why)
{
	struct provider_url base;
	struct span host, end = SPAN("-" DOMAIN);
	bool official;
	enum err r;

	if ((r = provider_url_read(span_of_text(url), arena, &base, why)) != OK)
		return r;
	host = span_of_text(base.host);
	official = span_is(host, DOMAIN) || span_is(host, "aiplatform.us.rep.googleapis.com") ||
		   span_is(host, "aiplatform.eu.rep.googleapis.com") ||
		   (host.length > end.length && span_equal(span_tail(host, host.length - end.length), end) &&
		       span_only(span_head(host, host.length - end.length), WORD));
	if (!official || !base.tls || base.port != 443)
		return fail(
		    why, ERR_INVALID, "an address of Vertex AI is https, on port 443, and one of Google's hosts");
	*out = base;
	return OK;
}

static const char *
publisher_of(const char *model, const char *configured)
{
	for (size_t i = 0; configured == NULL && i < COUNT(publishers); i++)
		if (strncmp(model, publishers[i].prefix, strlen(publishers[i].prefix)) == 0)
			return publishers[i].publisher;
	return configured;
}

/* The parts that every address has. */
struct vertex {
	const char *project, *region, *publisher, *model;
};

static enum err
vertex_read(const struct provider_pair *config, size_t n, const char *model, struct vertex *out, struct why *why)
{
	struct vertex made = {config_of(config, n, "VERTEX_AI_PROJECT_ID", ""),
	    config_of(config, n, "VERTEX_AI_REGION", REGION), config_of(config, n, "VERTEX_AI_PUBLISHER", NULL), model};
	enum err r;

	if ((r = project_check(made.project, why)) != OK || (r = vertex_model_check(model, why)) != OK)
		return r;
	if (strlen(made.region) > 40 || strspn(made.region, WORD) != strlen(made.region))
		return fail(why, ERR_INVALID, "VERTEX_AI_REGION is a region, as us-central1, or global, us or eu");
	if (strncmp(model, "claude-", 7) == 0)
		made.publisher = "anthropic";
	made.publisher = publisher_of(model, made.publisher);
	if (made.publisher == NULL || strspn(made.publisher, WORD) != strlen(made.publisher))
		return fail(why, ERR_INVALID,
		    "who publishes this model is not known: set VERTEX_AI_PUBLISHER, as google or meta");
	*out = made;
	return OK;
}

enum err
vertex_target(const struct provider_pair *config, size_t config_count, const char *url, const char *model,
    struct arena *arena, struct inference_target *out, struct why *why)
{
	struct inference_target made = {.auth = INFERENCE_AUTH_BEARER, .protocols = chat};
	struct vertex vertex = {0};
	enum err r;

	if ((r = vertex_read(config, config_count, model, &vertex, why)) != OK)
		return r;
	made.base = (struct provider_url){true, host_of(vertex.region, arena), 443, ""};
	if (strcmp(vertex.publisher, "anthropic") == 0) {
		made.protocols = messages;
		made.model = model;
		made.path_override =
		    arena_format(arena, "/v1/projects/%s/locations/%s/publishers/anthropic/models/%s:rawPredict",
			vertex.project, vertex.region, model);
	} else {
		if (url != NULL && (r = official_read(url, arena, &made.base, why)) != OK)
			return r;
		made.model = arena_format(arena, "%s/%s", vertex.publisher, model);
		made.path_override =
		    arena_format(arena, "%s/v1beta1/projects/%s/locations/%s/endpoints/openapi/chat/completions",
			made.base.path, vertex.project, vertex.region);
	}
	if (made.base.host == NULL || made.model == NULL || made.path_override == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	*out = made;
	return OK;
}
