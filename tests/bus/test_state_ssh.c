/* state's SSH sessions: hashes of tokens, for how long and for which sandbox they are good. Run it under postgres.sh.
 */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/bus/state_stage.h"

static struct id box, instance, other;

static enum err
make(struct id sandbox, const char *name, uint8_t hash, uint64_t *expires_ms)
{
	const struct msg m = {.id = SSH_SESSION_MAKE,
	    .ssh_session_make = {.sandbox = sandbox,
		.workspace = span_of_text(name == NULL ? "" : "default"),
		.name = span_of_text(name),
		.hash = KEY_OF(hash),
		.subject = SPAN("tester")}};
	struct outcome outcome;
	enum err r;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	if ((r = outcome.r) == OK) {
		assert_int_equal(outcome.msg.id, SSH_SESSION_MADE);
		assert_true(id_equal(outcome.msg.ssh_session_made.sandbox, box));
		if (expires_ms != NULL)
			*expires_ms = outcome.msg.ssh_session_made.expires_ms;
	}
	outcome_done(&outcome);
	return r;
}

static enum err
check(struct id sandbox, uint8_t hash, bool ssh)
{
	const struct msg m = {
	    .id = SSH_SESSION_CHECK, .ssh_session_check = {.sandbox = sandbox, .hash = KEY_OF(hash), .ssh = ssh}};

	return ask_now(api.peer, &m);
}

static bool
revoked(uint8_t hash)
{
	const struct msg m = {.id = SSH_SESSION_REVOKE, .ssh_session_revoke = {KEY_OF(hash), SPAN("tester")}};
	struct outcome outcome;
	bool was;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	was = outcome.msg.ssh_session_revoked.revoked;
	outcome_done(&outcome);
	return was;
}

static void
made_for_ready_ones(void **unused)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms(), expires_ms = 0;

	(void)unused;
	driver_joins();
	box = created("door");
	assert_int_equal(make(box, NULL, 1, NULL), ERR_STATE);
	assert_int_equal(check(box, 1, true), ERR_STATE);
	assert_int_equal(make(id_new(), NULL, 1, NULL), ERR_NOT_FOUND);
	assert_int_equal(make((struct id){{0}}, "nobody", 1, NULL), ERR_NOT_FOUND);
	instance = made_ready(box, 1);
	assert_int_equal(make(box, NULL, 1, &expires_ms), OK);
	assert_in_range(expires_ms, now_ms + 86400000, now_ms + 86400000 + 60000);
	assert_int_equal(make((struct id){{0}}, "door", 2, NULL), OK); /* by name */
	assert_int_equal(make(box, NULL, 1, NULL), ERR_EXISTS);
}

/* Good for that sandbox alone, and until it is revoked or has expired. */
static void
good_for_one(void **unused)
{
	(void)unused;
	other = created("other");
	(void)made_ready(other, 1);
	assert_int_equal(check(box, 1, false), OK);
	assert_int_equal(check(box, 2, true), OK);
	assert_int_equal(check(other, 1, false), ERR_UNAUTHENTICATED);
	assert_int_equal(check(box, 3, false), ERR_UNAUTHENTICATED);
	assert_int_equal(check(id_new(), 1, false), ERR_NOT_FOUND);
	assert_false(revoked(3));
	assert_true(revoked(1));
	assert_true(revoked(1));
	assert_int_equal(check(box, 1, false), ERR_UNAUTHENTICATED);
	assert_int_equal(check(box, 2, false), OK);
	sql("update ssh_sessions set expires_ms = 1 where not revoked");
	assert_int_equal(check(box, 2, false), ERR_UNAUTHENTICATED);
	sql("update ssh_sessions set expires_ms = 0 where not revoked");
	assert_int_equal(check(box, 2, false), OK);
}

/* The main process is over: its SSH server may be reached, to read what it said, and nothing else. */
static void
after_the_end(void **unused)
{
	const struct msg exited = {.id = MAIN_EXITED, .main_exited = {box, 1, instance, 3}};
	const struct msg down = {.id = SESSION_DOWN, .session_down = {box, 1, instance}};

	(void)unused;
	assert_int_equal(ask_now(relay.peer, &exited), OK);
	assert_int_equal(check(box, 2, true), OK);
	assert_int_equal(check(box, 2, false), ERR_STATE);
	assert_int_equal(make(box, NULL, 4, NULL), OK);
	assert_int_equal(ask_now(relay.peer, &down), OK);
	assert_int_equal(check(box, 2, true), ERR_STATE);
	assert_int_equal(make(box, NULL, 5, NULL), ERR_STATE);
}

/* What is over is forgotten when state starts and once an hour; a sandbox takes its sessions along; all of it is
 * audited. */
static void
forgotten(void **unused)
{
	(void)unused;
	sql("insert into ssh_sessions select gen_random_uuid(), sha256(n::text::bytea), s.id, 1, 1, false "
	    "from generate_series(1, 2500) n, sandboxes s where s.name = 'other'");
	daemon_stop(&state);
	daemon_start(&state, program, run_dir, settings);
	all_up(2);
	sql("do \\$\\$ begin assert (select count(*) from ssh_sessions) = 2, 'not swept'; end \\$\\$");
	sql("delete from sandboxes where name = 'door'");
	sql("do \\$\\$ begin assert (select count(*) from ssh_sessions) = 0, 'left behind'; end \\$\\$");
	sql("do \\$\\$ begin assert (select array_agg(action order by id) from audit where action like 'ssh%') = "
	    "'{ssh_session.create,ssh_session.create,ssh_session.revoke,ssh_session.revoke,ssh_session.create}', "
	    "'audit'; end \\$\\$");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(made_for_ready_ones),
    cmocka_unit_test(good_for_one),
    cmocka_unit_test(after_the_end),
    cmocka_unit_test(forgotten),
};

STAGE_MAIN(tests)
