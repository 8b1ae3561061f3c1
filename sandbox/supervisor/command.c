/* Commands beside the main process: link and SSH servers ask, the spawner runs them, this maps their names to the spawner's. */
#include "sandbox/supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/supervisor/proc.h"

#define SPAWN_WAIT_MS 10000
#define COLUMNS	      80
#define ROWS	      24
#define CODE_KILLED   137
#define COMMANDS_SSHD 64   /* of one SSH connection */
#define HANG_UP_MS    1000 /* for a command to end by itself when the connection that it belongs to has ended */

struct command {
	struct list link;
	struct supervisor *s;
	uint64_t id;
	struct peer *owner; /* who asked, referenced; NULL: it is gone, and nobody waits for the end */
	uint64_t stream;    /* the owner's name for it */
	struct reply reply; /* to exec_start, until it runs */
	struct timer kill;
};

static struct command *
by_stream(struct supervisor *s, const struct peer *owner, uint64_t stream)
{
	struct command *command;

	list_each(command, &s->commands, struct command, link)
		if (command->stream == stream && command->owner == owner)
			return command;
	return NULL;
}

static unsigned
owned(struct supervisor *s, const struct peer *owner)
{
	struct command *command;
	unsigned n = 0;

	list_each(command, &s->commands, struct command, link)
		n += command->owner == owner;
	return n;
}

static struct command *
by_id(struct supervisor *s, uint64_t id)
{
	struct command *command;

	list_each(command, &s->commands, struct command, link)
		if (command->id == id)
			return command;
	return NULL;
}

static void
command_free(struct command *command)
{
	struct why why = {0};

	fail(&why, ERR_UNAVAILABLE, "the sandbox is ending");
	reply_fail(&command->reply, ERR_UNAVAILABLE, &why);
	loop_timer_stop(command->s->loop, &command->kill);
	list_remove(&command->link);
	peer_unref(command->owner);
	free(command);
}

static void
signal_command(struct supervisor *s, uint64_t id, int number)
{
	struct msg m = {.id = SPAWN_SIGNAL, .spawn_signal = {id, (uint8_t)number}};
	struct why why;

	if (s->spawner_peer != NULL && peer_tell(s->spawner_peer, &m, &why) != OK)
		log_warning("spawner.untold", "why=\"%s\"", why.text);
}

/*
 * The spawner sleeps until its newest child has become the command (run.c), and the agent, being the same user, may
 * stop that child before it has: then nothing more would be started or ended. Such a child still bears our name.
 */
static void
release_spawner(const struct supervisor *s)
{
	char path[64], children[32768], name[32], *at = children; /* 2048 processes */

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->spawner.pid, (int)s->spawner.pid);
	if (s->spawner_peer == NULL || !proc_read(path, children, sizeof(children) - 1))
		return;
	for (char *pid = strsep(&at, " \n"); pid != NULL; pid = strsep(&at, " \n")) {
		snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
		if (proc_read(path, name, sizeof(name) - 1) && strcmp(name, "supervisor\n") == 0)
			kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
	}
	log_warning("spawner.released", "why=\"a command was stopped before it began\"");
}

/* The answer of the spawner. The command is looked up again: all may have ended meanwhile. */
struct started {
	struct supervisor *s;
	uint64_t id;
};

static void
command_started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct started *started = self;
	struct supervisor *s = started->s;
	struct command *command = by_id(s, started->id);
	struct msg m = {.id = EXEC_STARTED};

	free(started);
	if (r == ERR_TIMEOUT)
		release_spawner(s);
	if (command == NULL)
		return;
	if (r != OK) {
		reply_fail(&command->reply, r, why);
		command_free(command);
		return;
	}
	m.exec_started.pid = answer->spawned.pid;
	m.fds_n = answer->fds_n;
	memcpy(m.fds, answer->fds, sizeof(m.fds));
	reply_send(&command->reply, &m);
	if (command->owner == NULL)
		signal_command(s, command->id, SIGKILL);
}

static enum err
fill_spawn(const struct supervisor *s, const struct msg *m, struct msg *spawn, struct why *why)
{
	const struct msg_exec_start *in = &m->exec_start;
	struct msg_spawn *out = &spawn->spawn;

	spawn->id = SPAWN;
	*out = (struct msg_spawn){.argv = in->command,
	    .argv_n = in->command_n,
	    .workdir = in->workdir.length == 0 ? SPAN("/sandbox") : in->workdir,
	    .tty = in->tty,
	    .columns = in->columns == 0 ? COLUMNS : in->columns,
	    .rows = in->rows == 0 ? ROWS : in->rows,
	    .timeout_ms = in->timeout_ms};
	if (out->workdir.at[0] != '/')
		return fail(why, ERR_INVALID, "workdir must be absolute");
	if (in->command_n == 0)
		return fail(why, ERR_INVALID, "command is empty");
	if (m->fds_n != (in->tty ? 0 : 3))
		return fail(why, ERR_INVALID, "%zu descriptors came with the command", m->fds_n);
	memcpy(spawn->fds, m->fds, sizeof(spawn->fds));
	spawn->fds_n = m->fds_n;
	return environment_make(
	    s, in->environment, in->environment_n, in->tty, m->arena, &out->environment, &out->environment_n, why);
}

