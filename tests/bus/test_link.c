/* link alone, between a supervisor and a relay that the test plays; the relay is a hostile one at times. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "common/bus/stream.h"
#include "tests/bus/script.h"

#define REFUSED 77 /* the link's exit status when it is refused for good */

static const char *program;
static struct loop *loop;
static struct actor relay, supervisor;
static struct child child;
static char endpoint[128];
static const uint8_t bytes32[32] = {3};
static const struct id sandbox = {{5}}, instance = {{6}};
static struct span argv_true[] = {{"true", 4}};
static const struct msg done = {.id = DONE};
static const struct msg enrolled = {.id = ENROLLED,
    .enrolled = {.name = {"demo", 4},
	.workspace = {"default", 7},
	.command = argv_true,
	.command_n = 1,
	.policy = {"p", 1},
	.policy_version = 1}};

/* ---- the stage ---- */

static void
relay_open(void)
{
	struct why why;

	actor_join(&relay, ROLE_NONE, NULL, NULL);
	if (curve_bind(relay.curve, endpoint, true, &why) != OK)
		fail_msg("%s", why.text);
}

static void
link_start(void)
{
	supervised_start(&supervisor, &child, program, "link", ROLE_LINK);
}

static struct msg
setup_message(bool again)
{
	return (struct msg){.id = LINK_SETUP,
	    .link_setup = {.relay = span_of_text(endpoint),
		.relay_key = span_of_bytes(relay.key, 32),
		.bus_key = span_of_bytes(bytes32, 32),
		.sandbox = sandbox,
		.epoch = 2,
		.instance = instance,
		.token = span_of_bytes(bytes32, 32),
		.router_key = span_of_bytes(bytes32, 32),
		.router_mac = span_of_bytes(bytes32, 32),
		.again = again}};
}

static void
stage_open(void)
{
	struct why why;

	assert_int_equal(loop_new(&loop, &why), OK);
	actor_init(&relay, loop, ROLE_RELAY, "relay");
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
}

static void
start(bool again)
{
	struct msg m = setup_message(again);

	link_start();
	tell(supervisor.peer, &m);
}

static int
setup(void **unused)
{
	(void)unused;
	stage_open();
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", free_port());
	relay_open();
	return 0;
}

/* The supervisor goes, and the link with it. */
static int
ended(int status)
{
	actor_done(&supervisor);
	assert_int_equal(child_exit_code(child_wait(&child)), status);
	child_done(&child);
	actor_done(&relay);
	loop_free(loop);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	return child.pid == 0 ? 0 : ended(0);
}

static void
expect_status(bool connected)
{
	struct heard *heard = actor_hear(&supervisor, LINK_STATUS);

	assert_int_equal(heard->msg.link_status.connected, connected);
	heard_free(heard);
}

/* The relay lets it in. */
static void
enrol(void)
{
	struct heard *heard = actor_hear(&relay, ENROL);

	peer_enrol(heard->reply.peer, sandbox, 2);
	reply_send(&heard->reply, &enrolled);
	heard_free(heard);
	expect_status(true);
}

static void
running(void)
{
	start(false);
	enrol();
	heard_free(actor_hear(&supervisor, ENROLLED));
}

static void
relay_cuts(void)
{
	relay.peer->transport->cut(relay.peer);
	expect_status(false);
}

/* ---- enrolment ---- */

static void
it_enrols_with_what_it_was_told(void **unused)
{
	struct heard *heard;

	(void)unused;
	start(false);
	heard = actor_hear(&relay, ENROL);
	assert_true(id_equal(heard->msg.enrol.sandbox, sandbox));
	assert_true(id_equal(heard->msg.enrol.instance, instance));
	assert_int_equal(heard->msg.enrol.epoch, 2);
	assert_memory_equal(heard->msg.enrol.token.at, bytes32, 32);
	peer_enrol(heard->reply.peer, sandbox, 2);
	reply_send(&heard->reply, &enrolled);
	heard_free(heard);
	heard = actor_hear(&supervisor, ENROLLED);
	assert_true(span_is(heard->msg.enrolled.name, "demo"));
	assert_int_equal(heard->msg.enrolled.policy_version, 1);
	heard_free(heard);
	expect_status(true);
}

static void
a_request_is_answered_with_the_configuration(void **unused)
{
	struct msg m = setup_message(false);
	struct outcome outcome;

	(void)unused;
	link_start();
	ask(&outcome, supervisor.peer, &m);
	enrol();
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, ENROLLED);
	outcome_done(&outcome);
	assert_null(actor_heard(&supervisor, ENROLLED));
}

