/* state's configuration: revisions, settings, what is pushed to whom, and what becomes of it. Run it under postgres.sh. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/state_stage.h"

enum { PENDING = 1, LOADED, FAILED, SUPERSEDED };

/* A sandbox that runs, and what it was given. */
static struct id box, instance;
static uint64_t given;

/* ---- what is said again and again ---- */

static enum err
set_policy(struct peer *peer, const char *name, const char *policy, uint32_t base, uint64_t expected,
    struct msg_config_changed *out)
{
	struct msg m = {.id = POLICY_SET,
	    .policy_set = {.workspace = name[0] == '\0' ? SPAN_NONE : SPAN("default"),
		.name = span_of_text(name),
		.policy = span_of_text(policy),
		.base = base,
		.expected = expected,
		.subject = SPAN("tester")}};
	struct outcome outcome;
	enum err r;

	ask(&outcome, peer, &m);
	outcome_wait(&outcome);
	r = outcome.r;
	if (r == OK)
		assert_int_equal(outcome.msg.id, CONFIG_CHANGED);
	if (out != NULL)
		*out = outcome.msg.config_changed; /* its numbers */
	outcome_done(&outcome);
	return r;
}

static uint32_t
set(const char *policy)
{
	struct msg_config_changed changed;

	assert_int_equal(set_policy(api.peer, "demo", policy, 0, 0, &changed), OK);
	return changed.version;
}

static uint32_t
set_global(const char *policy)
{
	struct msg_config_changed changed;

	assert_int_equal(set_policy(api.peer, "", policy, 0, 0, &changed), OK);
	return changed.version;
}

static enum err
setting(const char *name, const char *key, const char *value, struct msg_config_changed *out)
{
	struct msg m = {.id = SETTING_SET,
	    .setting_set = {.workspace = name[0] == '\0' ? SPAN_NONE : SPAN("default"),
		.name = span_of_text(name),
		.key = span_of_text(key),
		.remove = value == NULL,
		.value = span_of_text(value == NULL ? "" : value),
		.subject = SPAN("tester")}};
	struct outcome outcome;
	enum err r;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	r = outcome.r;
	if (out != NULL)
		*out = outcome.msg.config_changed;
	outcome_done(&outcome);
	return r;
}

/* The next push, for the box: which revision, and its policy's bytes. */
static uint32_t
pushed(const char *policy)
{
	struct heard *push = actor_hear(&relay, CONFIG_PUSH);
	uint32_t version = push->msg.config_push.policy_version;

	assert_true(id_equal(push->msg.config_push.sandbox, box));
	if (policy != NULL && !span_is(push->msg.config_push.policy, policy))
		fail_msg("pushed '" SPAN_FORMAT "', not '%s'", SPAN_ARGS(push->msg.config_push.policy), policy);
	assert_int_not_equal(push->msg.config_push.config_revision, given);
	given = push->msg.config_push.config_revision;
	heard_free(push);
	return version;
}

/* A question that state answers after whatever it has pushed by now. */
static void
expect_no_push(void)
{
	struct msg m = {.id = SANDBOX_GET, .sandbox_get = {.sandbox = box}};

	assert_int_equal(ask_now(api.peer, &m), OK);
	assert_null(actor_heard(&relay, CONFIG_PUSH));
}

static void
applied_as(struct id whose, uint32_t epoch, uint32_t version, uint64_t revision, const char *refusal)
{
	struct msg m = {.id = CONFIG_APPLIED,
	    .config_applied = {.sandbox = box,
		.epoch = epoch,
		.instance = whose,
		.policy_version = version,
		.config_revision = revision,
		.loaded = refusal == NULL,
		.message = span_of_text(refusal == NULL ? "" : refusal)}};

	assert_int_equal(ask_now(relay.peer, &m), OK);
}

static void
applied(uint32_t version, uint64_t revision, const char *refusal)
{
	applied_as(instance, 1, version, revision, refusal);
}

