/* state alone, as in test_state.c: what comes back when state, its database or a driver was away, and what is refused at the start. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/state_stage.h"

/* ---- the tests, in the order in which they build on each other ---- */

/* The nth death of it, and the start after that with these settings. */
static void
killed_and_started(int deaths, const char *words)
{
	child_kill(&state.child, SIGKILL);
	state.status = child_wait(&state.child);
	child_done(&state.child);
	actor_wait_down(&api, deaths);
	daemon_start(&state, program, run_dir, words);
	assert_string_equal(state.words, "ready\n");
	all_up(deaths + 1);
}

/* What was ready stays it until its relay had time to tell of the session, and no longer. */
static void
a_killed_state_comes_back_with_everything(void **unused)
{
	struct id id = created("demo"), instance = made_ready(id, 1);
	struct msg up = {.id = SESSION_UP, .session_up = {id, 1, instance}};
	char patient[sizeof(settings)];
	struct heard *desired;
	const char *wait = strstr(settings, "session_wait_ms: 0\n");

	(void)unused;
	assert_non_null(wait);
	snprintf(patient, sizeof(patient), "%.*ssession_wait_ms: 60000\n%s", (int)(wait - settings), settings,
	    strchr(wait, '\n') + 1);
	killed_and_started(1, patient);
	expect_phase(id, PHASE_READY, "DependenciesReady");
	killed_and_started(2, settings);
	expect_phase(id, PHASE_PROVISIONING, "SupervisorNotConnected");
	driver_joins();
	desired = actor_hear(&driver, DESIRED);
	assert_true(id_equal(desired->msg.desired.sandbox, id));
	heard_free(desired);
	assert_int_equal(ask_now(relay.peer, &up), OK); /* as a relay does for each session it holds */
	expect_phase(id, PHASE_READY, "DependenciesReady");
}

static void
without_a_database_every_answer_is_unavailable(void **unused)
{
	struct id id = the_demo(), instance = instance_of(id);
	struct msg down = {.id = SESSION_DOWN, .session_down = {id, 1, instance}},
		   get_it = {.id = SANDBOX_GET, .sandbox_get = {.sandbox = id}}, gateway = {.id = GATEWAY_GET};
	struct outcome outcome;
	uint64_t began;

	(void)unused;
	run("$PG_CTL -m immediate stop");
	began = clock_ms();
	ask(&outcome, api.peer, &get_it);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_string_equal(outcome.why.text, "the database does not answer: try again in a moment");
	outcome_done(&outcome);
	assert_true(soon(began, 1000));
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "demo"), ERR_UNAVAILABLE);
	assert_int_equal(ask_now(relay.peer, &down), ERR_UNAVAILABLE);
	ask(&outcome, api.peer, &gateway);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_false(outcome.msg.gateway.database);
	outcome_done(&outcome);
	forget(&driver, DESIRED);
	run("$PG_CTL start");
	heard_free(actor_hear(&driver, DESIRED)); /* all is told again */
	heard_free(actor_hear(&driver, DESIRED_END));
	expect_phase(id, PHASE_PROVISIONING, "SupervisorNotConnected"); /* what happened meanwhile is not lost */
	removed(id, "demo", 1);
}

static void
a_driver_that_is_away_is_waited_for(void **unused)
{
	struct msg m = create("later");
	struct outcome outcome;
	struct id id;

	(void)unused;
	actor_done(&driver);
	UNTIL(loop, driver.curve == NULL);
	for (bool connected = true; connected;) { /* until state has seen it go */
		struct msg gateway = {.id = GATEWAY_GET};

		ask(&outcome, api.peer, &gateway);
		outcome_wait(&outcome);
		connected = outcome.msg.gateway.drivers[0].connected;
		outcome_done(&outcome);
	}
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	id = outcome.msg.sandbox_row.sandbox;
	outcome_done(&outcome);
	expect_phase(id, PHASE_PROVISIONING, "DriverNotConnected");
}