static void
it_comes_back_with_the_same_key(void **unused)
{
	uint8_t key[32];

	(void)unused;
	running();
	memcpy(key, relay.peer->key, sizeof(key));
	relay_cuts();
	enrol();
	assert_memory_equal(relay.peer->key, key, sizeof(key));
	assert_null(actor_heard(&supervisor, ENROLLED)); /* the configuration is passed up once */
}

static void
a_second_link_passes_no_configuration_up(void **unused)
{
	(void)unused;
	start(true);
	enrol();
	assert_null(actor_heard(&supervisor, ENROLLED));
}

/* ---- configuration ---- */

/* The relay lets it in and gives what has this number. */
static void
enrol_with(uint64_t revision)
{
	struct heard *heard = actor_hear(&relay, ENROL);
	struct msg answer = enrolled;

	answer.enrolled.config_revision = revision;
	answer.enrolled.policy_version = (uint32_t)revision;
	peer_enrol(heard->reply.peer, sandbox, 2);
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	expect_status(true);
}

static void
expect_push(uint64_t revision)
{
	struct heard *heard = actor_hear(&supervisor, CONFIG_PUSH);

	assert_true(id_equal(heard->msg.config_push.sandbox, sandbox));
	assert_int_equal(heard->msg.config_push.epoch, 2);
	assert_int_equal(heard->msg.config_push.config_revision, revision);
	assert_int_equal(heard->msg.config_push.policy_version, revision);
	heard_free(heard);
}

static struct msg
push_of(uint64_t revision, uint32_t epoch)
{
	return (struct msg){.id = CONFIG_PUSH,
	    .config_push = {.sandbox = sandbox,
		.epoch = epoch,
		.policy = SPAN("p"),
		.policy_version = (uint32_t)revision,
		.config_revision = revision}};
}

static void
newer_configuration_is_passed_up(void **unused)
{
	struct msg push = push_of(8, 2), wrong = push_of(9, 3);

	(void)unused;
	start(false);
	enrol_with(7);
	heard_free(actor_hear(&supervisor, ENROLLED));
	tell(relay.peer, &wrong);
	tell(relay.peer, &push);
	expect_push(8);
	relay_cuts();
	enrol_with(8); /* nothing happened meanwhile */
	relay_cuts();
	enrol_with(10); /* it changed while we were away */
	expect_push(10);
	assert_null(actor_heard(&supervisor, CONFIG_PUSH));
	assert_null(actor_heard(&supervisor, ENROLLED));
}

static void
a_second_link_passes_only_newer_configuration_up(void **unused)
{
	struct msg m = setup_message(true);

	(void)unused;
	m.link_setup.config_revision = 7;
	link_start();
	tell(supervisor.peer, &m);
	enrol_with(7);
	assert_null(actor_heard(&supervisor, CONFIG_PUSH));
	relay_cuts();
	enrol_with(8);
	expect_push(8);
	assert_null(actor_heard(&supervisor, ENROLLED));
}

/* A policy of the longest kind, and one right after the other. */
static void
long_configuration_is_passed_up_in_order(void **unused)
{
	static char policy[262144];
	struct msg push = push_of(1, 2);

	(void)unused;
	running();
	memset(policy, 'x', sizeof(policy));
	push.config_push.policy = span_of_bytes(policy, sizeof(policy));
	for (uint32_t i = 1; i <= 20; i++) {
		push.config_push.config_revision = push.config_push.policy_version = i;
		tell(relay.peer, &push);
	}
	for (uint32_t i = 1; i <= 20; i++)
		expect_push(i);
}

static void
while_unavailable_it_asks_again(void **unused)
{
	(void)unused;
	start(false);
	for (int i = 0; i < 3; i++)
		actor_refuse(&relay, ENROL, ERR_UNAVAILABLE, "state is away");
	enrol();
	heard_free(actor_hear(&supervisor, ENROLLED));
}

static void
refused_for_good(enum err code)
{
	struct heard *heard;

	start(false);
	actor_refuse(&relay, ENROL, code, "not you");
	heard = actor_hear(&supervisor, LINK_STATUS);
	assert_false(heard->msg.link_status.connected);
	assert_true(span_is(heard->msg.link_status.message, "not you"));
	heard_free(heard);
	actor_wait_down(&supervisor, 1); /* it ends by itself */
	ended(REFUSED);
	child.pid = 0;
}

static void
a_refusal_is_the_end(void **unused)
{
	(void)unused;
	refused_for_good(ERR_DENIED);
	setup(NULL);
	refused_for_good(ERR_CONFLICT);
	setup(NULL);
	refused_for_good(ERR_NOT_FOUND);
}

