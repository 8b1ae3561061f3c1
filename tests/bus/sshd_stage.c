/* The stage of the tests of sshd: begun and ended around each test. */
#include "tests/unit/test.h"

#include "tests/bus/sshd_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"

#define COMMANDS_MAX 256
#define CHILD_PLACES 64

struct loop *loop;
char directory[64];
struct actor link_actor;
unsigned connections, ended, commands_running, signals_seen[65];
pid_t last_sshd;
bool stage_bash;
static struct peer *last_peer, *last_link; /* its ends at supervisor and link; borrowed */

static const char *program, *dial;
static struct bus supervisor;
static int listener = -1;
static struct watch accepting;

/* A process that the stage started: an sshd, or a command of one. */
struct started {
	struct child child;
	struct peer *sshd; /* of a command: who is told of its end; NULL when that is gone */
	uint64_t number;
	bool used, command;
};

static struct started places[COMMANDS_MAX];
static struct client *clients[CHILD_PLACES];

static struct started *
place(void)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (!places[i].used) {
			places[i] = (struct started){.used = true};
			return &places[i];
		}
	fail_msg("too many processes");
	return NULL;
}

/* ---- a supervisor ---- */

static void
command_over(void *self, int status)
{
	struct started *command = self;
	const struct msg m = {.id = EXEC_EXITED,
	    .exec_exited = {.stream = command->number, .exit_code = (uint16_t)child_exit_code(status)}};
	struct why why;

	if (command->sshd != NULL && peer_tell(command->sshd, &m, &why) != OK)
		print_message("exec_exited: %s\n", why.text);
	child_done(&command->child);
	command->used = false;
	commands_running--;
}

