/* relay alone: state, api and the links of sandboxes are played by the test, the hostile ones too. */
#include "tests/unit/test.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "services/relay/relay.h"
#include "tests/bus/script.h"

static const char *program;
static char directory[64], sandbox_endpoint[128], api_endpoint[128];
static struct loop *loop;
static struct daemon relay;
static struct actor state, api;
static uint32_t next_sandbox = 1;

/* ---- the stage ---- */

static void
api_join(void)
{
	struct peer *peer;
	struct why why;

	actor_join(&api, ROLE_RELAY, "relay", relay.key);
	assert_int_equal(curve_connect(api.curve, api_endpoint, ROLE_RELAY, "relay", &peer, &why), OK);
	actor_wait_up(&api, 1);
}

static int
setup(void **unused)
{
	char settings[2048], endpoint[128], one[256], two[256];
	struct why why;

	(void)unused;
	directory_make(directory);
	directory_add(directory, "state");
	directory_add(directory, "relay");
	directory_add(directory, "sandboxes");
	snprintf(sandbox_endpoint, sizeof(sandbox_endpoint), "ipc://%s/sandboxes/relay", directory);
	snprintf(api_endpoint, sizeof(api_endpoint), "ipc://%s/relay/bus", directory);
	assert_int_equal(loop_new(&loop, &why), OK);
	daemon_keys(&relay);
	actor_init(&state, loop, ROLE_STATE, "state");
	actor_init(&api, loop, ROLE_API, "api");
	actor_join(&state, ROLE_RELAY, "relay", relay.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", directory);
	assert_int_equal(curve_bind(state.curve, endpoint, false, &why), OK);
	snprintf(settings, sizeof(settings), "process: relay\nroster:\n%s%s",
	    roster_yaml(&state, "state", "ipc:///state/bus", one), roster_yaml(&api, "api", NULL, two));
	daemon_start(&relay, program, directory, settings);
	assert_string_equal(relay.words, "ready\n");
	actor_wait_up(&state, 1);
	api_join();
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	daemon_stop(&relay);
	assert_int_equal(child_exit_code(relay.status), 0);
	actor_done(&api);
	actor_done(&state);
	loop_free(loop);
	directory_remove(directory);
	return 0;
}

static struct id
fresh_sandbox(void)
{
	struct id id = {{0}};

	memcpy(id.bytes, &next_sandbox, sizeof(next_sandbox));
	next_sandbox++;
	return id;
}

/* A link as the relay sees it at first: any key. */
static void
stranger_open(struct actor *link)
{
	struct peer *peer;
	struct why why;

	if (link->bus.loop == NULL)
		actor_init(link, loop, ROLE_LINK, "link");
	actor_join(link, ROLE_NONE, NULL, NULL);
	assert_int_equal(
	    curve_connect_key(link->curve, sandbox_endpoint, ROLE_RELAY, "relay", relay.key, &peer, &why),
	    OK);
	actor_wait_up(link, link->ups + 1);
}

static const uint8_t bytes32[32] = {9};

static struct msg
enrol_of(struct id sandbox, uint32_t epoch)
{
	return (struct msg){.id = ENROL,
	    .enrol = {sandbox, epoch, {{7}}, span_of_bytes(bytes32, 32), span_of_bytes(bytes32, 32),
		span_of_bytes(bytes32, 32)}};
}

static struct span command_true[] = {{"true", 4}};

static const struct msg enrolled = {.id = ENROLLED,
    .enrolled = {.name = {"demo", 4},
	.workspace = {"default", 7},
	.command = command_true,
	.command_n = 1,
	.policy = {"p", 1},
	.policy_version = 1}};

/* What became of an enrolment that state allows. */
static enum err
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

/* An enrolled link of a sandbox of its own. */
static struct id
link_open(struct actor *link)
{
	struct id sandbox = fresh_sandbox();

	memset(link, 0, sizeof(*link));
	stranger_open(link);
	assert_int_equal(enrol_allowed(link, sandbox, 1), OK);
	heard_free(actor_hear(&state, SESSION_UP));
	return sandbox;
}

static void
link_close(struct actor *link)
{
	actor_done(link);
	heard_free(actor_hear(&state, SESSION_DOWN));
}

static void
expect_none(struct actor *actor, enum msg_id id)
{
	assert_null(actor_heard(actor, id));
}

/* ---- enrolment ---- */

static void
an_enrolment_goes_to_state_with_the_key(void **unused)
{
	struct id sandbox = fresh_sandbox();
	const struct msg m = enrol_of(sandbox, 3);
	struct actor link = {0};
	struct outcome outcome;
	struct heard *check, *up;

	(void)unused;
	stranger_open(&link);
	ask(&outcome, link.peer, &m);
	check = actor_hear(&state, ENROL_CHECK);
	assert_true(id_equal(check->msg.enrol_check.sandbox, sandbox));
	assert_int_equal(check->msg.enrol_check.epoch, 3);
	assert_memory_equal(check->msg.enrol_check.bus_key.at, link.key, 32);
	expect_none(&state, SESSION_UP);
	reply_send(&check->reply, &enrolled);
	heard_free(check);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_true(span_is(outcome.msg.enrolled.name, "demo"));
	outcome_done(&outcome);
	up = actor_hear(&state, SESSION_UP);
	assert_true(id_equal(up->msg.session_up.sandbox, sandbox));
	assert_int_equal(up->msg.session_up.epoch, 3);
	heard_free(up);
	link_close(&link);
}

static void
a_refusal_is_passed_on_and_may_be_asked_again(void **unused)
{
	static const enum err codes[] = {ERR_DENIED, ERR_CONFLICT, ERR_NOT_FOUND, ERR_UNAVAILABLE};
	const struct msg m = enrol_of(fresh_sandbox(), 1);
	struct actor link = {0};

	(void)unused;
	stranger_open(&link);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct outcome outcome;

		ask(&outcome, link.peer, &m);
		actor_refuse(&state, ENROL_CHECK, codes[i], "because");
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, codes[i]);
		assert_string_equal(outcome.why.text, "because");
		outcome_done(&outcome);
	}
	expect_none(&state, SESSION_UP);
	actor_done(&link);
}