static struct msg_policy_revision
revision(const char *name, uint32_t version, uint32_t *active)
{
	struct msg m = {.id = POLICIES_GET,
	    .policies_get = {.workspace = name[0] == '\0' ? SPAN_NONE : SPAN("default"),
		.name = span_of_text(name),
		.one = true,
		.version = version,
		.limit = 1}};
	struct msg_policy_revision found = {0};
	struct outcome outcome;

	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r == OK) {
		assert_int_equal(outcome.msg.policies.revisions_n, 1);
		found = outcome.msg.policies.revisions[0];
		if (active != NULL)
			*active = outcome.msg.policies.active;
	}
	outcome_done(&outcome);
	return found; /* its numbers; 0: there is none */
}

static void
expect_status(uint32_t version, uint8_t status)
{
	struct msg_policy_revision found = revision("demo", version, NULL);

	if (found.status != status)
		fail_msg("revision %u is %u, not %u", version, found.status, status);
	assert_true(status != LOADED || found.loaded_ms != 0);
}

static struct msg_sandbox_row
row(void)
{
	struct msg_sandbox_row found;
	struct outcome outcome;

	get(&outcome, box);
	assert_int_equal(outcome.r, OK);
	found = outcome.msg.sandbox_row;
	outcome_done(&outcome);
	return found; /* its numbers */
}

static void
up(uint64_t config_revision)
{
	struct msg m = {.id = SESSION_UP, .session_up = {box, 1, instance, config_revision}};

	assert_int_equal(ask_now(relay.peer, &m), OK);
}

static void
down(void)
{
	struct msg m = {.id = SESSION_DOWN, .session_down = {box, 1, instance}};

	assert_int_equal(ask_now(relay.peer, &m), OK);
}

/* What enrolment gives to the one key: version and revision. */
static uint32_t
enrolled(const uint8_t token[32])
{
	struct msg m = enrol(box, 1, instance, span_of_bytes(token, 32), 4);
	struct outcome outcome;
	uint32_t version;

	ask(&outcome, relay.peer, &m);
	actor_answer(&credentials, CLAIM_CHECK, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	version = outcome.msg.enrolled.policy_version;
	given = outcome.msg.enrolled.config_revision;
	outcome_done(&outcome);
	return version;
}

static uint8_t token[32];

/* ---- the tests, in the order in which they build on each other ---- */

/* Nothing is pushed to a sandbox that has what is in force. */
static void
the_first_revision_comes_with_enrolment(void **unused)
{
	struct msg ready = {.id = SANDBOX_READY};

	(void)unused;
	driver_joins();
	box = created("demo");
	instance = id_new();
	ticket_of(box, 1, token);
	observe(box, 1, 2);
	expect_status(1, PENDING);
	assert_int_equal(enrolled(token), 1);
	up(given);
	ready.sandbox_ready = (struct msg_sandbox_ready){box, 1, instance, 1, NULL, 0};
	assert_int_equal(ask_now(relay.peer, &ready), OK);
	expect_phase(box, PHASE_READY, "DependenciesReady");
	expect_status(1, LOADED);
	expect_no_push();
	assert_int_equal(revision("demo", 7, NULL).version, 0);
}

static void
a_change_is_pushed_and_acknowledged_once(void **unused)
{
	struct msg_sandbox_row before;
	uint32_t active;

	(void)unused;
	assert_int_equal(set("two"), 2);
	expect_status(2, PENDING);
	assert_int_equal(pushed("two"), 2);
	assert_int_equal(revision("demo", 0, &active).version, 2);
	assert_int_equal(active, 1);
	applied(2, given, NULL);
	assert_int_equal(revision("demo", 0, &active).status, LOADED);
	assert_int_equal(active, 2);
	expect_status(1, SUPERSEDED);
	before = row();
	assert_int_equal(before.policy_version, 2);
	applied(2, given, NULL); /* its answer was lost: it is told once more */
	assert_int_equal(row().resource_version, before.resource_version);
	assert_int_equal(set("two"), 2); /* the same is no new revision */
	expect_no_push();
}

static void
what_was_made_from_something_else_is_refused(void **unused)
{
	struct msg_sandbox_row now = row();

	(void)unused;
	assert_int_equal(set_policy(api.peer, "demo", "three", 1, 0, NULL), ERR_CONFLICT);
	assert_int_equal(set_policy(api.peer, "demo", "three", 0, now.resource_version + 1, NULL), ERR_CONFLICT);
	assert_int_equal(set_policy(api.peer, "nobody", "three", 0, 0, NULL), ERR_NOT_FOUND);
	assert_int_equal(revision("demo", 3, NULL).version, 0);
	assert_int_equal(row().resource_version, now.resource_version);
	expect_no_push();
	assert_int_equal(set_policy(api.peer, "demo", "three", 2, now.resource_version, NULL), OK);
	assert_int_equal(pushed("three"), 3);
	assert_true(row().resource_version > now.resource_version);
}

/* 3 is on its way while 4 comes; what is told late of 3 changes nothing of 4. */
static void
late_news_of_an_older_revision_changes_nothing(void **unused)
{
	uint64_t third = given;

	(void)unused;
	assert_int_equal(set("four"), 4);
	assert_int_equal(pushed("four"), 4);
	expect_status(3, SUPERSEDED);
	applied_as(id_new(), 1, 4, given, NULL); /* of another supervisor */
	applied_as(instance, 2, 4, given, NULL); /* of a start that is not */
	applied(4, given + 1, NULL);		 /* of another configuration */
	expect_status(4, PENDING);
	applied(4, given, NULL);
	applied(3, third, NULL);
	applied(3, third, "no");
	expect_status(3, SUPERSEDED);
	expect_status(4, LOADED);
	assert_int_equal(row().policy_version, 4);
}

static void
a_refused_revision_leaves_the_last_good_one(void **unused)
{
	struct msg m = {.id = CONFIG_GET, .config_get = {.sandbox = box}},
		   ask_logs = {.id = LOGS_GET, .logs_get = {.sandbox = box, .lines = 2, .level = SPAN("WARN")}};
	struct outcome outcome;

	(void)unused;
	assert_int_equal(set("five"), 5);
	assert_int_equal(pushed("five"), 5);
	applied(5, given, "a rule that nobody understands");
	expect_status(5, FAILED);
	expect_status(4, LOADED);
	applied(5, given, "told once more");
	assert_int_equal(row().policy_version, 4);
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.config.version, 4);
	assert_true(span_is(outcome.msg.config.policy, "four"));
	outcome_done(&outcome);
	ask(&outcome, api.peer, &ask_logs);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.logs.lines_n, 1);
	assert_true(span_is(outcome.msg.logs.lines[0].message,
	    "Policy revision 5 was refused, the last good one stays: a rule that nobody understands"));
	outcome_done(&outcome);
	assert_int_equal(set("five"), 6); /* asked for again, it is tried again; as the last good one would be */
	assert_int_equal(pushed("five"), 6);
	applied(6, given, NULL);
	expect_status(6, LOADED);
}