static void
before_setup_it_takes_nothing_else(void **unused)
{
	const struct msg m = {.id = MAIN_EXITED, .main_exited = {.epoch = 2, .exit_code = 1}};

	(void)unused;
	link_start();
	assert_int_equal(ask_now(supervisor.peer, &m), ERR_STATE);
	ended(EXIT_FAILURE); /* the supervisor goes without having said where to connect */
	child.pid = 0;
}

static void
write_file(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A /run of this process's own, before it has a second thread; an ordinary user needs a user namespace for
 * that. */
static void
own_run(void)
{
	char users[32], groups[32];

	snprintf(users, sizeof(users), "0 %u 1", geteuid());
	snprintf(groups, sizeof(groups), "0 %u 1", getegid());
	if (geteuid() != 0) {
		assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", users);
		write_file("/proc/self/gid_map", groups);
	} else {
		assert_int_equal(unshare(CLONE_NEWNS), 0);
	}
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("run", "/run", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir("/run/openshell", 0755), 0);
	assert_int_equal(mkdir("/run/openshell/relay", 0755), 0);
}

static int
setup_ipc(void **unused)
{
	(void)unused;
	own_run();
	stage_open();
	snprintf(endpoint, sizeof(endpoint), "ipc:///run/openshell/relay/sandbox");
	relay_open();
	snprintf(endpoint, sizeof(endpoint), "ipc:///sandbox"); /* as it is seen from the link's root */
	return 0;
}

/* The last of all: this process stays in its namespace. */
static void
over_ipc_its_root_is_the_relays_directory(void **unused)
{
	(void)unused;
	running();
}

/* ---- reports and logs ---- */

static struct span walls[] = {{"network=enforced", 16}};
static const struct msg ready = {.id = SANDBOX_READY,
    .sandbox_ready = {
	.sandbox = {{5}}, .epoch = 2, .instance = {{6}}, .policy_version = 1, .walls = walls, .walls_n = 1}};
static const struct msg main_ended = {
    .id = MAIN_EXITED, .main_exited = {.sandbox = {{5}}, .epoch = 2, .exit_code = 9}};

static void
reports_are_told_until_answered(void **unused)
{
	struct heard *heard;

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	heard = actor_hear(&relay, SANDBOX_READY);
	assert_true(span_is(heard->msg.sandbox_ready.walls[0], "network=enforced"));
	heard_free(heard); /* never answered, and then the connection breaks */
	relay_cuts();
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	enrol();
	actor_refuse(&relay, SANDBOX_READY, ERR_UNAVAILABLE, "later");
	actor_answer(&relay, SANDBOX_READY, &done);
	actor_answer(&relay, MAIN_EXITED, &done); /* in this order */
	relay_cuts();
	enrol();
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	heard = actor_hear(&relay, MAIN_EXITED);
	assert_int_equal(heard->msg.main_exited.exit_code, 9);
	heard_free(heard);
	assert_null(actor_heard(&relay, SANDBOX_READY)); /* it is ready no more */
}

static void
ready_is_told_again_on_each_connection(void **unused)
{
	(void)unused;
	running();
	tell(supervisor.peer, &ready);
	actor_answer(&relay, SANDBOX_READY, &done);
	relay_cuts();
	enrol();
	actor_answer(&relay, SANDBOX_READY, &done);
}

static struct msg
applied_of(uint64_t revision, const char *refusal)
{
	return (struct msg){.id = CONFIG_APPLIED,
	    .config_applied = {.sandbox = sandbox,
		.epoch = 2,
		.instance = instance,
		.policy_version = (uint32_t)revision,
		.config_revision = revision,
		.loaded = refusal == NULL,
		.message = span_of_text(refusal == NULL ? "" : refusal)}};
}

/* The answer to one of them: which it was. */
static void
expect_applied(uint64_t revision, bool loaded, bool answer)
{
	struct heard *heard = actor_hear(&relay, CONFIG_APPLIED);

	assert_int_equal(heard->msg.config_applied.config_revision, revision);
	assert_int_equal(heard->msg.config_applied.loaded, loaded);
	if (answer)
		reply_send(&heard->reply, &done);
	heard_free(heard);
}

/* What the relay has answered so far has come in. */
static void
settled(void)
{
	struct msg push = push_of(1, 2);

	assert_int_equal(ask_now(relay.peer, &push), OK);
}

/* Across broken connections, until it is answered; the last that was loaded, and the last that was refused. */
static void
what_was_applied_is_told_until_answered(void **unused)
{
	struct msg first = applied_of(2, NULL), second = applied_of(3, "no"), third = applied_of(4, NULL);

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &first), OK);
	expect_applied(2, true, false);
	relay_cuts();
	assert_int_equal(ask_now(supervisor.peer, &second), OK);
	enrol();
	actor_refuse(&relay, CONFIG_APPLIED, ERR_UNAVAILABLE, "the database is away");
	expect_applied(2, true, true);
	expect_applied(3, false, true);
	settled();
	relay_cuts();
	assert_int_equal(ask_now(supervisor.peer, &third), OK);
	enrol();
	expect_applied(4, true, true);
	settled();
	relay_cuts();
	enrol();
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	heard_free(actor_hear(&relay, MAIN_EXITED));
	assert_null(actor_heard(&relay, CONFIG_APPLIED)); /* told once and for all */
}