/* Another state process on the same database: it sees what is done through the first, and leaves its sessions alone. */
static void
two_states_share_a_database(void **unused)
{
	struct daemon second = {0};
	struct actor visitor;
	struct id id, instance;
	struct msg open = {.id = WATCH_OPEN, .watch_open = {1, {{0}}, true, true}}, down;
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	join(&driver, ROLE_DRIVER, "driver-local"); /* a new key: state must be told */
	daemon_stop(&state);
	settings_make();
	daemon_start(&state, program, run_dir, settings);
	dial(&driver);
	actor_wait_up(&driver, 1);
	actor_wait_up(&api, 4);
	actor_wait_up(&relay, 4);
	actor_wait_up(&credentials, 4);
	driver_joins();
	forget(&driver, DESIRED);
	id = created("demo");
	instance = made_ready(id, 1);

	state2_start(&second, &visitor);

	expect_phase(id, PHASE_READY, "DependenciesReady");
	open.watch_open.sandbox = id;
	ask(&outcome, visitor.peer, &open);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.sandbox_row.phase, PHASE_READY);
	outcome_done(&outcome);
	down = (struct msg){.id = SESSION_DOWN, .session_down = {id, 1, instance}};
	assert_int_equal(ask_now(relay.peer, &down), OK);
	heard = actor_hear(&visitor, WATCH_ROW);
	assert_int_equal(heard->msg.watch_row.row->phase, PHASE_PROVISIONING);
	heard_free(heard);
	add_lines(id, 2, 0, "INFO");
	heard = actor_hear(&visitor, WATCH_LOG);
	assert_true(heard->msg.watch_log.lines_n >= 1);
	heard_free(heard);
	removed(id, "demo", 1);
	daemon_stop(&second);
	assert_int_equal(child_exit_code(second.status), 0);
	actor_done(&visitor);
}

static void
audit_rows_are_there(void **unused)
{
	(void)unused;
	assert_int_equal(lifecycle_ask(SANDBOX_STOP, "nobody"), ERR_NOT_FOUND);
	run("test \"$(psql -At -c \"select outcome from audit where object = 'default/nobody'\")\" = ERR_NOT_FOUND");
	run("test \"$(psql -At -c \"select count(*) from audit where action = 'sandbox.create' and outcome = 'OK' and "
	    "object = 'default/later' and subject = 'tester'\")\" = 1");
	run("test \"$(psql -At -c \"select (select max(id) from audit) = (select id from audit_head) and "
	    "(select max(id) from audit) = (select count(*) from audit)\")\" = t");
}

static void
a_wrong_password_is_said_at_once(void **unused)
{
	struct daemon second = state;
	char *at = strstr(settings, "password=secret");

	(void)unused;
	daemon_stop(&state);
	memcpy(at, "password=terces", 15);
	daemon_start(&second, program, run_dir, settings);
	assert_non_null(strstr(second.words, "failed: the database refuses us: "));
	assert_non_null(strstr(second.words, "password authentication failed"));
	second.status = child_wait(&second.child);
	child_done(&second.child);
	memcpy(at, "password=secret", 15);
	daemon_start(&state, program, run_dir, settings);
	assert_string_equal(state.words, "ready\n");
}

static void
a_newer_database_is_refused(void **unused)
{
	struct daemon second = state;

	(void)unused;
	daemon_stop(&state);
	assert_int_equal(child_exit_code(state.status), 0);
	sql("insert into schema_migrations (number, name) values (999, 'later')");
	daemon_start(&second, program, run_dir, settings);
	assert_non_null(strstr(second.words, "failed: the database has schema 999, made by a newer release"));
	second.status = child_wait(&second.child);
	child_done(&second.child);
	assert_int_equal(child_exit_code(second.status), 1);
	sql("delete from schema_migrations where number = 999");
	daemon_start(&state, program, run_dir, settings);
	assert_string_equal(state.words, "ready\n");
}

/* clang-format off */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_killed_state_comes_back_with_everything),
	cmocka_unit_test(without_a_database_every_answer_is_unavailable),
	cmocka_unit_test(a_driver_that_is_away_is_waited_for),
	cmocka_unit_test(two_states_share_a_database),
	cmocka_unit_test(audit_rows_are_there),
	cmocka_unit_test(a_wrong_password_is_said_at_once),
	cmocka_unit_test(a_newer_database_is_refused),
};
/* clang-format on */

STAGE_MAIN_DRIVEN(tests)
