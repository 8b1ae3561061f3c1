/*
 * An SSH server that serves nobody: it asks the supervisor for what it may have and for what it may not, writes
 * "SSHD what: answer" on standard error, and ends, and its commands should with it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/bus/channel.h"

#define COMMANDS 65 /* one more than a connection may run */

static struct {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor;
	unsigned asked, answered;
	unsigned started, limited;
} me;

static struct span hang_up[] = {SPAN("sh"), SPAN("-c"),
    SPAN(
	"trap 'echo hung up >/sandbox/hup.part; mv /sandbox/hup.part /sandbox/hup; exit' HUP; while :; do sleep 0.1; done")};
static struct span stubborn[] = {SPAN("sh"), SPAN("-c"), SPAN("trap '' HUP; while :; do sleep 77; done")};
static struct span plain[] = {SPAN("sleep"), SPAN("78")};

static void
answered(const char *what, enum err r)
{
	if (what != NULL)
		dprintf(2, "SSHD %s: %s\n", what, err_name(r));
	if (++me.answered < me.asked)
		return;
	dprintf(2, "SSHD commands: %u run, %u are too many\n", me.started, me.limited);
	loop_stop(me.loop);
}

static void
started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)self;
	(void)answer;
	(void)why;
	me.started += r == OK;
	me.limited += r == ERR_LIMIT;
	answered(NULL, r);
}

static void
refused(void *self, enum err r, struct msg *answer, const struct why *why)
{
	(void)answer;
	(void)why;
	answered(self, r);
}

/* It is a socket of the agent's network: nobody listens on port 1 of that, and it is not to be waited for. */
static void
socket_made(void *self, enum err r, struct msg *answer, const struct why *why)
{
	const struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)why;
	if (r == OK && answer->fds_n == 1) {
		int connected = connect(answer->fds[0], (const struct sockaddr *)&to, sizeof(to));

		dprintf(2, "SSHD connects: %s\n", connected == 0 ? "yes" : strerror(errno));
	}
	answered(self, r);
}

static void
ask(const struct msg *m, call_done *done, const char *what)
{
	me.asked++;
	peer_call(me.supervisor, m, 10000, done, (void *)(uintptr_t)what);
}

static void
run(uint64_t stream, struct span *command, size_t n)
{
	const struct msg m = {.id = EXEC_START,
	    .exec_start = {.stream = stream, .command = command, .command_n = n},
	    .fds = {0, 2, 2},
	    .fds_n = 3};

	ask(&m, started, NULL);
}

static enum err
ssh_setup(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg of_main = {.id = EXEC_SIGNAL, .exec_signal = {UINT64_MAX, SIGKILL}};
	const struct msg of_link = {.id = EXEC_SIGNAL, .exec_signal = {1, SIGKILL}};
	const struct msg socket = {.id = SOCKET_MAKE};

	(void)self;
	(void)why;
	dprintf(2, "SSHD begins: %zu descriptors, in %.*s\n", m->fds_n, SPAN_ARGS(m->ssh_setup.workspace));
	ask(&of_main, refused, "signals the main process");
	ask(&of_link, refused, "signals a command of link's");
	ask(&socket, socket_made, "makes a socket");
	for (uint64_t i = 1; i <= COMMANDS; i++)
		run(i, i == 1 ? hang_up : i == 2 ? stubborn : plain, i <= 2 ? 3 : 2);
	answer->id = DONE;
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

static const struct route routes[] = {{SSH_SETUP, ssh_setup, 0, 0}, {EXEC_EXITED, nothing, 0, 0}, {0}};

int
main(void)
{
	struct why why = {0};

	log_open("sshd", LOG_LEVEL_INFO);
	if (loop_new(&me.loop, &why) != OK)
		return 1;
	me.bus = (struct bus){.loop = me.loop, .role = ROLE_SSHD, .name = "sshd", .routes = routes};
	bus_init(&me.bus);
	if (channel_open(&me.bus, ROLE_SUPERVISOR, "supervisor", 3, &me.supervisor, &why) != OK)
		return 1;
	return loop_run(me.loop, &why) != OK;
}
