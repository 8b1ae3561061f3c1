/* exec: ExecSandbox: a command behind the walls, its output no faster than the caller takes it, its exit last. */
#include <signal.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/bus/stream.h"
#include "services/api/api.h"
#include "services/api/check.h"
#include "services/api/methods.h"

#define SESSION_WAIT_MS	 15000 /* for a sandbox whose session is away, as the reference does */
#define RETRY_FIRST_MS	 20
#define RETRY_MOST_MS	 1000
#define START_PATIENCE_MS (CALL_DEADLINE_MS + 2000) /* the relay's own answer about its deadline comes first */

/* Output that the caller's side has no room for yet. */
struct chunk {
	struct list link;
	uint8_t channel;
	size_t length;
	char bytes[];
};

/*
 * A command. Its caller may be gone (call NULL): it is killed, and what it still writes is read and dropped, so that
 * the sandbox's end comes to an end too.
 */
struct exec {
	struct work work;
	struct numbered numbered;
	const Openshell__V1__ExecSandboxRequest *request; /* lives as long as the call */
	struct msg_exec_start start;
	struct peer *peer; /* whom the question is put to, then the relay; referenced */
	uint64_t question;
	struct timer again;
	uint64_t give_up_ms, wait_ms;
	bool running, exited;
	struct stream_out in;
	size_t in_sent;
	struct stream_in out[2]; /* channels 1 and 2 */
	struct list chunks;
	int32_t exit_code;
};

static void
exec_free(struct exec *exec)
{
	struct chunk *chunk;

	list_each (chunk, &exec->chunks, struct chunk, link) {
		list_remove(&chunk->link);
		free(chunk);
	}
	if (exec->question != 0)
		call_cancel(exec->peer, exec->question);
	loop_timer_stop(exec->work.api->loop, &exec->again);
	numbered_remove(&exec->numbered);
	peer_unref(exec->peer);
	free(exec);
}

static void
exec_finish(struct exec *exec, enum err r, const struct why *why)
{
	struct rpc_call *call = exec->work.call;

	if (call != NULL)
		rpc_set_state(call, NULL);
	exec_free(exec);
	if (call != NULL)
		rpc_finish(call, r, why);
}

/* ---- output ---- */

static void
chunk_send(struct exec *exec, uint8_t channel, struct span bytes)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxStdout out = OPENSHELL__V1__EXEC_SANDBOX_STDOUT__INIT;
	Openshell__V1__ExecSandboxStderr err = OPENSHELL__V1__EXEC_SANDBOX_STDERR__INIT;

	out.has_data = err.has_data = true;
	out.data = err.data = (ProtobufCBinaryData){bytes.length, (uint8_t *)bytes.at};
	event.payload_case = channel == 1 ? OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT :
					    OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR;
	if (channel == 1)
		event.stdout = &out;
	else
		event.stderr = &err;
	rpc_send(exec->work.call, &event.base);
}

static void
exit_send(struct exec *exec)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxExit end = OPENSHELL__V1__EXEC_SANDBOX_EXIT__INIT;

	end.has_exit_code = true;
	end.exit_code = exec->exit_code;
	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT;
	event.exit = &end;
	rpc_send(exec->work.call, &event.base);
	exec_finish(exec, OK, NULL);
}

/* The caller's side has the bytes (or nobody wants them): the command may write as many more. */
static void
used(struct exec *exec, uint8_t channel, size_t length)
{
	struct why why;

	if (stream_used(&exec->out[channel - 1], length, &why) != OK)
		log_debug("exec.ungranted", "why=\"%s\"", why.text); /* the relay is gone: its end ends all */
}

static void
hold(struct exec *exec, uint8_t channel, struct span bytes)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + bytes.length);

	if (chunk == NULL)
		abort();
	*chunk = (struct chunk){.channel = channel, .length = bytes.length};
	memcpy(chunk->bytes, bytes.at, bytes.length);
	list_append(&exec->chunks, &chunk->link);
}

/* Send what the caller takes; the exit follows the last byte. */
static void
exec_pump(struct exec *exec)
{
	while (!list_empty(&exec->chunks) && (exec->work.call == NULL || rpc_room(exec->work.call) > 0)) {
		struct chunk *chunk = list_item(exec->chunks.next, struct chunk, link);

		if (exec->work.call != NULL)
			chunk_send(exec, chunk->channel, span_of_bytes(chunk->bytes, chunk->length));
		used(exec, chunk->channel, chunk->length);
		list_remove(&chunk->link);
		free(chunk);
	}
	if (exec->exited && exec->work.call != NULL && list_empty(&exec->chunks))
		exit_send(exec);
}

