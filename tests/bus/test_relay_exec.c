/* relay: commands and their byte streams, and whoever breaks the rules of them. */
#include "tests/unit/test.h"

#include <signal.h>

#include "common/base/clock.h"
#include "services/relay/relay.h"
#include "tests/bus/relay_stage.h"

static struct msg
exec_of(struct id sandbox, uint64_t stream)
{
	return (struct msg){.id = EXEC_START,
	    .exec_start = {.stream = stream, .sandbox = sandbox, .command = argv_true, .command_n = 1}};
}

/* Started on both sides: the link's number of it. */
static uint64_t
exec_run(struct actor *link, struct id sandbox, uint64_t stream)
{
	const struct msg m = exec_of(sandbox, stream);
	const struct msg started = {.id = EXEC_STARTED, .exec_started = {42}};
	struct outcome outcome;
	struct heard *heard;
	uint64_t number;

	ask(&outcome, api.peer, &m);
	heard = actor_hear(link, EXEC_START);
	number = heard->msg.exec_start.stream;
	assert_true(id_none(heard->msg.exec_start.sandbox));
	assert_true(span_is(heard->msg.exec_start.command[0], "true"));
	reply_send(&heard->reply, &started);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.exec_started.pid, 42);
	outcome_done(&outcome);
	return number;
}

static void
expect_lost(uint64_t stream, const char *words)
{
	struct heard *heard = actor_hear(&api, EXEC_EXITED);

	assert_int_equal(heard->msg.exec_exited.stream, stream);
	assert_int_equal(heard->msg.exec_exited.exit_code, 256);
	assert_true(span_is(heard->msg.exec_exited.message, words));
	heard_free(heard);
}

static void
a_command_runs_under_two_numbers(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 1000);
	const struct msg stop = {.id = EXEC_SIGNAL, .exec_signal = {1000, SIGTERM}};
	struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.stream = number, .exit_code = 3}};
	struct heard *heard;

	(void)unused;
	assert_int_not_equal(number, 1000);
	send_grant(api.peer, 1000, 1, 10);
	expect_grant(&link, number, 1, 10);
	send_grant(link.peer, number, 0, 5);
	expect_grant(&api, 1000, 0, 5);
	send_data(api.peer, 1000, 0, 0, SPAN("input"));
	expect_data(&link, number, 0, "input");
	send_end(api.peer, 1000, 0, 5);
	heard_free(actor_hear(&link, STREAM_END));
	send_data(link.peer, number, 1, 0, SPAN("out"));
	expect_data(&api, 1000, 1, "out");
	send_data(link.peer, number, 1, 3, SPAN("put"));
	expect_data(&api, 1000, 1, "put");
	tell(api.peer, &stop);
	heard = actor_hear(&link, EXEC_SIGNAL);
	assert_int_equal(heard->msg.exec_signal.signal, SIGTERM);
	heard_free(heard);
	send_end(link.peer, number, 1, 6);
	heard = actor_hear(&api, STREAM_END);
	assert_int_equal(heard->msg.stream_end.stream, 1000);
	assert_int_equal(heard->msg.stream_end.offset, 6);
	heard_free(heard);
	tell(link.peer, &exited);
	heard = actor_hear(&api, EXEC_EXITED);
	assert_int_equal(heard->msg.exec_exited.stream, 1000);
	assert_int_equal(heard->msg.exec_exited.exit_code, 3);
	heard_free(heard);
	exec_run(&link, sandbox, 1000); /* the number is free again */
	link_close(&link);
	expect_lost(1000, "the sandbox's connection was lost");
}

static void
without_a_session_nothing_starts(void **unused)
{
	const struct msg m = exec_of(fresh_sandbox(), 5);
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_string_equal(outcome.why.text, "supervisor session not connected");
	outcome_done(&outcome);
}

static void
a_start_that_the_sandbox_refuses(void **unused)
{
	struct actor link = {0};
	const struct msg m = exec_of(link_open(&link), 6);
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	actor_refuse(&link, EXEC_START, ERR_NOT_FOUND, "no such command");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_NOT_FOUND);
	assert_string_equal(outcome.why.text, "no such command");
	outcome_done(&outcome);
	link_close(&link);
}

static void
a_link_may_not_start_commands(void **unused)
{
	struct actor link = {0};
	const struct msg m = exec_of(link_open(&link), 6);

	(void)unused;
	assert_int_equal(ask_now(link.peer, &m), ERR_DENIED);
	link_close(&link);
}

static void
a_number_in_use_and_a_full_sandbox(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	struct msg m = exec_of(sandbox, 1);

	(void)unused;
	exec_run(&link, sandbox, 1);
	assert_int_equal(ask_now(api.peer, &m), ERR_EXISTS);
	for (uint64_t i = 2; i <= EXECS_SANDBOX_MAX; i++)
		exec_run(&link, sandbox, i);
	m.exec_start.stream = EXECS_SANDBOX_MAX + 1;
	assert_int_equal(ask_now(api.peer, &m), ERR_LIMIT);
	link_close(&link);
	for (uint64_t i = 1; i <= EXECS_SANDBOX_MAX; i++)
		expect_lost(i, "the sandbox's connection was lost");
}