/* Each costs the connection, and state hears nothing of it. */
static void
a_stranger_may_only_enrol(void **unused)
{
	static struct span lines[] = {{"WALL=enforced", 13}};
	const struct msg cases[] = {
	    {.id = SANDBOX_READY,
		.sandbox_ready = {.epoch = 1, .policy_version = 1, .walls = lines, .walls_n = 1}},
	    {.id = MAIN_EXITED, .main_exited = {.epoch = 1}},
	    {.id = LOGS_ADD},
	    {.id = STREAM_DATA, .stream_data = {.stream = 1, .bytes = {"x", 1}}},
	    {.id = EXEC_START, .exec_start = {.stream = 1}},
	    {.id = SESSION_DROP, .session_drop = {.epoch = 1}},
	    {.id = ENROL_CHECK,
		.enrol_check = {.epoch = 1,
		    .token = {(const char *)bytes32, 32},
		    .router_key = {(const char *)bytes32, 32},
		    .router_mac = {(const char *)bytes32, 32},
		    .bus_key = {(const char *)bytes32, 32}}},
	};
	struct actor link = {0};

	(void)unused;
	stranger_open(&link);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ups = link.ups;

		tell(link.peer, &cases[i]);
		actor_wait_up(&link, ups + 1); /* it was cut, and has dialled again */
	}
	expect_none(&state, SANDBOX_READY);
	expect_none(&state, MAIN_EXITED);
	expect_none(&state, LOGS_ADD);
	expect_none(&state, ENROL_CHECK);
	actor_done(&link);
}

static void
bad_bytes_cost_the_connection_and_no_more(void **unused)
{
	static char long_one[MSG_BYTES_MAX + 1];
	static const struct span cases[] = {
	    {"\xc1", 1}, {"", 0}, {"\x94\x01\x01\xcd\x05\x02", 6}, {long_one, sizeof(long_one)}};
	struct actor link = {0}, other = {0};
	struct id sandbox = link_open(&other);

	(void)unused;
	(void)sandbox;
	stranger_open(&link);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ups = link.ups;

		tell_raw(link.peer, cases[i]);
		actor_wait_up(&link, ups + 1);
	}
	assert_int_equal(other.downs, 0);
	actor_done(&link);
	link_close(&other);
}

/* State would refuse the second key of a token; should it ever not, the session of the first still stands. */
static void
a_second_key_does_not_take_a_session(void **unused)
{
	struct actor first = {0}, second = {0};
	struct id sandbox = link_open(&first);

	(void)unused;
	stranger_open(&second);
	assert_int_equal(enrol_allowed(&second, sandbox, 1), ERR_CONFLICT);
	assert_int_equal(first.downs, 0);
	actor_done(&second);
	link_close(&first);
}

