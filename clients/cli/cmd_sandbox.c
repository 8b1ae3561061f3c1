/* sandbox list and delete. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/editor.h"
#include "clients/cli/forward_record.h"
#include "clients/cli/sandbox.h"
#include "clients/sdk/watch.h"

#define DELETE_ALL_MAX 1000
#define GONE_MS	       60000

static const char *
meta_name(const Openshell__V1__Sandbox *sandbox)
{
	return sandbox->metadata == NULL || sandbox->metadata->name == NULL ? "" : sandbox->metadata->name;
}

static void
print_names(struct cli *cli, const Openshell__V1__ListSandboxesResponse *list)
{
	for (size_t i = 0; i < list->n_sandboxes; i++) {
		const Openshell__Datamodel__V1__ObjectMeta *meta = list->sandboxes[i]->metadata;

		if (meta == NULL)
			continue;
		if (cli_on(cli, FLAG_IDS))
			puts(shown(&cli->arena, meta->id));
		else if (cli_on(cli, FLAG_ALL_WORKSPACES))
			printf("%s/%s\n", shown(&cli->arena, meta->workspace), shown(&cli->arena, meta->name));
		else
			puts(shown(&cli->arena, meta->name));
	}
}

static void
print_table(struct cli *cli, const Openshell__V1__ListSandboxesResponse *list)
{
	struct table table = {.arena = &cli->arena};
	size_t first = cli_on(cli, FLAG_ALL_WORKSPACES) ? 0 : 1; /* the column WORKSPACE is only for all of them */
	const char *const header[] = {"WORKSPACE", "NAME", "CREATED", "PHASE"};
	char time[TIME_BYTES];

	table_row(&table, header + first, 4 - first);
	for (size_t i = 0; i < list->n_sandboxes; i++) {
		const Openshell__V1__Sandbox *sandbox = list->sandboxes[i];
		const Openshell__Datamodel__V1__ObjectMeta *meta = sandbox->metadata;
		const char *const cells[] = {meta == NULL ? "" : meta->workspace, meta_name(sandbox),
		    time_text(meta == NULL ? 0 : meta->created_at_ms, time), phase_name(sandbox_phase(sandbox))};

		table_row(&table, cells + first, 4 - first);
	}
	table_print(stdout, &table, cli->color_out);
}

enum err
run_sandbox_list(struct cli *cli, struct why *why)
{
	Openshell__V1__ListSandboxesRequest request = OPENSHELL__V1__LIST_SANDBOXES_REQUEST__INIT;
	Openshell__V1__ListSandboxesResponse *list;
	json_t *array;
	enum err r;

	request.has_limit = request.has_offset = request.has_all_workspaces = true;
	request.limit = (uint32_t)cli->args.values[FLAG_LIMIT].number;
	request.offset = (uint32_t)cli->args.values[FLAG_OFFSET].number;
	request.label_selector = (char *)(uintptr_t)cli_text(cli, FLAG_SELECTOR);
	request.all_workspaces = cli_on(cli, FLAG_ALL_WORKSPACES);
	if (!request.all_workspaces) /* the gateway refuses both */
		request.workspace = cli_workspace(cli);
	if ((r = cli_connect(cli, why)) != OK || (r = call_ListSandboxes(&cli->connection, &request, &list, why)) != OK)
		return r;
	if (cli_on(cli, FLAG_IDS) || cli_on(cli, FLAG_NAMES)) {
		print_names(cli, list);
	} else if (cli_format(cli) != FORMAT_TABLE) {
		array = json_array();
		for (size_t i = 0; i < list->n_sandboxes; i++)
			json_array_append_new(array, sandbox_json(list->sandboxes[i]));
		cli_print(cli, array);
	} else if (list->n_sandboxes == 0) {
		puts("No sandboxes found.");
	} else {
		print_table(cli, list);
	}
	call_free(list);
	return OK;
}

static enum watch_next
still_there(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	(void)self;
	(void)event;
	(void)why;
	return WATCH_ON;
}

