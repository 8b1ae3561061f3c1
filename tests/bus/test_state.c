/* state alone, with a real Postgres, between scripted api, relay, credentials and driver: the life of a sandbox. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/state_stage.h"

/* ---- the tests, in the order in which they build on each other ---- */

static void
without_a_driver_nothing_is_created(void **unused)
{
	struct msg m = create("demo");
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_string_equal(outcome.why.text, "no compute driver is connected");
	outcome_done(&outcome);
	driver_joins();
}

static void
what_the_driver_says_against_it_is_passed_on(void **unused)
{
	struct msg m = create("demo");
	struct outcome outcome;

	(void)unused;
	m.sandbox_create.image = SPAN("debian:12");
	ask(&outcome, api.peer, &m);
	actor_refuse(&driver, CREATE_CHECK, ERR_INVALID, "the local driver takes no image");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_INVALID);
	assert_string_equal(outcome.why.text, "the local driver takes no image");
	outcome_done(&outcome);
}

static void
the_same_request_answers_the_same_row(void **unused)
{
	struct msg m;
	struct id id, first;
	struct outcome outcome;

	(void)unused;
	id = created("demo");
	first = request;
	m = create("demo");
	m.sandbox_create.request = first;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(id_equal(outcome.msg.sandbox_row.sandbox, id));
	assert_int_equal(outcome.msg.sandbox_row.labels_n, 2);
	assert_int_equal(outcome.msg.sandbox_row.exit_code, 256);
	outcome_done(&outcome);

	m = create("demo");
	ask(&outcome, api.peer, &m);
	actor_answer(&driver, CREATE_CHECK, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_EXISTS);
	assert_string_equal(outcome.why.text, "sandbox 'demo' already exists");
	outcome_done(&outcome);

	m = create("demo2");
	m.sandbox_create.workspace = SPAN("nowhere");
	ask(&outcome, api.peer, &m);
	actor_answer(&driver, CREATE_CHECK, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_NOT_FOUND);
	assert_string_equal(outcome.why.text, "workspace 'nowhere' not found");
	outcome_done(&outcome);
	removed(id, "demo", 1);
}

static void
bad_requests_store_nothing(void **unused)
{
	struct msg m = create("demo");
	struct outcome outcome;

	(void)unused;
	m.sandbox_create.spec = SPAN("\xff\xff\xff");
	assert_int_equal(ask_now(api.peer, &m), ERR_SYNTAX);
	m = create("demo");
	m.sandbox_create.command_n = 0;
	assert_int_equal(ask_now(api.peer, &m), ERR_INVALID);
	m = create("demo");
	m.sandbox_create.request = (struct id){{0}};
	assert_int_equal(ask_now(api.peer, &m), ERR_INVALID);
	m = create("no--good"); /* the schema refuses what api should have refused */
	ask(&outcome, api.peer, &m);
	actor_answer(&driver, CREATE_CHECK, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_INVALID);
	outcome_done(&outcome);
	m = (struct msg){.id = SANDBOX_GET, .sandbox_get = {.workspace = SPAN("default"), .name = SPAN("no--good")}};
	assert_int_equal(ask_now(api.peer, &m), ERR_NOT_FOUND);
}