/* The same key anew, before the end of the old connection was seen. To state it never was away. */
static void
the_same_key_takes_over(void **unused)
{
	struct actor first = {0}, again = {0};
	struct id sandbox = link_open(&first);

	(void)unused;
	actor_init(&again, loop, ROLE_LINK, "link");
	again.secret = first.secret;
	memcpy(again.key, first.key, sizeof(again.key));
	stranger_open(&again);
	assert_int_equal(enrol_allowed(&again, sandbox, 1), OK);
	actor_wait_down(&first, 1);
	heard_free(actor_hear(&state, SESSION_UP));
	expect_none(&state, SESSION_DOWN);
	actor_done(&first);
	link_close(&again);
}

static void
a_later_start_takes_over_and_an_older_does_not(void **unused)
{
	struct actor first = {0}, second = {0}, third = {0};
	struct id sandbox = link_open(&first);
	struct heard *down;

	(void)unused;
	stranger_open(&second);
	assert_int_equal(enrol_allowed(&second, sandbox, 2), OK);
	actor_wait_down(&first, 1);
	down = actor_hear(&state, SESSION_DOWN);
	assert_int_equal(down->msg.session_down.epoch, 1);
	heard_free(down);
	heard_free(actor_hear(&state, SESSION_UP));
	stranger_open(&third);
	assert_int_equal(enrol_allowed(&third, sandbox, 1), ERR_CONFLICT);
	actor_done(&first);
	actor_done(&third);
	link_close(&second);
}

static void
a_dropped_session_ends(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	struct msg drop = {.id = SESSION_DROP, .session_drop = {sandbox, 1}};

	(void)unused;
	drop.session_drop.sandbox = fresh_sandbox(); /* nobody's: quietly done */
	assert_int_equal(ask_now(state.peer, &drop), OK);
	assert_int_equal(link.downs, 0);
	drop.session_drop.sandbox = sandbox;
	tell(state.peer, &drop);
	actor_wait_down(&link, 1);
	link_close(&link);
}

static void
state_is_told_of_all_sessions_when_it_is_back(void **unused)
{
	struct actor links[3] = {0};
	int ups = state.ups;

	(void)unused;
	for (size_t i = 0; i < 3; i++)
		link_open(&links[i]);
	state.peer->transport->cut(state.peer);
	actor_wait_up(&state, ups + 1);
	for (size_t i = 0; i < 3; i++)
		heard_free(actor_hear(&state, SESSION_UP));
	for (size_t i = 0; i < 3; i++)
		link_close(&links[i]);
}

/* ---- reports ---- */

static void
reports_carry_the_sessions_ids(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link), lie = fresh_sandbox();
	const struct msg ready = {
	    .id = SANDBOX_READY, .sandbox_ready = {.sandbox = lie, .epoch = 99, .policy_version = 4}};
	const struct msg ended = {
	    .id = MAIN_EXITED, .main_exited = {.sandbox = lie, .epoch = 99, .exit_code = 5}};
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
	int limited = 0;

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
	assert_in_range(limited, 10, 30); /* ten a second, and the second may turn meanwhile */
	link_close(&link);
}

/* ---- commands ---- */

static struct msg
exec_of(struct id sandbox, uint64_t stream)
{
	return (struct msg){.id = EXEC_START,
	    .exec_start = {.stream = stream, .sandbox = sandbox, .command = command_true, .command_n = 1}};
}

/* Started on both sides: the link's number of it. */
static uint64_t
exec_run(struct actor *link, struct id sandbox, uint64_t stream)
{
	const struct msg m = exec_of(sandbox, stream);
	const struct msg started = {.id = EXEC_STARTED, .exec_started = {42}};
	struct outcome outcome;
	struct heard *heard;
	uint64_t number;

	ask(&outcome, api.peer, &m);
	heard = actor_hear(link, EXEC_START);
	number = heard->msg.exec_start.stream;
	assert_true(id_none(heard->msg.exec_start.sandbox));
	assert_true(span_is(heard->msg.exec_start.command[0], "true"));
	reply_send(&heard->reply, &started);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.exec_started.pid, 42);
	outcome_done(&outcome);
	return number;
}

static void
send_grant(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t limit)
{
	const struct msg m = {.id = STREAM_GRANT, .stream_grant = {stream, channel, limit}};

	tell(peer, &m);
}

