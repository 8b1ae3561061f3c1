/* Discovery: the fixed table, and what profiles name. */
#include "common/provider/discovery.h"

#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/provider/messages.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const nothing[] = {NULL};

static const struct {
	const char *type;
	const char *const *credentials, *const *config;
} rows[] = {
    {"claude-code", LIST("ANTHROPIC_API_KEY", "CLAUDE_API_KEY"), nothing},
    {"codex", LIST("OPENAI_API_KEY"), nothing},
    {"openai", LIST("OPENAI_API_KEY"), nothing},
    {"anthropic", LIST("ANTHROPIC_API_KEY"), nothing},
    {"copilot", LIST("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"), nothing},
    {"opencode", LIST("OPENCODE_API_KEY", "OPENROUTER_API_KEY", "OPENAI_API_KEY"), nothing},
    {"nvidia", LIST("NVIDIA_API_KEY"), nothing},
    {"deepinfra", LIST("DEEPINFRA_API_KEY"), nothing},
    {"github", LIST("GITHUB_TOKEN", "GH_TOKEN"), nothing},
    {"gitlab", LIST("GITLAB_TOKEN", "GLAB_TOKEN", "CI_JOB_TOKEN"), nothing},
    {"google-cloud", LIST("GCP_SA_ACCESS_TOKEN", "GCP_ADC_ACCESS_TOKEN"), nothing},
    {"google-vertex-ai",
	LIST("GOOGLE_VERTEX_AI_SERVICE_ACCOUNT_TOKEN", "VERTEX_AI_SERVICE_ACCOUNT_TOKEN", "GOOGLE_VERTEX_AI_TOKEN",
	    "VERTEX_AI_TOKEN"),
	LIST("VERTEX_AI_PROJECT_ID", "VERTEX_AI_REGION", "GOOGLE_VERTEX_AI_BASE_URL", "VERTEX_AI_BASE_URL",
	    "VERTEX_AI_PUBLISHER")},
    {"generic", nothing, nothing},
    {"outlook", nothing, nothing},
};

bool
provider_discovery_fixed(struct span type, struct provider_discovery *out)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (span_is(type, rows[i].type)) {
			*out = (struct provider_discovery){rows[i].credentials, rows[i].config};
			return true;
		}
	return false;
}

static size_t
variables_of(const Profile *profile, const char *credential, const char **to)
{
	size_t n = 0;

	for (size_t i = 0; i < profile->n_credentials; i++)
		for (size_t j = 0; strcmp(text_or(profile->credentials[i]->name), credential) == 0 &&
				   j < profile->credentials[i]->n_env_vars;
		     j++, n++)
			if (to != NULL)
				to[n] = profile->credentials[i]->env_vars[j];
	return n;
}

enum err
provider_discovery_profile(const Profile *profile, struct arena *arena, struct provider_discovery *out, struct why *why)
{
	const char **list;
	size_t n = 0;

	if (profile->discovery == NULL)
		return fail(why, ERR_INVALID, "profile %s does not say what may be looked for; name the credentials",
		    text_or(profile->id));
	for (size_t i = 0; i < profile->discovery->n_credentials; i++)
		n += variables_of(profile, profile->discovery->credentials[i], NULL);
	if ((list = arena_array(arena, n + 1, sizeof(*list))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	n = 0;
	for (size_t i = 0; i < profile->discovery->n_credentials; i++)
		n += variables_of(profile, profile->discovery->credentials[i], list + n);
	*out = (struct provider_discovery){list, nothing};
	return OK;
}

/* Does a word stand in the name by itself, between its ends and underscores? */
static bool
has_word(struct span name, const char *word)
{
	size_t length = strlen(word);

	for (size_t i = 0; i + length <= name.length; i++)
		if (strncasecmp(name.at + i, word, length) == 0 && (i == 0 || name.at[i - 1] == '_') &&
		    (i + length == name.length || name.at[i + length] == '_'))
			return true;
	return false;
}

bool
provider_looks_secret(struct span variable)
{
	static const char *const words[] = {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE",
	    "CREDENTIAL", "CREDENTIALS", "PAT", "AUTH"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (has_word(variable, words[i]))
			return true;
	return false;
}
