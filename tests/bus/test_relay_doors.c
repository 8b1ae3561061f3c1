/* relay: doors, their two ways and their ends, and how many may be open or on their way. */
#include "tests/unit/test.h"

#include "services/relay/relay.h"
#include "tests/bus/relay_stage.h"

static const struct msg opened = {.id = DOOR_OPENED};

static struct msg
door_of(struct id sandbox, uint64_t stream)
{
	return (struct msg){.id = DOOR_OPEN,
	    .door_open = {.stream = stream, .sandbox = sandbox, .kind = 2, .host = SPAN("::1"), .port = 8080}};
}

static struct msg
closed_of(uint64_t stream, const char *words)
{
	return (struct msg){.id = DOOR_CLOSED, .door_closed = {stream, span_of_text(words)}};
}

/* Opened on both sides: the link's number of it. */
static uint64_t
door_run(struct actor *link, struct id sandbox, uint64_t stream)
{
	const struct msg m = door_of(sandbox, stream);
	struct outcome outcome;
	struct heard *heard;
	uint64_t number;

	ask(&outcome, api.peer, &m);
	heard = actor_hear(link, DOOR_OPEN);
	number = heard->msg.door_open.stream;
	assert_true(id_none(heard->msg.door_open.sandbox));
	assert_int_equal(heard->msg.door_open.kind, 2);
	assert_true(span_is(heard->msg.door_open.host, "::1"));
	assert_int_equal(heard->msg.door_open.port, 8080);
	reply_send(&heard->reply, &opened);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, DOOR_OPENED);
	outcome_done(&outcome);
	return number;
}

static void
expect_closed(struct actor *actor, uint64_t stream, const char *words)
{
	struct heard *heard = actor_hear(actor, DOOR_CLOSED);

	assert_int_equal(heard->msg.door_closed.stream, stream);
	assert_true(span_is(heard->msg.door_closed.message, words));
	heard_free(heard);
}

static void
a_door_is_over_when_both_ways_have_ended(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = door_run(&link, sandbox, 1000);

	(void)unused;
	assert_int_not_equal(number, 1000);
	send_grant(api.peer, 1000, 1, 10);
	expect_grant(&link, number, 1, 10);
	send_grant(link.peer, number, 0, 5);
	expect_grant(&api, 1000, 0, 5);
	send_data(api.peer, 1000, 0, 0, SPAN("hello"));
	expect_data(&link, number, 0, "hello");
	send_end(api.peer, 1000, 0, 5);
	expect_end(&link, number, 0, 5);
	send_data(link.peer, number, 1, 0, SPAN("answer")); /* the other way goes on */
	expect_data(&api, 1000, 1, "answer");
	send_end(link.peer, number, 1, 6);
	expect_end(&api, 1000, 1, 6);
	assert_int_not_equal(door_run(&link, sandbox, 1000), number); /* the number is free again */
	expect_none(&api, DOOR_CLOSED);
	link_close(&link);
	expect_closed(&api, 1000, "the sandbox's connection was lost");
}

static void
either_end_may_close_it(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = door_run(&link, sandbox, 7);
	struct msg m = closed_of(number, "reset");

	(void)unused;
	tell(link.peer, &m);
	expect_closed(&api, 7, "reset");
	number = door_run(&link, sandbox, 7);
	m = closed_of(7, "");
	tell(api.peer, &m);
	expect_closed(&link, number, "");
	tell(api.peer, &m); /* it is not there any more: no breach */
	door_run(&link, sandbox, 7);
	link_close(&link);
	expect_closed(&api, 7, "the sandbox's connection was lost");
}

/* The caller has gone before its sandbox answered: that is told, and the late answer is nobody's. */
static void
a_door_is_closed_before_it_is_open(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	const struct msg m = door_of(sandbox, 7), close = closed_of(7, "");
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	ask(&outcome, api.peer, &m);
	heard = actor_hear(&link, DOOR_OPEN);
	tell(api.peer, &close);
	expect_closed(&link, heard->msg.door_open.stream, "");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_CANCELLED);
	outcome_done(&outcome);
	reply_send(&heard->reply, &opened);
	heard_free(heard);
	door_run(&link, sandbox, 7);
	link_close(&link);
	expect_closed(&api, 7, "the sandbox's connection was lost");
}

static void
a_refusal_is_passed_on(void **unused)
{
	struct actor link = {0};
	const struct msg m = door_of(link_open(&link), 6);
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	actor_refuse(&link, DOOR_OPEN, ERR_SYSTEM, "nothing listens");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_SYSTEM);
	assert_string_equal(outcome.why.text, "nothing listens");
	outcome_done(&outcome);
	link_close(&link);
}