static void
who_was_away_gets_it_on_return(void **unused)
{
	(void)unused;
	down();
	assert_int_equal(set("seven"), 7);
	expect_no_push();
	up(given); /* the relay lost it on its way, or the sandbox was unreachable: it has the older one */
	assert_int_equal(pushed("seven"), 7);
	down();
	assert_int_equal(set("eight"), 8);
	assert_int_equal(enrolled(token), 8);
	up(given);
	expect_no_push();
	applied(8, given, NULL);
	expect_status(8, LOADED);
	expect_status(7, SUPERSEDED);
	expect_phase(box, PHASE_READY, "DependenciesReady");
}

static void
the_gateways_own_policy_goes_before(void **unused)
{
	struct msg clear = {.id = POLICY_CLEAR, .policy_clear = {SPAN("tester")}};
	struct outcome outcome;
	uint32_t active;

	(void)unused;
	assert_int_equal(revision("", 0, NULL).version, 0);
	assert_int_equal(set_global("for all"), 1);
	assert_int_equal(pushed("for all"), 1);
	assert_int_equal(set_global("for all"), 1);
	applied(1, given, NULL); /* 1 of the gateway, not of the sandbox */
	expect_status(1, SUPERSEDED);
	assert_int_equal(row().policy_version, 8);
	assert_int_equal(set_policy(api.peer, "demo", "nine", 0, 0, NULL), ERR_STATE);
	assert_int_equal(set_global("for all, again"), 2);
	assert_int_equal(pushed("for all, again"), 2);
	applied(2, given, "it does not suit here");
	assert_int_equal(revision("", 1, &active).status, SUPERSEDED);
	assert_int_equal(active, 2);
	assert_int_equal(enrolled(token), 2);
	ask(&outcome, api.peer, &clear);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(outcome.msg.config_changed.removed);
	outcome_done(&outcome);
	assert_int_equal(pushed("eight"), 8);
	ask(&outcome, api.peer, &clear);
	outcome_wait(&outcome);
	assert_false(outcome.msg.config_changed.removed);
	outcome_done(&outcome);
	expect_no_push();
	assert_int_equal(revision("", 2, &active).status, SUPERSEDED);
	assert_int_equal(active, 0);
	assert_int_equal(set_global("for all"), 3); /* numbers are never given twice */
	assert_int_equal(pushed("for all"), 3);
	assert_int_equal(ask_now(api.peer, &clear), OK);
	assert_int_equal(pushed("eight"), 8);
}

