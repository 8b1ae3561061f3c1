/* Execs: pipes for the supervisor, pumps for the stream, and the order at the end: output, its end, the exit
 * code. */
#include "sandbox/link/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/link/flow.h"
#include "sandbox/link/pump.h"
#include "sandbox/link/sizes.h"

#define START_MS   8000 /* for the supervisor: less than the relay waits for us */
#define OUTPUTS	   2
#define PIPE_BYTES (4 * STREAM_CHUNK_BYTES) /* so that command and link take turns less often */

enum channel { CHANNEL_IN, CHANNEL_OUT, CHANNEL_ERR, CHANNEL_SIZE };

struct exec {
	struct flow flow; /* under the relay's number */
	struct link *link;
	struct list in_link;
	uint64_t command; /* ours, towards the supervisor */
	uint64_t start;	  /* the call that the supervisor has not answered; 0: it runs */
	struct reply reply;
	int ours[3]; /* our ends until it runs */
	bool tty, exited;
	uint8_t signal; /* to be sent as soon as it runs; 0: none */
	uint16_t exit_code;
	char message[512];
	struct sink in;
	struct source out[OUTPUTS]; /* channels 1 and 2 */
	bool out_ended[OUTPUTS];
	struct sizes sizes; /* channel 3 */
	struct timer drain;
};

static const struct flow_kind exec_flow;

static struct exec *
find_command(struct link *link, uint64_t command)
{
	struct exec *exec;

	list_each(exec, &link->execs, struct exec, in_link)
		if (exec->command == command)
			return exec;
	return NULL;
}

static void
exec_free(struct exec *exec)
{
	struct link *link = exec->link;

	call_cancel(link->supervisor, exec->start);
	loop_timer_stop(link->loop, &exec->drain);
	sink_close(&exec->in);
	for (size_t i = 0; i < OUTPUTS; i++)
		source_close(&exec->out[i]);
	for (size_t i = 0; i < COUNT(exec->ours); i++)
		clean_fd(&exec->ours[i]);
	peer_unref(exec->reply.peer);
	flow_remove(&exec->flow);
	list_remove(&exec->in_link);
	link->execs_n--;
	flow_over(link, exec->out[0].out.sent + exec->in.in.used);
	free(exec);
}

static void
signal_command(const struct exec *exec, uint8_t number)
{
	const struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {exec->command, number}};
	struct why why;

	if (peer_tell(exec->link->supervisor, &m, &why) != OK)
		log_warning("supervisor.untold", "why=\"%s\"", why.text);
}

static void
tell_exited(const struct exec *exec, uint16_t exit_code, const char *message)
{
	const struct msg m = {
	    .id = EXEC_EXITED, .exec_exited = {exec->flow.stream, exit_code, span_head(span_of_text(message), 512)}};
	struct why why;

	if (peer_tell(exec->link->relay, &m, &why) != OK)
		log_debug("exec.untold", "why=\"%s\"", why.text);
}

/* The stream cannot go on: the command ends with it, and its caller hears why. */
static void
lose(struct exec *exec, const char *words)
{
	struct why why = {0};

	log_warning("exec.lost", "why=\"%s\"", words);
	signal_command(exec, SIGKILL);
	if (exec->reply.peer != NULL) {
		fail(&why, ERR_INTERNAL, "%s", words);
		reply_fail(&exec->reply, ERR_INTERNAL, &why);
	} else {
		tell_exited(exec, 256, words);
	}
	exec_free(exec);
}

void
exec_end_all(struct link *link)
{
	struct exec *exec;

	list_each(exec, &link->execs, struct exec, in_link) {
		if (!exec->exited)
			signal_command(exec, SIGKILL);
		exec_free(exec);
	}
}

/* The exit code follows the end of both outputs. */
static void
end_when_drained(struct exec *exec)
{
	if (!exec->exited || exec->start != 0 || !exec->out_ended[0] || !exec->out_ended[1])
		return;
	tell_exited(exec, exec->exit_code, exec->message);
	exec_free(exec);
}

static void
source_done(struct exec *exec, size_t which, enum err r)
{
	exec->out_ended[which] = true;
	if (r != OK)
		lose(exec, "its output could not be sent");
	else
		end_when_drained(exec);
}

static void
out_done(void *self, enum err r)
{
	source_done(self, 0, r);
}

static void
err_done(void *self, enum err r)
{
	source_done(self, 1, r);
}

static void
in_done(void *self, enum err r)
{
	if (r != OK)
		lose(self, "its input could not be taken");
}

