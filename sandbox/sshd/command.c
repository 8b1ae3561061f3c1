/* Commands: pipes or a terminal for the supervisor, pumps for the lane, and the order at the end: output, its end, the
 * exit. */
#include "sandbox/sshd/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "sandbox/sshd/pump.h"

#define START_MS     8000
#define DRAIN_MS     500  /* a grandchild may hold the output open that long after the command has ended */
#define HANG_UP_MS   5000 /* from SIGHUP to SIGKILL for a command whose channel was closed */
#define CODE_LOST    255
#define CODE_NOT_RUN 126 /* as a shell says it of what it cannot execute */
#define SIGNAL_CODE  128

struct command {
	struct sshd *sshd;
	struct list in_sshd;
	struct lane *lane; /* NULL: closed by its client */
	uint64_t number;   /* towards the supervisor */
	uint64_t start;	   /* the call that is not answered; 0: it runs */
	bool terminal;
	int ours[3]; /* our ends until it runs */
	struct inlet in;
	struct outlet out[LANE_OUTPUTS];
	bool out_ended[LANE_OUTPUTS];
	bool exited;
	int exit_code;
	uint64_t signalled; /* bits: signals that the client sent */
	int signal;	    /* the last of them while it was being started */
	struct timer timer; /* drain, or the end of patience */
};

/* ---- its end ---- */

static void
signal_command(const struct command *command, int number)
{
	const struct msg m = {.id = EXEC_SIGNAL, .exec_signal = {command->number, (uint8_t)number}};
	struct why why;

	if (peer_tell(command->sshd->supervisor, &m, &why) != OK)
		log_warning("supervisor.untold", "why=\"%s\"", why.text);
}

static void
command_close(struct command *command)
{
	inlet_close(&command->in);
	for (size_t i = 0; i < LANE_OUTPUTS; i++)
		outlet_close(&command->out[i]);
	for (size_t i = 0; i < COUNT(command->ours); i++)
		clean_fd(&command->ours[i]);
}

static void
command_free(struct command *command)
{
	call_cancel(command->sshd->supervisor, command->start);
	loop_timer_stop(command->sshd->loop, &command->timer);
	command_close(command);
	list_remove(&command->in_sshd);
	free(command);
}

void
commands_end(struct sshd *sshd)
{
	struct command *command;

	list_each(command, &sshd->commands, struct command, in_sshd)
		command_free(command);
}

/* The exit code follows the end of both outputs. A signal is told as one if the client sent it. */
static void
end_when_drained(struct command *command)
{
	int code = command->exit_code, number = code - SIGNAL_CODE;

	if (!command->out_ended[LANE_OUT] || !command->out_ended[LANE_ERR])
		return;
	lane_finish(command->lane);
	if (!command->exited)
		return;
	if (number <= 0 || number > 64 || (command->signalled & 1ull << (number - 1)) == 0)
		number = 0;
	lane_exit(command->lane, code, number);
	lane_forsake(command->lane);
	command_free(command);
}

static void
out_done(void *self)
{
	struct command *command = self;

	command->out_ended[LANE_OUT] = true;
	end_when_drained(command);
}

static void
err_done(void *self)
{
	struct command *command = self;

	command->out_ended[LANE_ERR] = true;
	end_when_drained(command);
}

static struct command *
find_command(struct sshd *sshd, uint64_t number)
{
	struct command *command;

	list_each(command, &sshd->commands, struct command, in_sshd)
		if (command->number == number)
			return command;
	return NULL;
}

/* For both outputs, of which the first may end the command. */
static void
each_outlet(struct command *command, void (*step)(struct outlet *outlet))
{
	struct sshd *sshd = command->sshd;
	uint64_t number = command->number;

	step(&command->out[LANE_OUT]);
	if ((command = find_command(sshd, number)) != NULL)
		step(&command->out[LANE_ERR]);
}

static void
drain_late(void *self)
{
	each_outlet(self, outlet_finish);
}