static void
exec_writable(struct work *work)
{
	exec_pump((struct exec *)work);
}

/* ---- input ---- */

/* As much of the caller's standard input as there is credit for, then its end. */
static enum err
input_pump(struct exec *exec, struct why *why)
{
	const ProtobufCBinaryData *in = &exec->request->stdin;
	size_t all = exec->request->has_stdin ? in->len : 0, room, n;
	enum err r;

	while (exec->in_sent < all && (room = stream_room(&exec->in)) > 0) {
		n = all - exec->in_sent;
		n = n > room ? room : n;
		if ((r = stream_send(&exec->in, in->data + exec->in_sent, n, why)) != OK)
			return r;
		exec->in_sent += n;
	}
	return exec->in_sent == all && !exec->in.ended ? stream_finish(&exec->in, why) : OK;
}

/* ---- beginning ---- */

static void
signal_send(struct exec *exec, uint8_t number)
{
	const struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {exec->numbered.number, number}};
	struct why why;

	if (peer_tell(exec->peer, &m, &why) != OK)
		log_debug("exec.unsignalled", "why=\"%s\"", why.text);
}

/* The command runs: open its channels. */
static enum err
channels_open(struct exec *exec, struct why *why)
{
	enum err r;

	exec->running = true;
	stream_out_init(&exec->in, exec->peer, exec->numbered.number, 0);
	for (uint8_t channel = 1; channel <= 2; channel++)
		if ((r = stream_in_open(&exec->out[channel - 1], exec->peer, exec->numbered.number, channel,
			 STREAM_WINDOW_BYTES, why)) != OK)
			return r;
	return exec->work.call == NULL ? OK : input_pump(exec, why);
}

static void exec_try(void *self);

/* A session that is away may come back soon. */
static bool
try_again(struct exec *exec, enum err r)
{
	if (r != ERR_UNAVAILABLE || exec->work.call == NULL || !exec->peer->up || clock_ms() >= exec->give_up_ms)
		return false;
	loop_timer_set(exec->work.api->loop, &exec->again, exec->wait_ms, exec_try, exec);
	exec->wait_ms = exec->wait_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : exec->wait_ms * 2;
	return true;
}

/* A command that cannot be executed ends as a shell would end it: words on its standard error, and 127 or 126. */
static void
not_executed(struct exec *exec, enum err r, const struct why *why)
{
	char words[WHY_BYTES + 1];
	struct text t = TEXT_OF(words);

	text_add(&t, "%s\n", why->text);
	chunk_send(exec, exec->start.tty ? 1 : 2, text_span(&t));
	exec->exit_code = r == ERR_NOT_FOUND ? 127 : 126;
	exit_send(exec);
}

static void
started(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct exec *exec = self;
	struct why why = *reason;

	exec->question = 0;
	if (r == OK && answer->id != EXEC_STARTED)
		r = fail(&why, ERR_PROTOCOL, "exec_start was answered with something else");
	if (try_again(exec, r))
		return;
	if ((r == ERR_NOT_FOUND || r == ERR_DENIED) && exec->work.call != NULL) {
		not_executed(exec, r, &why);
		return;
	}
	if (r == OK)
		r = channels_open(exec, &why);
	if (r != OK)
		exec_finish(exec, r, &why);
	else if (exec->work.call == NULL)
		signal_send(exec, SIGKILL);
}

/* Ask the relay, under a number that no earlier try had. */
static void
exec_try(void *self)
{
	struct exec *exec = self;
	struct api *api = exec->work.api;
	struct msg m = {.id = EXEC_START, .exec_start = exec->start};
	struct why why = {0};
	struct peer *relay;
	enum err r;

	if ((r = api_peer(api, ROLE_RELAY, &relay, &why)) != OK) {
		exec_finish(exec, r, &why);
		return;
	}
	peer_unref(exec->peer);
	exec->peer = peer_ref(relay);
	numbered_remove(&exec->numbered);
	numbered_add(api->execs, &exec->numbered, api->next_number++);
	m.exec_start.stream = exec->numbered.number;
	exec->question = peer_call(relay, &m, START_PATIENCE_MS, started, exec);
}

