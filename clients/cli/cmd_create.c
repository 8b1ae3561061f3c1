/* sandbox create: ask for it, wait for it (creation.c), and say how to go on. */
#include <string.h>
#include <unistd.h>

#include "clients/cli/attach.h"
#include "clients/cli/commands.h"
#include "clients/cli/create_request.h"
#include "clients/cli/creation.h"
#include "clients/cli/editor.h"
#include "clients/cli/forward_ssh.h"
#include "clients/cli/provider_auto.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/ssh_child.h"
#include "clients/cli/upload.h"

enum {
	PHASE_READY = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY,
	PHASE_ERROR = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR,
	CODE_ALREADY_EXISTS = 6,
	CODE_UNAVAILABLE = 14,
};

static enum err
creation_delete(const struct creation *creation, struct why *why)
{
	Openshell__V1__DeleteSandboxRequest request = OPENSHELL__V1__DELETE_SANDBOX_REQUEST__INIT;
	Openshell__V1__DeleteSandboxResponse *answer;
	struct cli *cli = creation->cli;
	enum err r;

	request.name = (char *)(uintptr_t)creation->name;
	request.workspace = cli_workspace(cli);
	if ((r = call_DeleteSandbox(&cli->connection, &request, &answer, why)) != OK)
		return because(why, r, "deleting sandbox %s", creation->name);
	call_free(answer);
	progress_stop(&cli->progress);
	printf("Deleted sandbox %s\n", creation->name);
	return OK;
}

/* A limit that nobody asked for is not missing. */
static bool
wall_wanted(const struct cli *cli, const Openshell__V1__SandboxCondition *condition)
{
	if (strcmp(condition->type, WALL_PREFIX "cgroup_memory") == 0)
		return cli_text(cli, FLAG_MEMORY) != NULL;
	if (strcmp(condition->type, WALL_PREFIX "cgroup_cpu") == 0)
		return cli_text(cli, FLAG_CPU) != NULL;
	return true;
}

/* Say which walls are less than they should be. */
static void
walls_note(struct cli *cli, const Openshell__V1__Sandbox *sandbox)
{
	const Openshell__V1__SandboxStatus *status = sandbox == NULL ? NULL : sandbox->status;
	const char *list = NULL;

	for (size_t i = 0; status != NULL && i < status->n_conditions; i++) {
		const Openshell__V1__SandboxCondition *condition = status->conditions[i];

		if (!condition_wall(condition) || condition_true(condition) || !wall_wanted(cli, condition))
			continue;
		list = arena_format(&cli->arena, "%s%s%s (%s%s%s)", list == NULL ? "" : list, list == NULL ? "" : ", ",
		    shown(&cli->arena, condition->type + strlen(WALL_PREFIX)), shown(&cli->arena, condition->reason),
		    condition->message == NULL || condition->message[0] == '\0' ? "" : ": ",
		    shown(&cli->arena, condition->message));
	}
	if (list != NULL)
		cli_note(cli, "Note: not fully enforced here: %s", list);
}

static enum err
create_call(struct creation *creation, struct why *why)
{
	Openshell__V1__CreateSandboxRequest *request;
	Openshell__V1__SandboxResponse *answer;
	struct cli *cli = creation->cli;
	struct why said;
	enum err r;

	if ((r = create_request(cli, &request, why)) != OK || (r = cli_connect(cli, why)) != OK ||
	    (r = provider_auto(cli, &request->spec->providers, &request->spec->n_providers, why)) != OK ||
	    (r = cli_signals(cli, why)) != OK)
		return r;
	progress_start(&cli->progress, cli->loop, STDERR_FILENO,
	    arena_format(&cli->arena, "Creating sandbox %s", request->name == NULL ? "" : request->name));
	if ((r = call_CreateSandbox(&cli->connection, request, &answer, why)) != OK) {
		said = *why;
		if (cli->connection.status.code == CODE_ALREADY_EXISTS)
			return fail(why, r, "%.300s: choose another --name, or `openshell sandbox delete NAME` first",
			    said.text);
		if (cli->connection.status.code == CODE_UNAVAILABLE)
			return fail(
			    why, r, "%.300s; see `openshell sandbox list` for whether it was created", said.text);
		return r;
	}
	if (answer->sandbox != NULL && answer->sandbox->metadata != NULL && answer->sandbox->metadata->id != NULL &&
	    answer->sandbox->metadata->name != NULL) {
		creation_keep(creation, answer->sandbox);
		creation->name = arena_text(&cli->arena, span_of_text(answer->sandbox->metadata->name));
		creation->id = arena_text(&cli->arena, span_of_text(answer->sandbox->metadata->id));
	}
	call_free(answer);
	return creation->id != NULL ? OK : fail(why, ERR_PROTOCOL, "the gateway's answer has no id and name");
}