static const char *const *
strings(struct arena *arena, const struct span *spans, size_t n, const char *const *more)
{
	size_t more_n = 0;
	const char **list;

	while (more[more_n] != NULL)
		more_n++;
	list = arena_array(arena, n + more_n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = arena_text(arena, spans[i]);
	for (size_t i = 0; i < more_n; i++)
		list[n + i] = more[i];
	return list;
}

/* The bundle's sftp-server is the system's here, and what the agent has for its own loader is not there. */
static const char *const *
argv_of(struct msg *m)
{
	static const char *const none[] = {NULL}, *const sftp[] = {"/usr/lib/openssh/sftp-server", NULL};
	const struct msg_exec_start *in = &m->exec_start;

	if (span_is(in->command[in->command_n - 1], "/opt/openshell/agent/sftp-server"))
		return sftp;
	return strings(m->arena, in->command, in->command_n, none);
}

/* Answer with a descriptor, or with none (-1), which is closed here. */
static void
give(struct msg *m, struct msg *answer, int fd)
{
	struct reply reply = reply_later(m);

	answer->fds[0] = fd;
	answer->fds_n = fd >= 0;
	reply_send(&reply, answer);
	clean_fd(&fd);
}

static enum err
exec_start(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static const char *const base[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", NULL};
	static const char *const enter[] = {"sh", "-c", "cd \"$1\" || exit 1; shift; exec \"$@\"", "sh", NULL};
	struct started *command = place();
	const char *const *argv = argv_of(m);
	const char *line[16] = {NULL};
	struct child_plan plan = {.path = "/bin/sh", .argv = line, .fds_count = 3, .new_session = !m->exec_start.tty};
	struct winsize size = {.ws_col = m->exec_start.columns, .ws_row = m->exec_start.rows};
	int master = -1, slave = -1, n = 0;
	enum err r;

	(void)self;
	(void)answer;
	for (int i = 0; enter[i] != NULL; i++)
		line[n++] = enter[i];
	line[n++] = arena_text(m->arena, m->exec_start.workdir);
	for (int i = 0; argv[i] != NULL; i++)
		line[n++] = argv[i];
	plan.envp = strings(m->arena, m->exec_start.environment, m->exec_start.environment_n, base);
	if (m->exec_start.tty && openpty(&master, &slave, NULL, NULL, size.ws_col != 0 ? &size : NULL) < 0)
		return fail_errno(why, ERR_SYSTEM, "openpty");
	if (m->exec_start.tty) { /* with it as the controlling terminal */
		line[2] = "cd \"$1\" || exit 1; shift; exec setsid -c \"$@\"";
		fcntl(master, F_SETFD, FD_CLOEXEC);
	}
	for (int i = 0; i < 3; i++)
		plan.fds[i] = m->exec_start.tty ? slave : m->fds[i];
	r = child_start(&command->child, &plan, why);
	if (slave >= 0)
		close(slave);
	if (r != OK) {
		command->used = false;
		return r;
	}
	command->sshd = m->from;
	command->number = m->exec_start.stream;
	command->command = true;
	commands_running++;
	assert_int_equal(child_watch(&command->child, loop, command_over, command, why), OK);
	give(m, &(struct msg){.id = EXEC_STARTED, .exec_started = {(uint32_t)command->child.pid}}, master);
	return OK;
}

static enum err
exec_signal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	(void)self;
	(void)answer;
	(void)why;
	signals_seen[m->exec_signal.signal]++;
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (places[i].used && places[i].command && places[i].sshd == m->from &&
		    places[i].number == m->exec_signal.stream)
			kill(-places[i].child.pid, m->exec_signal.signal);
	return OK;
}

static enum err
socket_make(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	int fd = socket(m->socket_make.six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)self;
	(void)answer;
	if (fd < 0)
		return fail_errno(why, ERR_SYSTEM, "socket");
	give(m, &(struct msg){.id = SOCKET_MADE}, fd);
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

static const struct route routes[] = {
    {EXEC_START, exec_start, 0, 0},
    {EXEC_SIGNAL, exec_signal, 0, 0},
    {SOCKET_MAKE, socket_make, 0, 0},
    {DONE, nothing, 0, 0},
    {0},
};

static void
sshd_down(void *self, struct peer *peer, const struct why *why)
{
	(void)self;
	(void)why;
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (places[i].used && places[i].command && places[i].sshd == peer) {
			places[i].sshd = NULL;
			kill(-places[i].child.pid, SIGKILL);
		}
}

/* ---- connections ---- */

static void
sshd_over(void *self, int status)
{
	struct started *sshd = self;

	if (child_exit_code(status) != 0)
		print_message("sshd ended with %d\n", child_exit_code(status));
	child_done(&sshd->child);
	sshd->used = false;
	ended++;
}

static void
sshd_start(int connection)
{
	const char *argv[] = {"sshd", NULL};
	struct child_plan plan = {
	    .path = program, .argv = argv, .fds = {-1, 2, 2}, .fds_count = 4, .die_with_parent = true};
	struct started *sshd = place();
	struct peer *peer;
	int ours, link_ours, link_theirs;
	struct msg m = {.id = SSH_SETUP,
	    .ssh_setup = {.host_key = span_of_bytes("0123456789abcdef0123456789abcdef", 32),
		.workspace = span_of_text(directory),
		.bash = stage_bash}};
	struct why why;

	assert_int_equal(channel_pair(&ours, &plan.fds[3], &why), OK);
	assert_int_equal(channel_pair(&link_ours, &link_theirs, &why), OK);
	if (child_start(&sshd->child, &plan, &why) != OK)
		fail_msg("%s", why.text);
	last_sshd = sshd->child.pid;
	close(plan.fds[3]);
	assert_int_equal(child_watch(&sshd->child, loop, sshd_over, sshd, &why), OK);
	assert_int_equal(channel_open(&supervisor, ROLE_SSHD, "sshd", ours, &peer, &why), OK);
	assert_int_equal(channel_open(&link_actor.bus, ROLE_SSHD, "sshd", link_ours, &last_link, &why), OK);
	last_peer = peer;
	m.fds[0] = connection;
	m.fds[1] = link_theirs;
	m.fds_n = 2;
	tell(peer, &m);
	close(link_theirs);
	connections++;
}

void
link_goes(void)
{
	last_link->transport->cut(last_link);
}

void
supervisor_goes(void)
{
	last_peer->transport->cut(last_peer);
}

static void
came(void *self, uint32_t events)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	(void)self;
	(void)events;
	assert_true(fd >= 0);
	sshd_start(fd);
	close(fd);
}

static struct sockaddr_un
socket_address(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/ssh", directory);
	return address;
}

int
connect_raw(void)
{
	struct sockaddr_un address = socket_address();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned before = connections;

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	UNTIL(loop, connections == before + 1);
	return fd;
}

bool
stage_begin(int argc, char **argv)
{
	if (argc != 3 && argc != 4)
		return false;
	if (argc == 4) /* one test alone, by name */
		cmocka_set_test_filter(argv[3]);
	program = argv[1];
	dial = argv[2];
	return true;
}

static void
variables(void)
{
	static const char *const programs[][2] = {{"SSH", "ssh"}, {"SCP", "scp"}, {"SFTP", "sftp"}};
	char path[128], line[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/config", directory);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file,
	    "Host *\nProxyUseFdpass yes\nProxyCommand %s %s/ssh\nStrictHostKeyChecking no\nLogLevel ERROR\n"
	    "UserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\nIdentitiesOnly yes\nIdentityFile %s/key\n",
	    dial, directory, directory);
	fclose(file);
	for (size_t i = 0; i < COUNT(programs); i++) {
		snprintf(line, sizeof(line), "%s -F %s", programs[i][1], path);
		setenv(programs[i][0], line, 1);
	}
	setenv("D", directory, 1);
}

int
setup(void **unused)
{
	struct sockaddr_un address;
	struct why why;

	(void)unused;
	signal(SIGPIPE, SIG_IGN);
	directory_make(directory);
	variables();
	stage_bash = true;
	connections = ended = commands_running = 0;
	memset(signals_seen, 0, sizeof(signals_seen));
	assert_int_equal(loop_new(&loop, &why), OK);
	supervisor = (struct bus){
	    .loop = loop, .role = ROLE_SUPERVISOR, .name = "supervisor", .routes = routes, .peer_down = sshd_down};
	bus_init(&supervisor);
	actor_init(&link_actor, loop, ROLE_LINK, "link");
	address = socket_address();
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(loop_add(loop, &accepting, listener, EPOLLIN, came, NULL, &why), OK);
	return 0;
}

void
client_end(struct client *client)
{
	if (!client->over)
		kill(-client->child.pid, SIGKILL);
	UNTIL(loop, client->over);
}

static void
client_done(struct client *client)
{
	client_end(client);
	loop_remove(loop, &client->watch);
	clean_fd(&client->in);
	clean_fd(&client->from);
	for (size_t i = 0; i < CHILD_PLACES; i++)
		if (clients[i] == client)
			clients[i] = NULL;
}

int
teardown(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < CHILD_PLACES; i++)
		if (clients[i] != NULL)
			client_done(clients[i]);
	UNTIL(loop, ended == connections); /* each ends with its connection */
	UNTIL(loop, commands_running == 0);
	loop_remove(loop, &accepting);
	clean_fd(&listener);
	bus_done(&supervisor);
	actor_done(&link_actor);
	loop_free(loop);
	directory_remove(directory);
	return 0;
}

