/* Defaults, baseline, and the comparison of static sections. */
#include "common/policy/defaults.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/canonical.h"
#include "common/policy/check.h"
#include "common/policy/files.h"
#include "common/policy/messages.h"

#define GPUS_MAX 64 /* /dev/nvidia0 and on */

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

/* ---- enrichment ---- */

struct enriching {
	Filesystem *filesystem;
	policy_exists *exists;
	void *self;
	struct arena *arena;
	bool changed, full;
};

static bool
listed(char *const *paths, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(paths[i], path) == 0)
			return true;
	return false;
}

static void
list_add(struct enriching *enriching, char ***list, size_t *n, const char *path)
{
	char **more = arena_array(enriching->arena, *n + 1, sizeof(*more));
	char *copy = arena_text(enriching->arena, span_of_text(path));

	if (more == NULL || copy == NULL) {
		enriching->full = true;
		return;
	}
	if (*n > 0)
		memcpy(more, *list, *n * sizeof(*more));
	more[(*n)++] = copy;
	*list = more;
	enriching->changed = true;
}

/* promote: also where the author lists it as read-only. */
static void
path_add(struct enriching *enriching, const char *path, bool write, bool promote)
{
	Filesystem *to = enriching->filesystem;

	if (listed(to->read_write, to->n_read_write, path) ||
	    (listed(to->read_only, to->n_read_only, path) && !promote) || !enriching->exists(enriching->self, path))
		return;
	if (!write) {
		list_add(enriching, &to->read_only, &to->n_read_only, path);
		return;
	}
	list_add(enriching, &to->read_write, &to->n_read_write, path);
	for (size_t i = 0; i < to->n_read_only; i++)
		if (strcmp(to->read_only[i], path) == 0)
			to->read_only[i--] = to->read_only[--to->n_read_only];
}

static void
gpu_add(struct enriching *enriching)
{
	static const char *const devices[] = {
	    "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/dxg"};
	char path[40];

	path_add(enriching, "/run/nvidia-persistenced", false, false);
	path_add(enriching, "/usr/lib/wsl", false, false);
	for (size_t i = 0; i < COUNT(devices); i++)
		path_add(enriching, devices[i], true, false);
	for (unsigned i = 0; i < GPUS_MAX; i++) {
		snprintf(path, sizeof(path), "/dev/nvidia%u", i);
		path_add(enriching, path, true, false);
	}
	path_add(enriching, "/proc", true, true);
}

enum err
policy_enrich(const Policy *policy, policy_exists *exists, void *self, struct arena *arena, Policy **out, bool *changed,
    struct why *why)
{
	Filesystem *made = arena_alloc(arena, sizeof(*made));
	struct enriching enriching = {made, exists, self, arena, false, false};
	Policy *copy;
	enum err r;

	if (made == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	if ((r = policy_copy(policy, arena, &copy, why)) != OK)
		return r;
	openshell__sandbox__v1__filesystem_policy__init(made);
	made->has_include_workdir = made->include_workdir = true; /* what a missing section means */
	if (copy->filesystem != NULL)
		enriching.filesystem = copy->filesystem;
	for (size_t i = 0; copy->n_network_policies > 0 && i < POLICY_BASELINE_N; i++)
		path_add(&enriching, policy_baseline[i].path, policy_baseline[i].write, false);
	if (exists(self, "/dev/nvidiactl") || exists(self, "/dev/dxg"))
		gpu_add(&enriching);
	if (enriching.full)
		return fail(why, ERR_LIMIT, "the policy is too large");
	if (enriching.changed)
		copy->filesystem = enriching.filesystem;
	if (changed != NULL)
		*changed = enriching.changed;
	*out = copy;
	return OK;
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
