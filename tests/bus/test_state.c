/* state alone, with a real Postgres, between scripted api, relay, credentials and driver. Run it under postgres.sh. */
#include "tests/unit/test.h"

#include <signal.h>
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

static struct id
demo(void)
{
	struct msg m = {.id = SANDBOX_GET, .sandbox_get = {.workspace = SPAN("default"), .name = SPAN("demo")}};
	struct outcome outcome;
	struct id id;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	id = outcome.msg.sandbox_row.sandbox;
	outcome_done(&outcome);
	return id;
}

static struct id
instance_of(struct id id)
{
	struct outcome outcome;
	struct id instance;

	get(&outcome, id);
	instance = outcome.msg.sandbox_row.instance;
	outcome_done(&outcome);
	return instance;
}

static void
a_lost_session_is_not_ready_until_it_is_back(void **unused)
{
	struct id id = demo(), instance = instance_of(id);
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
	struct id id = demo();

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
logs(struct outcome *outcome, struct id id, uint32_t lines, const char *level)
{
	struct msg m = {.id = LOGS_GET, .logs_get = {.sandbox = id, .lines = lines, .level = span_of_text(level)}};

	ask(outcome, api.peer, &m);
	outcome_wait(outcome);
	assert_int_equal(outcome->r, OK);
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
	logs(&outcome, id, 1, "");
	assert_true(span_is(outcome.msg.logs.lines[0].level, "WARN")); /* why it died */
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

static void
a_watch_hears_every_change_to_the_end(void **unused)
{
	struct id id = created("demo");
	struct msg open = {.id = WATCH_OPEN, .watch_open = {17, id, true, false}};
	struct heard *heard;
	uint64_t version = 0;
	bool ready = false;

	(void)unused;
	assert_int_equal(ask_now(api.peer, &open), OK);
	assert_int_equal(ask_now(api.peer, &open), ERR_EXISTS);
	made_ready(id, 1);
	while (!ready) {
		heard = actor_hear(&api, WATCH_ROW);
		assert_int_equal(heard->msg.watch_row.watch, 17);
		assert_int_equal(heard->msg.watch_row.row_n, 1);
		assert_true(heard->msg.watch_row.row->resource_version >= version);
		version = heard->msg.watch_row.row->resource_version;
		ready = heard->msg.watch_row.row->phase == PHASE_READY;
		heard_free(heard);
	}
	removed(id, "demo", 1);
	while ((heard = actor_hear(&api, WATCH_ROW))->msg.watch_row.row_n == 1) {
		assert_int_equal(heard->msg.watch_row.row->phase, PHASE_DELETING);
		heard_free(heard);
	}
	heard_free(heard);
	open.watch_open.sandbox = id;
	assert_int_equal(ask_now(api.peer, &open), ERR_NOT_FOUND);
}

static void
add_lines(struct id id, size_t n, uint32_t dropped, const char *level)
{
	static struct msg_log_line lines[100];
	static struct span fields[] = {{"a=1", 3}, {"b=two words, {\"quoted\"}", 23}};
	struct msg m = {.id = LOGS_ADD, .logs_add = {id, lines, n, dropped}};

	for (size_t i = 0; i < n; i++)
		lines[i] = (struct msg_log_line){
		    1000 + i, SPAN("gateway"), span_of_text(level), SPAN("proxy"), SPAN("a line"), fields, i % 3};
	assert_int_equal(ask_now(relay.peer, &m), OK);
}

static void
logs_are_kept_filtered_and_followed(void **unused)
{
	struct id id = created("demo");
	struct msg open = {.id = WATCH_OPEN, .watch_open = {18, id, false, true}},
		   close = {.id = WATCH_CLOSE, .watch_close = {18}},
		   stray = {.id = LOGS_ADD, .logs_add = {id_new(), NULL, 0, 3}};
	const struct msg_log_line *line;
	char words[64];
	struct outcome outcome;
	struct heard *heard;

	(void)unused;
	logs(&outcome, id, 1, "");
	open.watch_open.after = outcome.msg.logs.newest;
	outcome_done(&outcome);
	assert_int_equal(ask_now(api.peer, &open), OK);
	add_lines(id, 3, 7, "DEBUG");
	heard = actor_hear(&api, WATCH_LOG);
	assert_int_equal(heard->msg.watch_log.lines_n, 4);
	heard_free(heard);
	assert_int_equal(ask_now(api.peer, &close), OK);

	logs(&outcome, id, 4, "");
	assert_int_equal(outcome.msg.logs.total, 4);
	line = outcome.msg.logs.lines;
	assert_true(span_is(line[0].message, "7 log lines before this were dropped"));
	assert_true(span_is(line[0].level, "WARN"));
	assert_true(span_is(line[1].source, "sandbox")); /* whatever it said */
	assert_int_equal(line[1].fields_n, 0);
	assert_int_equal(line[3].fields_n, 2);
	assert_true(span_is(line[3].fields[1], "b=two words, {\"quoted\"}"));
	assert_int_equal(line[3].time_ms, 1002);
	outcome_done(&outcome);
	logs(&outcome, id, 4, "INFO");
	assert_int_equal(outcome.msg.logs.lines_n, 1);
	assert_int_equal(outcome.msg.logs.total, 4);
	outcome_done(&outcome);

	logs(&outcome, id, 100, "");
	snprintf(words, sizeof(words), "%u older log lines were removed", outcome.msg.logs.total + 50);
	assert_int_equal(outcome.msg.logs.lines_n, outcome.msg.logs.total); /* none yet */
	outcome_done(&outcome);
	add_lines(id, 100, 0, "INFO");
	add_lines(id, 50, 0, "ERROR");
	logs(&outcome, id, 10000, "");
	assert_int_equal(outcome.msg.logs.total, 100); /* log_rows_max */
	assert_int_equal(outcome.msg.logs.lines_n, 101);
	assert_true(span_is(outcome.msg.logs.lines[0].message, words));
	assert_true(span_is(outcome.msg.logs.lines[1].level, "INFO"));
	assert_true(span_is(outcome.msg.logs.lines[100].level, "ERROR"));
	outcome_done(&outcome);
	logs(&outcome, id, 100, "WARN"); /* that line is filtered as others are */
	assert_int_equal(outcome.msg.logs.lines_n, 50);
	outcome_done(&outcome);
	logs(&outcome, id, 99, "");
	assert_int_equal(outcome.msg.logs.lines_n, 99);
	assert_true(span_is(outcome.msg.logs.lines[0].message, "a line"));
	outcome_done(&outcome);
	assert_int_equal(ask_now(relay.peer, &stray), ERR_NOT_FOUND);
	assert_null(actor_heard(&api, WATCH_LOG)); /* it was closed */
	removed(id, "demo", 1);
}

/* Lines FIRST.. of a spool, told from SINCE on: what is wanted next. */
static uint64_t
spooled(struct id id, struct id spool, uint64_t since, uint64_t first, size_t n)
{
	struct msg_log_line lines[10];
	char words[10][16];
	struct msg m = {.id = LOGS_ADD,
	    .logs_add = {.sandbox = id, .lines = lines, .lines_n = n, .spool = spool, .first = first, .since = since}};
	struct outcome outcome;
	uint64_t next;

	for (size_t i = 0; i < n; i++) {
		snprintf(words[i], sizeof(words[i]), "line %llu", (unsigned long long)(first + i));
		lines[i] = (struct msg_log_line){.time_ms = 1000,
		    .source = SPAN("sandbox"),
		    .level = SPAN("INFO"),
		    .message = span_of_text(words[i])};
	}
	ask(&outcome, relay.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, LOGS_ADDED);
	next = outcome.msg.logs_added.next;
	outcome_done(&outcome);
	return next;
}

/* Numbered lines are stored once, in their order; what never came is said. */
static void
numbered_lines_are_stored_once(void **unused)
{
	static const char *const want[] = {"line 1", "line 2", "line 3", "line 4", "line 5",
	    "4 log lines before this were dropped", "line 10", "1 log lines before this were dropped", "line 2"};
	struct id id = created("demo"), spool = id_new(), other = id_new();
	struct outcome outcome;

	(void)unused;
	assert_int_equal(spooled(id, spool, 1, 1, 3), 4);
	assert_int_equal(spooled(id, spool, 1, 1, 3), 4);    /* the answer was lost */
	assert_int_equal(spooled(id, spool, 2, 2, 4), 6);    /* half of them is new */
	assert_int_equal(spooled(id, spool, 9, 9, 2), 6);    /* the database lost 6 to 8: they are asked for */
	assert_int_equal(spooled(id, spool, 6, 10, 1), 11);  /* and are gone there too */
	assert_int_equal(spooled(id, spool, 11, 11, 0), 11); /* is it all there? */
	assert_int_equal(spooled(id, other, 1, 2, 1), 3);    /* a link that was started anew, and dropped its first */
	logs(&outcome, id, COUNT(want), "");
	assert_int_equal(outcome.msg.logs.lines_n, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_true(span_is(outcome.msg.logs.lines[i].message, want[i]));
		assert_true(i == 0 || outcome.msg.logs.lines[i].number > outcome.msg.logs.lines[i - 1].number);
	}
	assert_int_equal(outcome.msg.logs.newest, outcome.msg.logs.lines[COUNT(want) - 1].number);
	outcome_done(&outcome);
	removed(id, "demo", 1);
}

/* Who goes on behind a line, or is behind with its watch, is told how many were removed before it came to them. */
static void
an_overtaken_reader_is_told_how_many_it_missed(void **unused)
{
	struct id id = created("demo");
	struct msg open = {.id = WATCH_OPEN, .watch_open = {20, id, false, true}};
	struct msg m = {.id = LOGS_GET, .logs_get = {.sandbox = id, .lines = 10000}};
	struct outcome outcome = {0};
	char insert[512];
	size_t n = 0;

	(void)unused;
	logs(&outcome, id, 1, "");
	m.logs_get.after = open.watch_open.after = outcome.msg.logs.newest;
	m.logs_get.seen = open.watch_open.seen = outcome.msg.logs.seen;
	assert_int_equal(outcome.msg.logs.lines[0].count, outcome.msg.logs.seen);
	outcome_done(&outcome);
	assert_int_equal(ask_now(api.peer, &open), OK);
	snprintf(insert, sizeof(insert),
	    "insert into log_lines (sandbox, stored_ms, time_ms, source, level, target, message, fields) select '%s', 1, n, "
	    "'sandbox', 'INFO', '', 'never told', '{}' from generate_series(1, 42) n",
	    id_text(id));
	sql(insert);
	add_lines(id, 100, 0, "INFO"); /* of 142 new ones so many stay */
	while (n < 101) {
		struct heard *heard = actor_hear(&api, WATCH_LOG);
		const struct msg_log_line *lines = heard->msg.watch_log.lines;

		assert_true(n > 0 || span_starts(lines[0].message, SPAN("42 log lines before this are missing here")));
		for (size_t i = 0; i < heard->msg.watch_log.lines_n; i++, n++)
			assert_int_equal(lines[i].count, m.logs_get.seen + 42 + n);
		heard_free(heard);
	}
	assert_int_equal(n, 101);
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.logs.lines_n, 101);
	assert_true(span_starts(outcome.msg.logs.lines[0].message, SPAN("42 log lines before this are missing here")));
	assert_int_equal(outcome.msg.logs.lines[0].number, m.logs_get.after);
	assert_int_equal(outcome.msg.logs.lines[1].count, m.logs_get.seen + 43);
	assert_int_equal(outcome.msg.logs.seen, m.logs_get.seen + 142);
	m.logs_get.after = outcome.msg.logs.newest;
	m.logs_get.seen = outcome.msg.logs.seen;
	outcome_done(&outcome);
	ask(&outcome, api.peer, &m); /* nothing more, and nothing missing */
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.logs.lines_n, 0);
	outcome_done(&outcome);
	removed(id, "demo", 1);
}

