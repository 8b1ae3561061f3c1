/* The stage of the tests of state: begun once for all tests of a program, ended after the last. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/state_stage.h"
#include "tests/unit/run.h"

const char *program, *run_dir;
struct loop *loop;
struct daemon state;
struct actor api, relay, credentials, driver;
char settings[2048];
uint8_t keys[256][32];
struct id request;

/* ---- the stage ---- */

int
own_id(void)
{
	return geteuid() == 0 ? 64201 : 0;
}

void
settings_make(void)
{
	char entry[4][256];

	snprintf(settings, sizeof(settings),
	    "process: state\nuid: %d\ngid: %d\nlisten: \"ipc:///state/bus\"\nlog_rows_max: 100\nsession_wait_ms: 0\n"
	    "database_url: \"host=/postgres user=openshell password=secret dbname=openshell\"\n"
	    "audit_key: \"%064d\"\nroster:\n%s%s%s%s",
	    own_id(), own_id(), 7, roster_yaml(&api, "api", NULL, entry[0]),
	    roster_yaml(&relay, "relay", NULL, entry[1]), roster_yaml(&credentials, "credentials", NULL, entry[2]),
	    roster_yaml(&driver, "driver", NULL, entry[3]));
}

void
join(struct actor *actor, enum role role, const char *name)
{
	actor_init(actor, loop, role, name);
	actor_join(actor, ROLE_STATE, "state", state.key);
}

void
dial(struct actor *actor)
{
	char endpoint[256];
	struct why why = {0};

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", run_dir);
	if (curve_connect(actor->curve, endpoint, ROLE_STATE, "state", &actor->peer, &why) != OK)
		fail_msg("%s", why.text);
}

void
all_up(int ups)
{
	actor_wait_up(&api, ups);
	actor_wait_up(&relay, ups);
	actor_wait_up(&credentials, ups);
	actor_wait_up(&driver, ups);
}

void
run(const char *words)
{
	assert_int_equal(shell_run(words), 0);
}

bool
soon(uint64_t began_ms, uint64_t most_ms)
{
	const struct msg m = {.id = SANDBOX_GET};
	uint64_t now = clock_ms();
	struct outcome outcome;

	for (int i = 0; i < 20; i++) {
		ask(&outcome, api.peer, &m);
		outcome_wait(&outcome);
		outcome_done(&outcome);
	}
	return now - began_ms < most_ms + clock_ms() - now;
}

void
sql(const char *text)
{
	char line[4096];

	snprintf(line, sizeof(line), "psql -q -v ON_ERROR_STOP=1 -c \"%s\"", text);
	run(line);
}

int
setup(void **unused)
{
	char path[256];
	struct why why;

	(void)unused;
	snprintf(path, sizeof(path), "%s/state", run_dir);
	assert_int_equal(mkdir(path, 0755), 0);
	if (own_id() != 0)
		assert_int_equal(chown(path, (uid_t)own_id(), (gid_t)own_id()), 0);
	assert_int_equal(loop_new(&loop, &why), OK);
	daemon_keys(&state);
	join(&api, ROLE_API, "api");
	join(&relay, ROLE_RELAY, "relay");
	join(&credentials, ROLE_CREDENTIALS, "credentials");
	join(&driver, ROLE_DRIVER, "driver-local");
	settings_make();
	daemon_start(&state, program, run_dir, settings);
	assert_string_equal(state.words, "ready\n");
	dial(&api);
	dial(&relay);
	dial(&credentials);
	dial(&driver);
	all_up(1);
	return 0;
}

int
teardown(void **unused)
{
	(void)unused;
	daemon_stop(&state);
	assert_int_equal(child_exit_code(state.status), 0);
	actor_done(&api);
	actor_done(&relay);
	actor_done(&credentials);
	actor_done(&driver);
	loop_free(loop);
	return 0;
}

/* ---- what is said again and again ---- */

static const struct msg_sandbox_create sandbox_named_demo = {
    .name = {"demo", 4},
    .workspace = {"default", 7},
    .subject = {"tester", 6},
};

struct msg
create(const char *name)
{
	static struct span command[] = {{"sleep", 5}, {"inf", 3}}, labels[] = {{"team=red", 8}, {"tier=", 5}};
	struct msg m = {.id = SANDBOX_CREATE, .sandbox_create = sandbox_named_demo};

	request = id_new();
	m.sandbox_create.request = request;
	m.sandbox_create.name = span_of_text(name);
	m.sandbox_create.command = command;
	m.sandbox_create.command_n = COUNT(command);
	m.sandbox_create.labels = labels;
	m.sandbox_create.labels_n = COUNT(labels);
	return m;
}

