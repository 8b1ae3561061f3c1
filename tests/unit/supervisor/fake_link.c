/*
 * A link with no gateway: answers the supervisor from /script and tells on standard error what it hears.
 *
 * /script/enrolled   msg_encode of the configuration
 * /script/commands   one command a line, its words separated by tabs; run one after the other
 *   first word "@tty": with a terminal; "@time N": with a limit of N ms; "@bench N": N times, with the mean time
 *   first word "@main": the next one only after the main process has ended
 *   first word "@die": this process ends at once, without a word
 *   first word "@kill NAME": that process of the sandbox is killed, then the command
 *   first word "@push N": the configuration again, as revision N; the command once its end is known
 *   first word "@ssh": an SSH server is asked for, then the command: "SSH answer"
 *   first word "@network": what is pushed has a network section; "@retain": and is to leave the last good one if it is bad
 *
 * It writes "WALL report", "READY", "FAILED reason: words", "MAIN code", "RUN code output", "BENCH us",
 * "APPLIED N loaded: words", "GIVEN link ROLE", "END".
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/bus/channel.h"

#define SCRIPT_BYTES 65536

struct fake {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor;
	char script[SCRIPT_BYTES];
	struct span rest;
	uint64_t stream;
	int output;
	unsigned repeat, repeated;
	uint64_t since_us;
	struct span line;
	bool started, waiting;
	unsigned push; /* 0: none */
	bool retain;
	bool network;
	struct msg exec; /* of the line */
	struct span words[256];
};

static void next(struct fake *fake);

static size_t
read_file(const char *path, char *to, size_t size)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;

	while (fd >= 0 && n < size && (got = read(fd, to + n, size - n)) > 0)
		n += (size_t)got;
	return n;
}

static void
tell(const char *kind, struct span words)
{
	char line[8192];
	struct text text = TEXT_OF(line);

	text_add(&text, "%s ", kind);
	text_add_escaped(&text, words);
	dprintf(2, "%s\n", line);
}

/* ---- commands ---- */

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct fake *fake = self;
	char words[700];

	if (r == OK && fake->exec.exec_start.tty && answer->fds_n == 1)
		fake->output = fd_take(&answer->fds[0]);
	if (r == OK)
		return;
	snprintf(words, sizeof(words), "%s %s", err_name(r), why->text);
	tell("REFUSED", span_of_text(words));
	clean_fd(&fake->output);
	next(fake);
}

static void
start(struct fake *fake)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1};
	struct msg *m = &fake->exec;

	m->exec_start.stream = ++fake->stream;
	m->fds_n = 0;
	if (!m->exec_start.tty) {
		if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
			abort();
		m->fds[0] = in[0];
		m->fds[1] = m->fds[2] = out[1];
		m->fds_n = 3;
		fake->output = out[0];
	}
	peer_call(fake->supervisor, m, 10000, started, fake);
	close(in[0]);
	close(in[1]);
	close(out[1]);
}

/* By its name, in this process namespace. */
static void
kill_named(struct span name)
{
	char path[64], comm[64];

	for (int pid = 2; pid < 1000; pid++) {
		size_t n;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		n = read_file(path, comm, sizeof(comm));
		if (n > 0 && span_equal(span_of_bytes(comm, n - 1), name))
			kill(pid, SIGKILL);
	}
}

static void
push(struct fake *fake)
{
	/* field 5, network_policies: key "x", value nothing */
	static const char section[] = {0x2a, 5, 0x0a, 1, 'x', 0x12, 0};
	static char bytes[MSG_BYTES_MAX], policy[MSG_BYTES_MAX];
	size_t n = read_file("/script/enrolled", bytes, sizeof(bytes));
	auto_arena struct arena arena = {0};
	struct msg enrolled, m = {.id = CONFIG_PUSH};
	struct why why = {0};

	if (msg_decode(span_of_bytes(bytes, n), &arena, &enrolled, &why) != OK)
		abort();
	n = enrolled.enrolled.policy.length;
	memcpy(policy, enrolled.enrolled.policy.at, n);
	memcpy(policy + n, section, sizeof(section));
	n += fake->network ? sizeof(section) : 0;
	m.config_push = (struct msg_config_push){.epoch = 1,
	    .policy = span_of_bytes(policy, n),
	    .policy_version = fake->push,
	    .config_revision = fake->push,
	    .retain = fake->retain};
	if (peer_tell(fake->supervisor, &m, &why) != OK)
		tell("BROKEN", span_of_text(why.text));
}