/* Lines that are too long for one message come in several. */
static void
long_lines_are_followed(void **unused)
{
	struct id id = created("demo");
	struct msg open = {.id = WATCH_OPEN, .watch_open = {19, id, false, true}};
	char insert[512];
	size_t n = 0;

	(void)unused;
	assert_int_equal(ask_now(api.peer, &open), OK);
	snprintf(insert, sizeof(insert),
	    "insert into log_lines (sandbox, stored_ms, time_ms, source, level, target, message, fields) select '%s', 1, n, "
	    "'sandbox', 'INFO', '', repeat('x', 8000), array_fill('k=' || repeat('y', 1000), array[32]) "
	    "from generate_series(1, 100) n; select pg_notify('openshell', 'logs')",
	    id_text(id));
	sql(insert);
	while (n < 100) {
		struct heard *heard = actor_hear(&api, WATCH_LOG);

		for (size_t i = 0; i < heard->msg.watch_log.lines_n; i++)
			n += span_is(heard->msg.watch_log.lines[i].source, "sandbox");
		heard_free(heard);
	}
	assert_int_equal(n, 100);
	removed(id, "demo", 1);
}

/* Keep the table of sandboxes until a statement of state has waited for it in vain. */
static void
table_locked(void)
{
#define WAITS "exists (select 1 from pg_locks where relation = 'sandboxes'::regclass and not granted)"
	run("psql -q -v ON_ERROR_STOP=1 -c \"begin; lock table sandboxes in access exclusive mode; "
	    "do \\$\\$ begin "
	    "while not " WAITS " loop perform pg_sleep(0.01); end loop; "
	    "while " WAITS " loop perform pg_sleep(0.01); end loop; end \\$\\$; commit\" & "
	    "until psql -Atc \"select 1 from pg_locks where relation = 'sandboxes'::regclass and granted and "
	    "mode = 'AccessExclusiveLock'\" | grep -q 1; do :; done");
}