static void
send_data(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t offset, const char *text)
{
	const struct msg m = {
	    .id = STREAM_DATA, .stream_data = {stream, channel, offset, span_of_text(text)}};

	tell(peer, &m);
}

static void
send_end(struct peer *peer, uint64_t stream, uint8_t channel, uint64_t offset)
{
	const struct msg m = {.id = STREAM_END, .stream_end = {stream, channel, offset}};

	tell(peer, &m);
}

static void
expect_data(struct actor *actor, uint64_t stream, uint8_t channel, const char *text)
{
	struct heard *heard = actor_hear(actor, STREAM_DATA);

	assert_int_equal(heard->msg.stream_data.stream, stream);
	assert_int_equal(heard->msg.stream_data.channel, channel);
	assert_true(span_is(heard->msg.stream_data.bytes, text));
	heard_free(heard);
}

static void
expect_grant(struct actor *actor, uint64_t stream, uint64_t limit)
{
	struct heard *heard = actor_hear(actor, STREAM_GRANT);

	assert_int_equal(heard->msg.stream_grant.stream, stream);
	assert_int_equal(heard->msg.stream_grant.limit, limit);
	heard_free(heard);
}

static void
expect_lost(uint64_t stream, const char *words)
{
	struct heard *heard = actor_hear(&api, EXEC_EXITED);

	assert_int_equal(heard->msg.exec_exited.stream, stream);
	assert_int_equal(heard->msg.exec_exited.exit_code, 256);
	assert_true(span_is(heard->msg.exec_exited.message, words));
	heard_free(heard);
}

static void
expect_killed(struct actor *link, uint64_t number)
{
	struct heard *heard = actor_hear(link, EXEC_SIGNAL);

	assert_int_equal(heard->msg.exec_signal.stream, number);
	assert_int_equal(heard->msg.exec_signal.signal, SIGKILL);
	heard_free(heard);
}

static void
a_command_runs_under_two_numbers(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 1000);
	const struct msg stop = {.id = EXEC_SIGNAL, .exec_signal = {1000, SIGTERM}};
	struct msg exited = {.id = EXEC_EXITED, .exec_exited = {.stream = number, .exit_code = 3}};
	struct heard *heard;

	(void)unused;
	assert_int_not_equal(number, 1000);
	send_grant(api.peer, 1000, 1, 10);
	expect_grant(&link, number, 10);
	send_grant(link.peer, number, 0, 5);
	expect_grant(&api, 1000, 5);
	send_data(api.peer, 1000, 0, 0, "input");
	expect_data(&link, number, 0, "input");
	send_end(api.peer, 1000, 0, 5);
	heard_free(actor_hear(&link, STREAM_END));
	send_data(link.peer, number, 1, 0, "out");
	expect_data(&api, 1000, 1, "out");
	send_data(link.peer, number, 1, 3, "put");
	expect_data(&api, 1000, 1, "put");
	tell(api.peer, &stop);
	heard = actor_hear(&link, EXEC_SIGNAL);
	assert_int_equal(heard->msg.exec_signal.signal, SIGTERM);
	heard_free(heard);
	send_end(link.peer, number, 1, 6);
	heard = actor_hear(&api, STREAM_END);
	assert_int_equal(heard->msg.stream_end.stream, 1000);
	assert_int_equal(heard->msg.stream_end.offset, 6);
	heard_free(heard);
	tell(link.peer, &exited);
	heard = actor_hear(&api, EXEC_EXITED);
	assert_int_equal(heard->msg.exec_exited.stream, 1000);
	assert_int_equal(heard->msg.exec_exited.exit_code, 3);
	heard_free(heard);
	exec_run(&link, sandbox, 1000); /* the number is free again */
	link_close(&link);
	expect_lost(1000, "the sandbox's connection was lost");
}

static void
without_a_session_nothing_starts(void **unused)
{
	const struct msg m = exec_of(fresh_sandbox(), 5);
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_string_equal(outcome.why.text, "supervisor session not connected");
	outcome_done(&outcome);
}

static void
a_start_that_the_sandbox_refuses(void **unused)
{
	struct actor link = {0};
	const struct msg m = exec_of(link_open(&link), 6);
	struct outcome outcome;

	(void)unused;
	ask(&outcome, api.peer, &m);
	actor_refuse(&link, EXEC_START, ERR_NOT_FOUND, "no such command");
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_NOT_FOUND);
	assert_string_equal(outcome.why.text, "no such command");
	outcome_done(&outcome);
	link_close(&link);
}