const struct msg done = {.id = DONE};

struct id
created(const char *name)
{
	struct msg m = create(name);
	struct outcome outcome;
	struct heard *desired;
	struct id id;

	ask(&outcome, api.peer, &m);
	actor_answer(&driver, CREATE_CHECK, &done);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("create: %s", outcome.why.text);
	assert_int_equal(outcome.msg.id, SANDBOX_ROW);
	assert_int_equal(outcome.msg.sandbox_row.phase, PHASE_PROVISIONING);
	id = outcome.msg.sandbox_row.sandbox;
	outcome_done(&outcome);
	desired = actor_hear(&driver, DESIRED);
	assert_true(id_equal(desired->msg.desired.sandbox, id));
	assert_int_equal(desired->msg.desired.epoch, 1);
	assert_int_equal(desired->msg.desired.want, WANT_RUNNING);
	heard_free(desired);
	return id;
}

void
get(struct outcome *outcome, struct id id)
{
	struct msg m = {.id = SANDBOX_GET, .sandbox_get = {.sandbox = id}};

	ask(outcome, api.peer, &m);
	outcome_wait(outcome);
}

void
expect_phase(struct id id, enum phase phase, const char *reason)
{
	struct outcome outcome;
	const struct msg_condition *ready;

	get(&outcome, id);
	assert_int_equal(outcome.r, OK);
	ready = &outcome.msg.sandbox_row.conditions[0];
	if (outcome.msg.sandbox_row.phase != phase || !span_is(ready->reason, reason))
		fail_msg("it is %s, " SPAN_FORMAT ", not %s, %s", phase_name(outcome.msg.sandbox_row.phase),
		    SPAN_ARGS(ready->reason), phase_name(phase), reason);
	assert_int_equal(span_is(ready->status, "True"), phase == PHASE_READY);
	outcome_done(&outcome);
}

void
observe(struct id id, uint32_t epoch, uint8_t what)
{
	struct msg m = {.id = OBSERVED, .observed = {.sandbox = id, .epoch = epoch, .what = what}};

	assert_int_equal(ask_now(driver.peer, &m), OK);
}

struct msg
enrol(struct id id, uint32_t epoch, struct id instance, struct span token, uint8_t key)
{
	return (struct msg){.id = ENROL_CHECK,
	    .enrol_check = {.sandbox = id,
		.epoch = epoch,
		.instance = instance,
		.token = token,
		.router_key = KEY_OF(1),
		.router_mac = KEY_OF(2),
		.bus_key = KEY_OF(key)}};
}

void
ticket_of(struct id id, uint32_t epoch, uint8_t token[32])
{
	struct msg m = {.id = TICKET, .ticket = {id, epoch}}, made = {.id = CLAIM_MADE};
	static uint8_t box[72];
	struct outcome outcome;
	struct heard *asked;

	memset(box, 9, sizeof(box));
	made.claim_made.claim_box = span_of_bytes(box, sizeof(box));
	made.claim_made.credentials_key = KEY_OF(5);
	ask(&outcome, driver.peer, &m);
	asked = actor_hear(&credentials, CLAIM_MAKE);
	assert_true(id_equal(asked->msg.claim_make.sandbox, id));
	assert_memory_equal(asked->msg.claim_make.box_key.at, keys[3], 32);
	reply_send(&asked->reply, &made);
	heard_free(asked);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_memory_equal(outcome.msg.ticket_given.claim_box.at, box, sizeof(box));
	memcpy(token, outcome.msg.ticket_given.token.at, 32);
	outcome_done(&outcome);
}

struct id
made_ready(struct id id, uint32_t epoch)
{
	static struct span walls[] = {
	    {"seccomp=enforced", 16}, {"landlock=partial: ABI 3", 23}, {"cgroup_cpu=absent: not delegated", 32}};
	struct id instance = id_new();
	uint8_t token[32];
	struct msg m, ready = {.id = SANDBOX_READY, .sandbox_ready = {id, epoch, instance, 1, walls, COUNT(walls)}},
		      up = {.id = SESSION_UP, .session_up = {id, epoch, instance}};
	struct outcome outcome;

	ticket_of(id, epoch, token);
	observe(id, epoch, 2);
	m = enrol(id, epoch, instance, span_of_bytes(token, 32), 4);
	ask(&outcome, relay.peer, &m);
	actor_answer(&credentials, CLAIM_CHECK, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, ENROLLED);
	outcome_done(&outcome);
	tell(relay.peer, &up);
	assert_int_equal(ask_now(relay.peer, &ready), OK);
	expect_phase(id, PHASE_READY, "DependenciesReady");
	return instance;
}