static void
a_token_lets_one_key_in(void **unused)
{
	struct id id = created("demo"), instance = id_new();
	uint8_t token[32], wrong[32] = {0};
	struct msg m, again = {.id = TICKET, .ticket = {id, 1}};
	struct outcome outcome;

	(void)unused;
	ticket_of(id, 1, wrong); /* replaced by the next */
	ticket_of(id, 1, token);
	m = enrol(id, 1, instance, span_of_bytes(wrong, 32), 4);
	assert_int_equal(ask_now(relay.peer, &m), ERR_UNAUTHENTICATED);
	m = enrol(id, 2, instance, span_of_bytes(token, 32), 4);
	assert_int_equal(ask_now(relay.peer, &m), ERR_UNAUTHENTICATED);
	m = enrol(id_new(), 1, instance, span_of_bytes(token, 32), 4);
	assert_int_equal(ask_now(relay.peer, &m), ERR_UNAUTHENTICATED);

	m = enrol(id, 1, instance, span_of_bytes(token, 32), 4);
	ask(&outcome, relay.peer, &m);
	actor_refuse(&credentials, CLAIM_CHECK, ERR_DENIED, "not its router");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_DENIED);
	outcome_done(&outcome);

	for (int i = 0; i < 2; i++) { /* the second time is a reconnect */
		ask(&outcome, relay.peer, &m);
		actor_answer(&credentials, CLAIM_CHECK, &done);
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, OK);
		assert_true(span_is(outcome.msg.enrolled.name, "demo"));
		assert_int_equal(outcome.msg.enrolled.command_n, 2);
		assert_int_equal(outcome.msg.enrolled.policy_version, 1);
		assert_true(outcome.msg.enrolled.policy.length > 100);
		outcome_done(&outcome);
	}
	m = enrol(id, 1, instance, span_of_bytes(token, 32), 8); /* another key */
	assert_int_equal(ask_now(relay.peer, &m), ERR_UNAUTHENTICATED);
	m = enrol(id, 1, id_new(), span_of_bytes(token, 32), 4); /* another supervisor */
	assert_int_equal(ask_now(relay.peer, &m), ERR_UNAUTHENTICATED);
	assert_int_equal(ask_now(driver.peer, &again), ERR_CONFLICT);
	again.ticket.epoch = 2;
	assert_int_equal(ask_now(driver.peer, &again), ERR_CONFLICT);
	again.ticket.sandbox = id_new();
	assert_int_equal(ask_now(driver.peer, &again), ERR_NOT_FOUND);
	removed(id, "demo", 1);
}

static void
ready_shows_the_walls(void **unused)
{
	struct id id = created("demo"), instance = made_ready(id, 1);
	struct outcome outcome;
	struct msg_sandbox_row *row;

	(void)unused;
	get(&outcome, id);
	row = &outcome.msg.sandbox_row;
	assert_true(id_equal(row->instance, instance));
	assert_int_equal(row->conditions_n, 4);
	assert_true(span_is(row->conditions[1].type, "Wall.seccomp"));
	assert_true(span_is(row->conditions[1].status, "True"));
	assert_true(span_is(row->conditions[1].reason, "Enforced"));
	assert_true(span_is(row->conditions[2].reason, "Partial"));
	assert_true(span_is(row->conditions[2].message, "ABI 3"));
	assert_true(span_is(row->conditions[3].status, "False"));
	assert_true(span_is(row->conditions[3].reason, "Absent"));
	assert_true(span_is(row->conditions[3].message, "not delegated"));
	outcome_done(&outcome);
}

static void
a_lost_session_is_not_ready_until_it_is_back(void **unused)
{
	struct id id = the_demo(), instance = instance_of(id);
	struct msg down = {.id = SESSION_DOWN, .session_down = {id, 1, instance}},
		   up = {.id = SESSION_UP, .session_up = {id, 1, instance}},
		   other = {.id = SESSION_DOWN, .session_down = {id, 1, id_new()}};

	(void)unused;
	tell(relay.peer, &other); /* not the one that counts */
	expect_phase(id, PHASE_READY, "DependenciesReady");
	assert_int_equal(ask_now(relay.peer, &down), OK);
	expect_phase(id, PHASE_PROVISIONING, "DependenciesNotReady");
	assert_int_equal(ask_now(relay.peer, &up), OK);
	expect_phase(id, PHASE_READY, "DependenciesReady");
}

static void
stop_and_start_keep_the_sandbox(void **unused)
{
	struct id id = the_demo();

	(void)unused;
	assert_int_equal(lifecycle_ask(SANDBOX_START, "demo"), OK); /* it runs */
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "demo"), OK);
	expect_desired(id, 1, WANT_STOPPED);
	expect_drop(id, 1);
	expect_phase(id, PHASE_STOPPING, "Stopping");
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "demo"), OK);
	assert_int_equal(lifecycle_ask(SANDBOX_START, "demo"), ERR_STATE);
	observe(id, 1, 3);
	expect_phase(id, PHASE_STOPPED, "Stopped");
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "demo"), OK);
	assert_int_equal(lifecycle_ask(SANDBOX_START, "demo"), OK);
	expect_phase(id, PHASE_STARTING, "Starting");
	expect_desired(id, 2, WANT_RUNNING);
	expect_drop(id, 1);
	observe(id, 1, 3); /* old news */
	expect_phase(id, PHASE_STARTING, "Starting");
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "nobody"), ERR_NOT_FOUND);
	made_ready(id, 2);
	removed(id, "demo", 2);
}