static void
looked_up(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct exec *exec = self;
	struct why why = *reason;

	exec->question = 0;
	if (r == OK && answer->id != SANDBOX_ROW)
		r = fail(&why, ERR_PROTOCOL, "sandbox_get was answered with something else");
	if (r == ERR_NOT_FOUND)
		(void)fail(&why, r, "sandbox not found");
	if (r == OK && answer->sandbox_row.phase != OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY)
		r = fail(&why, ERR_STATE, "sandbox is not ready");
	if (r != OK) {
		exec_finish(exec, r, &why);
		return;
	}
	exec->start.sandbox = answer->sandbox_row.sandbox;
	rpc_begin(exec->work.call);
	exec_try(exec);
}

/* The caller went. A command that may run is killed and read to its end. */
static void
exec_gone(struct work *work)
{
	struct exec *exec = (struct exec *)work;
	bool asking_relay = exec->question != 0 && exec->peer->role == ROLE_RELAY;

	exec->work.call = NULL;
	exec->request = NULL;
	if (exec->running && !exec->exited) {
		signal_send(exec, SIGKILL);
		exec_pump(exec);
	} else if (exec->exited || !asking_relay) {
		exec_free(exec);
	}
}

static struct exec *
exec_new(struct api *api, struct rpc_call *call, const Openshell__V1__ExecSandboxRequest *request, struct peer *state)
{
	struct exec *exec = calloc(1, sizeof(*exec));

	if (exec == NULL)
		abort();
	exec->work = (struct work){.api = api, .call = call, .gone = exec_gone, .writable = exec_writable};
	exec->request = request;
	exec->peer = peer_ref(state);
	exec->give_up_ms = clock_ms() + SESSION_WAIT_MS;
	exec->wait_ms = RETRY_FIRST_MS;
	list_init(&exec->chunks);
	numbered_add(api->execs, &exec->numbered, api->next_number++);
	rpc_set_state(call, &exec->work);
	return exec;
}

static enum err
start_read(struct arena *arena, const Openshell__V1__ExecSandboxRequest *in, struct msg_exec_start *out,
    struct why *why)
{
	enum err r;

