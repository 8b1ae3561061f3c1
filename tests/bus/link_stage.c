/* The stage of the tests of link: begun and ended around each test. */
#include "tests/bus/link_stage.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"
#include "common/bus/stream.h"
#include "common/os/file.h"

struct loop *loop;
struct actor relay, supervisor;
struct child child;
char endpoint[128];
const struct id sandbox = {{5}}, instance = {{6}};

static const char *program;
static int spool_fd = -1; /* goes from one link to the next, as the supervisor's does */

static struct span walls[] = {{"network=enforced", 16}};
const struct msg ready = {.id = SANDBOX_READY,
    .sandbox_ready = {
	.sandbox = {{5}}, .epoch = 2, .instance = {{6}}, .policy_version = 1, .walls = walls, .walls_n = 1}};
const struct msg main_ended = {.id = MAIN_EXITED, .main_exited = {.sandbox = {{5}}, .epoch = 2, .exit_code = 9}};

bool
stage_begin(int argc, char **argv)
{
	if (argc != 2)
		return false;
	program = argv[1];
	return true;
}

void
relay_open(void)
{
	struct why why;

	actor_join(&relay, ROLE_NONE, NULL, NULL);
	if (curve_bind(relay.curve, endpoint, true, &why) != OK)
		fail_msg("%s", why.text);
}

void
link_start(void)
{
	supervised_start(&supervisor, &child, program, "link", ROLE_LINK);
}

struct msg
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
		.again = again},
	    .fds = {spool_fd},
	    .fds_n = 1};
}

void
stage_open(void)
{
	struct why why;

	assert_int_equal(loop_new(&loop, &why), OK);
	clean_fd(&spool_fd);
	assert_int_equal(memfd_fixed("spool", CHANNEL_SPOOL_BYTES, &spool_fd, &why), OK);
	actor_init(&relay, loop, ROLE_RELAY, "relay");
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
}

void
start(bool again)
{
	struct msg m = setup_message(again);

	link_start();
	tell(supervisor.peer, &m);
}

int
setup(void **unused)
{
	(void)unused;
	stage_open();
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", free_port());
	relay_open();
	return 0;
}

void
ended(int status)
{
	actor_done(&supervisor);
	assert_int_equal(child_exit_code(child_wait(&child)), status);
	child_done(&child);
	child.pid = 0;
	actor_done(&relay);
	loop_free(loop);
}

int
teardown(void **unused)
{
	(void)unused;
	if (child.pid != 0)
		ended(0);
	return 0;
}

void
expect_status(bool connected)
{
	struct heard *heard = actor_hear(&supervisor, LINK_STATUS);

	assert_int_equal(heard->msg.link_status.connected, connected);
	heard_free(heard);
}

void
enrol(void)
{
	struct heard *heard = actor_hear(&relay, ENROL);

	peer_enrol(heard->reply.peer, sandbox, 2);
	reply_send(&heard->reply, &enrolled);
	heard_free(heard);
	expect_status(true);
}

void
running(void)
{
	start(false);
	enrol();
	heard_free(actor_hear(&supervisor, ENROLLED));
}

void
relay_cuts(void)
{
	relay.peer->transport->cut(relay.peer);
	expect_status(false);
}

/* ---- messages and commands ---- */

struct msg
push_of(uint64_t revision, uint32_t epoch)
{
	return (struct msg){.id = CONFIG_PUSH,
	    .config_push = {.sandbox = sandbox,
		.epoch = epoch,
		.policy = SPAN("p"),
		.policy_version = (uint32_t)revision,
		.config_revision = revision}};
}

struct msg
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

void
exec_run(uint64_t stream, struct command *command)
{
	const struct msg m = {.id = EXEC_START, .exec_start = {.stream = stream, .command = argv_true, .command_n = 1}};
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

void
command_close(struct command *command)
{
	for (size_t i = 0; i < 3; i++)
		clean_fd(&command->fds[i]);
}

void
command_exits(const struct command *command, uint16_t code)
{
	const struct msg m = {.id = EXEC_EXITED, .exec_exited = {.stream = command->number, .exit_code = code}};

	tell(supervisor.peer, &m);
}

void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}