/* It is recorded; the name is free once the sandbox is gone. */
static enum err
gone_wait(struct cli *cli, char *id, struct why *why)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct watching watching = {
	    .request = &request, .idle_ms = GONE_MS, .event = still_there, .interrupted = &cli->signal};
	enum err r;

	request.id = id;
	request.has_follow_status = request.follow_status = true;
	r = watch_sandbox(&cli->connection, &watching, why);
	if (r == ERR_TIMEOUT)
		return fail(why, r, "its deletion is recorded, but it is not gone after %d s", GONE_MS / 1000);
	return r == ERR_NOT_FOUND ? OK : r;
}

static enum err
delete_one(struct cli *cli, const char *name, struct why *why)
{
	Openshell__V1__DeleteSandboxRequest request = OPENSHELL__V1__DELETE_SANDBOX_REQUEST__INIT;
	Openshell__V1__DeleteSandboxResponse *answer;
	enum err r;

	request.name = arena_text(&cli->arena, span_of_text(name));
	request.workspace = cli_workspace(cli);
	r = call_DeleteSandbox(&cli->connection, &request, &answer, why);
	if (r == ERR_NOT_FOUND && cli_on(cli, FLAG_ALL)) /* another was quicker: it is gone, which is what was asked */
		return OK;
	if (r == OK) {
		forward_end_all(&cli->places, &cli->arena, name, answer->sandbox_id);
		editor_forget(cli, name);
	}
	if (r == OK && answer->deleted && answer->sandbox_id != NULL && answer->sandbox_id[0] != '\0')
		r = gone_wait(cli, answer->sandbox_id, why);
	if (r != OK)
		return because(why, r, "sandbox %s", shown(&cli->arena, name));
	progress_stop(&cli->progress);
	printf(answer->deleted ? "Deleted sandbox %s\n" : "Sandbox %s not found\n", shown(&cli->arena, name));
	fflush(stdout);
	last_sandbox_forget(&cli->places, cli->gateway.name, cli_workspace(cli), name);
	call_free(answer);
	return OK;
}

/* The names of every sandbox of the workspace, in the arena. */
static enum err
all_names(struct cli *cli, const char ***out, size_t *count, struct why *why)
{
	Openshell__V1__ListSandboxesRequest request = OPENSHELL__V1__LIST_SANDBOXES_REQUEST__INIT;
	Openshell__V1__ListSandboxesResponse *list;
	enum err r;

	request.has_limit = true;
	request.limit = DELETE_ALL_MAX;
	request.workspace = cli_workspace(cli);
	if ((r = call_ListSandboxes(&cli->connection, &request, &list, why)) != OK)
		return r;
	*out = arena_array(&cli->arena, list->n_sandboxes + 1, sizeof(**out));
	*count = *out == NULL ? 0 : list->n_sandboxes;
	for (size_t i = 0; i < *count; i++)
		(*out)[i] = arena_text(&cli->arena, span_of_text(meta_name(list->sandboxes[i])));
	call_free(list);
	return OK;
}

enum err
run_sandbox_delete(struct cli *cli, struct why *why)
{
	const char **names = cli->args.operands;
	size_t count = cli->args.operands_count;
	enum err r;

	if (count == 0 && !cli_on(cli, FLAG_ALL))
		return cli_usage(cli, why, "openshell sandbox delete wants NAME... or --all");
	if ((r = cli_connect(cli, why)) != OK ||
	    (cli_on(cli, FLAG_ALL) && (r = all_names(cli, &names, &count, why)) != OK))
		return r;
	if (count == 0)
		puts("No sandboxes to delete.");
	for (size_t i = 0; i < count; i++) {
		progress_start(
		    &cli->progress, cli->loop, 2, arena_format(&cli->arena, "Deleting sandbox %s", names[i]));
		if (delete_one(cli, names[i], why) == OK)
			continue;
		cli_error(cli, why); /* and go on with the others */
		cli->exit_code = EXIT_FAILURE;
	}
	return OK;
}