static void
drain(struct command *command)
{
	inlet_close(&command->in);
	loop_timer_set(command->sshd->loop, &command->timer, DRAIN_MS, drain_late, command);
	if (command->out_ended[LANE_OUT] && command->out_ended[LANE_ERR])
		end_when_drained(command);
	else
		each_outlet(command, outlet_exited);
}

enum err
command_exited(struct sshd *sshd, const struct msg_exec_exited *m)
{
	struct command *command = find_command(sshd, m->stream);

	if (command == NULL || command->exited)
		return OK;
	command->exited = true;
	command->exit_code = m->exit_code <= UINT8_MAX ? m->exit_code : CODE_LOST;
	if (command->lane == NULL) {
		command_free(command);
		return OK;
	}
	if (m->message.length > 0)
		lane_say_line(command->lane, m->message);
	if (command->start == 0)
		drain(command);
	return OK;
}

/* ---- what the client does ---- */

static size_t
command_take(struct lane *lane, struct span bytes)
{
	struct command *command = lane->behind;

	return command->start != 0 ? 0 : inlet_take(&command->in, bytes);
}

static void
command_ended(struct lane *lane)
{
	struct command *command = lane->behind;

	if (command->start != 0)
		lane->told = false; /* later: started() offers again */
	else
		inlet_end(&command->in);
}

static void
command_room(struct lane *lane)
{
	each_outlet(lane->behind, outlet_room);
}

static void
command_signal(struct lane *lane, int number)
{
	struct command *command = lane->behind;

	command->signalled |= 1ull << (number - 1);
	if (command->start != 0)
		command->signal = number;
	else if (!command->exited)
		signal_command(command, number);
}

static void
command_resize(struct lane *lane)
{
	struct command *command = lane->behind;
	const struct winsize size = {.ws_col = lane->columns, .ws_row = lane->rows};

	if (command->terminal && lane->columns > 0 && lane->rows > 0 && command->in.fd >= 0 &&
	    ioctl(command->in.fd, TIOCSWINSZ, &size) < 0)
		log_debug("terminal.size", "refused=%ux%u", size.ws_col, size.ws_row);
}

static void
patience_ends(void *self)
{
	struct command *command = self;

	signal_command(command, SIGKILL);
	command_free(command);
}

/* Its channel was closed: the command loses its descriptors, is hung up on, and after a while ended. */
static void
command_gone(struct lane *lane)
{
	struct command *command = lane->behind;

	command->lane = NULL;
	command_close(command);
	if (command->exited) {
		command_free(command);
		return;
	}
	signal_command(command, SIGHUP);
	loop_timer_set(command->sshd->loop, &command->timer, HANG_UP_MS, patience_ends, command);
}

static const struct lane_kind command_kind = {
    .take = command_take,
    .ended = command_ended,
    .room = command_room,
    .signal = command_signal,
    .resize = command_resize,
    .gone = command_gone,
};

/* ---- start ---- */

/* Pipes: ours[] and what the supervisor gets. */
static enum err
pipes_open(struct command *command, int theirs[3], struct why *why)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return fail_errno(why, ERR_LIMIT, "a pipe for the command");
		theirs[i] = ends[i == 0 ? 0 : 1];
		command->ours[i] = ends[i == 0 ? 1 : 0];
	}
	return OK;
}

/* One terminal for input and output: two descriptors of it, as each is watched by itself. */
static enum err
terminal_take(struct command *command, struct msg *answer, struct why *why)
{
	if (answer->fds_n != 1)
		return fail(why, ERR_PROTOCOL, "%zu descriptors where a terminal was wanted", answer->fds_n);
	command->ours[1] = fd_take(&answer->fds[0]);
	if ((command->ours[0] = fcntl(command->ours[1], F_DUPFD_CLOEXEC, 3)) < 0)
		return fail_errno(why, ERR_LIMIT, "a descriptor of the terminal");
	return OK;
}

