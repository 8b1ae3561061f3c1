/* Taking part in a sandbox's main process. */
#include "clients/cli/attach.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/sandbox.h"
#include "clients/cli/ssh_child.h"

bool
main_exited(const Openshell__V1__Sandbox *sandbox)
{
	for (size_t i = 0; sandbox->status != NULL && i < sandbox->status->n_conditions; i++) {
		const char *reason = sandbox->status->conditions[i]->reason;

		if (reason != NULL && strcmp(reason, "MainProcessExited") == 0)
			return true;
	}
	return false;
}

/* The environment that the SSH server is asked for: it has no other way to hear what is wanted of it. */
static const char *
environment_option(struct cli *cli, const char *name)
{
	return arena_format(&cli->arena,
	    "SetEnv=TERM=xterm-256color%s \"OPENSHELL_MAIN_HINT=openshell sandbox connect %s\"",
	    cli_on(cli, FLAG_READ_ONLY) ? " OPENSHELL_MAIN_READ_ONLY=1" : "", name);
}

static enum err
attach_words(struct cli *cli, const struct ssh_plan *plan, bool tty, const char **words, struct why *why)
{
	static const char *const terminal[] = {"-tt", "-o", "RequestTTY=force", "-e", "none", NULL};
	static const char *const none[] = {"-T", NULL};
	const char *const *more = tty ? terminal : none;
	size_t n;
	enum err r = ssh_begin(cli, plan, words, &n, why);

	if (r != OK)
		return r;
	for (; *more != NULL; more++)
		words[n++] = *more;
	words[n++] = "-o";
	if ((words[n++] = environment_option(cli, plan->sandbox)) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	words[n++] = "-s";
	words[n++] = "sandbox";
	words[n++] = "openshell-main";
	words[n] = NULL;
	return OK;
}

/* ssh failed or was interrupted, or the process ended with the same code: where the sandbox runs on, say how to come back. */
static void
left_note(struct cli *cli, char *name)
{
	Openshell__V1__SandboxResponse *answer;

	if (sandbox_fetch(cli, name, &answer, NULL) != OK)
		return;
	if (sandbox_phase(answer->sandbox) == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY)
		cli_note(cli, "%s; the main process goes on.\nCome back with: openshell sandbox connect %s",
		    cli->exit_code == SSH_FAILED ? "The connection was lost" : "Left", name);
	call_free(answer);
}

/* On a terminal: how to get out of it again. */
static void
leave_note(struct cli *cli, bool tty, bool over)
{
	if (over || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return;
	cli_note(cli, tty ? "Attached to the main process; Ctrl-P Ctrl-Q leaves it running."
			  : "Attached to the main process, which has no terminal; Ctrl-C leaves it running.");
}

/* With ssh installed and the sandbox as it must be. */
static enum err
attach_by(struct cli *cli, const Openshell__V1__Sandbox *sandbox, struct ssh_plan *plan, struct why *why)
{
	const char *words[SSH_WORDS_MAX];
	struct ssh_session session = {0};
	bool tty = sandbox->spec != NULL && sandbox->spec->tty;
	enum err r;

	plan->sandbox_id = sandbox->metadata->id;
	if ((r = attach_words(cli, plan, tty, words, why)) != OK ||
	    (r = ssh_session_make(cli, plan->sandbox_id, &session, why)) != OK)
		return r;
	leave_note(cli, tty, main_exited(sandbox));
	r = ssh_run(cli, &session, words, &cli->exit_code, why);
	ssh_session_revoke(cli, &session);
	return r;
}

enum err
attach_run(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	struct ssh_plan plan;
	const char *ssh;
	enum err r = main_exited(sandbox) ? OK : sandbox_ready(cli, sandbox, name, why);

	if (r != OK || (r = program_find(cli, "ssh", &ssh, why)) != OK || (r = ssh_plan_fill(cli, &plan, why)) != OK)
		return r;
	if ((plan.sandbox = arena_text(&cli->arena, span_of_text(name))) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	progress_stop(&cli->progress);
	if ((r = attach_by(cli, sandbox, &plan, why)) == ERR_STATE && main_exited(sandbox))
		return fail(why, r, "sandbox %s: its main process has ended, with exit code %d", name,
		    sandbox->status->exit_code);
	if (r != OK)
		return because(why, r, "sandbox %s", name);
	if (cli->exit_code == SSH_FAILED || cli->exit_code == EXIT_INTERRUPTED + SIGINT)
		left_note(cli, (char *)(uintptr_t)plan.sandbox);
	return OK;
}