enum err
lifecycle_ask(enum msg_id id, const char *name)
{
	struct msg m = {.id = id};

	/* the three have the same fields in the same order */
	m.sandbox_stop = (struct msg_sandbox_stop){SPAN("default"), span_of_text(name), SPAN("tester")};
	return ask_now(api.peer, &m);
}

void
expect_desired(struct id id, uint32_t epoch, enum want want)
{
	struct heard *desired = actor_hear(&driver, DESIRED);

	assert_true(id_equal(desired->msg.desired.sandbox, id));
	assert_int_equal(desired->msg.desired.epoch, epoch);
	assert_int_equal(desired->msg.desired.want, want);
	heard_free(desired);
}

void
expect_drop(struct id id, uint32_t epoch)
{
	for (bool found = false; !found;) {
		struct heard *drop = actor_hear(&relay, SESSION_DROP);

		found = id_equal(drop->msg.session_drop.sandbox, id) && drop->msg.session_drop.epoch == epoch;
		heard_free(drop);
	}
}

void
forget(struct actor *actor, enum msg_id id)
{
	for (struct heard *heard; (heard = actor_heard(actor, id)) != NULL;)
		heard_free(heard);
}

void
removed(struct id id, const char *name, uint32_t epoch)
{
	struct outcome outcome;

	assert_int_equal(lifecycle_ask(SANDBOX_DELETE, name), OK);
	expect_desired(id, epoch, WANT_DELETED);
	observe(id, epoch, 5);
	get(&outcome, id);
	assert_int_equal(outcome.r, ERR_NOT_FOUND);
	assert_string_equal(outcome.why.text, "sandbox not found");
	outcome_done(&outcome);
	forget(&relay, SESSION_DROP);
}

void
driver_joins(void)
{
	struct msg m = {.id = DRIVER_JOIN, .driver_join = {SPAN("local"), SPAN("0.1"), false, SPAN_NONE, KEY_OF(3)}};

	assert_int_equal(ask_now(driver.peer, &m), OK);
	heard_free(actor_hear(&driver, DESIRED_END));
}

struct id
the_demo(void)
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

struct id
instance_of(struct id id)
{
	struct outcome outcome;
	struct id instance;

	get(&outcome, id);
	instance = outcome.msg.sandbox_row.instance;
	outcome_done(&outcome);
	return instance;
}

void
logs_of(struct outcome *outcome, struct id id, uint32_t lines, const char *level)
{
	struct msg m = {.id = LOGS_GET, .logs_get = {.sandbox = id, .lines = lines, .level = span_of_text(level)}};

	ask(outcome, api.peer, &m);
	outcome_wait(outcome);
	assert_int_equal(outcome->r, OK);
}

void
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

int
setup_driven(void **unused)
{
	int failed = setup(unused);

	if (failed == 0)
		driver_joins();
	return failed;
}

void
state2_start(struct daemon *second, struct actor *visitor)
{
	char other[sizeof(settings)], entry[256], endpoint[256];
	struct why why = {0};

	daemon_keys(second);
	actor_init(visitor, loop, ROLE_API, "visitor");
	actor_join(visitor, ROLE_STATE, "state2", second->key);
	snprintf(other, sizeof(other),
	    "process: state2\nuid: %d\ngid: %d\nlisten: \"ipc:///state/bus2\"\n"
	    "database_url: \"host=/postgres user=openshell password=secret dbname=openshell\"\n"
	    "audit_key: \"%064d\"\nroster:\n%s",
	    own_id(), own_id(), 7, roster_yaml(visitor, "api", NULL, entry));
	daemon_start(second, program, run_dir, other);
	assert_string_equal(second->words, "ready\n");
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus2", run_dir);
	assert_int_equal(curve_connect(visitor->curve, endpoint, ROLE_STATE, "state2", &visitor->peer, &why), OK);
	actor_wait_up(visitor, 1);
}