/*
 * Run a command behind the walls.
 *
 * in      exec_start, from link or an SSH server, with stdin, stdout and stderr unless tty
 * out     exec_started, with the terminal's master for tty
 * errors  ERR_BUSY it is starting; ERR_STATE the main process has ended; ERR_EXISTS the stream is in use; ERR_LIMIT an SSH
 *         connection runs too many; as run_start
 */
enum err
command_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct msg spawn = {0};
	struct command *command;
	struct started *started;
	enum err r;

	(void)answer;
	if (s->bus.state == STATE_OVER || s->spawner_peer == NULL)
		return fail(why, ERR_STATE, "the sandbox's main process has ended");
	if (s->bus.state != STATE_RUNNING)
		return fail(why, ERR_BUSY, "the sandbox is starting");
	if (by_stream(s, m->from, m->exec_start.stream) != NULL)
		return fail(why, ERR_EXISTS, "stream %llu is in use", (unsigned long long)m->exec_start.stream);
	if (m->from->role == ROLE_SSHD && owned(s, m->from) >= COMMANDS_SSHD)
		return fail(why, ERR_LIMIT, "%d commands run on this connection", COMMANDS_SSHD);
	if ((r = fill_spawn(s, m, &spawn, why)) != OK)
		return r;
	if ((command = calloc(1, sizeof(*command))) == NULL || (started = calloc(1, sizeof(*started))) == NULL)
		abort();
	*command = (struct command){
	    .s = s, .id = ++s->next_command, .owner = peer_ref(m->from), .stream = m->exec_start.stream};
	*started = (struct started){s, command->id};
	spawn.spawn.command_id = command->id;
	command->reply = reply_later(m);
	list_append(&s->commands, &command->link);
	peer_call(s->spawner_peer, &spawn, SPAWN_WAIT_MS, command_started, started);
	return OK;
}

/* What of the main process may be signalled by those who attach to it. */
static bool
for_main(uint8_t number)
{
	return number == SIGHUP || number == SIGINT || number == SIGKILL || number == SIGQUIT || number == SIGTERM;
}

/*
 * Signal the process group of a command, or of the main process.
 *
 * in      exec_signal, from link or an SSH server, of its own commands; from link for MAIN_STREAM
 * errors  ERR_NOT_FOUND no such command; ERR_DENIED a signal that the main process is not sent
 */
enum err
command_signal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct command *command = by_stream(s, m->from, m->exec_signal.stream);
	bool of_main = m->from == s->link.peer && m->exec_signal.stream == MAIN_STREAM;

	if (m->call != 0)
		answer->id = DONE;
	if (of_main && !for_main(m->exec_signal.signal))
		return fail(why, ERR_DENIED, "signal %u is not for the main process", m->exec_signal.signal);
	if (of_main && s->main.running) {
		signal_command(s, s->main.command_id, m->exec_signal.signal);
		return OK;
	}
	if (command == NULL)
		return fail(why, ERR_NOT_FOUND, "no command on stream %llu", (unsigned long long)m->exec_signal.stream);
	signal_command(s, command->id, m->exec_signal.signal);
	return OK;
}

static void
tell_exit(struct command *command, uint16_t code)
{
	struct msg m = {.id = EXEC_EXITED, .exec_exited = {.stream = command->stream, .exit_code = code}};
	struct why why;

	if (command->owner != NULL && peer_tell(command->owner, &m, &why) != OK)
		log_warning("command.untold", "to=%s why=\"%s\"", command->owner->name, why.text);
}

/* A command ended, or the main process did. in: spawn_exited, from the spawner. */
enum err
command_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	struct command *command;

	(void)answer;
	if (m->spawn_exited.command_id == s->main.command_id) {
		finish_main(s, m->spawn_exited.exit_code);
		return OK;
	}
	if ((command = by_id(s, m->spawn_exited.command_id)) == NULL)
		return fail(why, ERR_NOT_FOUND, "no such command");
	tell_exit(command, m->spawn_exited.exit_code);
	command_free(command);
	return OK;
}

static void
kill_late(void *self)
{
	struct command *command = self;

	signal_command(command->s, command->id, SIGKILL);
}

/* An SSH connection that ends hangs up, as sshd(8) does: what has left the command's group and session stays. */
static void
forget(struct command *command)
{
	bool gently = command->owner->role == ROLE_SSHD;

	peer_unref(command->owner);
	command->owner = NULL;
	signal_command(command->s, command->id, gently ? SIGHUP : SIGKILL);
	if (gently)
		loop_timer_set(command->s->loop, &command->kill, HANG_UP_MS, kill_late, command);
}

void
command_forget(struct supervisor *s, const struct peer *owner)
{
	struct command *command;

	list_each(command, &s->commands, struct command, link)
		if (command->owner == owner)
			forget(command);
}

void
command_lost_all(struct supervisor *s)
{
	struct command *command;

	list_each(command, &s->commands, struct command, link) {
		if (command->reply.peer == NULL)
			tell_exit(command, CODE_KILLED);
		command_free(command);
	}
}