static void
a_link_may_not_start_commands(void **unused)
{
	struct actor link = {0};
	const struct msg m = exec_of(link_open(&link), 6);

	(void)unused;
	assert_int_equal(ask_now(link.peer, &m), ERR_DENIED);
	link_close(&link);
}

static void
a_number_in_use_and_a_full_sandbox(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	struct msg m = exec_of(sandbox, 1);

	(void)unused;
	exec_run(&link, sandbox, 1);
	assert_int_equal(ask_now(api.peer, &m), ERR_EXISTS);
	for (uint64_t i = 2; i <= EXECS_SANDBOX_MAX; i++)
		exec_run(&link, sandbox, i);
	m.exec_start.stream = EXECS_SANDBOX_MAX + 1;
	assert_int_equal(ask_now(api.peer, &m), ERR_LIMIT);
	link_close(&link);
	for (uint64_t i = 1; i <= EXECS_SANDBOX_MAX; i++)
		expect_lost(i, "the sandbox's connection was lost");
}

/* A link that sends more than it was granted, or out of order, loses its session and all its commands. */
static void
a_link_that_breaks_a_streams_rules_is_cut(void **unused)
{
	static const struct {
		uint8_t channel;
		uint64_t offset;
		const char *text;
	} cases[] = {
	    {1, 0, "more than five"}, /* beyond the credit */
	    {2, 0, "x"},	      /* no credit at all */
	    {1, 1, "x"},	      /* not the next offset */
	    {0, 0, "x"},	      /* against the direction */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct actor link = {0};
		struct id sandbox = link_open(&link);
		uint64_t number = exec_run(&link, sandbox, 7);

		send_grant(api.peer, 7, 1, 5);
		expect_grant(&link, number, 5);
		send_data(link.peer, number, cases[i].channel, cases[i].offset, cases[i].text);
		actor_wait_down(&link, 1);
		expect_lost(7, "the sandbox's connection was lost");
		expect_none(&api, STREAM_DATA);
		link_close(&link);
	}
}

static void
credit_without_bound_is_a_breach(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7);

	(void)unused;
	send_grant(link.peer, number, 0, WINDOW_MAX + 1);
	actor_wait_down(&link, 1);
	expect_lost(7, "the sandbox's connection was lost");
	link_close(&link);
}

static void
an_api_that_breaks_a_streams_rules_loses_the_stream(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7), other = exec_run(&link, sandbox, 8);

	(void)unused;
	send_data(api.peer, 7, 0, 0, "without credit");
	expect_killed(&link, number);
	expect_lost(7, "the stream's rules were broken");
	expect_none(&link, STREAM_DATA);
	send_grant(link.peer, other, 0, 5);
	expect_grant(&api, 8, 5); /* the other stream goes on */
	link_close(&link);
	expect_lost(8, "the sandbox's connection was lost");
}

static void
messages_for_streams_that_are_not_are_dropped(void **unused)
{
	struct actor link = {0}, other = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7);

	(void)unused;
	link_open(&other);
	send_data(api.peer, 99, 0, 0, "x");
	send_end(api.peer, 99, 0, 0);
	send_grant(other.peer, number, 0, 5); /* another sandbox's number is nothing to it */
	send_data(other.peer, number, 1, 0, "x");
	send_data(link.peer, 12345678, 1, 0, "x");
	send_grant(link.peer, number, 0, 4);
	expect_grant(&api, 7, 4);
	expect_none(&api, STREAM_DATA);
	assert_int_equal(link.downs + other.downs, 0);
	link_close(&other);
	link_close(&link);
	expect_lost(7, "the sandbox's connection was lost");
}

static void
when_api_goes_its_commands_are_killed(void **unused)
{
	struct actor link = {0};
	struct id sandbox = link_open(&link);
	uint64_t number = exec_run(&link, sandbox, 7), other = exec_run(&link, sandbox, 8);
	struct secret secret = api.secret;
	uint8_t key[32];

	(void)unused;
	memcpy(key, api.key, sizeof(key));
	actor_done(&api);
	expect_killed(&link, number);
	expect_killed(&link, other);
	actor_init(&api, loop, ROLE_API, "api");
	api.secret = secret;
	memcpy(api.key, key, sizeof(key));
	api_join();
	exec_run(&link, sandbox, 7);
	link_close(&link);
	expect_lost(7, "the sandbox's connection was lost");
}

