/* The database layer and the audit on a real Postgres: values there and back, errors named, the chain broken. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/state/change.h"
#include "services/state/migrate.h"

static struct loop *loop;
static struct state state;

static void
turn_until_serving(void)
{
	uint64_t until_ms = clock_ms() + 10000;
	struct why why;

	while (!state.serving) {
		if (clock_ms() >= until_ms || state.refusal.text[0] != '\0')
			fail_msg("it does not serve: %s %s", state.refusal.text, state.db.why);
		assert_int_equal(loop_turn(loop, 100, &why), OK);
	}
}

static int
setup(void **unused)
{
	struct why why;

	(void)unused;
	log_open("test", LOG_LEVEL_ERROR);
	assert_int_equal(loop_new(&loop, &why), OK);
	snprintf(state.config.service.process, sizeof(state.config.service.process), "state");
	snprintf(state.config.workspace, sizeof(state.config.workspace), "default");
	state.config.log_rows_max = 2000;
	state.config.log_days = 7;
	memset(state.config.audit_key.bytes, 5, 32);
	assert_int_equal(conninfo_read(&state.conninfo, "application_name=test", &state.config.service, &why),
	    OK); /* PGHOST and so on */
	state_init(&state, loop);
	state_start(&state);
	turn_until_serving();
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	state_done(&state);
	loop_free(loop);
	return 0;
}

static void
script(const char *text)
{
	struct why why;

	if (db_script(&state.db, text, DB_ANSWER_MS, NULL, &why) != OK)
		fail_msg("%s", why.text);
}

/* Any statement with its parameters: through the layer's own functions, with rows in place of a table. */
static void
values_come_back_as_they_went(void **unused)
{
	static struct span texts[] = {{"", 0}, {"a", 1}, {"{\"b\", \\c}", 9}, {"\xc3\xa9", 2}};
	struct id id = id_new();
	auto_arena struct arena arena = {0};
	struct args args = {.arena = &arena};
	auto_rows rows = {0};
	struct span *back;
	struct why why;
	size_t n;

	(void)unused;
	script("insert into drivers values ('d', 'd', '1', false, '', 0) on conflict do nothing");
	args_id(&args, id);
	args_id(&args, id);
	args_text(&args, SPAN("default"));
	args_text(&args, SPAN("values"));
	args_texts(&args, texts, COUNT(texts));
	args_texts(&args, NULL, 0);
	args_number(&args, 1234567890123);
	args_text(&args, SPAN("d"));
	args_text(&args, SPAN("Starting"));
	args_text(&args, SPAN(""));
	args_bytes(&args, span_of_bytes("\0\1\xff", 3));
	args_text(&args, SPAN(""));
	args_texts(&args, texts, 2);
	args_texts(&args, NULL, 0);
	args_flag(&args, true);
	args_number(&args, 0);
	args_number(&args, UINT64_MAX); /* as much as a bigint holds */
	assert_int_equal(db_run(&state.db, SQL_CREATE, &args, &rows, &why), OK);
	assert_int_equal(rows.touched, 1);
	args = (struct args){.arena = &arena};
	args_id(&args, id);
	assert_int_equal(db_run(&state.db, SQL_ROW, &args, &rows, &why), OK);
	assert_int_equal(rows.n, 1);
	assert_true(id_equal(rows_id(&rows, 0, 0), id));
	assert_true(span_is(rows_span(&rows, 0, 1), "values"));
	back = rows_texts(&rows, 0, 3, &arena, &n);
	assert_int_equal(n, COUNT(texts));
	for (size_t i = 0; i < n; i++)
		assert_true(span_equal(back[i], texts[i]));
	assert_non_null(rows_texts(&rows, 0, 4, &arena, &n));
	assert_int_equal(n, 0);
	assert_int_equal(rows_number(&rows, 0, 5), 1234567890123);
	assert_int_equal(rows_number(&rows, 0, 7), PHASE_PROVISIONING);
	assert_true(id_none(rows_id(&rows, 0, 9)));
	assert_true(rows_null(&rows, 0, 9));
	assert_true(span_equal(rows_span(&rows, 0, 12), span_of_bytes("\0\1\xff", 3)));
	assert_int_equal(db_run(&state.db, SQL_DESIRED, &args, &rows, &why), OK);
	assert_int_equal(rows_number(&rows, 0, 7), INT64_MAX);
	assert_int_equal(db_run(&state.db, SQL_EFFECTIVE, &args, &rows, &why), OK);
	assert_int_equal(rows.n, 0); /* it has no policy */
	script("delete from sandboxes where name = 'values'");
}

