/* relay and link together, the rest played by the test: enrolment, a long output byte for byte, and either
 * one's death. */
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "common/bus/stream.h"
#include "common/os/file.h"
#include "tests/bus/relay_stage.h"

#define LONG_BYTES (32u << 20)

static const char *link_program;
static char endpoint[64];
static struct actor supervisor;
static struct child link_child;
static const struct id sandbox = {{5}}, instance = {{6}};

static void
link_start(void)
{
	struct msg m = {.id = LINK_SETUP,
	    .link_setup = {.relay = span_of_text(endpoint),
		.relay_key = span_of_bytes(relay.key, 32),
		.bus_key = span_of_bytes(bytes32, 32),
		.sandbox = sandbox,
		.epoch = 1,
		.instance = instance,
		.token = span_of_bytes(bytes32, 32),
		.router_key = span_of_bytes(bytes32, 32),
		.router_mac = span_of_bytes(bytes32, 32)},
	    .fds_n = 1};

	assert_int_equal(memfd_fixed("spool", CHANNEL_SPOOL_BYTES, &m.fds[0], NULL), OK);
	supervised_start(&supervisor, &link_child, link_program, "link", ROLE_LINK);
	tell(supervisor.peer, &m);
	close(m.fds[0]);
}

static void
expect_session_with(uint64_t config_revision)
{
	struct msg answer = enrolled;
	struct heard *heard;

	answer.enrolled.config_revision = config_revision;
	actor_answer(&state, ENROL_CHECK, &answer);
	heard = actor_hear(&state, SESSION_UP);
	assert_int_equal(heard->msg.session_up.config_revision, config_revision);
	heard_free(heard);
	heard = actor_hear(&supervisor, LINK_STATUS);
	assert_true(heard->msg.link_status.connected);
	heard_free(heard);
}

static void
expect_session(void)
{
	expect_session_with(0);
}

static int
stage_open(void **unused)
{
	char settings[128];

	(void)unused;
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", free_port());
	snprintf(settings, sizeof(settings), "sandbox_endpoints: [\"%s\"]\n", endpoint);
	house_open(settings);
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	link_start();
	expect_session();
	heard_free(actor_hear(&supervisor, ENROLLED));
	return 0;
}

static int
stage_close(void **unused)
{
	(void)unused;
	actor_done(&supervisor);
	child_wait(&link_child);
	child_done(&link_child);
	house_close();
	return 0;
}

/* Started: the child's ends of its descriptors, and its name at the supervisor. */
static uint64_t
exec_run(uint64_t stream, int fds[3])
{
	const struct msg m = {.id = EXEC_START,
	    .exec_start = {.stream = stream, .sandbox = sandbox, .command = argv_true, .command_n = 1}};
	struct outcome outcome;
	struct heard *heard;
	uint64_t number;

	ask(&outcome, api.peer, &m);
	heard = actor_hear(&supervisor, EXEC_START);
	number = heard->msg.exec_start.stream;
	for (size_t i = 0; i < 3; i++)
		fds[i] = fd_take(&heard->msg.fds[i]);
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {77}});
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	return number;
}

/* A process of its own that writes numbers, as the command would. */
static pid_t
writer_start(int fds[3])
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0) {
		for (size_t i = 0; i < 3; i++)
			clean_fd(&fds[i]);
		return pid;
	}
	for (uint32_t i = 0; i < LONG_BYTES / 4;) {
		uint32_t block[4096];

		for (size_t j = 0; j < COUNT(block); j++)
			block[j] = i++;
		if (write(fds[1], block, sizeof(block)) != sizeof(block))
			_exit(1);
	}
	_exit(0);
}

static void
a_long_output_comes_byte_for_byte(void **unused)
{
	const struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.exit_code = 0}};
	struct msg told = exited;
	struct stream_in in;
	uint64_t got = 0, began;
	struct heard *heard;
	int fds[3];

	(void)unused;
	told.exec_exited.stream = exec_run(9, fds);
	assert_int_equal(stream_in_open(&in, api.peer, 9, 1, STREAM_WINDOW_BYTES, NULL), OK);
	began = clock_ms();
	writer_start(fds);
	while (got < LONG_BYTES) {
		const struct span *bytes;

		heard = actor_hear(&api, STREAM_DATA);
		bytes = &heard->msg.stream_data.bytes;
		assert_int_equal(stream_take(&in, &heard->msg.stream_data, NULL), OK);
		for (size_t i = 0; i < bytes->length; i++, got++) {
			uint32_t want = (uint32_t)(got / 4);

			if ((uint8_t)bytes->at[i] != (uint8_t)(want >> 8 * (got % 4)))
				fail_msg("byte %lu is another", (unsigned long)got);
		}
		assert_int_equal(stream_used(&in, bytes->length, NULL), OK);
		heard_free(heard);
	}
	print_message("%u MiB in %lu ms\n", LONG_BYTES >> 20, (unsigned long)(clock_ms() - began));
	tell(supervisor.peer, &told);
	heard = actor_hear(&api, EXEC_EXITED);
	assert_int_equal(heard->msg.exec_exited.exit_code, 0);
	heard_free(heard);
}