static void
ssh_started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	tell("SSH", r == OK ? SPAN("started") : span_of_text(why->text));
}

static void
ssh(struct fake *fake)
{
	struct msg m = {.id = SSH_START, .fds_n = 1};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	m.fds[0] = ends[1]; /* the other end stays open, as the client's does */
	peer_call(fake->supervisor, &m, 10000, ssh_started, fake);
	close(ends[1]);
}

static void
option(struct fake *fake, struct span *line)
{
	struct span word = span_cut(line, '\t');

	if (span_is(word, "@tty"))
		fake->exec.exec_start.tty = true;
	else if (span_starts(word, SPAN("@time")))
		fake->exec.exec_start.timeout_ms = strtoul(word.at + 6, NULL, 10);
	else if (span_starts(word, SPAN("@bench")))
		fake->repeat = (unsigned)strtoul(word.at + 7, NULL, 10);
	else if (span_is(word, "@main"))
		fake->waiting = true;
	else if (span_starts(word, SPAN("@kill ")))
		kill_named(span_tail(word, 6));
	else if (span_is(word, "@ssh"))
		ssh(fake);
	else if (span_is(word, "@retain"))
		fake->retain = true;
	else if (span_is(word, "@network"))
		fake->network = true;
	else if (span_starts(word, SPAN("@push ")))
		fake->push = (unsigned)strtoul(word.at + 6, NULL, 10);
	else if (span_is(word, "@die"))
		raise(SIGKILL);
}

static void
next(struct fake *fake)
{
	struct span line;
	size_t n = 0;

	if (fake->rest.length == 0) {
		tell("END", SPAN(""));
		return;
	}
	line = span_cut(&fake->rest, '\n');
	fake->exec = (struct msg){.id = EXEC_START};
	fake->repeat = 1;
	fake->network = false;
	fake->repeated = 0;
	while (line.length > 0 && line.at[0] == '@')
		option(fake, &line);
	if (fake->waiting)
		return;
	while (line.length > 0 && n < COUNT(fake->words))
		fake->words[n++] = span_cut(&line, '\t');
	fake->exec.exec_start.command = fake->words;
	fake->exec.exec_start.command_n = n;
	fake->since_us = clock_us();
	if (fake->push != 0)
		push(fake);
	else
		start(fake);
}

static enum err
exec_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct fake *fake = self;
	char output[4096], words[4200];
	size_t n = 0;
	ssize_t got;

	(void)answer;
	(void)why;
	while (fake->output >= 0 && n < sizeof(output) - 1 &&
	       (got = read(fake->output, output + n, sizeof(output) - 1 - n)) > 0)
		n += (size_t)got;
	output[n] = '\0';
	clean_fd(&fake->output);
	if (++fake->repeated < fake->repeat) {
		start(fake);
		return OK;
	}
	if (fake->repeat > 1)
		snprintf(
		    words, sizeof(words), "%llu", (unsigned long long)((clock_us() - fake->since_us) / fake->repeat));
	else
		snprintf(words, sizeof(words), "%u %s", m->exec_exited.exit_code, output);
	tell(fake->repeat > 1 ? "BENCH" : "RUN", span_of_text(words));
	next(fake);
	return OK;
}

/* ---- what the supervisor says ---- */