static void
the_gateways_settings_go_before(void **unused)
{
	struct msg m = {.id = CONFIG_GET, .config_get = {.workspace = SPAN("default"), .name = SPAN("demo")}},
		   gateway = {.id = CONFIG_GET};
	struct msg_config_changed changed;
	struct outcome outcome;

	(void)unused;
	assert_int_equal(setting("demo", "ocsf_json_enabled", "true", &changed), OK);
	assert_int_equal(changed.settings_revision, 1);
	pushed("eight");
	assert_int_equal(setting("demo", "ocsf_json_enabled", "true", &changed), OK); /* nothing new */
	assert_int_equal(changed.settings_revision, 1);
	expect_no_push();
	assert_int_equal(setting("", "ocsf_json_enabled", "false", &changed), OK);
	pushed("eight");
	assert_int_equal(setting("demo", "ocsf_json_enabled", "true", NULL), ERR_STATE);
	assert_int_equal(setting("demo", "ocsf_json_enabled", NULL, NULL), ERR_STATE);
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_true(id_equal(outcome.msg.config.sandbox, box));
	assert_int_equal(outcome.msg.config.settings_n, 1);
	assert_true(span_is(outcome.msg.config.settings[0], "ocsf_json_enabled=false"));
	assert_int_equal(outcome.msg.config.managed_n, 1);
	assert_true(span_is(outcome.msg.config.managed[0], "ocsf_json_enabled"));
	outcome_done(&outcome);
	ask(&outcome, api.peer, &gateway);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.config.settings_n, 1);
	assert_int_equal(outcome.msg.config.settings_revision, 1);
	outcome_done(&outcome);
	assert_int_equal(setting("", "ocsf_json_enabled", NULL, &changed), OK);
	assert_true(changed.removed);
	pushed("eight");
	assert_int_equal(setting("", "ocsf_json_enabled", NULL, &changed), OK);
	assert_false(changed.removed);
	assert_int_equal(setting("demo", "ocsf_json_enabled", NULL, &changed), OK);
	pushed("eight");
	applied(8, given, NULL);
}

/* Who waits for a revision follows the sandbox: it hears of what was loaded, and of what was refused. */
static void
a_watch_is_woken(void **unused)
{
	struct msg open = {.id = WATCH_OPEN, .watch_open = {9, box, true, false}}, close = {.id = WATCH_CLOSE};
	uint32_t version = set("waited for");
	struct heard *heard;

	(void)unused;
	pushed(NULL);
	assert_int_equal(ask_now(api.peer, &open), OK);
	applied(version, given, NULL);
	heard = actor_hear(&api, WATCH_ROW);
	assert_int_equal(heard->msg.watch_row.row->policy_version, version);
	heard_free(heard);
	version = set("refused");
	pushed(NULL);
	heard_free(actor_hear(&api, WATCH_ROW)); /* that it is there */
	applied(version, given, "no");
	heard_free(actor_hear(&api, WATCH_ROW));
	expect_status(version, FAILED);
	close.watch_close.watch = 9;
	assert_int_equal(ask_now(api.peer, &close), OK);
	forget(&api, WATCH_ROW);
}