static void
short_commands_one_after_the_other(void **unused)
{
	uint64_t began = clock_ms();

	(void)unused;
	for (uint64_t i = 0; i < 200; i++) {
		struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.exit_code = (uint16_t)(i % 256)}};
		struct heard *heard;
		int fds[3];

		exited.exec_exited.stream = exec_run(i + 1, fds);
		for (size_t j = 0; j < 3; j++)
			clean_fd(&fds[j]);
		tell(supervisor.peer, &exited);
		heard = actor_hear(&api, EXEC_EXITED);
		assert_int_equal(heard->msg.exec_exited.exit_code, i % 256);
		heard_free(heard);
	}
	print_message("200 commands in %lu ms\n", (unsigned long)(clock_ms() - began));
}

static void
when_the_link_dies_the_caller_hears(void **unused)
{
	struct heard *heard;
	int fds[3];

	(void)unused;
	exec_run(9, fds);
	child_kill(&link_child, SIGKILL);
	heard = actor_hear(&api, EXEC_EXITED);
	assert_int_equal(heard->msg.exec_exited.exit_code, 256);
	heard_free(heard);
	heard_free(actor_hear(&state, SESSION_DOWN));
	for (size_t i = 0; i < 3; i++)
		clean_fd(&fds[i]);
}

/* kill -9: within a second it is back, the link has enrolled again with its key, and commands run. */
static void
when_the_relay_dies_the_link_comes_back(void **unused)
{
	uint64_t began = clock_ms(), number;
	struct heard *heard;
	int fds[3], ups = api.ups;

	(void)unused;
	number = exec_run(9, fds);
	child_kill(&relay.child, SIGKILL);
	child_wait(&relay.child);
	child_done(&relay.child);
	expect_killed(&supervisor, number); /* its caller is gone */
	heard = actor_hear(&supervisor, LINK_STATUS);
	assert_false(heard->msg.link_status.connected);
	heard_free(heard);
	for (size_t i = 0; i < 3; i++)
		clean_fd(&fds[i]);
	relay_start();
	actor_wait_up(&api, ups + 1);
	expect_session();
	exec_run(9, fds);
	print_message("back after %lu ms\n", (unsigned long)(clock_ms() - began));
	for (size_t i = 0; i < 3; i++)
		clean_fd(&fds[i]);
}

/* ---- configuration ---- */

static void
push(uint64_t revision)
{
	const struct msg m = {.id = CONFIG_PUSH,
	    .config_push = {
		.sandbox = sandbox, .epoch = 1, .policy = {"p", 1}, .policy_version = 1, .config_revision = revision}};

	tell(state.peer, &m);
}

/* The supervisor is given it, and says that it decides by it. */
static void
given_and_applied(uint64_t revision)
{
	struct msg m = {.id = CONFIG_APPLIED,
	    .config_applied = {.sandbox = sandbox,
		.epoch = 1,
		.instance = instance,
		.policy_version = 1,
		.config_revision = revision,
		.loaded = true}};
	struct heard *heard = actor_hear(&supervisor, CONFIG_PUSH);

	assert_int_equal(heard->msg.config_push.config_revision, revision);
	heard_free(heard);
	tell(supervisor.peer, &m);
}

static void
expect_applied(uint64_t revision)
{
	struct heard *heard = actor_hear(&state, CONFIG_APPLIED);

	assert_int_equal(heard->msg.config_applied.config_revision, revision);
	assert_true(heard->msg.config_applied.loaded);
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
}

/* What of the 50 ms from a change to its acknowledgement is ours: told, not judged. */
static void
configuration_goes_down_and_its_word_up(void **unused)
{
	uint64_t began = clock_ms();

	(void)unused;
	for (uint64_t i = 1; i <= 100; i++) {
		push(i);
		given_and_applied(i);
		expect_applied(i);
	}
	print_message("100 configurations down and acknowledged up in %lu ms\n", (unsigned long)(clock_ms() - began));
}

/* kill -9 of the relay between a change and its word: neither is lost. */
static void
configuration_outlives_the_relay(void **unused)
{
	(void)unused;
	push(1);
	given_and_applied(1);
	heard_free(actor_hear(&state, CONFIG_APPLIED)); /* the relay dies before its answer */
	child_kill(&relay.child, SIGKILL);
	child_wait(&relay.child);
	child_done(&relay.child);
	heard_free(actor_hear(&supervisor, LINK_STATUS));
	relay_start();
	expect_session_with(2); /* it changed meanwhile */
	expect_applied(1);	/* once more: it was not answered */
	given_and_applied(2);
	expect_applied(2);
	assert_null(actor_heard(&supervisor, CONFIG_PUSH));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)
	    CASE(a_long_output_comes_byte_for_byte),
	    CASE(short_commands_one_after_the_other),
	    CASE(when_the_link_dies_the_caller_hears),
	    CASE(when_the_relay_dies_the_link_comes_back),
	    CASE(configuration_goes_down_and_its_word_up),
	    CASE(configuration_outlives_the_relay),
	};

	assert_int_equal(argc, 3);
	program = argv[1];
	link_program = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