static void
a_dead_instance_begins_anew_but_not_for_ever(void **unused)
{
	struct id id = created("demo");
	struct outcome outcome;

	(void)unused;
	made_ready(id, 1);
	for (uint32_t epoch = 1; epoch <= 5; epoch++) {
		observe(id, epoch, 3);
		expect_phase(id, PHASE_PROVISIONING, "Starting");
		expect_desired(id, epoch + 1, WANT_RUNNING);
	}
	logs_of(&outcome, id, 1, "");
	assert_true(span_is(outcome.msg.logs.lines[0].level, "WARN")); /* why it died, and what of its log is lost */
	assert_non_null(memmem(outcome.msg.logs.lines[0].message.at, outcome.msg.logs.lines[0].message.length,
	    "that it had not sent are lost", 29));
	outcome_done(&outcome);
	observe(id, 6, 3);
	expect_phase(id, PHASE_ERROR, "InstanceRestartLimit");
	expect_desired(id, 6, WANT_STOPPED);
	get(&outcome, id);
	assert_int_equal(outcome.msg.sandbox_row.epoch, 6);
	assert_true(id_none(outcome.msg.sandbox_row.instance));
	outcome_done(&outcome);
	removed(id, "demo", 6);
}

static void
a_main_process_that_ends_is_an_error_for_good(void **unused)
{
	struct id id = created("demo"), instance = made_ready(id, 1);
	struct msg exited = {.id = MAIN_EXITED, .main_exited = {id, 1, instance, 137}},
		   ready = {.id = SANDBOX_READY, .sandbox_ready = {id, 1, instance, 1, NULL, 0}};
	struct outcome outcome;

	(void)unused;
	assert_int_equal(ask_now(relay.peer, &exited), OK);
	assert_int_equal(ask_now(relay.peer, &exited), OK);
	expect_phase(id, PHASE_ERROR, "MainProcessExited");
	expect_desired(id, 1, WANT_STOPPED);
	assert_int_equal(ask_now(relay.peer, &ready), OK);
	observe(id, 1, 3);
	expect_phase(id, PHASE_ERROR, "MainProcessExited");
	get(&outcome, id);
	assert_int_equal(outcome.msg.sandbox_row.exit_code, 137);
	outcome_done(&outcome);
	assert_int_equal(lifecycle_ask(SANDBOX_START, "demo"), ERR_STATE);
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "demo"), ERR_STATE);
	removed(id, "demo", 1);
}

static void
a_supervisor_that_cannot_start_says_why(void **unused)
{
	static struct span walls[] = {{"seccomp=absent: the kernel has none", 35}};
	struct id id = created("demo"), instance = id_new();
	struct msg failed = {.id = SANDBOX_FAILED,
	    .sandbox_failed = {id, 1, instance, SPAN("WallNotEnforced"), SPAN("seccomp cannot be enforced"), walls, 1}};
	struct outcome outcome;

	(void)unused;
	assert_int_equal(ask_now(relay.peer, &failed), OK);
	expect_phase(id, PHASE_ERROR, "WallNotEnforced");
	get(&outcome, id);
	assert_true(span_is(outcome.msg.sandbox_row.conditions[0].message, "seccomp cannot be enforced"));
	assert_int_equal(outcome.msg.sandbox_row.conditions_n, 2);
	outcome_done(&outcome);
	expect_desired(id, 1, WANT_STOPPED);
	removed(id, "demo", 1);
}

/* clang-format off */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_a_driver_nothing_is_created),
	cmocka_unit_test(what_the_driver_says_against_it_is_passed_on),
	cmocka_unit_test(the_same_request_answers_the_same_row),
	cmocka_unit_test(bad_requests_store_nothing),
	cmocka_unit_test(a_token_lets_one_key_in),
	cmocka_unit_test(ready_shows_the_walls),
	cmocka_unit_test(a_lost_session_is_not_ready_until_it_is_back),
	cmocka_unit_test(stop_and_start_keep_the_sandbox),
	cmocka_unit_test(a_dead_instance_begins_anew_but_not_for_ever),
	cmocka_unit_test(a_main_process_that_ends_is_an_error_for_good),
	cmocka_unit_test(a_supervisor_that_cannot_start_says_why),
};
/* clang-format on */

STAGE_MAIN(tests)