/* ---- clients ---- */

static void
client_over(void *self, int status)
{
	struct client *client = self;

	client->code = child_exit_code(status);
	client->over = true;
	child_done(&client->child);
}

static void
client_speaks(void *self, uint32_t events)
{
	struct client *client = self;
	size_t room = sizeof(client->out) - 1 - client->out_n;
	char dropped[4096];
	ssize_t n = room > 0 ? read(client->from, client->out + client->out_n, room)
			     : read(client->from, dropped, sizeof(dropped));

	(void)events;
	if (n > 0 && room > 0) {
		client->out_n += (size_t)n;
		client->out[client->out_n] = '\0';
	}
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		loop_remove(loop, &client->watch);
		clean_fd(&client->from);
	}
}

static void
descriptors(struct client *client, struct child_plan *plan, bool terminal)
{
	struct winsize size = {.ws_col = 80, .ws_row = 24};
	int in[2], out[2];

	if (terminal) {
		assert_int_equal(openpty(&client->from, &plan->fds[0], NULL, NULL, &size), 0);
		fcntl(client->from, F_SETFD, FD_CLOEXEC);
		client->in = fcntl(client->from, F_DUPFD_CLOEXEC, 3);
		plan->fds[1] = plan->fds[2] = plan->fds[0];
		return;
	}
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	plan->fds[0] = in[0];
	plan->fds[1] = plan->fds[2] = out[1];
	client->in = in[1];
	client->from = out[0];
}

void
client_start(struct client *client, const char *line, bool terminal)
{
	const char *argv[] = {"bash", "-c", line, NULL};
	const char *tty_argv[] = {"setsid", "-c", "bash", "-c", line, NULL};
	struct child_plan plan = {.path = terminal ? "/usr/bin/setsid" : "/bin/bash",
	    .argv = terminal ? tty_argv : argv,
	    .envp = (const char *const *)environ,
	    .fds_count = 3,
	    .new_session = !terminal};
	struct why why;
	size_t i = 0;

	*client = (struct client){.in = -1, .from = -1};
	while (i < CHILD_PLACES && clients[i] != NULL)
		i++;
	assert_true(i < CHILD_PLACES);
	clients[i] = client;
	descriptors(client, &plan, terminal);
	if (child_start(&client->child, &plan, &why) != OK)
		fail_msg("%s", why.text);
	close(plan.fds[0]);
	if (plan.fds[1] != plan.fds[0])
		close(plan.fds[1]);
	assert_int_equal(fcntl(client->from, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(child_watch(&client->child, loop, client_over, client, &why), OK);
	assert_int_equal(loop_add(loop, &client->watch, client->from, EPOLLIN, client_speaks, client, &why), OK);
}

void
client_say(struct client *client, const char *words)
{
	assert_int_equal(write(client->in, words, strlen(words)), strlen(words));
}

void
client_await(struct client *client, const char *words)
{
	for (uint64_t until = clock_ms() + PATIENCE_MS; strstr(client->out, words) == NULL;) {
		if (client->over || clock_ms() > until)
			fail_msg("no \"%s\" in: %s", words, client->out);
		turn(loop, until, words);
	}
}

int
client_wait(struct client *client)
{
	uint64_t until = clock_ms() + PATIENCE_MS;

	clean_fd(&client->in);
	while (!client->over || client->from >= 0) {
		if (clock_ms() >= until)
			fail_msg(
			    "%s, with: %s", client->over ? "its output does not end" : "it does not end", client->out);
		turn(loop, until + 1000, "the end of a client");
	}
	return client->code;
}

const char *
client_run(const char *line, int code)
{
	static struct client client;

	client_start(&client, line, false);
	if (client_wait(&client) != code)
		fail_msg("%s: code %d with: %s", line, client.code, client.out);
	client_done(&client);
	return client.out;
}