	if ((r = check_exec(arena, in, &out->environment, &out->environment_n, why)) != OK)
		return r;
	if ((out->command = arena_array(arena, in->n_command, sizeof(*out->command))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < in->n_command; i++)
		out->command[i] = span_of_text(in->command[i]);
	out->command_n = in->n_command;
	out->workdir = span_of_text(in->workdir);
	out->tty = in->has_tty && in->tty;
	out->columns = (uint16_t)in->cols;
	out->rows = (uint16_t)in->rows;
	out->timeout_ms = in->timeout_seconds * 1000ull;
	return OK;
}

/* Which sandbox is meant: by its id, or by its name where a workspace is named too. */
static enum err
target_read(const Openshell__V1__ExecSandboxRequest *in, struct msg_sandbox_get *out, struct why *why)
{
	struct span sandbox = span_of_text(in->sandbox_id), workspace = span_of_text(in->workspace);
	struct why ignored;

	if (workspace.length == 0)
		return check_id("sandbox_id", sandbox, &out->sandbox, why);
	if (sandbox.length == 0)
		return fail(why, ERR_INVALID, "sandbox is required");
	if (check_name("sandbox", sandbox, &ignored) != OK || check_name("workspace", workspace, &ignored) != OK)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	out->name = sandbox;
	out->workspace = workspace;
	return OK;
}

/*
 * ExecSandbox.
 *
 * errors  INVALID_ARGUMENT a limit; NOT_FOUND; FAILED_PRECONDITION "sandbox is not ready"; UNAVAILABLE no session
 *         within SESSION_WAIT_MS, the command was lost, state or relay away; DEADLINE_EXCEEDED the sandbox is silent
 */
void
sandbox_exec(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxRequest *in = (const Openshell__V1__ExecSandboxRequest *)message;
	struct msg question = {.id = SANDBOX_GET};
	struct msg_exec_start start = {0};
	struct why why = {0};
	struct peer *state;
	struct exec *exec;
	enum err r;

	if ((r = target_read(in, &question.sandbox_get, &why)) != OK ||
	    (r = start_read(rpc_arena(call), in, &start, &why)) != OK || (r = api_peer(self, ROLE_STATE, &state, &why)) != OK) {
		rpc_finish(call, r, &why);
		return;
	}
	exec = exec_new(self, call, in, state);
	exec->start = start;
	exec->question = peer_call(state, &question, api_patience(call, CALL_DEADLINE_MS), looked_up, exec);
}

/* ---- from the relay ---- */

/* The exec a message is about; NULL when it is over: races at the end are no breach. */
static struct exec *
exec_find(struct api *api, const struct msg *m, uint64_t stream)
{
	struct numbered *numbered = numbered_find(api->execs, stream);
	struct exec *exec = numbered == NULL ? NULL : list_item(numbered, struct exec, numbered);

	return exec == NULL || exec->peer != m->from || !exec->running ? NULL : exec;
}

/* The relay broke the stream's rules: this command is given up. */
static enum err
breach(struct exec *exec, enum err r, const struct why *why)
{
	signal_send(exec, SIGKILL);
	exec_finish(exec, ERR_INTERNAL, why);
	return r;
}

/* Output. In: stream_data, from the relay. Errors: ERR_PROTOCOL against the credit or the offsets. */
enum err
exec_data(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_stream_data *in = &m->stream_data;
	struct exec *exec = exec_find(self, m, in->stream);
	enum err r;

	(void)answer;
	if (exec == NULL)
		return OK;
	if (in->channel != 1 && in->channel != 2)
		return breach(exec, fail(why, ERR_PROTOCOL, "data on channel %u", in->channel), why);
	if ((r = stream_take(&exec->out[in->channel - 1], in, why)) != OK)
		return breach(exec, r, why);
	if (exec->work.call == NULL) {
		used(exec, in->channel, in->bytes.length);
		return OK;
	}
	if (!list_empty(&exec->chunks) || rpc_room(exec->work.call) == 0) {
		hold(exec, in->channel, in->bytes);
		return OK;
	}
	chunk_send(exec, in->channel, in->bytes);
	used(exec, in->channel, in->bytes.length);
	return OK;
}

/* Credit for standard input. In: stream_grant, from the relay. */
enum err
exec_grant(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct exec *exec = exec_find(self, m, m->stream_grant.stream);
	enum err r;

	(void)answer;
	if (exec == NULL || exec->work.call == NULL)
		return OK;
	if (m->stream_grant.channel == 3)
		return OK; /* link takes a terminal's size; this call has one size, told at its start */
	if (m->stream_grant.channel != 0)
		return breach(exec, fail(why, ERR_PROTOCOL, "credit for channel %u", m->stream_grant.channel), why);
	if ((r = stream_granted(&exec->in, &m->stream_grant, why)) != OK)
		return breach(exec, r, why);
	if ((r = input_pump(exec, why)) != OK && r != ERR_UNAVAILABLE)
		return breach(exec, r, why);
	return OK;
}

/* The end of an output. In: stream_end, from the relay. */
enum err
exec_end(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_stream_end *in = &m->stream_end;
	struct exec *exec = exec_find(self, m, in->stream);
	enum err r;

	(void)answer;
	if (exec == NULL)
		return OK;
	if (in->channel != 1 && in->channel != 2)
		return breach(exec, fail(why, ERR_PROTOCOL, "end of channel %u", in->channel), why);
	if ((r = stream_ended(&exec->out[in->channel - 1], in, why)) != OK)
		return breach(exec, r, why);
	return OK;
}

/* The command ended. In: exec_exited, from the relay; code 256: it is lost. */
enum err
exec_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_exec_exited *in = &m->exec_exited;
	struct exec *exec = exec_find(self, m, in->stream);

	(void)answer;
	if (exec == NULL)
		return OK;
	if (exec->work.call == NULL) {
		exec_free(exec);
		return OK;
	}
	if (in->exit_code == 256) {
		(void)fail(why, ERR_UNAVAILABLE, "the command was lost: " SPAN_FORMAT,
		    SPAN_ARGS(in->message.length > 0 ? in->message : SPAN("its sandbox went away")));
		exec_finish(exec, ERR_UNAVAILABLE, why);
		return OK;
	}
	exec->exited = true;
	exec->exit_code = in->exit_code;
	exec_pump(exec);
	return OK;
}

void
exec_peer_down(struct api *api, const struct peer *peer)
{
	struct numbered *numbered;
	struct why why = {0};

	(void)fail(&why, ERR_UNAVAILABLE, "the gateway's %s process went away: how the command ends is not known",
	    role_name(peer->role));
	for (size_t i = 0; i < API_BUCKETS; i++)
		list_each (numbered, &api->execs[i], struct numbered, link) {
			struct exec *exec = list_item(numbered, struct exec, numbered);

			if (exec->peer == peer && !exec->exited)
				exec_finish(exec, ERR_UNAVAILABLE, &why);
		}
}
