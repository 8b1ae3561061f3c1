/* The environment of a sandbox's commands, from its plan. */
#include <stdlib.h>
#include <string.h>

#include "common/provider/plan.h"

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *
secret_line(const struct provider_secret *secret, uint64_t revision, struct arena *arena)
{
	const char *token = secret->stable ? provider_token_handle(arena, secret->handle, secret->key)
					   : provider_token_revision(arena, revision, secret->key);
	const char *placeholder = provider_placeholder(arena, token);

	return placeholder == NULL ? NULL : arena_format(arena, "%s=%s", secret->key, placeholder);
}

enum err
provider_environment(const struct provider_plan *plan, uint64_t revision, struct arena *arena, const char ***out,
    size_t *n, struct why *why)
{
	const char **lines = arena_array(arena, plan->secrets_count + plan->plain_count + 1, sizeof(*lines));
	size_t count = 0;

	if (lines == NULL)
		return fail(why, ERR_LIMIT, "the environment is too large");
	for (size_t i = 0; i < plan->secrets_count; i++)
		if (!plan->secrets[i].expired)
			lines[count++] = secret_line(&plan->secrets[i], revision, arena);
	for (size_t i = 0; i < plan->plain_count; i++)
		lines[count++] = arena_format(arena, "%s=%s", plan->plain[i].key, plan->plain[i].value);
	for (size_t i = 0; i < count; i++)
		if (lines[i] == NULL)
			return fail(why, ERR_LIMIT, "the environment is too large");
	qsort(lines, count, sizeof(*lines), compare);
	*out = lines;
	*n = count;
	return OK;
}