/* Will its main process be this terminal's? One that is kept only on a terminal; else its output would be lost. */
static bool
attaches(const struct cli *cli, bool keep)
{
	if (cli_format(cli) != FORMAT_TABLE || cli_on(cli, FLAG_DETACH) || cli_text(cli, FLAG_EDITOR) != NULL)
		return false;
	return !keep || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
}

/* What would fail after it was created, and can be known before. */
static enum err
create_check(struct cli *cli, bool keep, struct why *why)
{
	const char *forward = cli_text(cli, FLAG_FORWARD), *ssh;
	struct listener_address address;
	enum err r = OK;

	if (cli_on(cli, FLAG_NO_GIT_IGNORE) && !cli->args.values[FLAG_UPLOAD].set)
		return cli_usage(cli, why, "--no-git-ignore is about --upload, which is not given");
	if (!keep && cli->args.operands_count == 0 && !isatty(STDIN_FILENO))
		return cli_usage(cli, why,
		    "--no-keep wants a command after -- where standard input is no terminal: a shell would wait for ever");
	if (attaches(cli, keep) || forward != NULL)
		r = program_find(cli, "ssh", &ssh, why);
	if (r != OK && forward == NULL)
		return because(why, r, "its main process cannot be attached to (--detach goes without)");
	if (r != OK || forward == NULL)
		return r;
	if ((r = listener_parse(span_of_text(forward), 1, &address, why)) != OK)
		return r;
	return listener_try(&address, why);
}

/* Once it is ready: forward, editor, main process; a kept one. */
static enum err
kept(struct creation *creation, struct why *why)
{
	struct cli *cli = creation->cli;
	const char *editor = cli_text(cli, FLAG_EDITOR), *forward = cli_text(cli, FLAG_FORWARD);
	struct listener_address address;
	enum err r;

	progress_stop(&cli->progress);
	walls_note(cli, creation->last);
	if ((r = upload_each(cli, creation->last, creation->name, why)) != OK)
		return because(why, r, "sandbox %s is ready, and stays; upload", creation->name);
	if (forward != NULL && ((r = listener_parse(span_of_text(forward), 1, &address, why)) != OK ||
				   (r = forward_ssh(cli, creation->last, creation->name, &address, true, why)) != OK))
		return r;
	if (cli_format(cli) != FORMAT_TABLE)
		cli_print(cli, sandbox_json(creation->last));
	if (editor != NULL)
		return editor_open(cli, editor, creation->last, creation->name, why);
	return attaches(cli, true) ? attach_run(cli, creation->last, creation->name, why) : OK;
}

/* With --no-keep: take part in it until its end, and delete it whatever came of it. */
static enum err
not_kept(struct creation *creation, enum err r, struct why *why)
{
	struct cli *cli = creation->cli;
	struct why later = {0};
	enum err deleted;

	if (r == OK) {
		progress_stop(&cli->progress);
		walls_note(cli, creation->last);
		if ((r = upload_each(cli, creation->last, creation->name, why)) == OK)
			r = attach_run(cli, creation->last, creation->name, why);
		if (r == OK || creation->ended) {
			progress_start(&cli->progress, cli->loop, STDERR_FILENO,
			    arena_format(&cli->arena, "Waiting for the end of sandbox %s", creation->name));
			r = creation_end(creation, why);
		}
	}
	deleted = creation_delete(creation, &later);
	if (deleted != OK && r == OK) {
		*why = later;
		return deleted;
	}
	if (deleted != OK)
		cli_error(cli, &later);
	return r;
}

/* Until it is ready, or cannot be. */
static enum err
create_wait(struct creation *creation, bool keep, struct why *why)
{
	struct cli *cli = creation->cli;
	enum err r;

	if (keep)
		sandbox_used(cli, creation->name);
	if (cli_format(cli) == FORMAT_TABLE) {
		progress_stop(&cli->progress);
		printf("Created sandbox: %s\n", shown(&cli->arena, creation->name));
		fflush(stdout);
	}
	progress_start(
	    &cli->progress, cli->loop, STDERR_FILENO, arena_format(&cli->arena, "Starting sandbox %s", creation->name));
	r = creation_wait(creation, why);
	if (r == ERR_CANCELLED && keep)
		cli_note(cli, "Interrupted: sandbox %s goes on; `openshell sandbox delete %s` removes it",
		    creation->name, creation->name);
	return r == OK || (r == ERR_CANCELLED && keep) ? r : because(why, r, "sandbox %s", creation->name);
}

enum err
run_sandbox_create(struct cli *cli, struct why *why)
{
	struct creation creation = {.cli = cli};
	bool keep = !cli->args.values[FLAG_KEEP].set || cli_on(cli, FLAG_KEEP);
	enum err r;

	if ((r = create_check(cli, keep, why)) != OK)
		return r;
	if ((r = create_call(&creation, why)) == OK) {
		r = create_wait(&creation, keep, why);
		if (!keep)
			r = not_kept(&creation, r, why);
		else if (r == OK)
			r = kept(&creation, why);
	}
	call_free(creation.last);
	return r;
}
