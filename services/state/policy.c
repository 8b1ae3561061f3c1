/* The configuration of a sandbox: the built-in policy, hashes and revisions of what is in force, its settings. */
#include <endian.h>
#include <protobuf-c/protobuf-c.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "openshell/openshell.pb-c.h"
#include "services/state/state.h"

#define SETTINGS_MAX 64

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
policy_default(struct arena *arena, struct span *out, struct why *why)
{
	Openshell__Sandbox__V1__FilesystemPolicy files = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	Openshell__Sandbox__V1__LandlockPolicy landlock = OPENSHELL__SANDBOX__V1__LANDLOCK_POLICY__INIT;
	Openshell__Sandbox__V1__ProcessPolicy process = OPENSHELL__SANDBOX__V1__PROCESS_POLICY__INIT;
	Openshell__Sandbox__V1__SandboxPolicy policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	static char best_effort[] = "best_effort", sandbox[] = "sandbox";
	uint8_t *bytes;

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
	out->length = openshell__sandbox__v1__sandbox_policy__get_packed_size(&policy);
	if ((bytes = arena_alloc(arena, out->length)) == NULL)
		return fail(why, ERR_LIMIT, "no room for the policy");
	openshell__sandbox__v1__sandbox_policy__pack(&policy, bytes);
	out->at = (const char *)bytes;
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

uint64_t
config_revision(uint32_t version, struct span hash, const struct span *settings, size_t n)
{
	crypto_hash_sha256_state state;
	uint32_t big = htobe32(version);
	uint8_t digest[32];
	uint64_t first;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)&big, sizeof(big));
	crypto_hash_sha256_update(&state, (const uint8_t *)hash.at, hash.length);
	for (size_t i = 0; i < n; i++) { /* NUL is in no setting */
		crypto_hash_sha256_update(&state, (const uint8_t *)settings[i].at, settings[i].length);
		crypto_hash_sha256_update(&state, (const uint8_t *)"", 1);
	}
	crypto_hash_sha256_final(&state, digest);
	memcpy(&first, digest, sizeof(first));
	return le64toh(first);
}

enum err
settings_effective(struct state *state, struct id sandbox, struct arena *arena, struct span **out, size_t *n,
    struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*n = 0;
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_SETTINGS, &args, &rows, why)) != OK)
		return r;
	if (rows.n > SETTINGS_MAX)
		return fail(why, ERR_LIMIT, "%d settings are in force, at most %d", rows.n, SETTINGS_MAX);
	if ((*out = arena_array(arena, SETTINGS_MAX, sizeof(**out))) == NULL)
		return fail(why, ERR_LIMIT, "no room for the settings");
	for (int i = 0; i < rows.n; i++) {
		const char *text = arena_format(arena, SPAN_FORMAT "=" SPAN_FORMAT, SPAN_ARGS(rows_span(&rows, i, 0)),
		    SPAN_ARGS(rows_span(&rows, i, 1)));

		if (text == NULL)
			return fail(why, ERR_LIMIT, "the settings are too long");
		(*out)[(*n)++] = span_of_text(text);
	}
	return OK;
}
