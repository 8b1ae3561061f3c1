/* relay: what sandboxes report, and the configuration that goes down to them. */
#include "tests/unit/test.h"

#include "common/base/clock.h"
#include "services/relay/relay.h"
#include "tests/bus/relay_stage.h"

/* ---- reports ---- */

static void
reports_carry_the_sessions_ids(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link), lie = fresh_sandbox();
	const struct msg ready = {
	    .id = SANDBOX_READY, .sandbox_ready = {.sandbox = lie, .epoch = 99, .policy_version = 4}};
	const struct msg ended = {.id = MAIN_EXITED, .main_exited = {.sandbox = lie, .epoch = 99, .exit_code = 5}};
	const struct msg logs = {.id = LOGS_ADD, .logs_add = {.sandbox = lie, .dropped = 3}};
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	ask(&outcome, link.peer, &ready);
	heard = actor_hear(&state, SANDBOX_READY);
	assert_true(id_equal(heard->msg.sandbox_ready.sandbox, sandbox));
	assert_int_equal(heard->msg.sandbox_ready.epoch, 1);
	assert_int_equal(heard->msg.sandbox_ready.instance.bytes[0], 7);
	assert_int_equal(heard->msg.sandbox_ready.policy_version, 4);
	assert_false(outcome.done); /* only when state has answered */
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.id, DONE);
	outcome_done(&outcome);
	ask(&outcome, link.peer, &ended);
	actor_refuse(&state, MAIN_EXITED, ERR_CONFLICT, "another start");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_CONFLICT);
	outcome_done(&outcome);
	tell(link.peer, &logs);
	heard = actor_hear(&state, LOGS_ADD);
	assert_true(id_equal(heard->msg.logs_add.sandbox, sandbox));
	assert_int_equal(heard->msg.logs_add.dropped, 3);
	heard_free(heard);
	link_close(&link);
}

static void
reports_are_held_to_a_rate(void **unused)
{
	struct actor link = {0};
	struct outcome outcomes[40];
	const struct msg failed = {
	    .id = SANDBOX_FAILED, .sandbox_failed = {.epoch = 1, .reason = {"No", 2}, .message = {"no", 2}}};
	uint64_t began = clock_ms();
	int limited = 0, most = 30;

	(void)unused;
	link_open(&link);
	for (size_t i = 0; i < 40; i++)
		ask(&outcomes[i], link.peer, &failed);
	for (size_t i = 0; i < 40; i++) {
		struct heard *heard = NULL;

		UNTIL(loop, outcomes[i].done || (heard = actor_heard(&state, SANDBOX_FAILED)) != NULL);
		if (!outcomes[i].done) {
			reply_send(&heard->reply, &(struct msg){.id = DONE});
			heard_free(heard);
			outcome_wait(&outcomes[i]);
		}
		limited += outcomes[i].r == ERR_LIMIT;
		outcome_done(&outcomes[i]);
	}
	/* Ten a second, and a second may turn while they are asked. */
	assert_in_range(limited, 0, most);
	most -= 10 * (int)((clock_ms() - began) / 1000 + 1);
	assert_true(limited >= most);
	link_close(&link);
}

/* ---- configuration ---- */

static struct msg
push_of(struct id sandbox, uint32_t epoch, uint64_t revision)
{
	return (struct msg){.id = CONFIG_PUSH,
	    .config_push = {.sandbox = sandbox,
		.epoch = epoch,
		.policy = SPAN("newer"),
		.policy_version = 2,
		.config_revision = revision}};
}

static void
configuration_goes_down_to_its_sandbox_alone(void **unused)
{
	struct actor link = {0}, other = {0};
	struct id sandbox = link_open(&link), another = link_open(&other);
	const struct msg push = push_of(sandbox, 1, 7), late = push_of(sandbox, 2, 8),
			 stray = push_of(fresh_sandbox(), 1, 9), last = push_of(another, 1, 10);
	struct heard *heard;

	(void)unused;
	tell(state.peer, &late); /* of a start that is not connected */
	tell(state.peer, &stray);
	tell(state.peer, &push);
	tell(state.peer, &last);
	heard = actor_hear(&link, CONFIG_PUSH);
	assert_true(span_is(heard->msg.config_push.policy, "newer"));
	assert_int_equal(heard->msg.config_push.config_revision, 7);
	heard_free(heard);
	heard = actor_hear(&other, CONFIG_PUSH);
	assert_int_equal(heard->msg.config_push.config_revision, 10);
	heard_free(heard);
	expect_none(&link, CONFIG_PUSH);
	link_close(&link);
	link_close(&other);
}