/* For both sources, of which the first may end the exec: it was the last, or it could not be sent. */
static void
each_source(struct exec *exec, void (*step)(struct source *source))
{
	struct link *link = exec->link;
	uint64_t command = exec->command;

	step(&exec->out[0]);
	if ((exec = find_command(link, command)) != NULL)
		step(&exec->out[1]);
}

static void
drain_late(void *self)
{
	each_source(self, source_finish);
}

static void
drain(struct exec *exec)
{
	sink_close(&exec->in);
	loop_timer_set(exec->link->loop, &exec->drain, DRAIN_MS, drain_late, exec);
	if (exec->out_ended[0] && exec->out_ended[1])
		end_when_drained(exec);
	else
		each_source(exec, source_exited);
}

/* ---- start ---- */

/* Pipes: ours[] and what the supervisor gets, both close-on-exec. */
static enum err
pipes_open(struct exec *exec, int theirs[3], struct why *why)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return fail_errno(why, ERR_LIMIT, "a pipe for the command");
		if (i != 0)
			(void)fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES); /* as it was made will do, too */
		theirs[i] = ends[i == 0 ? 0 : 1];
		exec->ours[i] = ends[i == 0 ? 1 : 0];
	}
	return OK;
}

/* One terminal for input and output: two descriptors of it, as each is watched by itself. */
static enum err
terminal_take(struct exec *exec, struct msg *answer, struct why *why)
{
	if (answer->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "%zu descriptors where a terminal was wanted", answer->fds_n);
	exec->ours[1] = fd_take(&answer->fds[0]);
	if ((exec->ours[0] = fcntl(exec->ours[1], F_DUPFD_CLOEXEC, 3)) < 0)
		return fail_errno(why, ERR_LIMIT, "a descriptor of the terminal");
	return OK;
}

static enum err
streams_open(struct exec *exec, struct why *why)
{
	enum pump_kind kind = exec->tty ? PUMP_TERMINAL : PUMP_PIPE;
	struct link *link = exec->link;
	enum err r;

	r = source_open(&exec->out[0], link->loop, fd_take(&exec->ours[1]), link->relay, exec->flow.stream, CHANNEL_OUT,
	    kind, out_done, exec, why);
	if (r == OK && !exec->tty)
		r = source_open(&exec->out[1], link->loop, fd_take(&exec->ours[2]), link->relay, exec->flow.stream,
		    CHANNEL_ERR, kind, err_done, exec, why);
	if (r == OK)
		r = sink_open(&exec->in, link->loop, fd_take(&exec->ours[0]), link->relay, exec->flow.stream, kind,
		    in_done, exec, why);
	if (r == OK && exec->tty)
		r = sizes_open(&exec->sizes, link->relay, exec->flow.stream, why);
	if (r == OK && exec->tty) { /* a terminal has no second output */
		struct stream_out none;

		stream_out_init(&none, link->relay, exec->flow.stream, CHANNEL_ERR);
		exec->out_ended[1] = true;
		r = stream_finish(&none, why);
	}
	return r;
}

static void
refuse(struct exec *exec, enum err r, const struct why *why)
{
	signal_command(exec, SIGKILL); /* the answer may be late, or not one we can use */
	reply_fail(&exec->reply, r, why);
	exec_free(exec);
}

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct exec *exec = self;
	struct why reason = {0};

	exec->start = 0;
	if (r != OK)
		reason = *why;
	else if (answer->id != EXEC_STARTED)
		r = fail(&reason, ERR_PROTOCOL, "the supervisor answered exec_start with another message");
	else if (exec->tty)
		r = terminal_take(exec, answer, &reason);
	if (r != OK) {
		refuse(exec, r, &reason);
		return;
	}
	reply_send(&exec->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = answer->exec_started});
	if (exec->signal != 0)
		signal_command(exec, exec->signal);
	if (streams_open(exec, &reason) != OK)
		lose(exec, reason.text);
	else if (exec->exited)
		drain(exec);
}

static struct exec *
exec_new(struct link *link, const struct msg *m)
{
	struct exec *exec = calloc(1, sizeof(*exec));

	if (exec == NULL)
		abort();
	exec->link = link;
	exec->command = ++link->next_command;
	exec->tty = m->exec_start.tty;
	exec->in.fd = exec->out[0].fd = exec->out[1].fd = -1;
	for (size_t i = 0; i < COUNT(exec->ours); i++)
		exec->ours[i] = -1;
	flow_add(link, &exec->flow, &exec_flow, link->relay, m->exec_start.stream);
	list_append(&link->execs, &exec->in_link);
	link->execs_n++;
	return exec;
}