/* What is on its way is limited by itself: one sandbox that does not answer leaves room for the others. */
static void
doors_on_their_way_are_limited(void **unused)
{
	enum { LINKS = DOORS_OPENING_MAX / DOORS_OPENING_SANDBOX_MAX };
	static struct outcome outcomes[DOORS_OPENING_MAX];
	static struct actor links[LINKS + 1];
	struct id sandbox = {{0}};
	struct msg m;
	int n = 0;

	(void)unused;
	for (int i = 0; i < LINKS; i++) {
		sandbox = link_open(&links[i]);
		for (int j = 0; j < DOORS_OPENING_SANDBOX_MAX; j++, n++) {
			m = door_of(sandbox, (uint64_t)n + 1);
			ask(&outcomes[n], api.peer, &m);
			heard_free(actor_hear(&links[i], DOOR_OPEN));
		}
		m = door_of(sandbox, 1000);
		assert_int_equal(ask_now(api.peer, &m), ERR_LIMIT);
	}
	sandbox = link_open(&links[LINKS]);
	m = door_of(sandbox, 1000);
	assert_int_equal(ask_now(api.peer, &m), ERR_LIMIT); /* in the whole gateway */
	m = closed_of(1, "");
	tell(api.peer, &m);
	heard_free(actor_hear(&links[0], DOOR_CLOSED));
	outcome_wait(&outcomes[0]);
	assert_int_equal(outcomes[0].r, ERR_CANCELLED);
	outcome_done(&outcomes[0]);
	door_run(&links[LINKS], sandbox, 1000); /* room for one more, which is open and counts no longer */
	door_run(&links[LINKS], sandbox, 1001);
	for (int i = 0; i <= LINKS; i++)
		link_close(&links[i]);
	for (int i = 1; i < n; i++) {
		outcome_wait(&outcomes[i]);
		assert_int_equal(outcomes[i].r, ERR_UNAVAILABLE);
		outcome_done(&outcomes[i]);
	}
	expect_closed(&api, 1000, "the sandbox's connection was lost");
	expect_closed(&api, 1001, "the sandbox's connection was lost");
}

static void
open_doors_are_limited_in_one_sandbox(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	const struct msg m = door_of(sandbox, DOORS_SANDBOX_MAX + 1);

	(void)unused;
	for (uint64_t i = 1; i <= DOORS_SANDBOX_MAX; i++)
		door_run(&link, sandbox, i);
	assert_int_equal(ask_now(api.peer, &m), ERR_LIMIT);
	link_close(&link);
	for (uint64_t i = 1; i <= DOORS_SANDBOX_MAX; i++)
		expect_closed(&api, i, "the sandbox's connection was lost");
}

/* Data without credit, in the wrong direction, on a channel that a door has not, and a close in place of an answer. */
static void
a_link_that_breaks_a_doors_rules_is_cut(void **unused)
{
	static const struct {
		uint8_t channel;
		const char *text;
	} cases[] = {{1, "more than five"}, {0, "x"}, {2, "x"}, {3, "x"}};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct actor link = {0};
		struct id sandbox = link_open(&link);
		uint64_t number = door_run(&link, sandbox, 7);

		send_grant(api.peer, 7, 1, 5);
		expect_grant(&link, number, 1, 5);
		send_data(link.peer, number, cases[i].channel, 0, span_of_text(cases[i].text));
		actor_wait_down(&link, 1);
		expect_closed(&api, 7, "the sandbox's connection was lost");
		expect_none(&api, STREAM_DATA);
		link_close(&link);
	}
}

static void
a_link_closes_what_it_has_not_opened(void **unused)
{
	struct actor link = {0};
	const struct msg m = door_of(link_open(&link), 7);
	struct outcome outcome;
	struct heard *heard;
	struct msg close;

	(void)unused;
	ask(&outcome, api.peer, &m);
	heard = actor_hear(&link, DOOR_OPEN);
	close = closed_of(heard->msg.door_open.stream, "early");
	tell(link.peer, &close);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	outcome_done(&outcome);
	actor_wait_down(&link, 1);
	link_close(&link);
}

/* Nor is a command ended by the messages of a door, or a door by those of a command. */
static void
a_door_is_no_command(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = door_run(&link, sandbox, 7);
	const struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.stream = number}};
	const struct msg stop = {.id = EXEC_SIGNAL, .exec_signal = {7, 9}};

	(void)unused;
	tell(link.peer, &exited);
	tell(api.peer, &stop);
	send_grant(link.peer, number, 0, 5);
	expect_grant(&api, 7, 0, 5);
	send_data(api.peer, 7, 0, 0, SPAN("on"));
	expect_data(&link, number, 0, "on");
	expect_none(&api, EXEC_EXITED);
	expect_none(&link, EXEC_SIGNAL);
	send_data(api.peer, 7, 3, 0, SPAN("x")); /* no terminal's size here: the caller loses its door */
	expect_closed(&link, number, "");
	expect_closed(&api, 7, "the stream's rules were broken");
	link_close(&link);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_door_is_over_when_both_ways_have_ended),
	    cmocka_unit_test(either_end_may_close_it),
	    cmocka_unit_test(a_door_is_closed_before_it_is_open),
	    cmocka_unit_test(a_refusal_is_passed_on),
	    cmocka_unit_test(doors_on_their_way_are_limited),
	    cmocka_unit_test(open_doors_are_limited_in_one_sandbox),
	    cmocka_unit_test(a_link_that_breaks_a_doors_rules_is_cut),
	    cmocka_unit_test(a_link_closes_what_it_has_not_opened),
	    cmocka_unit_test(a_door_is_no_command),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
