/* sandbox stop and start: ask, then watch until it is so. */
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/forward_record.h"
#include "clients/cli/sandbox.h"
#include "clients/sdk/watch.h"

#define TIMEOUT_S 300

enum {
	PHASE_READY = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY,
	PHASE_ERROR = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR,
	PHASE_STOPPED = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPED,
};

struct change {
	struct cli *cli;
	int wanted;
};

/* Judge one state of the sandbox. */
static enum watch_next
change_judge(const struct change *change, const Openshell__V1__Sandbox *sandbox, struct why *why)
{
	int phase = sandbox_phase(sandbox);
	const char *trouble;

	if (phase == change->wanted)
		return WATCH_DONE;
	progress_detail(&change->cli->progress, phase_name(phase));
	if (phase != PHASE_ERROR)
		return WATCH_RENEW;
	trouble = sandbox_trouble(&change->cli->arena, sandbox);
	fail(why, ERR_STATE, "%s", trouble == NULL ? "it is in phase Error" : trouble);
	return WATCH_FAILED;
}

static enum watch_next
change_event(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	if (event->payload_case != OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX)
		return WATCH_ON;
	return change_judge(self, event->sandbox, why);
}

static enum err
change_wait(const struct change *change, const Openshell__V1__Sandbox *sandbox, struct why *why)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct cli *cli = change->cli;
	struct watching watching = {
	    .request = &request, .event = change_event, .self = (void *)(uintptr_t)change, .interrupted = &cli->signal};
	enum err r;

	if (sandbox_phase(sandbox) == change->wanted)
		return OK;
	if ((r = cli_seconds(cli, "OPENSHELL_LIFECYCLE_TIMEOUT", TIMEOUT_S, &watching.idle_ms, why)) != OK ||
	    (r = cli_signals(cli, why)) != OK)
		return r;
	watching.idle_ms *= 1000;
	request.id = sandbox->metadata->id;
	request.has_follow_status = request.follow_status = true;
	return watch_sandbox(&cli->connection, &watching, why);
}

/* What comes after the call itself, the same for both. */
static enum err
change_finish(
    struct cli *cli, const char *name, const Openshell__V1__SandboxResponse *answer, int wanted, struct why *why)
{
	const struct change change = {cli, wanted};
	enum err r;

	if (answer->sandbox == NULL || answer->sandbox->metadata == NULL || answer->sandbox->metadata->id == NULL)
		return fail(why, ERR_PROTOCOL, "the gateway's answer about sandbox %s has no id", name);
	if ((r = change_wait(&change, answer->sandbox, why)) != OK)
		return because(why, r, "sandbox %s", name);
	progress_stop(&cli->progress);
	printf(wanted == PHASE_STOPPED ? "Stopped sandbox %s\n" : "Started sandbox %s\n", shown(&cli->arena, name));
	return OK;
}

/* Connect and choose the sandbox; begin the progress line. */
static enum err
change_begin(struct cli *cli, const char *what, char **name, struct why *why)
{
	enum err r;

	if ((r = cli_connect(cli, why)) != OK ||
	    (r = sandbox_choose(cli, cli->args.operands_count > 0 ? cli->args.operands[0] : NULL, name, why)) != OK)
		return r;
	progress_start(&cli->progress, cli->loop, 2, arena_format(&cli->arena, "%s sandbox %s", what, *name));
	return OK;
}

enum err
run_sandbox_stop(struct cli *cli, struct why *why)
{
	Openshell__V1__StopSandboxRequest request = OPENSHELL__V1__STOP_SANDBOX_REQUEST__INIT;
	Openshell__V1__SandboxResponse *answer;
	enum err r;

	if ((r = change_begin(cli, "Stopping", &request.name, why)) != OK)
		return r;
	request.workspace = cli_workspace(cli);
	if ((r = call_StopSandbox(&cli->connection, &request, &answer, why)) != OK)
		return because(why, r, "sandbox %s", shown(&cli->arena, request.name));
	if (answer->sandbox != NULL && answer->sandbox->metadata != NULL)
		forward_end_all(&cli->places, &cli->arena, request.name, answer->sandbox->metadata->id);
	r = change_finish(cli, request.name, answer, PHASE_STOPPED, why);
	call_free(answer);
	return r;
}

enum err
run_sandbox_start(struct cli *cli, struct why *why)
{
	Openshell__V1__StartSandboxRequest request = OPENSHELL__V1__START_SANDBOX_REQUEST__INIT;
	Openshell__V1__SandboxResponse *answer;
	enum err r;

	if ((r = change_begin(cli, "Starting", &request.name, why)) != OK)
		return r;
	request.workspace = cli_workspace(cli);
	if ((r = call_StartSandbox(&cli->connection, &request, &answer, why)) != OK)
		return because(why, r, "sandbox %s", shown(&cli->arena, request.name));
	r = change_finish(cli, request.name, answer, PHASE_READY, why);
	call_free(answer);
	return r;
}
