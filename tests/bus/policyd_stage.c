/* A stage for policyd: real namespaces, real processes, real sockets. */
#include "tests/unit/test.h"

#include "tests/bus/policyd_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/bus/channel.h"
#include "common/os/file.h"
#include "common/policy/yaml.h"
#include "common/wire/protobuf.h"

/* ---- the box ---- */

#define USER_ID	   64990
#define INSIDE	   "POLICYD_TEST_INSIDE"
#define UNREADABLE "POLICYD_TEST_UNREADABLE"

static void
must(bool well, const char *what)
{
	if (well)
		return;
	perror(what);
	_exit(1);
}

static void
map_write(pid_t pid, const char *which, unsigned outside, unsigned count)
{
	char path[64], map[64];
	auto_fd int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, which);
	snprintf(map, sizeof(map), "0 %u %u", outside, count);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, map, strlen(map)) > 0, path);
}

/* Root gives it a range of ids, as driver-local does; anybody else itself alone. */
static void
maps_write(pid_t pid)
{
	bool root = geteuid() == 0;
	char path[64];
	auto_fd int fd = -1;

	if (!root) {
		snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		must(fd >= 0 && write(fd, "deny", 4) == 4, path);
	}
	map_write(pid, "uid_map", root ? 200000 : geteuid(), root ? 65536 : 1);
	map_write(pid, "gid_map", root ? 200000 : getegid(), root ? 65536 : 1);
}

static char unreadable[64];

/* Made outside, by the machine's root: in the box it has no owner. */
static void
unreadable_make(const char *puppet)
{
	char bytes[65536];
	auto_fd int from = open(puppet, O_RDONLY | O_CLOEXEC), to = -1;
	ssize_t n;

	snprintf(unreadable, sizeof(unreadable), "/tmp/policyd-unreadable-XXXXXX");
	to = mkstemp(unreadable);
	must(from >= 0 && to >= 0, "unreadable");
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		must(write(to, bytes, (size_t)n) == n, unreadable);
	must(fchmod(to, 0111) == 0 && setenv(UNREADABLE, unreadable, 1) == 0, unreadable);
}

const char *
box_unreadable(void)
{
	return getenv(UNREADABLE);
}

static void __attribute__((noreturn)) watch(pid_t pid, int release_fd)
{
	int status = 1;

	maps_write(pid);
	must(write(release_fd, "m", 1) == 1, "release");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (unreadable[0] != '\0')
		unlink(unreadable);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* Dumpable again, or the files of what it starts would belong to root. */
static void
become_user(void)
{
	must(setgroups(0, NULL) == 0 && setresgid(USER_ID, USER_ID, USER_ID) == 0 &&
		 setresuid(USER_ID, USER_ID, USER_ID) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0,
	    "become an ordinary user");
}

void
box_enter(char **argv, const char *puppet, bool as_user)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (getenv(INSIDE) != NULL)
		return;
	if (geteuid() == 0 && as_user)
		become_user();
	if (geteuid() == 0)
		unreadable_make(puppet);
	must(pipe(ends) == 0, "pipe");
	must((pid = fork()) >= 0, "fork");
	if (pid > 0) {
		close(ends[0]);
		ends[0] =
		    ends[1]; /* released once the child says that it has its namespace: it is stopped until then */
		must(waitpid(pid, NULL, WUNTRACED) == pid, "wait");
		kill(pid, SIGCONT);
		watch(pid, ends[1]);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) == 0, "unshare");
	raise(SIGSTOP);
	must(read(ends[0], &byte, 1) == 1, "maps");
	must(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "become root of the box");
	must((pid = fork()) >= 0, "fork");
	if (pid > 0) {
		int status = 1;

		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		 mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0,
	    "mount /proc");
	/* As the box's programs do: only what is executed in the namespace may be looked into from there. */
	must(setenv(INSIDE, "1", 1) == 0, "setenv");
	execv("/proc/self/exe", argv);
	must(false, "execute itself");
}

/* ---- puppets ---- */