static void
change_made(struct id id, const char *desired)
{
	char text[256];

	snprintf(text, sizeof(text),
	    "insert into changes (sandbox, desired) values ('%s', %s); "
	    "select pg_notify('openshell', 'rows')",
	    id_text(id), desired);
	sql(text);
}

/* A database that is slow, but there: whoever was to be told is told later. */
static void
what_a_late_statement_was_to_tell_is_told(void **unused)
{
	struct id id = created("demo");
	struct msg open = {.id = WATCH_OPEN, .watch_open = {20, id, true, false}};

	(void)unused;
	assert_int_equal(ask_now(api.peer, &open), OK);
	forget(&driver, DESIRED_END);
	table_locked();
	driver_joins();
	expect_desired(id, 1, WANT_RUNNING);

	forget(&api, WATCH_ROW);
	table_locked();
	change_made(id, "false");
	heard_free(actor_hear(&api, WATCH_ROW));

	table_locked();
	change_made(id, "true");
	heard_free(actor_hear(&driver, DESIRED_END)); /* read anew, and so told with all others */
	expect_desired(id, 1, WANT_RUNNING);
	forget(&driver, DESIRED);
	removed(id, "demo", 1);
	forget(&api, WATCH_ROW);
}

static void
lists_are_pages_in_order(void **unused)
{
	const char *names[] = {"one", "two", "three"};
	struct span red[] = {SPAN("team=red")}, blue[] = {SPAN("team=blue")};
	struct msg m = {.id = SANDBOX_LIST, .sandbox_list = {.workspace = SPAN("default"), .limit = 2}};
	struct id ids[3];
	struct outcome outcome;

	(void)unused;
	for (int i = 0; i < 3; i++)
		ids[i] = created(names[i]);
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.sandbox_listed.sandboxes_n, 2);
	assert_false(outcome.msg.sandbox_listed.more);
	assert_true(span_is(outcome.msg.sandbox_listed.sandboxes[0].name, "one"));
	outcome_done(&outcome);
	m.sandbox_list = (struct msg_sandbox_list){.limit = 100, .offset = 1, .selector = red, .selector_n = 1};
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.sandbox_listed.sandboxes_n, 2);
	outcome_done(&outcome);
	m.sandbox_list = (struct msg_sandbox_list){.limit = 100, .selector = blue, .selector_n = 1};
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.sandbox_listed.sandboxes_n, 0);
	outcome_done(&outcome);
	for (int i = 0; i < 3; i++)
		removed(ids[i], names[i], 1);
}