static void
each_failure_has_its_name(void **unused)
{
	static const struct {
		const char *text;
		enum err want;
	} cases[] = {
	    {"select 1", OK},
	    {"insert into workspaces values ('default', 0)", ERR_EXISTS},
	    {"insert into workspaces values ('No', 0)", ERR_INVALID},
	    {"insert into workspaces values ('a--b', 0)", ERR_INVALID},
	    {"insert into workspaces values ('aaaaaaaaaabbbbbbbbbb', 0)", ERR_INVALID}, /* 20 bytes */
	    {"insert into workspaces values (null, 0)", ERR_INVALID},
	    {"insert into policies values ('00000000-0000-4000-8000-000000000000', 1, 'a', "
	     "decode(repeat('00', 32), 'hex'), 'loaded', 0)",
		ERR_NOT_FOUND},
	    {"insert into policies values ('00000000-0000-4000-8000-000000000000', 1, 'a', '', 'loaded', 0)",
		ERR_INVALID},
	    {"update sandboxes set phase = 9", OK}, /* there are none */
	    {"select 1/0", ERR_INVALID},
	    {"selekt", ERR_INTERNAL},
	    {"set statement_timeout = 20; select pg_sleep(10)", ERR_UNAVAILABLE},
	    {"set statement_timeout = 5000", OK},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct why why = {0};
		enum err r = db_script(&state.db, cases[i].text, DB_ANSWER_MS, NULL, &why);

		if (r != cases[i].want)
			fail_msg("%s: %s: %s", cases[i].text, err_name(r), why.text);
		assert_int_equal(why.text[0] == '\0', r == OK);
	}
}

static enum err
half_done(void *arg, struct why *why)
{
	struct args args = {0};

	(void)arg;
	args_text(&args, SPAN("half"));
	args_number(&args, 1);
	if (db_run(&state.db, SQL_WORKSPACE_ADD, &args, NULL, why) != OK)
		return ERR_INTERNAL;
	return fail(why, ERR_LIMIT, "enough");
}

static bool
workspace_there(const char *name)
{
	struct args args = {0};
	auto_rows rows = {0};
	struct why why;

	args_text(&args, span_of_text(name));
	assert_int_equal(db_run(&state.db, SQL_WORKSPACE, &args, &rows, &why), OK);
	return rows.n == 1;
}

static void
what_fails_leaves_nothing(void **unused)
{
	struct why why = {0};

	(void)unused;
	assert_int_equal(db_transaction(&state.db, DURABLE, half_done, NULL, &why), ERR_LIMIT);
	assert_string_equal(why.text, "enough");
	assert_false(workspace_there("half"));
	assert_true(workspace_there("default"));
}

