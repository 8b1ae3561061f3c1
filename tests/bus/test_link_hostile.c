/* link: a relay that breaks the rules or goes, and a supervisor that refuses. */
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/socket.h>

#include "tests/bus/link_stage.h"

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
				send_data(relay.peer, 4, 0, sent, span_of_bytes(block, sizeof(block)));
		else if (i == 1)
			send_data(relay.peer, 4, 0, 7, SPAN("not the next offset"));
		else
			send_data(relay.peer, 4, 1, 0, SPAN("against the direction"));
		expect_killed(&supervisor, command.number);
		expect_exited(&relay, 4, 256);
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
	expect_killed(&supervisor, first.number);
	expect_killed(&supervisor, second.number);
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
	const struct msg m = {.id = EXEC_START, .exec_start = {.stream = 4, .command = argv_true, .command_n = 1}};
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
	assert_int_equal(ask_now(relay.peer, &(struct msg){.id = EXEC_START,
						 .exec_start = {.stream = 4, .command = argv_true, .command_n = 1}}),
	    ERR_EXISTS);
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {77}});
	heard_free(heard);
	expect_killed(&supervisor, number);
	outcome_wait(&outcome);
	outcome_done(&outcome);
}

static void
what_the_supervisor_refuses_is_passed_on(void **unused)
{
	const struct msg m = {.id = EXEC_START, .exec_start = {.stream = 4, .command = argv_true, .command_n = 1}};
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

/* ---- a hostile relay ---- */

static void
bad_bytes_cost_the_connection(void **unused)
{
	static char long_one[MSG_BYTES_MAX + 1];
	static const struct span cases[] = {{"\xc1", 1}, {"\x94\x01\x01\xcd\x07\x01", 6}, {long_one, sizeof(long_one)}};
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_relay_that_breaks_a_streams_rules_loses_the_stream),
	    TEST(when_the_relay_goes_commands_are_killed),
	    TEST(a_signal_waits_until_the_command_runs),
	    TEST(what_the_supervisor_refuses_is_passed_on),
	    TEST(bad_bytes_cost_the_connection),
	    TEST(a_report_from_the_relay_is_refused),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