static void
a_page_that_is_too_long_is_cut(void **unused)
{
	static char filler[700000];
	struct msg list = {.id = SANDBOX_LIST, .sandbox_list = {.limit = 100}};
	const char *names[] = {"long1", "long2", "long3"};
	struct outcome outcome;
	struct id ids[3];

	(void)unused;
	memset(filler, 'x', sizeof(filler));   /* field 15 of the spec, which nobody knows */
	memcpy(filler, "\x7a\xdb\xdc\x2a", 4); /* 699995 bytes follow: 0xdb 0xdc 0x2a is that as a varint */
	for (int i = 0; i < 3; i++) {
		struct msg m = create(names[i]);

		m.sandbox_create.spec = span_of_bytes(filler, 4 + 699995);
		ask(&outcome, api.peer, &m);
		actor_answer(&driver, CREATE_CHECK, &done);
		outcome_wait(&outcome);
		if (outcome.r != OK)
			fail_msg("%s", outcome.why.text);
		ids[i] = outcome.msg.sandbox_row.sandbox;
		outcome_done(&outcome);
		heard_free(actor_hear(&driver, DESIRED));
	}
	ask(&outcome, api.peer, &list);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.sandbox_listed.sandboxes_n, 2);
	assert_true(outcome.msg.sandbox_listed.more);
	outcome_done(&outcome);
	list.sandbox_list.offset = 2;
	ask(&outcome, api.peer, &list);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.sandbox_listed.sandboxes_n, 1);
	assert_false(outcome.msg.sandbox_listed.more);
	outcome_done(&outcome);
	for (int i = 0; i < 3; i++)
		removed(ids[i], names[i], 1);
}