static void
a_state_that_was_killed_pushes_what_was_missed(void **unused)
{
	struct heard *push;

	(void)unused;
	child_kill(&state.child, SIGKILL);
	state.status = child_wait(&state.child);
	child_done(&state.child);
	actor_wait_down(&api, 1);
	actor_wait_down(&relay, 1);
	sql("insert into policies (sandbox, version, policy, hash, status, created_ms) select id, 90, 'missed', "
	    "sha256('missed'), 'pending', 0 from sandboxes");
	daemon_start(&state, program, run_dir, settings);
	assert_string_equal(state.words, "ready\n");
	all_up(2);
	driver_joins();
	forget(&driver, DESIRED);
	up(given);
	push = actor_hear(&relay, CONFIG_PUSH);
	assert_true(span_is(push->msg.config_push.policy, "missed"));
	given = push->msg.config_push.config_revision;
	heard_free(push);
	applied(90, given, NULL);
	expect_status(90, LOADED);
	assert_int_equal(set("after"), 91);
	assert_int_equal(pushed("after"), 91);
	applied(91, given, NULL);
}

static void
the_history_is_bounded(void **unused)
{
	struct msg m = {
	    .id = POLICIES_GET, .policies_get = {.workspace = SPAN("default"), .name = SPAN("demo"), .limit = 1000}};
	struct outcome outcome;
	uint32_t version = 0;
	char text[16];

	(void)unused;
	for (int i = 0; i < 110; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		version = set(text);
		pushed(text);
	}
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.policies.revisions_n, 101); /* the newest, and the one that is loaded */
	assert_int_equal(outcome.msg.policies.active, 91);
	assert_int_equal(outcome.msg.policies.revisions[0].version, version);
	assert_int_equal(outcome.msg.policies.revisions[0].status, PENDING);
	assert_int_equal(outcome.msg.policies.revisions[1].status, SUPERSEDED);
	assert_int_equal(outcome.msg.policies.revisions[100].version, 91);
	assert_int_equal(outcome.msg.policies.revisions[0].policy.length, 0);
	outcome_done(&outcome);
	m.policies_get.offset = 100;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.msg.policies.revisions_n, 1);
	outcome_done(&outcome);
	applied(version, given, NULL);
	expect_status(version, LOADED);
}

/* Two state processes write the same sandbox's policy, each waiting for the other's lock: each gets a number of its own. */
static void
both_write_at_once(struct peer *other, uint32_t before)
{
	enum { WRITES = 40 };
	static struct outcome outcomes[2 * WRITES];
	static char texts[2 * WRITES][16];
	static bool taken[2 * WRITES];

	for (size_t i = 0; i < 2 * WRITES; i++) {
		struct msg m = {.id = POLICY_SET, .policy_set = {.workspace = SPAN("default"), .name = SPAN("demo")}};

		snprintf(texts[i], sizeof(texts[i]), "at once %zu", i);
		m.policy_set.policy = span_of_text(texts[i]);
		ask(&outcomes[i], i % 2 == 0 ? api.peer : other, &m);
	}
	for (size_t i = 0; i < 2 * WRITES; i++) {
		uint32_t version;

		outcome_wait(&outcomes[i]);
		if (outcomes[i].r != OK)
			fail_msg("write %zu: %s", i, outcomes[i].why.text);
		version = outcomes[i].msg.config_changed.version;
		assert_in_range(version, before + 1, before + 2 * WRITES);
		assert_false(taken[version - before - 1]);
		taken[version - before - 1] = true;
		outcome_done(&outcomes[i]);
	}
	for (uint32_t version = 0; version < before + 2 * WRITES;) /* the newest comes, and nothing after it */
		version = pushed(NULL);
	expect_no_push();
	applied(before + 2 * WRITES, given, NULL);
	expect_status(before + 2 * WRITES, LOADED);
}

/* The session is with one state process, the change comes through another. */
static void
another_state_process_changes_it(void **unused)
{
	struct msg_config_changed changed;
	struct daemon second = {0};
	struct actor visitor;

	(void)unused;
	state2_start(&second, &visitor);
	assert_int_equal(set_policy(visitor.peer, "demo", "from elsewhere", 0, 0, &changed), OK);
	assert_int_equal(pushed("from elsewhere"), changed.version);
	applied(changed.version, given, NULL);
	expect_status(changed.version, LOADED);
	both_write_at_once(visitor.peer, changed.version);
	daemon_stop(&second);
	actor_done(&visitor);
}

