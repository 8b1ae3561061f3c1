/* The check of a policy's static sections; what a path or an id may be is files.c's to say. */
#include "common/policy/checking.h"

#include <stdio.h>
#include <string.h>

#include "common/policy/check.h"
#include "common/policy/files.h"

static void
check_paths(const struct check *check, char **paths, size_t n, bool write)
{
	struct why why;
	char field[60];

	for (size_t i = 0; i < n; i++) {
		if (policy_path_check(span_of_text(paths[i]), write, &why) == OK)
			continue;
		snprintf(field, sizeof(field), "filesystem_policy.%s[%zu]", write ? "read_write" : "read_only", i);
		check_error(check, &paths[i], field, paths[i], "%.200s", why.text);
	}
}

static void
check_id(const struct check *check, char *const *id, const char *field)
{
	struct why why;
	uint32_t number;

	if (policy_id_read(*id, &number, &why) != OK)
		check_error(check, id, field, *id, "%.200s", why.text);
}

static void
check_filesystem(const struct check *check, const Filesystem *section)
{
	size_t n = section->n_read_only + section->n_read_write;

	if (n > POLICY_PATHS_MAX)
		check_error(check, section, "filesystem_policy", NULL, "too many filesystem paths (%zu > %d)", n,
		    POLICY_PATHS_MAX);
	check_paths(check, section->read_only, section->n_read_only, false);
	check_paths(check, section->read_write, section->n_read_write, true);
}

static void
check_landlock(const struct check *check, char *const *mode)
{
	bool file = (check->flags & POLICY_CHECK_FILE) != 0;

	if (*text_or(*mode) != '\0' && strcmp(*mode, "best_effort") != 0 && strcmp(*mode, "hard_requirement") != 0)
		policy_check_say(check, !file, mode, "landlock.compatibility", *mode,
		    "is not known; allowed are best_effort and hard_requirement%s",
		    file ? "" : ", read as best_effort");
}

void
policy_check_static(struct check *check)
{
	const Policy *policy = check->policy;

	check->subject[0] = '\0';
	check->within = policy;
	if ((check->flags & POLICY_CHECK_FILE) != 0 && !policy->has_version)
		check_error(check, NULL, "version", NULL, "is missing; write version: 1");
	else if ((check->flags & POLICY_CHECK_FILE) != 0 && policy->version != 1)
		check_error(check, &policy->version, "version", NULL, "%u is not known; allowed is 1", policy->version);
	if (policy->filesystem != NULL)
		check_filesystem(check, policy->filesystem);
	if (policy->landlock != NULL)
		check_landlock(check, &policy->landlock->compatibility);
	if (policy->process == NULL)
		return;
	check_id(check, &policy->process->run_as_user, "process.run_as_user");
	check_id(check, &policy->process->run_as_group, "process.run_as_group");
}
