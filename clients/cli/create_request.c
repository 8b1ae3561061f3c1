/* From the flags of `sandbox create` to its request. */
#include "clients/cli/create_request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/map.h"
#include "clients/cli/policy_file.h"
#include "common/policy/check.h"

#define REGISTRY "ghcr.io/nvidia/openshell-community/sandboxes"

enum err
image_resolve(const char *from, const char *registry, struct arena *arena, char **out, struct why *why)
{
	bool explicit_path =
	    from[0] == '/' || from[0] == '~' || strncmp(from, "./", 2) == 0 || strncmp(from, "../", 3) == 0;
	struct stat st;

	if (from[0] == '\0')
		return fail(why, ERR_INVALID, "--from is empty: it names a container image");
	if (stat(from, &st) == 0)
		return fail(why, ERR_UNIMPLEMENTED,
		    "--from %s is a file of this machine: building an image is not in this release, name an "
		    "image",
		    shown(arena, from));
	if (explicit_path)
		return fail(why, ERR_NOT_FOUND, "--from %s: no such file or directory", shown(arena, from));
	if (strpbrk(from, "/:.") != NULL)
		*out = arena_text(arena, span_of_text(from));
	else
		*out = arena_format(arena, "%s/%s:latest", registry, from);
	return *out == NULL ? fail(why, ERR_LIMIT, "the command line is too long") : OK;
}

/* {"key": value} */
static Google__Protobuf__Struct *
struct_new(struct arena *arena, size_t room)
{
	Google__Protobuf__Struct *made = arena_alloc(arena, sizeof(*made));

	google__protobuf__struct__init(made);
	made->fields = arena_array(arena, room, sizeof(*made->fields));
	return made;
}

static Google__Protobuf__Value *
struct_add(struct arena *arena, Google__Protobuf__Struct *to, const char *key)
{
	Google__Protobuf__Struct__FieldsEntry *entry = arena_alloc(arena, sizeof(*entry));
	Google__Protobuf__Value *value = arena_alloc(arena, sizeof(*value));

	google__protobuf__struct__fields_entry__init(entry);
	google__protobuf__value__init(value);
	entry->key = (char *)(uintptr_t)key;
	entry->value = value;
	to->fields[to->n_fields++] = entry;
	return value;
}

/* {"limits": {"cpu": "...", "memory": "..."}}; NULL when neither is asked for. */
static Google__Protobuf__Struct *
resources_new(const struct cli *cli, struct arena *arena)
{
	static const struct {
		enum flag_id flag;
		const char *key;
	} limits[] = {{FLAG_CPU, "cpu"}, {FLAG_MEMORY, "memory"}};
	Google__Protobuf__Struct *resources = struct_new(arena, 1), *inner = struct_new(arena, 2);
	Google__Protobuf__Value *value;

	for (size_t i = 0; i < 2; i++) {
		if (cli_text(cli, limits[i].flag) == NULL)
			continue;
		value = struct_add(arena, inner, limits[i].key);
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
		value->string_value = (char *)(uintptr_t)cli_text(cli, limits[i].flag);
	}
	if (inner->n_fields == 0)
		return NULL;
	value = struct_add(arena, resources, "limits");
	value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
	value->struct_value = inner;
	return resources;
}

static enum err
template_fill(struct cli *cli, Openshell__V1__SandboxSpec *spec, struct why *why)
{
	const char *from = cli_text(cli, FLAG_FROM), *registry = getenv("OPENSHELL_COMMUNITY_REGISTRY");
	Openshell__V1__SandboxTemplate *template = arena_alloc(&cli->arena, sizeof(*template));
	enum err r;

	openshell__v1__sandbox_template__init(template);
	template->resources = resources_new(cli, &cli->arena);
	if (registry == NULL || registry[0] == '\0')
		registry = REGISTRY;
	if (from != NULL && (r = image_resolve(from, registry, &cli->arena, &template->image, why)) != OK)
		return r;
	if (template->resources != NULL || template->image != NULL)
		spec->template_ = template;
	return OK;
}

static enum err
policy_fill(struct cli *cli, Openshell__V1__SandboxSpec *spec, struct why *why)
{
	const char *path = cli_text(cli, FLAG_POLICY);

	return path == NULL ? OK : policy_file_load(cli, path, POLICY_CHECK_USER, &spec->policy, why);
}

enum err
create_request(struct cli *cli, Openshell__V1__CreateSandboxRequest **out, struct why *why)
{
	const struct value *env = &cli->args.values[FLAG_ENV], *label = &cli->args.values[FLAG_LABEL];
	const struct value *tty = &cli->args.values[FLAG_TTY];
	Openshell__V1__CreateSandboxRequest *request = arena_alloc(&cli->arena, sizeof(*request));
	Openshell__V1__SandboxSpec *spec = arena_alloc(&cli->arena, sizeof(*spec));
	enum err r;

	openshell__v1__create_sandbox_request__init(request);
	openshell__v1__sandbox_spec__init(spec);
	request->spec = spec;
	request->name = (char *)(uintptr_t)cli_text(cli, FLAG_NAME);
	request->workspace = cli_workspace(cli);
	MAP_FILL(&cli->arena, openshell__v1__create_sandbox_request__labels_entry, request->labels, request->n_labels,
	    label->list, label->count);
	MAP_FILL(&cli->arena, openshell__v1__sandbox_spec__environment_entry, spec->environment, spec->n_environment,
	    env->list, env->count);
	spec->command = (char **)(uintptr_t)cli->args.operands;
	spec->n_command = cli->args.operands_count;
	spec->has_tty = true;
	spec->tty = tty->set ? tty->on : isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if ((r = template_fill(cli, spec, why)) != OK || (r = policy_fill(cli, spec, why)) != OK)
		return r;
	*out = request;
	return OK;
}