/* Answers come from a process that may wait for policyd, which is another one: waiting here stops nobody. */
static int
hear_puppet(int puppet, int *fds, size_t fds_n)
{
	char words[64];
	struct iovec iov = {words, sizeof(words) - 1};
	union {
		char space[CMSG_SPACE(sizeof(int) * 8)];
		struct cmsghdr align;
	} room;
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};
	ssize_t n = recvmsg(puppet, &m, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		fail_msg("a puppet does not answer: %s", n == 0 ? "it is gone" : strerror(errno));
	words[n] = '\0';
	if (fds_n > 0) {
		assert_non_null(CMSG_FIRSTHDR(&m));
		memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), fds_n * sizeof(int));
	}
	return (int)strtol(words, NULL, 10);
}

static void
send_words(int puppet, const char *words, int with)
{
	struct iovec iov = {(char *)words, strlen(words) + 1};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} room = {0};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (with >= 0) {
		m.msg_control = &room;
		m.msg_controllen = sizeof(room);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){
		    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &with, sizeof(int));
	}
	assert_true(sendmsg(puppet, &m, MSG_NOSIGNAL) > 0);
}

int
puppet_command(int puppet, const char *words, int with)
{
	send_words(puppet, words, with);
	return hear_puppet(puppet, NULL, 0);
}

void
puppet_must(int puppet, const char *words, int with)
{
	int error = puppet_command(puppet, words, with);

	if (error != 0)
		fail_msg("%s: %s", words, strerror(error));
}

static void
control_pair(int pair[2])
{
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
}

int
puppet_new(struct stage *stage, int parent, const char *name)
{
	char words[192], path[128];
	int pair[2];

	control_pair(pair);
	puppet_must(parent == 0 ? stage->control : parent, "fork", pair[1]);
	close(pair[1]);
	if (name == NULL)
		return pair[0];
	snprintf(words, sizeof(words), "exec %s", stage_path(stage, name, path));
	puppet_must(pair[0], words, -1);
	return pair[0];
}

void
puppet_connect(struct stage *stage, int puppet)
{
	char words[32];

	snprintf(words, sizeof(words), "connect %u", stage->port);
	puppet_must(puppet, words, -1);
}

/* ---- the stage ---- */

char *
stage_path(const struct stage *stage, const char *name, char to[128])
{
	snprintf(to, 128, "%s/%s", stage->directory, name);
	return to;
}

