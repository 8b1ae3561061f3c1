/* relay: who is let in, and what becomes of sessions. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <sys/stat.h>

#include "services/relay/relay.h"
#include "tests/bus/relay_stage.h"

static void
any_user_may_connect_to_the_socket(void **unused)
{
	char path[128];
	struct stat st;

	(void)unused;
	snprintf(path, sizeof(path), "%s/sandboxes/relay", directory);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0666, 0666);
}

/* ---- enrolment ---- */

static void
an_enrolment_goes_to_state_with_the_key(void **unused)
{
	struct id sandbox = fresh_sandbox();
	const struct msg m = enrol_of(sandbox, 3);
	struct actor link = {0};
	struct outcome outcome;
	struct heard *check, *up;

	(void)unused;
	stranger_open(&link);
	ask(&outcome, link.peer, &m);
	check = actor_hear(&state, ENROL_CHECK);
	assert_true(id_equal(check->msg.enrol_check.sandbox, sandbox));
	assert_int_equal(check->msg.enrol_check.epoch, 3);
	assert_memory_equal(check->msg.enrol_check.bus_key.at, link.key, 32);
	expect_none(&state, SESSION_UP);
	reply_send(&check->reply, &enrolled);
	heard_free(check);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(span_is(outcome.msg.enrolled.name, "demo"));
	outcome_done(&outcome);
	up = actor_hear(&state, SESSION_UP);
	assert_true(id_equal(up->msg.session_up.sandbox, sandbox));
	assert_int_equal(up->msg.session_up.epoch, 3);
	heard_free(up);
	link_close(&link);
}

static void
a_refusal_is_passed_on_and_may_be_asked_again(void **unused)
{
	static const enum err codes[] = {ERR_DENIED, ERR_CONFLICT, ERR_NOT_FOUND, ERR_UNAVAILABLE};
	const struct msg m = enrol_of(fresh_sandbox(), 1);
	struct actor link = {0};

	(void)unused;
	stranger_open(&link);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct outcome outcome;

		ask(&outcome, link.peer, &m);
		actor_refuse(&state, ENROL_CHECK, codes[i], "because");
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, codes[i]);
		assert_string_equal(outcome.why.text, "because");
		outcome_done(&outcome);
	}
	expect_none(&state, SESSION_UP);
	actor_done(&link);
}

/* Each costs the connection, and state hears nothing of it. */
static void
a_stranger_may_only_enrol(void **unused)
{
	static struct span lines[] = {{"WALL=enforced", 13}};
	const struct msg cases[] = {
	    {.id = SANDBOX_READY, .sandbox_ready = {.epoch = 1, .policy_version = 1, .walls = lines, .walls_n = 1}},
	    {.id = MAIN_EXITED, .main_exited = {.epoch = 1}},
	    {.id = LOGS_ADD},
	    {.id = STREAM_DATA, .stream_data = {.stream = 1, .bytes = {"x", 1}}},
	    {.id = EXEC_START, .exec_start = {.stream = 1}},
	    {.id = SESSION_DROP, .session_drop = {.epoch = 1}},
	    {.id = ENROL_CHECK,
		.enrol_check = {.epoch = 1,
		    .token = {(const char *)bytes32, 32},
		    .router_key = {(const char *)bytes32, 32},
		    .router_mac = {(const char *)bytes32, 32},
		    .bus_key = {(const char *)bytes32, 32}}},
	};
	struct actor link = {0};

	(void)unused;
	stranger_open(&link);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ups = link.ups;

		tell(link.peer, &cases[i]);
		actor_wait_up(&link, ups + 1); /* it was cut, and has dialled again */
	}
	expect_none(&state, SANDBOX_READY);
	expect_none(&state, MAIN_EXITED);
	expect_none(&state, LOGS_ADD);
	expect_none(&state, ENROL_CHECK);
	actor_done(&link);
}

static void
bad_bytes_cost_the_connection_and_no_more(void **unused)
{
	static char long_one[MSG_BYTES_MAX + 1];
	static const struct span cases[] = {
	    {"\xc1", 1}, {"", 0}, {"\x94\x01\x01\xcd\x05\x02", 6}, {long_one, sizeof(long_one)}};
	struct actor link = {0}, other = {0};
	struct id sandbox = link_open(&other);

	(void)unused;
	(void)sandbox;
	stranger_open(&link);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ups = link.ups;

		tell_raw(link.peer, cases[i]);
		actor_wait_up(&link, ups + 1);
	}
	assert_int_equal(other.downs, 0);
	actor_done(&link);
	link_close(&other);
}

/* State would refuse the second key of a token; should it ever not, the session of the first still stands. */
static void
a_second_key_does_not_take_a_session(void **unused)
{
	struct actor first = {0}, second = {0};
	struct id sandbox = link_open(&first);

	(void)unused;
	stranger_open(&second);
	assert_int_equal(enrol_allowed(&second, sandbox, 1), ERR_CONFLICT);
	assert_int_equal(first.downs, 0);
	actor_done(&second);
	link_close(&first);
}