/* ---- helpers: policyd and the proxy ---- */

static void
helper_begin(struct actor *actor, enum role role, bool give)
{
	struct peer *peer;
	int ours, theirs;
	struct why why;
	struct msg m = {.id = CHANNEL_GIVE, .channel_give = {role}};

	memset(actor, 0, sizeof(*actor));
	actor_init(actor, loop, role, "helper");
	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	assert_int_equal(channel_open(&actor->bus, ROLE_LINK, "link", ours, &peer, &why), OK);
	m.fds[0] = theirs;
	m.fds_n = 1;
	if (give)
		assert_int_equal(ask_now(supervisor.peer, &m), OK);
	close(theirs);
}

static struct msg
event_line(const char *words, struct msg_log_line *line)
{
	static struct span fields[] = {{"action=denied", 13}, {"host=example.org", 16}};

	*line = (struct msg_log_line){.time_ms = 1,
	    .source = SPAN("sandbox"),
	    .level = SPAN("OCSF"),
	    .target = SPAN("proxy"),
	    .message = span_of_text(words),
	    .fields = fields,
	    .fields_n = COUNT(fields)};
	return (struct msg){.id = LOGS_ADD, .logs_add = {.sandbox = sandbox, .lines = line, .lines_n = 1}};
}

static void
expect_event(const char *words)
{
	struct heard *heard = actor_hear(&relay, LOGS_ADD);

	assert_int_equal(heard->msg.logs_add.lines_n, 1);
	assert_true(span_is(heard->msg.logs_add.lines[0].message, words));
	assert_true(span_is(heard->msg.logs_add.lines[0].level, "OCSF"));
	assert_int_equal(heard->msg.logs_add.lines[0].fields_n, 2);
	assert_true(span_is(heard->msg.logs_add.lines[0].fields[1], "host=example.org"));
	reply_send(&heard->reply, &done);
	heard_free(heard);
}

static void
helpers_log_through_channels_of_their_own(void **unused)
{
	struct actor policyd, proxy, second;
	struct msg_log_line line;
	struct msg m = event_line("one", &line), none = {.id = CHANNEL_GIVE, .channel_give = {ROLE_PROXY}},
		   unknown = {.id = CHANNEL_GIVE, .channel_give = {ROLE_API}};

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &none), ERR_PROTOCOL);
	assert_int_equal(ask_now(supervisor.peer, &unknown), ERR_INVALID);
	helper_begin(&policyd, ROLE_POLICYD, true);
	helper_begin(&proxy, ROLE_PROXY, true);
	assert_int_equal(ask_now(policyd.peer, &m), OK);
	expect_event("one");
	m = event_line("two", &line);
	assert_int_equal(ask_now(proxy.peer, &m), OK);
	expect_event("two");

	/* A second proxy: what the first has sent before its end is not lost, and then it is shut out. */
	m = event_line("three", &line);
	tell(proxy.peer, &m);
	helper_begin(&second, ROLE_PROXY, true);
	expect_event("three");
	m = event_line("four", &line);
	assert_int_equal(ask_now(second.peer, &m), OK);
	expect_event("four");
	actor_wait_down(&proxy, 1);

	actor_done(&second); /* its end is not the link's */
	m = event_line("five", &line);
	assert_int_equal(ask_now(policyd.peer, &m), OK);
	expect_event("five");
	actor_done(&policyd);
	actor_done(&proxy);
}

/* They may put lines on the spool and nothing else; who tries loses its channel, and the link goes on. */
static void
helpers_may_do_nothing_else(void **unused)
{
	struct msg setup_again = setup_message(false), report = applied_of(2, NULL), push = push_of(2, 2);
	const struct msg *cases[] = {&setup_again, &ready, &main_ended, &report, &push};

	(void)unused;
	running();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct actor proxy;

		helper_begin(&proxy, ROLE_PROXY, true);
		tell(proxy.peer, cases[i]);
		actor_wait_down(&proxy, 1);
		actor_done(&proxy);
	}
	assert_null(actor_heard(&relay, SANDBOX_READY));
	assert_null(actor_heard(&relay, CONFIG_APPLIED));
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	heard_free(actor_hear(&relay, MAIN_EXITED));
}

