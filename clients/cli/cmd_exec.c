/* sandbox exec: what was asked for, to its command's bytes and exit code. */
#include "clients/cli/commands.h"
#include "clients/cli/execution.h"
#include "clients/cli/map.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/terminal.h"

static void
terminal_fill(const struct cli *cli, Openshell__V1__ExecSandboxRequest *request)
{
	struct terminal_size size;

	if (!cli_on(cli, FLAG_TTY))
		return;
	request->has_tty = request->tty = true;
	if (!terminal_size(&size))
		return;
	request->has_cols = request->has_rows = true;
	request->cols = size.columns;
	request->rows = size.rows;
}

static void
request_fill(struct cli *cli, Openshell__V1__ExecSandboxRequest *request)
{
	const struct value *env = &cli->args.values[FLAG_ENV];

	request->command = (char **)(uintptr_t)cli->args.operands;
	request->n_command = cli->args.operands_count;
	request->workdir = (char *)(uintptr_t)cli_text(cli, FLAG_WORKDIR);
	request->timeout_seconds = (uint32_t)cli->args.values[FLAG_TIMEOUT].number;
	request->has_timeout_seconds = request->timeout_seconds > 0;
	MAP_FILL(&cli->arena, openshell__v1__exec_sandbox_request__environment_entry, request->environment,
	    request->n_environment, env->list, env->count);
	terminal_fill(cli, request);
}

/* The sandbox is there, and must be ready. */
static enum err
exec_in(struct cli *cli, Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	enum err r = sandbox_ready(cli, sandbox, name, why);

	if (r != OK)
		return r;
	sandbox_used(cli, name);
	request.sandbox_id = sandbox->metadata->id;
	request_fill(cli, &request);
	return execution_run(cli, &request, name, why);
}

enum err
run_sandbox_exec(struct cli *cli, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	char *name;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK || (r = cli_signals(cli, why)) != OK ||
	    (r = sandbox_choose(cli, cli_text(cli, FLAG_NAME), &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	r = exec_in(cli, answer->sandbox, name, why);
	call_free(answer);
	return r;
}