static enum err
pumps_open(struct command *command, struct why *why)
{
	struct lane *lane = command->lane;
	enum err r = inlet_open(&command->in, lane, fd_take(&command->ours[0]), why);

	command->in.terminal = command->terminal;
	command->out_ended[LANE_ERR] = command->terminal; /* a terminal has no second output */
	if (r == OK)
		r = outlet_open(
		    &command->out[LANE_OUT], lane, LANE_OUT, fd_take(&command->ours[1]), out_done, command, why);
	if (r == OK && !command->terminal)
		r = outlet_open(
		    &command->out[LANE_ERR], lane, LANE_ERR, fd_take(&command->ours[2]), err_done, command, why);
	return r;
}

/* It cannot be run, or not any more: the client reads why. */
static void
command_lost(struct command *command, int code, const struct why *why)
{
	struct lane *lane = command->lane;

	signal_command(command, SIGKILL); /* the answer may be late, or not one we can use */
	lane_say_line(lane, span_of_text(why->text));
	lane_exit(lane, code, 0);
	lane_forsake(lane);
	command_free(command);
}

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct command *command = self;
	struct why reason = {0};

	command->start = 0;
	if (r != OK)
		reason = *why;
	else if (answer->id != EXEC_STARTED)
		r = fail(&reason, ERR_PROTOCOL, "the supervisor answered exec_start with another message");
	if (command->lane == NULL) { /* closed meanwhile; the signal came before the command */
		if (r == OK)
			signal_command(command, SIGHUP);
		return;
	}
	if (r == OK && command->terminal)
		r = terminal_take(command, answer, &reason);
	if (r == OK)
		r = pumps_open(command, &reason);
	if (r != OK) {
		command_lost(command, CODE_NOT_RUN, &reason);
		return;
	}
	lane_offer(command->lane);
	command_resize(command->lane);
	if (command->signal != 0)
		signal_command(command, command->signal);
	if (command->exited)
		drain(command);
}

static struct command *
command_new(struct lane *lane)
{
	struct command *command = calloc(1, sizeof(*command));

	if (command == NULL)
		abort();
	command->sshd = lane->sshd;
	command->lane = lane;
	command->number = ++lane->sshd->next;
	command->terminal = lane->terminal;
	command->in.fd = command->out[LANE_OUT].fd = command->out[LANE_ERR].fd = -1;
	for (size_t i = 0; i < COUNT(command->ours); i++)
		command->ours[i] = -1;
	list_append(&lane->sshd->commands, &command->in_sshd);
	return command;
}

/* The message; term holds what its environment points to. */
static struct msg
start_message(const struct command *command, const struct command_line *line, struct text *term, struct span *variable)
{
	const struct lane *lane = command->lane;
	struct msg m = {.id = EXEC_START,
	    .exec_start = {.stream = command->number,
		.command = (struct span *)(uintptr_t)line->argv,
		.command_n = line->argv_n,
		.workdir = span_of_text(lane->sshd->setup.workspace),
		.tty = lane->terminal,
		.columns = lane->columns,
		.rows = lane->rows}};

	if (!lane->terminal || lane->term[0] == '\0')
		return m;
	text_add(term, "TERM=%s", lane->term);
	*variable = text_span(term);
	m.exec_start.environment = variable;
	m.exec_start.environment_n = 1;
	return m;
}

void
command_start(struct lane *lane, const struct command_line *line)
{
	struct command *command = command_new(lane);
	char buffer[TERM_BYTES + sizeof("TERM=")];
	struct text term = TEXT_OF(buffer);
	struct span variable;
	struct msg m = start_message(command, line, &term, &variable);
	int theirs[3] = {-1, -1, -1};
	struct why why;
	enum err r = OK;

	lane_begin(lane, &command_kind, command);
	if (!command->terminal && (r = pipes_open(command, theirs, &why)) == OK) {
		memcpy(m.fds, theirs, sizeof(theirs));
		m.fds_n = COUNT(theirs);
	}
	if (r == OK)
		command->start = peer_call(command->sshd->supervisor, &m, START_MS, started, command);
	else
		command_lost(command, CODE_NOT_RUN, &why);
	for (size_t i = 0; i < COUNT(theirs); i++)
		clean_fd(&theirs[i]);
}