static enum err
start_allowed(struct link *link, const struct msg *m, struct why *why)
{
	if (m->from != link->relay || !link->enrolment.done)
		return fail(why, ERR_DENIED, "commands come from the relay, once this sandbox is enrolled");
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "exec_start wants an answer: send it as a request");
	if (flow_find(link, link->relay, m->exec_start.stream) != NULL)
		return fail(why, ERR_EXISTS, "the stream's number is in use");
	if (link->execs_n >= EXECS_MAX)
		return fail(why, ERR_LIMIT, "%d commands run", EXECS_MAX);
	return OK;
}

/*
 * Run a command: the supervisor starts it on our pipes, or makes a terminal.
 *
 * in      exec_start, from the relay
 * out     exec_started; then the stream's channels are open
 * errors  ERR_DENIED before enrolment; ERR_EXISTS; ERR_LIMIT; the supervisor's; ERR_TIMEOUT it did not answer
 */
enum err
exec_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct msg start = {.id = EXEC_START, .exec_start = m->exec_start};
	int theirs[3] = {-1, -1, -1};
	struct exec *exec;
	enum err r;

	(void)answer;
	if ((r = start_allowed(link, m, why)) != OK)
		return r;
	exec = exec_new(link, m);
	if (!exec->tty && (r = pipes_open(exec, theirs, why)) == OK) {
		memcpy(start.fds, theirs, sizeof(theirs));
		start.fds_n = COUNT(theirs);
	}
	if (r == OK) {
		start.exec_start.stream = exec->command;
		start.exec_start.sandbox = link->setup.sandbox;
		exec->reply = reply_later(m);
		exec->start = peer_call(link->supervisor, &start, START_MS, started, exec);
	} else {
		exec_free(exec);
	}
	for (size_t i = 0; i < COUNT(theirs); i++)
		clean_fd(&theirs[i]);
	return r;
}

/* ---- while it runs ---- */

/* Kept while the command is being started. */
static void
exec_signal(struct flow *flow, uint8_t number)
{
	struct exec *exec = (struct exec *)flow;

	if (exec->exited)
		return;
	if (exec->start != 0)
		exec->signal = number;
	else
		signal_command(exec, number);
}

/* The command ended: what it wrote is still sent. In: exec_exited, from the supervisor. */
enum err
exec_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct exec *exec = find_command(link, m->exec_exited.stream);

	(void)answer;
	if (m->from != link->supervisor)
		return fail(why, ERR_DENIED, "only the supervisor sees commands end");
	if (exec == NULL || exec->exited)
		return OK;
	exec->exited = true;
	exec->exit_code = m->exec_exited.exit_code;
	(void)span_copy(m->exec_exited.message, exec->message, sizeof(exec->message));
	if (exec->start == 0)
		drain(exec);
	return OK;
}

/* Bytes for the command's input, or its terminal's new size. */
static enum err
exec_data(struct flow *flow, const struct msg_stream_data *m, struct why *why)
{
	struct exec *exec = (struct exec *)flow;

	if (exec->exited)
		return OK;
	if (exec->start == 0 && m->channel == CHANNEL_IN)
		return sink_take(&exec->in, m, why);
	if (exec->start == 0 && m->channel == CHANNEL_SIZE && exec->tty)
		return sizes_take(&exec->sizes, m, exec->in.fd, why);
	return fail(why, ERR_PROTOCOL, "channel %u takes no bytes", m->channel);
}

static enum err
exec_grant(struct flow *flow, const struct msg_stream_grant *m, struct why *why)
{
	struct exec *exec = (struct exec *)flow;

	if (m->channel != CHANNEL_OUT && m->channel != CHANNEL_ERR)
		return fail(why, ERR_PROTOCOL, "channel %u needs no credit", m->channel);
	return source_granted(&exec->out[m->channel - CHANNEL_OUT], m, why);
}

static enum err
exec_end(struct flow *flow, const struct msg_stream_end *m, struct why *why)
{
	struct exec *exec = (struct exec *)flow;

	if (exec->exited)
		return OK;
	if (exec->start == 0 && m->channel == CHANNEL_IN)
		return sink_ended(&exec->in, m, why);
	if (exec->start == 0 && m->channel == CHANNEL_SIZE && exec->tty)
		return stream_ended(&exec->sizes.in, m, why);
	return fail(why, ERR_PROTOCOL, "channel %u does not end", m->channel);
}

static void
exec_drop(struct flow *flow, const char *words)
{
	lose((struct exec *)flow, words);
}

static const struct flow_kind exec_flow = {exec_data, exec_grant, exec_end, exec_drop, .signal = exec_signal};