static void
log_lines(size_t n, uint32_t first)
{
	struct msg_log_line lines[100];
	char text[100][16];
	struct msg m = {.id = LOGS_ADD, .logs_add = {.sandbox = sandbox, .lines = lines, .lines_n = n}};

	assert_true(n <= 100);
	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%u", first + (uint32_t)i);
		lines[i] = (struct msg_log_line){.time_ms = 1,
		    .source = SPAN("sandbox"),
		    .level = SPAN("INFO"),
		    .message = span_of_text(text[i])};
	}
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
}

/* While the relay is away: the newest 2,000 lines are kept, in order, and the rest is counted. */
static void
logs_are_kept_and_the_dropped_are_counted(void **unused)
{
	uint32_t next = 1000, told = 0;

	(void)unused;
	running();
	relay_cuts();
	for (uint32_t i = 0; i < 30; i++)
		log_lines(100, i * 100);
	enrol();
	while (next < 3000) {
		struct heard *heard = actor_hear(&relay, LOGS_ADD);

		for (size_t i = 0; i < heard->msg.logs_add.lines_n; i++) {
			char want[16];

			snprintf(want, sizeof(want), "%u", next++);
			assert_true(span_is(heard->msg.logs_add.lines[i].message, want));
		}
		told += heard->msg.logs_add.dropped;
		reply_send(&heard->reply, &done);
		heard_free(heard);
	}
	assert_int_equal(next, 3000);
	assert_int_equal(told, 1000);
}

/* ---- commands ---- */

/* What a command of the supervisor has: the child's ends. */
struct command {
	uint64_t number;
	int fds[3];
};

static void
exec_run(uint64_t stream, struct command *command)
{
	const struct msg m = {
	    .id = EXEC_START, .exec_start = {.stream = stream, .command = argv_true, .command_n = 1}};
	struct outcome outcome;
	struct heard *heard;

	ask(&outcome, relay.peer, &m);
	heard = actor_hear(&supervisor, EXEC_START);
	assert_int_equal(heard->msg.fds_n, 3);
	command->number = heard->msg.exec_start.stream;
	for (size_t i = 0; i < 3; i++)
		command->fds[i] = fd_take(&heard->msg.fds[i]);
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {77}});
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.exec_started.pid, 77);
	outcome_done(&outcome);
	heard = actor_hear(&relay, STREAM_GRANT); /* a window for its input */
	assert_int_equal(heard->msg.stream_grant.stream, stream);
	assert_int_equal(heard->msg.stream_grant.channel, 0);
	assert_int_equal(heard->msg.stream_grant.limit, STREAM_WINDOW_BYTES);
	heard_free(heard);
}

static void
command_close(struct command *command)
{
	for (size_t i = 0; i < 3; i++)
		clean_fd(&command->fds[i]);
}

static void
command_exits(const struct command *command, uint16_t code)
{
	const struct msg m = {
	    .id = EXEC_EXITED, .exec_exited = {.stream = command->number, .exit_code = code}};

	tell(supervisor.peer, &m);
}

static void
send_grant(uint64_t stream, uint8_t channel, uint64_t limit)
{
	const struct msg m = {.id = STREAM_GRANT, .stream_grant = {stream, channel, limit}};

	tell(relay.peer, &m);
}

static void
send_data(uint64_t stream, uint8_t channel, uint64_t offset, struct span bytes)
{
	const struct msg m = {.id = STREAM_DATA, .stream_data = {stream, channel, offset, bytes}};

	tell(relay.peer, &m);
}

static void
expect_data(uint64_t stream, uint8_t channel, const char *text)
{
	struct heard *heard = actor_hear(&relay, STREAM_DATA);

	assert_int_equal(heard->msg.stream_data.stream, stream);
	assert_int_equal(heard->msg.stream_data.channel, channel);
	assert_true(span_is(heard->msg.stream_data.bytes, text));
	heard_free(heard);
}

static void
expect_end(uint64_t stream, uint8_t channel, uint64_t offset)
{
	struct heard *heard = actor_hear(&relay, STREAM_END);

	assert_int_equal(heard->msg.stream_end.stream, stream);
	assert_int_equal(heard->msg.stream_end.channel, channel);
	assert_int_equal(heard->msg.stream_end.offset, offset);
	heard_free(heard);
}

static void
expect_exited(uint64_t stream, uint16_t code)
{
	struct heard *heard = actor_hear(&relay, EXEC_EXITED);

	assert_int_equal(heard->msg.exec_exited.stream, stream);
	assert_int_equal(heard->msg.exec_exited.exit_code, code);
	heard_free(heard);
}