/* A link that sends more than it was granted, or out of order, loses its session and all its commands. */
static void
a_link_that_breaks_a_streams_rules_is_cut(void **unused)
{
	static const struct {
		uint8_t channel;
		uint64_t offset;
		const char *text;
	} cases[] = {
	    {1, 0, "more than five"}, /* beyond the credit */
	    {2, 0, "x"},	      /* no credit at all */
	    {1, 1, "x"},	      /* not the next offset */
	    {0, 0, "x"},	      /* against the direction */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct actor link = {0};
		struct id sandbox = link_open(&link);
		uint64_t number = exec_run(&link, sandbox, 7);

		send_grant(api.peer, 7, 1, 5);
		expect_grant(&link, number, 1, 5);
		send_data(link.peer, number, cases[i].channel, cases[i].offset, span_of_text(cases[i].text));
		actor_wait_down(&link, 1);
		expect_lost(7, "the sandbox's connection was lost");
		expect_none(&api, STREAM_DATA);
		link_close(&link);
	}
}

static void
credit_without_bound_is_a_breach(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7);

	(void)unused;
	send_grant(link.peer, number, 0, WINDOW_MAX + 1);
	actor_wait_down(&link, 1);
	expect_lost(7, "the sandbox's connection was lost");
	link_close(&link);
}

static void
an_api_that_breaks_a_streams_rules_loses_the_stream(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7), other = exec_run(&link, sandbox, 8);

	(void)unused;
	send_data(api.peer, 7, 0, 0, SPAN("without credit"));
	expect_killed(&link, number);
	expect_lost(7, "the stream's rules were broken");
	expect_none(&link, STREAM_DATA);
	send_grant(link.peer, other, 0, 5);
	expect_grant(&api, 8, 0, 5); /* the other stream goes on */
	link_close(&link);
	expect_lost(8, "the sandbox's connection was lost");
}

static void
messages_for_streams_that_are_not_are_dropped(void **unused)
{
	struct actor link = {0}, other = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7);

	(void)unused;
	link_open(&other);
	send_data(api.peer, 99, 0, 0, SPAN("x"));
	send_end(api.peer, 99, 0, 0);
	send_grant(other.peer, number, 0, 5); /* another sandbox's number is nothing to it */
	send_data(other.peer, number, 1, 0, SPAN("x"));
	send_data(link.peer, 12345678, 1, 0, SPAN("x"));
	send_grant(link.peer, number, 0, 4);
	expect_grant(&api, 7, 0, 4);
	expect_none(&api, STREAM_DATA);
	assert_int_equal(link.downs + other.downs, 0);
	link_close(&other);
	link_close(&link);
	expect_lost(7, "the sandbox's connection was lost");
}

static void
when_api_goes_its_commands_are_killed(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7), other = exec_run(&link, sandbox, 8);
	struct secret secret = api.secret;
	uint8_t key[32];

	(void)unused;
	memcpy(key, api.key, sizeof(key));
	actor_done(&api);
	expect_killed(&link, number);
	expect_killed(&link, other);
	actor_init(&api, loop, ROLE_API, "api");
	api.secret = secret;
	memcpy(api.key, key, sizeof(key));
	api_join();
	exec_run(&link, sandbox, 7);
	link_close(&link);
	expect_lost(7, "the sandbox's connection was lost");
}

/* Neither state, nor the link, nor a stranger says a word: each wait ends by itself, and the relay serves on.
 */
static void
who_never_answers_is_not_waited_for(void **unused)
{
	struct actor link = {0}, silent = {0}, asking = {0};
	struct id sandbox = link_open(&link);
	const struct msg start = exec_of(sandbox, 7), enrol = enrol_of(fresh_sandbox(), 1);
	struct outcome started, checked;
	struct heard *command, *check;

	(void)unused;
	stranger_open(&silent);
	stranger_open(&asking);
	ask(&checked, asking.peer, &enrol);
	ask(&started, api.peer, &start);
	command = actor_hear(&link, EXEC_START);
	check = actor_hear(&state, ENROL_CHECK);
	for (int i = 0; i < 3 && !(started.done && checked.done && silent.downs == 1); i++) {
		uint64_t until = clock_ms() + PATIENCE_MS;

		while (clock_ms() < until && !(started.done && checked.done && silent.downs == 1))
			assert_int_equal(loop_turn(loop, 1000, NULL), OK);
	}
	assert_true(started.done && checked.done);
	assert_int_equal(started.r, ERR_TIMEOUT);
	assert_int_equal(checked.r, ERR_UNAVAILABLE); /* its time to enrol is over: cut, as the silent one is */
	assert_int_equal(silent.downs, 1);
	expect_killed(&link, command->msg.exec_start.stream);
	reply_send(&command->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {1}}); /* late: nothing happens */
	reply_send(&check->reply, &enrolled);
	heard_free(command);
	heard_free(check);
	outcome_done(&started);
	outcome_done(&checked);
	exec_run(&link, sandbox, 7);
	actor_done(&silent);
	actor_done(&asking);
	link_close(&link);
	expect_lost(7, "the sandbox's connection was lost");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_command_runs_under_two_numbers),
	    cmocka_unit_test(without_a_session_nothing_starts),
	    cmocka_unit_test(a_start_that_the_sandbox_refuses),
	    cmocka_unit_test(a_link_may_not_start_commands),
	    cmocka_unit_test(a_number_in_use_and_a_full_sandbox),
	    cmocka_unit_test(a_link_that_breaks_a_streams_rules_is_cut),
	    cmocka_unit_test(credit_without_bound_is_a_breach),
	    cmocka_unit_test(an_api_that_breaks_a_streams_rules_loses_the_stream),
	    cmocka_unit_test(messages_for_streams_that_are_not_are_dropped),
	    cmocka_unit_test(when_api_goes_its_commands_are_killed),
	    cmocka_unit_test(who_never_answers_is_not_waited_for),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
