/* The static sections of a policy: checks of the reference implementation, with the field named in each refusal. */
#include "common/policy/files.h"

#include <string.h>

#include "common/base/text.h"
#include "common/wire/protobuf.h"
#include "openshell/sandbox.pb-c.h"

#define ID_MAX 4294967294u

/* clang-format off */
const struct policy_baseline policy_baseline[POLICY_BASELINE_N] = {
	{"/usr", false},
	{"/lib", false},
	{"/etc", false},
	{"/app", false},
	{"/var/log", false},
	{"/proc", false},
	{"/dev/urandom", false},
	{"/tmp", true},
};
/* clang-format on */

enum err
policy_path_check(struct span path, bool write, struct why *why)
{
	bool root = true;

	if (path.length > POLICY_PATH_MAX_BYTES)
		return fail(why, ERR_INVALID, "path has %zu bytes, at most %d", path.length, POLICY_PATH_MAX_BYTES);
	if (path.length == 0 || path.at[0] != '/')
		return fail(why, ERR_INVALID, "path must be absolute");
	while (path.length > 0) {
		struct span part = span_cut(&path, '/');

		if (span_is(part, ".."))
			return fail(why, ERR_INVALID, "path contains '..' traversal component");
		root &= part.length == 0 || span_is(part, ".");
	}
	return write && root ? fail(why, ERR_INVALID, "read-write path is overly broad") : OK;
}

/* Normalise a path that was checked into the arena: single slashes, no ".", no slash at the end. */
static enum err
path_clean(struct span in, struct arena *arena, struct span *out, struct why *why)
{
	char *to = arena_alloc(arena, in.length + 1);
	size_t n = 0;

	if (to == NULL)
		return fail(why, ERR_LIMIT, "policy is too large");
	while (in.length > 0) {
		struct span part = span_cut(&in, '/');

		if (part.length == 0 || span_is(part, "."))
			continue;
		to[n++] = '/';
		memcpy(to + n, part.at, part.length);
		n += part.length;
	}
	if (n == 0)
		to[n++] = '/';
	*out = span_of_bytes(to, n);
	return OK;
}

static bool
listed(const struct policy_files *files, struct span path)
{
	for (size_t i = 0; i < files->paths_n; i++)
		if (span_equal(files->paths[i].path, path))
			return true;
	return false;
}

/* The author's two lists. A path in both is the narrower one. */
static enum err
add_list(struct policy_files *files, char **list, size_t n, bool write, struct arena *arena, struct why *why)
{
	const char *field = write ? "filesystem_policy.read_write" : "filesystem_policy.read_only";
	struct span path;
	enum err r;

	for (size_t i = 0; i < n; i++) {
		if ((r = policy_path_check(span_of_text(list[i]), write, why)) != OK)
			return because(why, r, "%s[%zu]", field, i);
		if ((r = path_clean(span_of_text(list[i]), arena, &path, why)) != OK)
			return r;
		if (!listed(files, path))
			files->paths[files->paths_n++] = (struct policy_path){.path = path, .write = write};
	}
	return OK;
}

static void
add_baseline(struct policy_files *files)
{
	for (size_t i = 0; i < POLICY_BASELINE_N; i++) {
		struct span path = span_of_text(policy_baseline[i].path);

		if (!listed(files, path))
			files->paths[files->paths_n++] =
			    (struct policy_path){.path = path, .write = policy_baseline[i].write, .baseline = true};
	}
}

enum err
policy_id_read(const char *text, uint32_t *out, struct why *why)
{
	struct span span = span_of_text(text);
	uint64_t id = POLICY_ID_SANDBOX;

	if (span.length > 0 && !span_is(span, "sandbox") && number_parse(span, 1, ID_MAX, &id, NULL) != OK)
		return fail(why, ERR_INVALID, "must be 'sandbox' or a numeric UID/GID in range [1, %u], got '%.64s'",
		    ID_MAX, text);
	*out = (uint32_t)id;
	return OK;
}

static enum err
read_process(const Openshell__Sandbox__V1__ProcessPolicy *process, struct policy_files *files, struct why *why)
{
	enum err r;

	if ((r = policy_id_read(process == NULL ? NULL : process->run_as_user, &files->uid, why)) != OK)
		return because(why, r, "process.run_as_user");
	if ((r = policy_id_read(process == NULL ? NULL : process->run_as_group, &files->gid, why)) != OK)
		return because(why, r, "process.run_as_group");
	return OK;
}

static enum err
read_filesystem(const Openshell__Sandbox__V1__FilesystemPolicy *section, struct policy_files *files,
    struct arena *arena, struct why *why)
{
	size_t n = section == NULL ? 0 : section->n_read_only;
	size_t written = section == NULL ? 0 : section->n_read_write;
	enum err r;

	if (n > POLICY_PATHS_MAX || written > POLICY_PATHS_MAX - n)
		return fail(why, ERR_INVALID, "filesystem_policy: too many filesystem paths (%zu > %d)", n + written,
		    POLICY_PATHS_MAX);
	files->paths = arena_array(arena, n + written + POLICY_BASELINE_N, sizeof(*files->paths));
	if (files->paths == NULL)
		return fail(why, ERR_LIMIT, "policy is too large");
	files->include_workdir = section == NULL || (section->has_include_workdir && section->include_workdir);
	if (section == NULL)
		return OK;
	if ((r = add_list(files, section->read_only, n, false, arena, why)) != OK)
		return r;
	return add_list(files, section->read_write, written, true, arena, why);
}

enum err
policy_files_read(struct span policy, struct arena *arena, struct policy_files *out, struct why *why)
{
	const Openshell__Sandbox__V1__SandboxPolicy *read;
	struct policy_files files = {0};
	ProtobufCMessage *message;
	enum err r;

	if ((r = protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, policy, arena, &message, why)) !=
	    OK)
		return because(why, r, "policy");
	read = (const Openshell__Sandbox__V1__SandboxPolicy *)message;
	if ((r = read_filesystem(read->filesystem, &files, arena, why)) != OK ||
	    (r = read_process(read->process, &files, why)) != OK)
		return r;
	files.network = read->n_network_policies > 0;
	if (read->filesystem == NULL || files.network)
		add_baseline(&files);
	files.hard_requirement = read->landlock != NULL && read->landlock->compatibility != NULL &&
				 strcmp(read->landlock->compatibility, "hard_requirement") == 0;
	*out = files;
	return OK;
}