static void
expect_killed(uint64_t number)
{
	struct heard *heard = actor_hear(&supervisor, EXEC_SIGNAL);

	assert_int_equal(heard->msg.exec_signal.stream, number);
	assert_int_equal(heard->msg.exec_signal.signal, SIGKILL);
	heard_free(heard);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
a_commands_bytes_and_end(void **unused)
{
	struct command command;
	const struct msg end = {.id = STREAM_END, .stream_end = {4, 0, 5}};
	char input[16];

	(void)unused;
	running();
	exec_run(4, &command);
	send_data(4, 0, 0, SPAN("input"));
	tell(relay.peer, &end);
	assert_int_equal(read(command.fds[0], input, sizeof(input)), 5);
	assert_memory_equal(input, "input", 5);
	assert_int_equal(read(command.fds[0], input, sizeof(input)), 0);
	send_grant(4, 1, 1000);
	send_grant(4, 2, 1000);
	say(command.fds[1], "output");
	expect_data(4, 1, "output");
	say(command.fds[2], "errors");
	expect_data(4, 2, "errors");
	say(command.fds[1], "last");
	command_close(&command);
	command_exits(&command, 42);
	expect_data(4, 1, "last");
	expect_exited(4, 42);
	for (int i = 0; i < 2; i++) { /* both ends have come before it */
		struct heard *heard = actor_heard(&relay, STREAM_END);

		assert_non_null(heard);
		heard_free(heard);
	}
	command_exits(&command, 42); /* told twice: once is passed on */
	send_data(4, 0, 5, SPAN("late"));
	exec_run(4, &command); /* and the number is free */
	assert_null(actor_heard(&relay, EXEC_EXITED));
	command_close(&command);
}

/* Without credit nothing is read: the pipe fills, and the command waits. */
static void
no_credit_no_reading(void **unused)
{
	struct command command;
	char block[4096];
	size_t written = 0;
	ssize_t n;

	(void)unused;
	memset(block, 'x', sizeof(block));
	running();
	exec_run(4, &command);
	assert_int_equal(fcntl(command.fds[1], F_SETFL, O_NONBLOCK), 0);
	send_grant(4, 1, 10);
	say(command.fds[1], "0123456789abc");
	expect_data(4, 1, "0123456789");
	assert_int_equal(ask_now(supervisor.peer, &ready), OK); /* by now it would have sent more */
	assert_null(actor_heard(&relay, STREAM_DATA));
	while ((n = write(command.fds[1], block, sizeof(block))) > 0)
		written += (size_t)n;
	assert_in_range(written, 32768, 1 << 20);
	send_grant(4, 1, 13);
	expect_data(4, 1, "abc");
	command_close(&command);
	command_exits(&command, 0);
	expect_end(4, 2, 0);
	assert_null(actor_heard(&relay, EXEC_EXITED)); /* its output has not been taken yet */
	send_grant(4, 1, 13 + written);
	expect_end(4, 1, 13 + written);
	expect_exited(4, 0);
}

/* A grandchild keeps the pipe: what the command itself wrote comes, and then the end, half a second later. */
static void
a_grandchild_does_not_hold_the_end(void **unused)
{
	struct command command;
	uint64_t began;

	(void)unused;
	running();
	exec_run(4, &command);
	send_grant(4, 1, 1000);
	send_grant(4, 2, 1000);
	say(command.fds[1], "word");
	began = clock_ms();
	command_exits(&command, 0);
	expect_data(4, 1, "word");
	expect_exited(4, 0);
	assert_in_range(clock_ms() - began, 490, 3000);
	command_close(&command);
}

/* Nor when its reader is slow, so that credit for what it wrote comes after that half second. */
static void
a_grandchild_does_not_hold_what_waits_for_credit(void **unused)
{
	struct command command;

	(void)unused;
	running();
	exec_run(4, &command);
	send_grant(4, 2, 1000);
	say(command.fds[1], "word");
	command_exits(&command, 0);
	expect_end(4, 2, 0); /* the half second is over */
	send_grant(4, 1, 1000);
	expect_data(4, 1, "word");
	expect_end(4, 1, 4);
	expect_exited(4, 0);
	command_close(&command);
}

/* The command does not read its input: the window is not opened again until it does. */
static void
input_waits_for_its_reader(void **unused)
{
	static char block[STREAM_WINDOW_BYTES];
	struct command command;
	struct heard *heard;
	size_t sent = 0, got = 0;

	(void)unused;
	running();
	exec_run(4, &command);
	for (; sent < sizeof(block); sent += 32768)
		send_data(4, 0, sent, span_of_bytes(block, 32768));
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	assert_null(actor_heard(&relay, STREAM_GRANT));
	assert_int_equal(fcntl(command.fds[0], F_SETFL, O_NONBLOCK), 0);
	while (got < sent) {
		ssize_t n = read(command.fds[0], block, sizeof(block));

		got += n > 0 ? (size_t)n : 0;
		if (n <= 0)
			assert_int_equal(loop_turn(loop, 1, NULL), OK);
	}
	heard = actor_hear(&relay, STREAM_GRANT);
	assert_true(heard->msg.stream_grant.limit > sent);
	heard_free(heard);
	close(fd_take(&command.fds[0])); /* it reads no more: bytes are dropped, and credit goes on */
	send_data(4, 0, sent, span_of_bytes(block, 32768));
	command_close(&command);
	command_exits(&command, 0);
	expect_exited(4, 0);
}

static void
a_relay_that_breaks_a_streams_rules_loses_the_stream(void **unused)
{
	static char block[65536];
	struct command command;

	(void)unused;
	running();
	for (int i = 0; i < 3; i++) {
		exec_run(4, &command);
		if (i == 0) /* 320 KiB into a window of 256 */
			for (size_t sent = 0; sent < 5 * sizeof(block); sent += sizeof(block))
				send_data(4, 0, sent, span_of_bytes(block, sizeof(block)));
		else if (i == 1)
			send_data(4, 0, 7, SPAN("not the next offset"));
		else
			send_data(4, 1, 0, SPAN("against the direction"));
		expect_killed(command.number);
		expect_exited(4, 256);
		command_close(&command);
	}
	assert_int_equal(relay.downs, 0);
}

static void
when_the_relay_goes_commands_are_killed(void **unused)
{
	struct command first, second;

	(void)unused;
	running();
	exec_run(4, &first);
	exec_run(5, &second);
	relay_cuts();
	expect_killed(first.number);
	expect_killed(second.number);
	command_exits(&first, 137);
	command_close(&first);
	command_close(&second);
	enrol();
	exec_run(4, &first); /* the numbers of the connection before mean nothing */
	command_exits(&second, 137);
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	assert_null(actor_heard(&relay, EXEC_EXITED));
	command_close(&first);
}

static void
a_signal_waits_until_the_command_runs(void **unused)
{
	const struct msg m = {
	    .id = EXEC_START, .exec_start = {.stream = 4, .command = argv_true, .command_n = 1}};
	const struct msg stop = {.id = EXEC_SIGNAL, .exec_signal = {4, SIGKILL}};
	struct outcome outcome;
	struct heard *heard;
	uint64_t number;

	(void)unused;
	running();
	ask(&outcome, relay.peer, &m);
	heard = actor_hear(&supervisor, EXEC_START);
	number = heard->msg.exec_start.stream;
	tell(relay.peer, &stop);
	assert_int_equal(
	    ask_now(relay.peer, &(struct msg){.id = EXEC_START,
				    .exec_start = {.stream = 4, .command = argv_true, .command_n = 1}}),
	    ERR_EXISTS);
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {77}});
	heard_free(heard);
	expect_killed(number);
	outcome_wait(&outcome);
	outcome_done(&outcome);
}

