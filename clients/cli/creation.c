/* A sandbox that is being made, followed by its events: until it is ready, or until its main process is over. */
#include "clients/cli/creation.h"

#include "clients/cli/attach.h"
#include "clients/cli/sandbox.h"
#include "clients/sdk/watch.h"

#define TIMEOUT_S	300
#define LOG_TAIL	200
#define EVENT_TAIL	50
#define RETRIES_MAX	20
#define RETRY_EVERY_MS	250
#define PROGRESS_PREFIX "openshell.progress."

enum {
	PHASE_READY = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY,
	PHASE_ERROR = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR,
};

void
creation_keep(struct creation *creation, const Openshell__V1__Sandbox *sandbox)
{
	size_t size = openshell__v1__sandbox__get_packed_size(sandbox);
	uint8_t *packed = arena_alloc(&creation->cli->arena, size + 1);
	Openshell__V1__Sandbox *copy;

	if (packed == NULL)
		return;
	openshell__v1__sandbox__pack(sandbox, packed);
	if ((copy = openshell__v1__sandbox__unpack(NULL, size, packed)) == NULL)
		return;
	call_free(creation->last);
	creation->last = copy;
}

static enum watch_next
creation_failed(struct creation *creation, const Openshell__V1__Sandbox *sandbox, struct why *why)
{
	const char *trouble = sandbox_trouble(&creation->cli->arena, sandbox);

	fail(why, ERR_STATE, "%s", trouble == NULL ? "it is in phase Error" : trouble);
	return WATCH_FAILED;
}

/* A new state, while waiting for READY. */
static enum watch_next
creation_state(struct creation *creation, const Openshell__V1__Sandbox *sandbox, struct why *why)
{
	int phase = sandbox_phase(sandbox);
	const char *trouble = sandbox_trouble(&creation->cli->arena, sandbox);

	creation_keep(creation, sandbox);
	if (phase == PHASE_READY && creation->seen_other)
		return WATCH_DONE;
	creation->seen_other |= phase != PHASE_READY;
	progress_detail(&creation->cli->progress, trouble == NULL ? phase_name(phase) : trouble);
	if (phase != PHASE_ERROR)
		return WATCH_ON;
	creation->ended = main_exited(sandbox);
	if (creation->ended && !cli_on(creation->cli, FLAG_KEEP) && creation->cli->args.values[FLAG_KEEP].set)
		return WATCH_DONE;
	return creation_failed(creation, sandbox, why);
}

/* Something the driver did: only what it calls progress makes the wait longer. */
static enum watch_next
creation_event(struct creation *creation, const Openshell__V1__PlatformEvent *event)
{
	bool progress = false;

	for (size_t i = 0; i < event->n_metadata; i++)
		progress |= span_starts(span_of_text(event->metadata[i]->key), SPAN(PROGRESS_PREFIX));
	if (event->message != NULL && event->message[0] != '\0')
		progress_detail(&creation->cli->progress, event->message);
	return progress ? WATCH_RENEW : WATCH_ON;
}

static enum watch_next
wait_event(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	if (event->payload_case == OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX)
		return creation_state(self, event->sandbox, why);
	if (event->payload_case == OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_EVENT)
		return creation_event(self, event->event);
	return WATCH_ON;
}

/* Waiting for the main process to end, after READY. */
static enum watch_next
end_event(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	struct creation *creation = self;

	if (event->payload_case != OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX)
		return WATCH_ON;
	creation_keep(creation, event->sandbox);
	if (sandbox_phase(event->sandbox) != PHASE_ERROR)
		return WATCH_ON;
	creation->ended = main_exited(event->sandbox);
	return creation->ended ? WATCH_DONE : creation_failed(creation, event->sandbox, why);
}

/* Follow it; where the gateway goes away meanwhile, connect again for some seconds. */
static enum err
creation_follow(struct creation *creation, struct watching *watching, struct why *why)
{
	struct cli *cli = creation->cli;
	enum err r = watch_sandbox(&cli->connection, watching, why);

	for (unsigned i = 0; r == ERR_UNAVAILABLE && i < RETRIES_MAX && cli->signal == 0; i++) {
		progress_detail(&cli->progress, "the gateway went away; connecting again");
		if (cli_pause(cli, RETRY_EVERY_MS, why) != OK)
			return ERR_UNAVAILABLE;
		if ((r = cli_reconnect(cli, why)) == OK)
			r = watch_sandbox(&cli->connection, watching, why);
	}
	return r;
}

enum err
creation_wait(struct creation *creation, struct why *why)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	char *sources[] = {(char[]){"gateway"}};
	struct watching watching = {
	    .request = &request, .event = wait_event, .self = creation, .interrupted = &creation->cli->signal};
	enum err r;

	if (sandbox_phase(creation->last) == PHASE_READY)
		return OK;
	if ((r = cli_seconds(creation->cli, "OPENSHELL_PROVISION_TIMEOUT", TIMEOUT_S, &watching.idle_ms, why)) != OK)
		return r;
	watching.idle_ms *= 1000;
	request.id = creation->id;
	request.has_follow_status = request.follow_status = true;
	request.has_follow_logs = request.follow_logs = true;
	request.has_follow_events = request.follow_events = true;
	request.has_log_tail_lines = request.has_event_tail = request.has_stop_on_terminal = true;
	request.log_tail_lines = LOG_TAIL;
	request.event_tail = EVENT_TAIL;
	request.log_sources = sources;
	request.n_log_sources = 1;
	creation->seen_other = true; /* CreateSandbox's own answer was not READY */
	return creation_follow(creation, &watching, why);
}

enum err
creation_end(struct creation *creation, struct why *why)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct watching watching = {
	    .request = &request, .event = end_event, .self = creation, .interrupted = &creation->cli->signal};
	enum err r = OK;

	request.id = creation->id;
	request.has_follow_status = request.follow_status = true;
	if (!creation->ended)
		r = creation_follow(creation, &watching, why);
	if (r == OK && creation->last != NULL && creation->last->status != NULL &&
	    creation->last->status->has_exit_code)
		creation->cli->exit_code = creation->last->status->exit_code & 0xff;
	return r;
}