static void
a_lost_connection_is_made_again(void **unused)
{
	struct why why = {0};

	(void)unused;
	/* ends this very session, and then the other one */
	assert_int_equal(
	    db_script(&state.db, "select pg_terminate_backend(pg_backend_pid())", DB_ANSWER_MS, NULL, &why),
	    ERR_UNAVAILABLE);
	assert_false(state.serving);
	assert_int_equal(state_serving(&state, &why), ERR_UNAVAILABLE);
	assert_string_equal(why.text, DB_AWAY);
	turn_until_serving();
	assert_int_equal(db_script(&state.db,
			     "select pg_terminate_backend(pid) from pg_stat_activity "
			     "where pid <> pg_backend_pid() and application_name = 'test'",
			     DB_ANSWER_MS, NULL, &why),
	    OK);
	for (uint64_t until_ms = clock_ms() + 5000; state.serving && clock_ms() < until_ms;)
		assert_int_equal(loop_turn(loop, 100, &why), OK);
	assert_false(state.serving);
	turn_until_serving();
}

static void
migrations_run_once(void **unused)
{
	auto_rows rows = {0};
	struct why why;
	uint64_t n;

	(void)unused;
	for (unsigned i = 0; i < migrations_n; i++)
		assert_int_equal(migrations[i].number, i + 1);
	assert_int_equal(migrate(&state.db, &why), OK);
	assert_int_equal(db_script(&state.db, "select count(*) from schema_migrations", DB_ANSWER_MS, &rows, &why), OK);
	assert_int_equal(number_parse(rows_span(&rows, 0, 0), 0, UINT16_MAX, &n, &why), OK);
	assert_int_equal(n, migrations_n);
}

/* ---- the audit ---- */

static void
expect_broken(const char *tamper, const char *mend, const char *want)
{
	uint64_t count;
	struct why why = {0};

	script(tamper);
	assert_int_equal(audit_verify(&state, &count, &why), ERR_INVALID);
	if (strcmp(why.text, want) != 0)
		fail_msg("%s: %s", tamper, why.text);
	script(mend);
	assert_int_equal(audit_verify(&state, &count, &why), OK);
}

static void
a_changed_audit_is_found(void **unused)
{
	uint64_t count;
	struct why why = {0};

	(void)unused;
	assert_int_equal(audit_verify(&state, &count, &why), OK);
	assert_int_equal(count, 0);
	audit_refusal(&state, SPAN("anna"), "sandbox.create", "default/a", ERR_EXISTS);
	audit_refusal(&state, SPAN(""), "sandbox.stop", "default/b", ERR_NOT_FOUND);
	audit_refusal(&state, SPAN("anna"), "sandbox.delete", "default/c", ERR_STATE);
	if (audit_verify(&state, &count, &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(count, 3);

	expect_broken("update audit set subject = 'otto' where id = 2", "update audit set subject = '' where id = 2",
	    "audit row 2 was changed");
	expect_broken("update audit set outcome = 'OK' where id = 3",
	    "update audit set outcome = 'ERR_STATE' where id = 3", "audit row 3 was changed");
	/* bytes that move from one field to the next */
	expect_broken("update audit set action = 'sandbox.createdefault/a', object = '' where id = 1",
	    "update audit set action = 'sandbox.create', object = 'default/a' where id = 1", "audit row 1 was changed");
	expect_broken("create temporary table kept as select * from audit where id = 2; delete from audit where id = 2",
	    "insert into audit select * from kept; drop table kept", "audit row 2 is missing");
	expect_broken("create temporary table kept as select * from audit where id = 3; delete from audit where id = 3",
	    "insert into audit select * from kept; drop table kept", "the audit ends at row 2, before its head");
	state.config.audit_key.bytes[0] ^= 1;
	assert_int_equal(audit_verify(&state, &count, &why), ERR_INVALID);
	state.config.audit_key.bytes[0] ^= 1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_come_back_as_they_went),
	    cmocka_unit_test(each_failure_has_its_name),
	    cmocka_unit_test(what_fails_leaves_nothing),
	    cmocka_unit_test(a_lost_connection_is_made_again),
	    cmocka_unit_test(migrations_run_once),
	    cmocka_unit_test(a_changed_audit_is_found),
	};

	if (getenv("PG_RUN_DIR") == NULL) {
		fprintf(stderr, "run it under tests/postgres.sh\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