/* The same key anew, before the end of the old connection was seen. To state it never was away. */
static void
the_same_key_takes_over(void **unused)
{
	struct actor first = {0}, again = {0};
	struct id sandbox = link_open(&first);

	(void)unused;
	actor_init(&again, loop, ROLE_LINK, "link");
	again.secret = first.secret;
	memcpy(again.key, first.key, sizeof(again.key));
	stranger_open(&again);
	assert_int_equal(enrol_allowed(&again, sandbox, 1), OK);
	actor_wait_down(&first, 1);
	heard_free(actor_hear(&state, SESSION_UP));
	expect_none(&state, SESSION_DOWN);
	actor_done(&first);
	link_close(&again);
}

static void
a_later_start_takes_over_and_an_older_does_not(void **unused)
{
	struct actor first = {0}, second = {0}, third = {0};
	struct id sandbox = link_open(&first);
	struct heard *down;

	(void)unused;
	stranger_open(&second);
	assert_int_equal(enrol_allowed(&second, sandbox, 2), OK);
	actor_wait_down(&first, 1);
	down = actor_hear(&state, SESSION_DOWN);
	assert_int_equal(down->msg.session_down.epoch, 1);
	heard_free(down);
	heard_free(actor_hear(&state, SESSION_UP));
	stranger_open(&third);
	assert_int_equal(enrol_allowed(&third, sandbox, 1), ERR_CONFLICT);
	actor_done(&first);
	actor_done(&third);
	link_close(&second);
}

static void
a_dropped_session_ends(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	struct msg drop = {.id = SESSION_DROP, .session_drop = {sandbox, 1}};

	(void)unused;
	drop.session_drop.sandbox = fresh_sandbox(); /* nobody's: quietly done */
	assert_int_equal(ask_now(state.peer, &drop), OK);
	assert_int_equal(link.downs, 0);
	drop.session_drop.sandbox = sandbox;
	tell(state.peer, &drop);
	actor_wait_down(&link, 1);
	link_close(&link);
}

static void
state_is_told_of_all_sessions_when_it_is_back(void **unused)
{
	struct actor links[3] = {0};
	int ups = state.ups;

	(void)unused;
	for (size_t i = 0; i < 3; i++)
		link_open(&links[i]);
	state.peer->transport->cut(state.peer);
	actor_wait_up(&state, ups + 1);
	for (size_t i = 0; i < 3; i++)
		heard_free(actor_hear(&state, SESSION_UP));
	for (size_t i = 0; i < 3; i++)
		link_close(&links[i]);
}

/* A sandbox that was started by the release before this one: it is spoken to as it knows. */
static void
a_link_of_the_last_release_is_served(void **unused)
{
	struct actor link = {0};
	struct id sandbox = fresh_sandbox();
	const struct msg logs = {.id = LOGS_ADD, .logs_add = {.dropped = 3, .first = 9}},
			 open = {.id = DOOR_OPEN, .door_open = {.stream = 1, .sandbox = sandbox, .kind = 1}};
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	actor_init(&link, loop, ROLE_LINK, "link");
	link.bus.release = BUS_RELEASE - 1;
	stranger_open(&link);
	assert_int_equal(link.peer->release, BUS_RELEASE - 1);
	assert_int_equal(enrol_allowed(&link, sandbox, 1), OK);
	heard_free(actor_hear(&state, SESSION_UP));
	ask(&outcome, link.peer, &logs);
	heard = actor_hear(&state, LOGS_ADD);
	assert_int_equal(heard->msg.logs_add.dropped, 3);
	assert_int_equal(heard->msg.logs_add.first, 0); /* it did not say that */
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	ask(&outcome, api.peer, &open);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_STATE);
	assert_non_null(strstr(outcome.why.text, "start it anew"));
	outcome_done(&outcome);
	link_close(&link);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_user_may_connect_to_the_socket),
	    cmocka_unit_test(an_enrolment_goes_to_state_with_the_key),
	    cmocka_unit_test(a_refusal_is_passed_on_and_may_be_asked_again),
	    cmocka_unit_test(a_stranger_may_only_enrol),
	    cmocka_unit_test(bad_bytes_cost_the_connection_and_no_more),
	    cmocka_unit_test(a_second_key_does_not_take_a_session),
	    cmocka_unit_test(the_same_key_takes_over),
	    cmocka_unit_test(a_later_start_takes_over_and_an_older_does_not),
	    cmocka_unit_test(a_dropped_session_ends),
	    cmocka_unit_test(a_link_of_the_last_release_is_served),
	    cmocka_unit_test(state_is_told_of_all_sessions_when_it_is_back),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