static void
what_the_supervisor_refuses_is_passed_on(void **unused)
{
	const struct msg m = {
	    .id = EXEC_START, .exec_start = {.stream = 4, .command = argv_true, .command_n = 1}};
	struct outcome outcome;

	(void)unused;
	running();
	ask(&outcome, relay.peer, &m);
	actor_refuse(&supervisor, EXEC_START, ERR_NOT_FOUND, "no such command");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_NOT_FOUND);
	assert_string_equal(outcome.why.text, "no such command");
	outcome_done(&outcome);
}

static void
a_terminal_is_one_descriptor_with_a_size(void **unused)
{
	const struct msg m = {.id = EXEC_START,
	    .exec_start = {
		.stream = 4, .command = argv_true, .command_n = 1, .tty = true, .columns = 80, .rows = 24}};
	const struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.exit_code = 0}};
	struct msg started = {.id = EXEC_STARTED, .exec_started = {77}, .fds_n = 1}, last = exited;
	struct winsize size = {0};
	struct outcome outcome;
	struct heard *heard;
	char input[16];
	int master, slave;

	(void)unused;
	running();
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	ask(&outcome, relay.peer, &m);
	heard = actor_hear(&supervisor, EXEC_START);
	assert_int_equal(heard->msg.fds_n, 0);
	last.exec_exited.stream = heard->msg.exec_start.stream;
	started.fds[0] = master;
	reply_send(&heard->reply, &started);
	close(master);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	expect_end(4, 2, 0);
	send_grant(4, 1, 1000);
	send_data(4, 3, 0, span_of_bytes("\0\x64\0", 3));
	send_data(4, 3, 3, span_of_bytes("\x1e", 1));
	while (ioctl(slave, TIOCGWINSZ, &size) < 0 || size.ws_col != 100)
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
	assert_int_equal(size.ws_row, 30);
	say(slave, "hello");
	expect_data(4, 1, "hello");
	send_data(4, 0, 0, SPAN("line\n"));
	assert_int_equal(read(slave, input, sizeof(input)), 5);
	assert_memory_equal(input, "line\n", 5);
	close(slave);
	tell(supervisor.peer, &last);
	expect_end(4, 1, 5 + 6); /* and the echo of the line */
	expect_exited(4, 0);
}