static void
config_and_gateway_are_told(void **unused)
{
	struct id id = created("demo");
	struct msg m = {.id = CONFIG_GET, .config_get = {id}}, gateway = {.id = GATEWAY_GET};
	struct outcome outcome;
	uint64_t revision;

	(void)unused;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(span_is(outcome.msg.config.workspace, "default"));
	assert_int_equal(outcome.msg.config.version, 1);
	assert_int_equal(outcome.msg.config.settings_n, 0);
	revision = outcome.msg.config.config_revision;
	outcome_done(&outcome);
	sql("insert into gateway_settings values ('ocsf_json_enabled', 'true')");
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.config.settings_n, 1);
	assert_true(span_is(outcome.msg.config.settings[0], "ocsf_json_enabled=true"));
	assert_int_not_equal(outcome.msg.config.config_revision, revision);
	outcome_done(&outcome);
	ask(&outcome, api.peer, &gateway);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.gateway.drivers_n, 1);
	assert_true(outcome.msg.gateway.drivers[0].connected);
	assert_true(span_is(outcome.msg.gateway.drivers[0].name, "local"));
	assert_true(outcome.msg.gateway.database);
	outcome_done(&outcome);
	removed(id, "demo", 1);
}

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
	struct id id = demo(), instance = instance_of(id);
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
	char other[sizeof(settings)], entry[256], endpoint[256];
	struct daemon second = {0};
	struct actor visitor;
	struct id id, instance;
	struct msg open = {.id = WATCH_OPEN, .watch_open = {1, {{0}}, true, true}}, down;
	struct outcome outcome;
	struct heard *heard;
	struct why why = {0};

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

	daemon_keys(&second);
	actor_init(&visitor, loop, ROLE_API, "visitor");
	actor_join(&visitor, ROLE_STATE, "state2", second.key);
	snprintf(other, sizeof(other),
	    "process: state2\nuid: %d\ngid: %d\nlisten: \"ipc:///state/bus2\"\n"
	    "database_url: \"host=/postgres user=openshell password=secret dbname=openshell\"\n"
	    "audit_key: \"%064d\"\nroster:\n%s",
	    own_id(), own_id(), 7, roster_yaml(&visitor, "api", NULL, entry));
	daemon_start(&second, program, run_dir, other);
	assert_string_equal(second.words, "ready\n");
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus2", run_dir);
	assert_int_equal(curve_connect(visitor.curve, endpoint, ROLE_STATE, "state2", &visitor.peer, &why), OK);
	actor_wait_up(&visitor, 1);

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
	cmocka_unit_test(a_watch_hears_every_change_to_the_end),
	cmocka_unit_test(logs_are_kept_filtered_and_followed),
	cmocka_unit_test(numbered_lines_are_stored_once),
	cmocka_unit_test(an_overtaken_reader_is_told_how_many_it_missed),
	cmocka_unit_test(long_lines_are_followed),
	cmocka_unit_test(what_a_late_statement_was_to_tell_is_told),
	cmocka_unit_test(lists_are_pages_in_order),
	cmocka_unit_test(a_page_that_is_too_long_is_cut),
	cmocka_unit_test(config_and_gateway_are_told),
	cmocka_unit_test(a_killed_state_comes_back_with_everything),
	cmocka_unit_test(without_a_database_every_answer_is_unavailable),
	cmocka_unit_test(a_driver_that_is_away_is_waited_for),
	cmocka_unit_test(two_states_share_a_database),
	cmocka_unit_test(audit_rows_are_there),
	cmocka_unit_test(a_wrong_password_is_said_at_once),
	cmocka_unit_test(a_newer_database_is_refused),
};
/* clang-format on */

STAGE_MAIN(tests)
