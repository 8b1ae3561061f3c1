/* sandbox connect, sandbox ssh-config and ssh-proxy: the ways in that go through SSH. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/attach.h"
#include "clients/cli/commands.h"
#include "clients/cli/editor.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/ssh_child.h"
#include "clients/cli/tunnel.h"
#include "common/base/clean.h"

static const char *
operand(const struct cli *cli)
{
	return cli->args.operands_count > 0 ? cli->args.operands[0] : NULL;
}

static enum err
connect_to(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	const char *editor = cli_text(cli, FLAG_EDITOR);
	enum err r;

	if (editor == NULL)
		return attach_run(cli, sandbox, name, why);
	if ((r = sandbox_ready(cli, sandbox, name, why)) != OK)
		return r;
	return editor_open(cli, editor, sandbox, name, why);
}

enum err
run_sandbox_connect(struct cli *cli, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	char *name;
	enum err r;

	if ((r = cli_connect(cli, why)) != OK || (r = sandbox_choose(cli, operand(cli), &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	sandbox_used(cli, name);
	r = connect_to(cli, answer->sandbox, name, why);
	call_free(answer);
	return r;
}

enum err
run_ssh_config(struct cli *cli, struct why *why)
{
	struct ssh_plan plan;
	const char *block;
	char *name;
	enum err r;

	if ((r = cli_gateway(cli, why)) != OK || (r = sandbox_choose(cli, operand(cli), &name, why)) != OK ||
	    (r = ssh_plan_fill(cli, &plan, why)) != OK)
		return r;
	plan.sandbox = name;
	if ((block = ssh_host_block(&cli->arena, &plan)) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	fputs(block, stdout);
	return OK;
}

static void
proxy_over(void *self)
{
	*(bool *)self = true;
}

/* Standard input and output are the stream; until both have ended, or the sandbox's side has. */
static enum err
proxy_run(struct cli *cli, const struct tunnel_target *target, struct ssh_session *session, struct why *why)
{
	struct tunnel tunnel = {0};
	bool over = false;
	enum err r;

	r = tunnel_open(&tunnel, &cli->connection, target, STDIN_FILENO, STDOUT_FILENO, proxy_over, &over, why);
	while (r == OK && !over && cli->signal == 0) {
		if ((r = loop_turn(cli->loop, -1, why)) == OK && tunnel.carried)
			ssh_session_revoke(cli, session); /* a token of our own: it opens nothing else */
		if (cli->signal == SIGINT && !isatty(STDIN_FILENO))
			cli->signal = 0; /* meant for the ssh that started us: it says goodbye through us */
	}
	if (r == OK)
		r = over ? tunnel_result(&tunnel, why) : fail(why, ERR_CANCELLED, "interrupted");
	tunnel_done(&tunnel);
	return r;
}

/* By name: the token is made here. */
static enum err
proxy_by_name(struct cli *cli, struct why *why)
{
	struct tunnel_target target = {.service = "ssh-proxy"};
	Openshell__V1__SandboxResponse *answer;
	struct ssh_session session = {0};
	char *name;
	enum err r;

	if ((r = sandbox_choose(cli, cli_text(cli, FLAG_NAME), &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	if (!main_exited(answer->sandbox)) /* its SSH server may be there still, for its last output */
		r = sandbox_ready(cli, answer->sandbox, name, why);
	if (r == OK && (r = ssh_session_make(cli, answer->sandbox->metadata->id, &session, why)) == OK) {
		target.sandbox_id = session.sandbox_id;
		target.token = session.token;
		r = proxy_run(cli, &target, &session, why);
	}
	call_free(answer);
	return r == OK || cli->signal != 0 ? r : because(why, r, "sandbox %s", name);
}

enum err
run_ssh_proxy(struct cli *cli, struct why *why)
{
	const char *id = cli_text(cli, FLAG_SANDBOX_ID), *token = cli_text(cli, FLAG_TOKEN);
	const struct tunnel_target target = {.sandbox_id = id, .token = token, .service = "ssh-proxy"};
	struct ssh_session none = {0};
	enum err r;

	if (id == NULL && cli_text(cli, FLAG_NAME) == NULL)
		return cli_usage(cli, why, "openshell ssh-proxy wants --name, or --sandbox-id with --token");
	if (id != NULL && token == NULL)
		return cli_usage(cli, why, "--sandbox-id wants --token, or the variable " SSH_TOKEN_VARIABLE);
	if ((r = cli_connect(cli, why)) != OK || (r = cli_signals(cli, why)) != OK)
		return r;
	return id == NULL ? proxy_by_name(cli, why) : proxy_run(cli, &target, &none, why);
}