/* What a link says of it is said in the name of its session. */
static void
what_was_applied_goes_up_under_the_sessions_name(void **unused)
{
	const struct msg m = {.id = CONFIG_APPLIED,
	    .config_applied = {.sandbox = {{99}},
		.epoch = 9,
		.instance = {{9}},
		.policy_version = 2,
		.config_revision = 7,
		.message = SPAN("no")}};
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	ask(&outcome, link.peer, &m);
	heard = actor_hear(&state, CONFIG_APPLIED);
	assert_true(id_equal(heard->msg.config_applied.sandbox, sandbox));
	assert_int_equal(heard->msg.config_applied.epoch, 1);
	assert_int_equal(heard->msg.config_applied.instance.bytes[0], 7);
	assert_int_equal(heard->msg.config_applied.config_revision, 7);
	assert_false(heard->msg.config_applied.loaded);
	assert_true(span_is(heard->msg.config_applied.message, "no"));
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	link_close(&link);
}

/* So that state, which has been away, pushes what they missed and nothing else. */
static void
state_is_told_what_each_sandbox_has(void **unused)
{
	struct actor link = {0};
	struct id sandbox = fresh_sandbox();
	const struct msg m = enrol_of(sandbox, 1), push = push_of(sandbox, 1, 6);
	struct msg given = enrolled;
	struct outcome outcome;
	struct heard *up;
	int ups = state.ups;

	(void)unused;
	given.enrolled.config_revision = 5;
	stranger_open(&link);
	ask(&outcome, link.peer, &m);
	actor_answer(&state, ENROL_CHECK, &given);
	outcome_wait(&outcome);
	outcome_done(&outcome);
	up = actor_hear(&state, SESSION_UP);
	assert_int_equal(up->msg.session_up.config_revision, 5);
	heard_free(up);
	tell(state.peer, &push);
	heard_free(actor_hear(&link, CONFIG_PUSH));
	state.peer->transport->cut(state.peer);
	actor_wait_up(&state, ups + 1);
	up = actor_hear(&state, SESSION_UP);
	assert_int_equal(up->msg.session_up.config_revision, 6);
	heard_free(up);
	link_close(&link);
}

/* Boxes go to the one session they are for; what is in use there is remembered, and said to a state that comes anew. */
static void
secrets_go_down_and_what_is_in_use_comes_up(void **unused)
{
	struct actor link = {0}, other = {0};
	struct id sandbox = link_open(&link), another = link_open(&other);
	const char box[40] = "sealed";
	struct msg push = {.id = SECRETS_PUSH,
	    .secrets_push = {
		.sandbox = sandbox, .epoch = 2, .revision = 8, .chunks = 1, .box = span_of_bytes(box, sizeof(box))}};
	const struct msg applied = {
	    .id = SECRETS_APPLIED, .secrets_applied = {.sandbox = another, .epoch = 9, .revision = 8, .loaded = true}};
	struct outcome outcome;
	struct heard *heard;
	int ups = state.ups;

	(void)unused;
	tell(state.peer, &push); /* of a start that is not connected */
	push.secrets_push.epoch = 1;
	tell(state.peer, &push);
	heard = actor_hear(&link, SECRETS_PUSH);
	assert_int_equal(heard->msg.secrets_push.epoch, 1);
	assert_true(span_starts(heard->msg.secrets_push.box, SPAN("sealed")));
	heard_free(heard);
	expect_none(&other, SECRETS_PUSH);
	ask(&outcome, link.peer, &applied);
	heard = actor_hear(&state, SECRETS_APPLIED);
	assert_true(id_equal(heard->msg.secrets_applied.sandbox, sandbox)); /* not what it says of itself */
	assert_int_equal(heard->msg.secrets_applied.epoch, 1);
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
	outcome_wait(&outcome);
	outcome_done(&outcome);
	state.peer->transport->cut(state.peer);
	actor_wait_up(&state, ups + 1);
	for (int i = 0; i < 2; i++) {
		heard = actor_hear(&state, SESSION_UP);
		assert_int_equal(
		    heard->msg.session_up.secrets_revision, id_equal(heard->msg.session_up.sandbox, sandbox) ? 8 : 0);
		heard_free(heard);
	}
	link_close(&link);
	link_close(&other);
}

/* It comes back with what it uses, so that nothing is pushed again. */
static void
an_enrolment_says_which_secrets_are_in_use(void **unused)
{
	struct actor link = {0};
	struct msg m = enrol_of(fresh_sandbox(), 1);
	struct outcome outcome;
	struct heard *up;

	(void)unused;
	m.enrol.secrets_revision = 4;
	stranger_open(&link);
	ask(&outcome, link.peer, &m);
	actor_answer(&state, ENROL_CHECK, &enrolled);
	outcome_wait(&outcome);
	outcome_done(&outcome);
	up = actor_hear(&state, SESSION_UP);
	assert_int_equal(up->msg.session_up.secrets_revision, 4);
	heard_free(up);
	link_close(&link);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reports_carry_the_sessions_ids),
	    cmocka_unit_test(reports_are_held_to_a_rate),
	    cmocka_unit_test(configuration_goes_down_to_its_sandbox_alone),
	    cmocka_unit_test(what_was_applied_goes_up_under_the_sessions_name),
	    cmocka_unit_test(state_is_told_what_each_sandbox_has),
	    cmocka_unit_test(secrets_go_down_and_what_is_in_use_comes_up),
	    cmocka_unit_test(an_enrolment_says_which_secrets_are_in_use),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