/* The main process never blocks on us, and sees no end of its input. */
static void
the_main_processes_output_is_drained(void **unused)
{
	static char block[65536];
	struct msg m = {.id = MAIN_STDIO, .fds_n = 3};
	int in[2], out[2], err[2];

	(void)unused;
	running();
	assert_true(pipe(in) == 0 && pipe(out) == 0 && pipe(err) == 0);
	m.fds[0] = in[1];
	m.fds[1] = out[0];
	m.fds[2] = err[0];
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	close(in[1]);
	close(out[0]);
	close(err[0]);
	for (int i = 0; i < 40; i++) /* 2.5 MiB: more than the ring */
		assert_int_equal(write(out[1], block, sizeof(block)), sizeof(block));
	assert_int_equal(fcntl(in[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(in[0], block, 1), -1);
	m.fds_n = 1;
	m.fds[0] = in[0];
	assert_int_equal(ask_now(supervisor.peer, &m), ERR_PROTOCOL);
	close(in[0]);
	close(out[1]);
	close(err[1]);
}

/* ---- a hostile relay ---- */

static void
bad_bytes_cost_the_connection(void **unused)
{
	static char long_one[MSG_BYTES_MAX + 1];
	static const struct span cases[] = {
	    {"\xc1", 1}, {"\x94\x01\x01\xcd\x07\x01", 6}, {long_one, sizeof(long_one)}};
	const struct msg foreign = {.id = ENROL_CHECK,
	    .enrol_check = {.epoch = 1,
		.token = {(const char *)bytes32, 32},
		.router_key = {(const char *)bytes32, 32},
		.router_mac = {(const char *)bytes32, 32},
		.bus_key = {(const char *)bytes32, 32}}};

	(void)unused;
	running();
	for (size_t i = 0; i < 4; i++) {
		if (i < 3)
			tell_raw(relay.peer, cases[i]);
		else
			tell(relay.peer, &foreign);
		expect_status(false);
		enrol();
	}
}

static void
a_report_from_the_relay_is_refused(void **unused)
{
	(void)unused;
	running();
	assert_int_equal(ask_now(relay.peer, &ready), ERR_DENIED);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    CASE(it_enrols_with_what_it_was_told),
	    CASE(a_request_is_answered_with_the_configuration),
	    CASE(it_comes_back_with_the_same_key),
	    CASE(a_second_link_passes_no_configuration_up),
	    CASE(while_unavailable_it_asks_again),
	    CASE(a_refusal_is_the_end),
	    CASE(before_setup_it_takes_nothing_else),
	    CASE(newer_configuration_is_passed_up),
	    CASE(a_second_link_passes_only_newer_configuration_up),
	    CASE(long_configuration_is_passed_up_in_order),
	    CASE(reports_are_told_until_answered),
	    CASE(what_was_applied_is_told_until_answered),
	    CASE(helpers_log_through_channels_of_their_own),
	    CASE(helpers_may_do_nothing_else),
	    CASE(ready_is_told_again_on_each_connection),
	    CASE(logs_are_kept_and_the_dropped_are_counted),
	    CASE(a_commands_bytes_and_end),
	    CASE(no_credit_no_reading),
	    CASE(a_grandchild_does_not_hold_the_end),
	    CASE(a_grandchild_does_not_hold_what_waits_for_credit),
	    CASE(input_waits_for_its_reader),
	    CASE(a_relay_that_breaks_a_streams_rules_loses_the_stream),
	    CASE(when_the_relay_goes_commands_are_killed),
	    CASE(a_signal_waits_until_the_command_runs),
	    CASE(what_the_supervisor_refuses_is_passed_on),
	    CASE(a_terminal_is_one_descriptor_with_a_size),
	    CASE(the_main_processes_output_is_drained),
	    CASE(bad_bytes_cost_the_connection),
	    CASE(a_report_from_the_relay_is_refused),
	    cmocka_unit_test_setup_teardown(over_ipc_its_root_is_the_relays_directory, setup_ipc, teardown),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