/* Neither state, nor the link, nor a stranger says a word: each wait ends by itself, and the relay serves on.
 */
static void
who_never_answers_is_not_waited_for(void **unused)
{
	struct actor link = {0}, silent = {0}, asking = {0};
	struct id sandbox = link_open(&link);
	const struct msg start = exec_of(sandbox, 7), enrol = enrol_of(fresh_sandbox(), 1);
	struct outcome started, checked;
	struct heard *command, *check;

	(void)unused;
	stranger_open(&silent);
	stranger_open(&asking);
	ask(&checked, asking.peer, &enrol);
	ask(&started, api.peer, &start);
	command = actor_hear(&link, EXEC_START);
	check = actor_hear(&state, ENROL_CHECK);
	for (int i = 0; i < 3 && !(started.done && checked.done && silent.downs == 1); i++) {
		uint64_t until = clock_ms() + PATIENCE_MS;

		while (clock_ms() < until && !(started.done && checked.done && silent.downs == 1))
			assert_int_equal(loop_turn(loop, 1000, NULL), OK);
	}
	assert_true(started.done && checked.done);
	assert_int_equal(started.r, ERR_TIMEOUT);
	assert_int_equal(
	    checked.r, ERR_UNAVAILABLE); /* its time to enrol is over: cut, as the silent one is */
	assert_int_equal(silent.downs, 1);
	expect_killed(&link, command->msg.exec_start.stream);
	reply_send(&command->reply,
	    &(struct msg){.id = EXEC_STARTED, .exec_started = {1}}); /* late: nothing happens */
	reply_send(&check->reply, &enrolled);
	heard_free(command);
	heard_free(check);
	outcome_done(&started);
	outcome_done(&checked);
	exec_run(&link, sandbox, 7);
	actor_done(&silent);
	actor_done(&asking);
	link_close(&link);
	expect_lost(7, "the sandbox's connection was lost");
}

static void
any_user_may_connect_to_the_socket(void **unused)
{
	char path[128];
	struct stat st;

	(void)unused;
	snprintf(path, sizeof(path), "%s/sandboxes/relay", directory);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0666, 0666);
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
	const struct msg push = push_of(sandbox, 1, 7), late = push_of(sandbox, 2, 8), stray = push_of(fresh_sandbox(), 1, 9),
			 last = push_of(another, 1, 10);
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

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_user_may_connect_to_the_socket),
	    cmocka_unit_test(an_enrolment_goes_to_state_with_the_key),
	    cmocka_unit_test(a_refusal_is_passed_on_and_may_be_asked_again),
	    cmocka_unit_test(a_stranger_may_only_enrol),
	    cmocka_unit_test(bad_bytes_cost_the_connection_and_no_more),
	    cmocka_unit_test(a_second_key_does_not_take_a_session),
	    cmocka_unit_test(the_same_key_takes_over),
	    cmocka_unit_test(a_later_start_takes_over_and_an_older_does_not),
	    cmocka_unit_test(a_dropped_session_ends),
	    cmocka_unit_test(state_is_told_of_all_sessions_when_it_is_back),
	    cmocka_unit_test(reports_carry_the_sessions_ids),
	    cmocka_unit_test(reports_are_held_to_a_rate),
	    cmocka_unit_test(a_command_runs_under_two_numbers),
	    cmocka_unit_test(without_a_session_nothing_starts),
	    cmocka_unit_test(a_start_that_the_sandbox_refuses),
	    cmocka_unit_test(a_link_may_not_start_commands),
	    cmocka_unit_test(a_number_in_use_and_a_full_sandbox),
	    cmocka_unit_test(a_link_that_breaks_a_streams_rules_is_cut),
	    cmocka_unit_test(configuration_goes_down_to_its_sandbox_alone),
	    cmocka_unit_test(what_was_applied_goes_up_under_the_sessions_name),
	    cmocka_unit_test(state_is_told_what_each_sandbox_has),
	    cmocka_unit_test(credit_without_bound_is_a_breach),
	    cmocka_unit_test(an_api_that_breaks_a_streams_rules_loses_the_stream),
	    cmocka_unit_test(messages_for_streams_that_are_not_are_dropped),
	    cmocka_unit_test(when_api_goes_its_commands_are_killed),
	    cmocka_unit_test(who_never_answers_is_not_waited_for),
	};

	assert_int_equal(argc, 2);
	program = argv[1];
	return cmocka_run_group_tests(tests, setup, teardown);
}