void
stage_program(struct stage *stage, const char *name, size_t more)
{
	char path[128], bytes[65536] = {0};
	auto_fd int from = open(stage->puppet, O_RDONLY | O_CLOEXEC), to = -1;
	ssize_t n;

	to = open(stage_path(stage, name, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (from < 0 || to < 0)
		fail_msg("%s: %s", path, strerror(errno));
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(to, bytes, (size_t)n), n);
	assert_int_equal(ftruncate(to, lseek(to, 0, SEEK_CUR) + (off_t)more), 0); /* a hole is read as any bytes are */
	assert_int_equal(fchmod(to, 0755), 0);
}

static void
spawner_start(struct stage *stage)
{
	const char *argv[] = {"spawner", "spawner", NULL};
	struct child_plan plan = {.path = stage->puppet,
	    .argv = argv,
	    .fds = {-1, 2, 2},
	    .fds_count = 4,
	    .die_with_parent = true,
	    .clone_flags = CLONE_NEWPID | CLONE_NEWNET};
	struct sockaddr_in6 address = {0};
	socklen_t length = sizeof(address);
	int pair[2], fds[3];
	struct why why;

	control_pair(pair);
	stage->control = pair[0];
	plan.fds[3] = pair[1];
	if (child_start(&stage->spawner, &plan, &why) != OK)
		fail_msg("%s", why.text);
	close(pair[1]);
	hear_puppet(stage->control, fds, 3);
	stage->listener = fds[0];
	stage->diag = fds[1];
	assert_int_equal(memfd_fixed("connects", CHANNEL_CONNECTS_BYTES, &stage->connects, &why), OK);
	stage->fence = -1;
	stage->accepting = fds[2];
	assert_int_equal(getsockname(stage->accepting, (struct sockaddr *)&address, &length), 0);
	stage->port = ntohs(address.sin6_port);
}

void
stage_open(struct stage *stage, const char *program, const char *puppet)
{
	struct why why;

	*stage = (struct stage){.program = program, .puppet = puppet};
	assert_int_equal(loop_new(&stage->loop, &why), OK);
	actor_init(&stage->supervisor, stage->loop, ROLE_SUPERVISOR, "supervisor");
	actor_init(&stage->proxy, stage->loop, ROLE_PROXY, "proxy");
	actor_init(&stage->link, stage->loop, ROLE_LINK, "link");
	directory_make(stage->directory);
	spawner_start(stage);
}

void
stage_close(struct stage *stage)
{
	stage_policyd_kill(stage);
	child_kill(&stage->spawner, SIGKILL);
	child_wait(&stage->spawner);
	child_done(&stage->spawner);
	actor_done(&stage->supervisor);
	actor_done(&stage->proxy);
	actor_done(&stage->link);
	loop_free(stage->loop);
	close(stage->control);
	close(stage->listener);
	close(stage->diag);
	close(stage->connects);
	clean_fd(&stage->fence);
	close(stage->accepting);
	directory_remove(stage->directory);
}

static void
give(struct stage *stage, struct actor *actor, enum role role)
{
	struct msg m = {.id = CHANNEL_GIVE, .channel_give = {.role = role}, .fds_n = 1};
	struct peer *peer;
	int ours, theirs;
	struct why why;

	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	m.fds[0] = theirs;
	assert_int_equal(channel_open(&actor->bus, ROLE_POLICYD, "policyd", ours, &peer, &why), OK);
	assert_int_equal(ask_now(stage->supervisor.peer, &m), OK);
	close(theirs);
}

static void
daemon_begin(struct stage *stage)
{
	const char *argv[] = {"policyd", NULL};
	struct child_plan plan = {
	    .path = stage->program, .argv = argv, .fds = {-1, 2, 2}, .fds_count = 4, .die_with_parent = true};
	struct peer *peer;
	int ours, theirs;
	struct why why;

	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	plan.fds[3] = theirs;
	if (child_start(&stage->daemon, &plan, &why) != OK)
		fail_msg("%s", why.text);
	close(theirs);
	assert_int_equal(channel_open(&stage->supervisor.bus, ROLE_POLICYD, "policyd", ours, &peer, &why), OK);
}

void
stage_policyd(struct stage *stage, bool binaries_free)
{
	static const struct msg done = {.id = DONE};
	struct msg m = {.id = POLICYD_SETUP,
	    .policyd_setup = {.sandbox = {{5}},
		.spawner = (uint32_t)stage->spawner.pid,
		.binaries_free = binaries_free},
	    .fds = {stage->listener, stage->diag, -1, stage->connects},
	    .fds_n = 4};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	clean_fd(&stage->fence);
	stage->fence = pair[0];
	m.fds[2] = pair[1];
	daemon_begin(stage);
	assert_int_equal(ask_now(stage->supervisor.peer, &m), OK);
	close(pair[1]);
	give(stage, &stage->link, ROLE_LINK);
	give(stage, &stage->proxy, ROLE_PROXY);
	actor_answer(&stage->proxy, GENERATION, &done);
}

void
stage_policyd_kill(struct stage *stage)
{
	if (stage->daemon.pid == 0)
		return;
	child_kill(&stage->daemon, SIGKILL);
	child_wait(&stage->daemon);
	child_done(&stage->daemon);
	stage->daemon = (struct child){0};
	UNTIL(stage->loop, stage->supervisor.peer == NULL && stage->proxy.peer == NULL && stage->link.peer == NULL);
}

/* ---- policies ---- */

#define POLICY_TEXT_BYTES (256u << 10)

static struct span
policy_bytes(const struct stage *stage, const char *yaml, struct arena *arena)
{
	struct text out = {.at = arena_alloc(arena, POLICY_TEXT_BYTES), .size = POLICY_TEXT_BYTES};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct span bytes = SPAN_NONE;
	struct why why;

	for (; *yaml != '\0'; yaml++)
		if (*yaml == '$')
			text_add(&out, "%s", stage->directory);
		else
			text_add(&out, "%c", *yaml);
	assert_false(out.cut);
	if (policy_from_yaml(text_span(&out), "policy.yaml", arena, &policy, &why) != OK ||
	    protobuf_write(&policy->base, arena, &bytes, &why) != OK)
		fail_msg("%s", why.text);
	return bytes;
}

enum err
stage_load(struct stage *stage, const char *yaml, struct outcome *outcome)
{
	static const struct msg done = {.id = DONE};
	auto_arena struct arena arena = {0};
	struct heard *heard;
	struct msg m = {.id = POLICY_LOAD, .policy_load = {.version = 7}};

	m.policy_load.policy = yaml == NULL ? SPAN("\xff") : policy_bytes(stage, yaml, &arena);
	ask(outcome, stage->supervisor.peer, &m);
	UNTIL(stage->loop, outcome->done || (heard = actor_heard(&stage->proxy, GENERATION)) != NULL);
	if (!outcome->done) {
		reply_send(&heard->reply, &done);
		heard_free(heard);
		outcome_wait(outcome);
	}
	return outcome->r;
}

/* ---- connections ---- */

static struct span
bytes_of(const struct sockaddr_in6 *address, uint8_t to[16])
{
	bool mapped = IN6_IS_ADDR_V4MAPPED(&address->sin6_addr);

	memcpy(to, address->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
	return span_of_bytes(to, mapped ? 4 : 16);
}

void
stage_accept(struct stage *stage, struct accepted *accepted)
{
	struct sockaddr_in6 client = {0}, server = {0};
	socklen_t length = sizeof(client);
	struct msg_connection_judge *in = &accepted->question.connection_judge;

	*accepted =
	    (struct accepted){.fd = accept4(stage->accepting, (struct sockaddr *)&client, &length, SOCK_CLOEXEC),
		.number = ++stage->connections,
		.question = {.id = CONNECTION_JUDGE}};
	assert_true(accepted->fd >= 0);
	length = sizeof(server);
	assert_int_equal(getsockname(accepted->fd, (struct sockaddr *)&server, &length), 0);
	*in = (struct msg_connection_judge){.connection = accepted->number,
	    .how = 2,
	    .client_port = ntohs(client.sin6_port),
	    .server_port = ntohs(server.sin6_port),
	    .host = SPAN("any.acme.test"),
	    .port = 443};
	in->client = bytes_of(&client, accepted->client);
	in->server = bytes_of(&server, accepted->server);
}

void
accepted_close(struct accepted *accepted)
{
	clean_fd(&accepted->fd);
}

void
stage_judge(struct stage *stage, struct accepted *accepted, struct outcome *outcome)
{
	struct msg_connection_judge *in = &accepted->question.connection_judge;

	in->client = span_of_bytes(accepted->client, in->client.length); /* it may have been moved */
	in->server = span_of_bytes(accepted->server, in->server.length);
	ask(outcome, stage->proxy.peer, &accepted->question);
	outcome_wait(outcome);
	if (outcome->r != OK)
		fail_msg("connection_judge: %s", outcome->why.text);
}

unsigned
stage_request(struct stage *stage, const struct accepted *accepted, const char *path)
{
	struct msg_question question = {
	    .request = 1, .connection = accepted->number, .kind = 1, .method = SPAN("GET"), .path = span_of_text(path)};
	struct msg m = {.id = REQUESTS_JUDGE, .requests_judge = {.questions = &question, .questions_n = 1}};
	struct outcome outcome;
	unsigned what;

	ask(&outcome, stage->proxy.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.requests_judged.verdicts_n, 1);
	what = outcome.msg.requests_judged.verdicts[0].what;
	outcome_done(&outcome);
	return what;
}
