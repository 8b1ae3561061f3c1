/* The stage of the tests of relay: begun once for a group of tests, ended after the last. */
#include "tests/bus/relay_stage.h"

#include "tests/unit/test.h"

#include <stdio.h>

#include "services/relay/relay.h"

const char *program;
char directory[64];
struct loop *loop;
struct daemon relay;
struct actor state, api;

static char roster[2048];
static uint32_t next_sandbox = 1;

/* ---- the house around it ---- */

void
relay_start(void)
{
	daemon_start(&relay, program, directory, roster);
	assert_string_equal(relay.words, "ready\n");
}

void
api_join(void)
{
	char endpoint[128];
	struct peer *peer;
	struct why why;

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/relay/bus", directory);
	actor_join(&api, ROLE_RELAY, "relay", relay.key);
	assert_int_equal(curve_connect(api.curve, endpoint, ROLE_RELAY, "relay", &peer, &why), OK);
	actor_wait_up(&api, 1);
}

void
house_open(const char *settings)
{
	char endpoint[128], one[256], two[256];
	struct why why;

	directory_make(directory);
	directory_add(directory, "state");
	directory_add(directory, "relay");
	directory_add(directory, "sandboxes");
	assert_int_equal(loop_new(&loop, &why), OK);
	daemon_keys(&relay);
	actor_init(&state, loop, ROLE_STATE, "state");
	actor_init(&api, loop, ROLE_API, "api");
	actor_join(&state, ROLE_RELAY, "relay", relay.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", directory);
	assert_int_equal(curve_bind(state.curve, endpoint, false, &why), OK);
	snprintf(roster, sizeof(roster), "process: relay\n%sroster:\n%s%s", settings,
	    roster_yaml(&state, "state", "ipc:///state/bus", one), roster_yaml(&api, "api", NULL, two));
	relay_start();
	actor_wait_up(&state, 1);
	api_join();
}

void
house_close(void)
{
	daemon_stop(&relay);
	assert_int_equal(child_exit_code(relay.status), 0);
	actor_done(&api);
	actor_done(&state);
	loop_free(loop);
	directory_remove(directory);
}

int
setup(void **unused)
{
	(void)unused;
	house_open("");
	return 0;
}

int
teardown(void **unused)
{
	(void)unused;
	house_close();
	return 0;
}

/* ---- links ---- */

struct id
fresh_sandbox(void)
{
	struct id id = {{0}};

	memcpy(id.bytes, &next_sandbox, sizeof(next_sandbox));
	next_sandbox++;
	return id;
}

void
stranger_open(struct actor *link)
{
	char endpoint[128];
	struct peer *peer;
	struct why why;

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/sandboxes/relay", directory);
	if (link->bus.loop == NULL)
		actor_init(link, loop, ROLE_LINK, "link");
	actor_join(link, ROLE_NONE, NULL, NULL);
	assert_int_equal(curve_connect_key(link->curve, endpoint, ROLE_RELAY, "relay", relay.key, &peer, &why), OK);
	actor_wait_up(link, link->ups + 1);
}

struct msg
enrol_of(struct id sandbox, uint32_t epoch)
{
	return (struct msg){.id = ENROL,
	    .enrol = {sandbox, epoch, {{7}}, span_of_bytes(bytes32, 32), span_of_bytes(bytes32, 32),
		span_of_bytes(bytes32, 32)}};
}

enum err
enrol_allowed(struct actor *link, struct id sandbox, uint32_t epoch)
{
	const struct msg m = enrol_of(sandbox, epoch);
	struct outcome outcome;
	enum err r;

	ask(&outcome, link->peer, &m);
	actor_answer(&state, ENROL_CHECK, &enrolled);
	outcome_wait(&outcome);
	r = outcome.r;
	outcome_done(&outcome);
	return r;
}

struct id
link_open(struct actor *link)
{
	struct id sandbox = fresh_sandbox();

	memset(link, 0, sizeof(*link));
	stranger_open(link);
	assert_int_equal(enrol_allowed(link, sandbox, 1), OK);
	heard_free(actor_hear(&state, SESSION_UP));
	return sandbox;
}

void
link_close(struct actor *link)
{
	actor_done(link);
	heard_free(actor_hear(&state, SESSION_DOWN));
}

void
expect_none(struct actor *actor, enum msg_id id)
{
	assert_null(actor_heard(actor, id));
}