static enum err
link_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static char bytes[MSG_BYTES_MAX];
	struct fake *fake = self;
	size_t n = read_file("/script/enrolled", bytes, sizeof(bytes));
	auto_arena struct arena arena = {0};
	struct msg enrolled;

	(void)answer;
	if (m->link_setup.again) {
		/* what the real one needs for its jail, from a supervisor that has given up most of what it had */
		tell("AGAIN", chroot("/script") == 0 && prctl(PR_CAPBSET_DROP, 5) == 0 ? SPAN("able") : SPAN("unable"));
		fake->rest = SPAN_NONE;
		return OK;
	}
	if (msg_decode(span_of_bytes(bytes, n), &arena, &enrolled, why) != OK ||
	    peer_tell(fake->supervisor, &enrolled, why) != OK)
		tell("BROKEN", span_of_text(why->text));
	return OK;
}

static enum err
sandbox_ready(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct fake *fake = self;

	(void)why;
	for (size_t i = 0; i < m->sandbox_ready.walls_n; i++)
		tell("WALL", m->sandbox_ready.walls[i]);
	tell("READY", SPAN(""));
	if (!fake->started) {
		fake->started = true;
		next(fake);
	}
	answer->id = DONE;
	return OK;
}

static enum err
sandbox_failed(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	char words[2200];

	(void)self;
	(void)why;
	snprintf(words, sizeof(words), "%.*s: %.*s", SPAN_ARGS(m->sandbox_failed.reason),
	    SPAN_ARGS(m->sandbox_failed.message));
	tell("FAILED", span_of_text(words));
	answer->id = DONE;
	return OK;
}

static enum err
main_exited(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct fake *fake = self;
	char words[16];

	(void)why;
	snprintf(words, sizeof(words), "%u", m->main_exited.exit_code);
	tell("MAIN", span_of_text(words));
	if (fake->waiting) {
		fake->waiting = false;
		next(fake);
	}
	answer->id = DONE;
	return OK;
}

static enum err
config_applied(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct fake *fake = self;
	char words[2200];

	(void)why;
	snprintf(words, sizeof(words), "%u %d: %.*s", m->config_applied.policy_version, m->config_applied.loaded,
	    SPAN_ARGS(m->config_applied.message));
	tell("APPLIED", span_of_text(words));
	if (fake->push == m->config_applied.policy_version) {
		fake->push = 0;
		start(fake);
	}
	answer->id = DONE;
	return OK;
}

static enum err
channel_give(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)answer;
	(void)why;
	tell("GIVEN link", span_of_text(role_name(m->channel_give.role)));
	return OK;
}

static enum err
nothing(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)m;
	(void)answer;
	(void)why;
	return OK;
}

/* clang-format off */
static const struct route routes[] = {
	{LINK_SETUP, link_setup, 0, 0},
	{SANDBOX_READY, sandbox_ready, 0, 0},
	{SANDBOX_FAILED, sandbox_failed, 0, 0},
	{MAIN_EXITED, main_exited, 0, 0},
	{EXEC_EXITED, exec_exited, 0, 0},
	{MAIN_STDIO, nothing, 0, 0},
	{LOGS_ADD, nothing, 0, 0},
	{CONFIG_APPLIED, config_applied, 0, 0},
	{CHANNEL_GIVE, channel_give, 0, 0},
	{0},
};
/* clang-format on */

static void
down(void *self, struct peer *peer, const struct why *why)
{
	struct fake *fake = self;

	(void)peer;
	(void)why;
	loop_stop(fake->loop);
}

int
main(void)
{
	static struct fake fake = {.output = -1};
	struct why why = {0};

	log_open("link", LOG_LEVEL_INFO);
	fake.rest = span_of_bytes(fake.script, read_file("/script/commands", fake.script, sizeof(fake.script)));
	if (loop_new(&fake.loop, &why) != OK)
		return 1;
	fake.bus = (struct bus){
	    .loop = fake.loop, .role = ROLE_LINK, .name = "link", .routes = routes, .self = &fake, .peer_down = down};
	bus_init(&fake.bus);
	if (channel_open(&fake.bus, ROLE_SUPERVISOR, "supervisor", 3, &fake.supervisor, &why) != OK)
		return 1;
	return loop_run(fake.loop, &why) != OK;
}
