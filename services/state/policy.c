/* The built-in policy, the hash of a policy, and what a spec says of drivers. */
#include <sodium.h>

#include "common/base/clean.h"
#include "common/policy/hash.h"
#include "openshell/openshell.pb-c.h"
#include "services/state/state.h"

static const char *const read_only[] = {
	"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/app", "/var/log", "/proc", "/dev/urandom",
};
static const char *const read_write[] = {"/sandbox", "/tmp", "/dev/null"};

/* protobuf-c takes char ** of what it only reads. */
static char **
list_of(const char *const *texts)
{
	return (char **)(uintptr_t)texts;
}

enum err
policy_builtin(struct arena *arena, struct span *out, struct why *why)
{
	Openshell__Sandbox__V1__FilesystemPolicy files = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	Openshell__Sandbox__V1__LandlockPolicy landlock = OPENSHELL__SANDBOX__V1__LANDLOCK_POLICY__INIT;
	Openshell__Sandbox__V1__ProcessPolicy process = OPENSHELL__SANDBOX__V1__PROCESS_POLICY__INIT;
	Openshell__Sandbox__V1__SandboxPolicy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	static char best_effort[] = "best_effort", sandbox[] = "sandbox";
	struct policy_form form;
	enum err r;

	files.has_include_workdir = files.include_workdir = 1;
	files.n_read_only = COUNT(read_only);
	files.read_only = list_of(read_only);
	files.n_read_write = COUNT(read_write);
	files.read_write = list_of(read_write);
	landlock.compatibility = best_effort;
	process.run_as_user = sandbox;
	process.run_as_group = sandbox;
	policy.has_version = 1;
	policy.version = 1;
	policy.filesystem = &files;
	policy.landlock = &landlock;
	policy.process = &process;
	if ((r = policy_form(&policy, arena, &form, why)) != OK)
		return r;
	*out = form.bytes;
	return OK;
}

void
policy_hash(struct span policy, uint8_t hash[32])
{
	crypto_hash_sha256(hash, (const uint8_t *)policy.at, policy.length);
}

enum err
spec_has_driver_config(struct span spec, bool *out, struct why *why)
{
	Openshell__V1__SandboxSpec *read = openshell__v1__sandbox_spec__unpack(NULL, spec.length,
	    spec.length == 0 ? (const uint8_t *)"" : (const uint8_t *)spec.at);

	if (read == NULL)
		return fail(why, ERR_SYNTAX, "spec is malformed");
	*out = read->template_ != NULL && read->template_->driver_config != NULL;
	openshell__v1__sandbox_spec__free_unpacked(read, NULL);
	return OK;
}
