/* Defaults, marks, and the comparison of static sections. */
#include "common/policy/defaults.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/canonical.h"
#include "common/policy/check.h"
#include "common/policy/messages.h"

enum err
policy_default(struct arena *arena, Policy **out, struct why *why)
{
	/* The specification's list, and where a system without merged /usr keeps its programs: what is not listed is
	 * not there at all in a sandbox of driver-local. */
	static const char *const read_only[] = {"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/app", "/var/log",
	    "/proc", "/dev/urandom"},
				 *const read_write[] = {"/sandbox", "/tmp", "/dev/null"};
	Policy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	Filesystem filesystem = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	Openshell__Sandbox__V1__LandlockPolicy landlock = OPENSHELL__SANDBOX__V1__LANDLOCK_POLICY__INIT;
	Openshell__Sandbox__V1__ProcessPolicy process = OPENSHELL__SANDBOX__V1__PROCESS_POLICY__INIT;

	policy.has_version = true;
	policy.version = 1;
	policy.filesystem = &filesystem;
	policy.landlock = &landlock;
	policy.process = &process;
	filesystem.has_include_workdir = filesystem.include_workdir = true;
	filesystem.read_only = (char **)(uintptr_t)read_only; /* protobuf-c only reads them */
	filesystem.n_read_only = COUNT(read_only);
	filesystem.read_write = (char **)(uintptr_t)read_write;
	filesystem.n_read_write = COUNT(read_write);
	landlock.compatibility = (char *)"best_effort";
	process.run_as_user = process.run_as_group = (char *)"sandbox";
	return policy_copy(&policy, arena, out, why);
}

/* ---- what others may not set ---- */

size_t
policy_strip_providers(Policy *policy)
{
	size_t before = policy->n_network_policies, kept = 0;

	for (size_t i = 0; i < before; i++)
		if (strncmp(text_or(policy->network_policies[i]->key), POLICY_PROVIDER_PREFIX,
			strlen(POLICY_PROVIDER_PREFIX)) != 0)
			policy->network_policies[kept++] = policy->network_policies[i];
	policy->n_network_policies = kept;
	return before - kept;
}

void
policy_clear_marks(Policy *policy)
{
	for (size_t i = 0; i < policy->n_network_policies; i++) {
		Rule *rule = policy->network_policies[i]->value;

		for (size_t j = 0; rule != NULL && j < rule->n_endpoints; j++)
			rule->endpoints[j]->has_provider_credentialed = rule->endpoints[j]->provider_credentialed =
			    false;
	}
}

/* ---- static sections ---- */

static bool
listed(char *const *paths, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(paths[i], path) == 0)
			return true;
	return false;
}

static enum err
same_list(char *const *old, size_t old_n, char *const *new, size_t new_n, const char *name, struct why *why)
{
	for (size_t i = 0; i < old_n; i++)
		if (!listed(new, new_n, old[i]))
			return fail(why, ERR_INVALID,
			    "filesystem_policy.%s: %.100s is missing; on a live sandbox paths may be added but not "
			    "removed",
			    name, old[i]);
	return OK;
}

static enum err
same_filesystem(const Filesystem *old, const Filesystem *new, struct why *why)
{
	enum err r;

	if (old == NULL)
		return OK;
	if (new == NULL)
		return fail(why, ERR_INVALID,
		    "filesystem_policy: the section may not be removed from a live sandbox; take it over from the policy in "
		    "force");
	if (old->include_workdir != new->include_workdir)
		return fail(why, ERR_INVALID, "filesystem_policy.include_workdir: may not change on a live sandbox");
	if ((r = same_list(old->read_only, old->n_read_only, new->read_only, new->n_read_only, "read_only", why)) != OK)
		return r;
	return same_list(old->read_write, old->n_read_write, new->read_write, new->n_read_write, "read_write", why);
}

static const char *
word(const char *text, const char *fallback)
{
	return *text_or(text) == '\0' ? fallback : text;
}

/* A section that is missing says the same as one with its defaults. */
enum err
policy_static_same(const Policy *old, const Policy *new, struct why *why)
{
	static const Openshell__Sandbox__V1__LandlockPolicy no_landlock = OPENSHELL__SANDBOX__V1__LANDLOCK_POLICY__INIT;
	static const Openshell__Sandbox__V1__ProcessPolicy no_process = OPENSHELL__SANDBOX__V1__PROCESS_POLICY__INIT;
	const Openshell__Sandbox__V1__LandlockPolicy *l = old->landlock == NULL ? &no_landlock : old->landlock,
						     *m = new->landlock == NULL ? &no_landlock : new->landlock;
	const Openshell__Sandbox__V1__ProcessPolicy *p = old->process == NULL ? &no_process : old->process,
						    *q = new->process == NULL ? &no_process : new->process;

	if (strcmp(word(l->compatibility, "best_effort"), word(m->compatibility, "best_effort")) != 0)
		return fail(why, ERR_INVALID, "landlock: may not change on a live sandbox");
	if (strcmp(word(p->run_as_user, "sandbox"), word(q->run_as_user, "sandbox")) != 0 ||
	    strcmp(word(p->run_as_group, "sandbox"), word(q->run_as_group, "sandbox")) != 0)
		return fail(why, ERR_INVALID, "process: may not change on a live sandbox");
	return same_filesystem(old->filesystem, new->filesystem, why);
}