/* More than are pushed to in one turn; each gets it once. */
static void
a_global_change_reaches_every_sandbox(void **unused)
{
	enum { BOXES = 120 };
	struct msg clear = {.id = POLICY_CLEAR, .policy_clear = {SPAN("tester")}};
	struct msg up_one = {.id = SESSION_UP, .session_up = {.epoch = 1}};
	static struct id boxes[BOXES];
	bool heard_of[BOXES] = {false};
	struct heard *heard;
	char name[16];

	(void)unused;
	for (size_t i = 0; i < BOXES; i++) {
		snprintf(name, sizeof(name), "box-%zu", i);
		boxes[i] = up_one.session_up.sandbox = created(name);
		up_one.session_up.instance = id_new();
		assert_int_equal(ask_now(relay.peer, &up_one), OK);
		heard_free(actor_hear(&relay, CONFIG_PUSH)); /* it said that it had nothing */
	}
	set_global("for very many");
	for (size_t n = 0; n < BOXES + 1; n++) {
		heard = actor_hear(&relay, CONFIG_PUSH);
		assert_true(span_is(heard->msg.config_push.policy, "for very many"));
		for (size_t i = 0; i < BOXES; i++)
			if (id_equal(boxes[i], heard->msg.config_push.sandbox)) {
				assert_false(heard_of[i]);
				heard_of[i] = true;
			}
		heard_free(heard);
	}
	for (size_t i = 0; i < BOXES; i++)
		assert_true(heard_of[i]);
	expect_no_push();
	assert_int_equal(ask_now(api.peer, &clear), OK);
	for (size_t n = 0; n < BOXES + 1; n++)
		heard_free(actor_hear(&relay, CONFIG_PUSH));
	sql("delete from sandboxes where name like 'box-%'");
	forget(&driver, DESIRED);
}

/* What of the 50 ms from a change to its acknowledgement is ours: told, not judged (docs/architecture.md, 8). */
static void
how_long_it_takes(void **unused)
{
	uint64_t push_ms = 0, note_ms = 0, began;
	char text[16];

	(void)unused;
	for (int i = 0; i < 20; i++) {
		uint32_t version;

		snprintf(text, sizeof(text), "round %d", i);
		began = clock_ms();
		version = set(text);
		pushed(text);
		push_ms += clock_ms() - began;
		began = clock_ms();
		applied(version, given, NULL);
		note_ms += clock_ms() - began;
	}
	print_message("set to pushed: %lu ms, acknowledged to stored: %lu ms (means of 20)\n",
	    (unsigned long)push_ms / 20, (unsigned long)note_ms / 20);
}

static void
writes_are_in_the_audit(void **unused)
{
	(void)unused;
	run("test \"$(psql -At -c \"select count(*) from audit where action = 'policy.set' and outcome = 'OK' and "
	    "object = 'default/demo revision 2' and subject = 'tester'\")\" = 1");
	run("test \"$(psql -At -c \"select count(*) from audit where action = 'policy.delete' and object = 'gateway'\")\" = 3");
	run("test \"$(psql -At -c \"select count(*) from audit where action like 'setting.%' and outcome = 'OK'\")\" = 4");
	run("test \"$(psql -At -c \"select outcome from audit where action = 'policy.set' and object = "
	    "'default/nobody'\")\" = ERR_NOT_FOUND");
	removed(box, "demo", 1);
	run("test \"$(psql -At -c \"select count(*) from policies\")\" = 0");
}

/* clang-format off */
static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_first_revision_comes_with_enrolment),
	cmocka_unit_test(a_change_is_pushed_and_acknowledged_once),
	cmocka_unit_test(what_was_made_from_something_else_is_refused),
	cmocka_unit_test(late_news_of_an_older_revision_changes_nothing),
	cmocka_unit_test(a_refused_revision_leaves_the_last_good_one),
	cmocka_unit_test(who_was_away_gets_it_on_return),
	cmocka_unit_test(the_gateways_own_policy_goes_before),
	cmocka_unit_test(the_gateways_settings_go_before),
	cmocka_unit_test(a_watch_is_woken),
	cmocka_unit_test(a_state_that_was_killed_pushes_what_was_missed),
	cmocka_unit_test(the_history_is_bounded),
	cmocka_unit_test(another_state_process_changes_it),
	cmocka_unit_test(a_global_change_reaches_every_sandbox),
	cmocka_unit_test(how_long_it_takes),
	cmocka_unit_test(writes_are_in_the_audit),
};
/* clang-format on */

STAGE_MAIN(tests)
