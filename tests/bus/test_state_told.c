/* state alone, as in test_state.c: what is told of sandboxes, in watches, logs and lists. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/state_stage.h"

/* ---- the tests, in the order in which they build on each other ---- */

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
	logs_of(&outcome, id, 1, "");
	open.watch_open.after = outcome.msg.logs.newest;
	outcome_done(&outcome);
	assert_int_equal(ask_now(api.peer, &open), OK);
	add_lines(id, 3, 7, "DEBUG");
	heard = actor_hear(&api, WATCH_LOG);
	assert_int_equal(heard->msg.watch_log.lines_n, 4);
	heard_free(heard);
	assert_int_equal(ask_now(api.peer, &close), OK);

	logs_of(&outcome, id, 4, "");
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
	logs_of(&outcome, id, 4, "INFO");
	assert_int_equal(outcome.msg.logs.lines_n, 1);
	assert_int_equal(outcome.msg.logs.total, 4);
	outcome_done(&outcome);

	logs_of(&outcome, id, 100, "");
	snprintf(words, sizeof(words), "%u older log lines were removed", outcome.msg.logs.total + 50);
	assert_int_equal(outcome.msg.logs.lines_n, outcome.msg.logs.total); /* none yet */
	outcome_done(&outcome);
	add_lines(id, 100, 0, "INFO");
	add_lines(id, 50, 0, "ERROR");
	logs_of(&outcome, id, 10000, "");
	assert_int_equal(outcome.msg.logs.total, 100); /* log_rows_max */
	assert_int_equal(outcome.msg.logs.lines_n, 101);
	assert_true(span_is(outcome.msg.logs.lines[0].message, words));
	assert_true(span_is(outcome.msg.logs.lines[1].level, "INFO"));
	assert_true(span_is(outcome.msg.logs.lines[100].level, "ERROR"));
	outcome_done(&outcome);
	logs_of(&outcome, id, 100, "WARN"); /* that line is filtered as others are */
	assert_int_equal(outcome.msg.logs.lines_n, 50);
	outcome_done(&outcome);
	logs_of(&outcome, id, 99, "");
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
	logs_of(&outcome, id, COUNT(want), "");
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
	logs_of(&outcome, id, 1, "");
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

/* clang-format off */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_watch_hears_every_change_to_the_end),
	cmocka_unit_test(logs_are_kept_filtered_and_followed),
	cmocka_unit_test(numbered_lines_are_stored_once),
	cmocka_unit_test(an_overtaken_reader_is_told_how_many_it_missed),
	cmocka_unit_test(long_lines_are_followed),
	cmocka_unit_test(what_a_late_statement_was_to_tell_is_told),
	cmocka_unit_test(lists_are_pages_in_order),
	cmocka_unit_test(a_page_that_is_too_long_is_cut),
	cmocka_unit_test(config_and_gateway_are_told),
};
/* clang-format on */

STAGE_MAIN_DRIVEN(tests)
