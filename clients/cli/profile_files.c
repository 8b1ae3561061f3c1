/* Profile files, one after the other. */
#include "clients/cli/profile_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/policy_file.h"
#include "common/provider/lint.h"
#include "common/provider/profile_read.h"

#define FILES_MAX 256

static enum err
file_take(struct cli *cli, const char *path, struct profile_files *files, struct why *why)
{
	const char *name = strcmp(path, "-") == 0 ? STDIN_NAME : path;
	struct why reason = {0};
	Item *item = arena_alloc(&cli->arena, sizeof(*item));
	struct span text;
	enum err r;

	if (item == NULL || files->count == FILES_MAX)
		return fail(why, ERR_LIMIT, "more than %d files", FILES_MAX);
	if ((r = policy_file_read(cli, "profile file", path, &text, why)) != OK)
		return r;
	openshell__v1__provider_profile_import_item__init(item);
	item->source = (char *)(uintptr_t)name;
	r = provider_profile_read(text, name, &files->findings, &item->profile, &reason);
	if (r == ERR_SYNTAX || r == ERR_LIMIT) /* it is no document: the only thing to say of this file */
		profile_finding_add(&files->findings, false, name, "", "", "%s", reason.text);
	if (r == OK)
		files->items[files->count++] = item;
	return OK;
}

static bool
is_profile(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot != NULL &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static enum err
directory_take(struct cli *cli, const char *path, struct profile_files *files, struct why *why)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	enum err r = OK;
	size_t before = files->count + files->findings.errors;

	if (n < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", shown(&cli->arena, path));
	for (int i = 0; i < n; i++) {
		const char *file = is_profile(entries[i]->d_name)
				       ? arena_format(&cli->arena, "%s/%s", path, entries[i]->d_name)
				       : NULL;

		if (file != NULL && r == OK)
			r = file_take(cli, file, files, why);
		free(entries[i]);
	}
	free(entries);
	if (r == OK && files->count + files->findings.errors == before)
		return fail(why, ERR_NOT_FOUND, "%s has no *.yaml, *.yml or *.json", shown(&cli->arena, path));
	return r;
}

/* What comes together must not have one id twice; each by itself was looked at when it was read. */
static void
together(struct profile_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(files->items[i]->profile->id, files->items[j]->profile->id) == 0)
				profile_finding_add(&files->findings, false, files->items[i]->source,
				    files->items[i]->profile->id, "id", "is that of %s, too", files->items[j]->source);
}

enum err
profile_files_read(struct cli *cli, struct profile_files *out, struct why *why)
{
	const struct value *named = &cli->args.values[FLAG_FILE];
	const char *directory = cli_text(cli, FLAG_FROM);
	enum err r = OK;

	*out = (struct profile_files){.findings = {.arena = &cli->arena}};
	if ((out->items = arena_array(&cli->arena, FILES_MAX, sizeof(*out->items))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	for (size_t i = 0; r == OK && i < named->count; i++)
		r = file_take(cli, named->list[i], out, why);
	for (size_t i = 0;
	     r == OK && cli->args.command->operand.complete == COMPLETE_FILE && i < cli->args.operands_count; i++)
		r = file_take(cli, cli->args.operands[i], out, why);
	if (r == OK && directory != NULL)
		r = directory_take(cli, directory, out, why);
	if (r == OK && out->count + out->findings.errors == 0)
		return cli_usage(cli, why, "which file? Name it with -f FILE, or a directory with --from DIR");
	together(out);
	return r;
}

/* ---- findings ---- */

static json_t *
finding_json(const struct profile_finding *finding)
{
	json_t *json = json_object();

	json_object_set_new(json, "source", json_text(finding->source));
	json_object_set_new(json, "profile_id", json_text(finding->profile_id));
	json_object_set_new(json, "field", json_text(finding->field));
	json_object_set_new(json, "line", json_integer((json_int_t)finding->line));
	json_object_set_new(json, "column", json_integer((json_int_t)finding->column));
	json_object_set_new(json, "severity", json_string(finding->warning ? "warning" : "error"));
	json_object_set_new(json, "message", json_text(finding->message));
	return json;
}

static void
finding_line(struct cli *cli, const struct profile_finding *finding)
{
	const char *place = finding->line == 0 ? finding->source
					       : arena_format(&cli->arena, "%s:%zu:%zu", finding->source, finding->line,
						     finding->column);

	puts(shown(
	    &cli->arena, arena_format(&cli->arena, "%s: %s: %s%s%s", place, finding->warning ? "warning" : "error",
			     finding->field, finding->field[0] == '\0' ? "" : ": ", finding->message)));
}

void
profile_findings_print(struct cli *cli, const struct profile_findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++)
		if (cli_format(cli) == FORMAT_TABLE)
			finding_line(cli, &findings->items[i]);
		else
			json_array_append_new(list, finding_json(&findings->items[i]));
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, json_incref(list));
	json_decref(list);
	if (findings->errors + findings->warnings > findings->count)
		cli_note(cli, "... and %zu more", findings->errors + findings->warnings - findings->count);
}

void
profile_diagnostics_take(struct profile_findings *to, Openshell__V1__ProviderProfileDiagnostic *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *severity = list[i]->severity == NULL ? "" : list[i]->severity;
		const char *source = arena_text(to->arena, span_of_text(list[i]->source)),
			   *id = arena_text(to->arena, span_of_text(list[i]->profile_id));

		profile_finding_add(to, strcmp(severity, "warning") == 0, source, id,
		    list[i]->field == NULL ? "" : list[i]->field, "%s",
		    list[i]->message == NULL ? "" : list[i]->message);
	}
}
