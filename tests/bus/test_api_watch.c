/* api: watches. */
#include "tests/unit/test.h"

#include <assert.h>
#include <signal.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/api_stage.h"

static void
watch_follows(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct msg_log_line lines[] = {
	    {5, SPAN("gateway"), SPAN("INFO"), SPAN("a"), SPAN("old"), NULL, 0, 11},
	    {6, SPAN("sandbox"), SPAN("INFO"), SPAN("b"), SPAN("older"), NULL, 0, 12},
	    {7, SPAN("sandbox"), SPAN("DEBUG"), SPAN("b"), SPAN("quiet"), NULL, 0, 14},
	    {8, SPAN("sandbox"), SPAN("WARN"), SPAN("b"), SPAN("new"), NULL, 0, 15},
	};
	const struct msg tail = {.id = LOGS, .logs = {lines, 2, 2, 13}};
	struct msg live = {.id = WATCH_LOG, .watch_log = {0, lines + 2, 2}};
	struct msg changed = {.id = WATCH_ROW, .watch_row = {.row_n = 1}};
	struct msg_sandbox_row ready = row(2).sandbox_row;
	const Openshell__V1__SandboxStreamEvent *event;
	struct got *got;
	uint64_t number;

	(void)unused;
	request.has_follow_status = request.follow_status = true;
	request.has_follow_logs = request.follow_logs = true;
	request.log_min_level = (char *)"INFO";
	got = watch(&request, &tail, &number, 1);
	live.watch_log.watch = changed.watch_row.watch = number;
	changed.watch_row.row = &ready;
	tell(state.peer, &live);
	UNTIL(loop, got->n == 4);
	ready = row(2).sandbox_row; /* row() has one set of conditions */
	tell(state.peer, &changed);
	UNTIL(loop, got->n == 5);
	assert_int_equal(sandbox_of(got, 0)->status->phase, 1);
	for (size_t i = 1; i < 4; i++) {
		static const char *const want[] = {"", "old", "older", "new"};

		event = (const Openshell__V1__SandboxStreamEvent *)got->messages[i];
		assert_int_equal(event->payload_case, OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG);
		assert_string_equal(event->log->message, want[i]);
		assert_int_equal(event->log->number, i == 3 ? 15 : 10 + i);
	}
	assert_int_equal(sandbox_of(got, 4)->status->phase, 2);
	assert_false(got->ended);
	changed.watch_row.row_n = 0;
	tell(state.peer, &changed);
	got_ended(got, 0, NULL);
	heard_free(actor_hear(&state, WATCH_CLOSE));
	got_free(got);
}

static void
watch_stops_at_ready(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct msg_sandbox_row ready;
	struct msg changed = {.id = WATCH_ROW, .watch_row = {.row = &ready, .row_n = 1}};
	const Openshell__V1__SandboxStreamEvent *event;
	struct got *got;

	(void)unused;
	request.has_follow_status = request.follow_status = true;
	request.has_follow_events = request.follow_events = true;
	request.has_stop_on_terminal = request.stop_on_terminal = true;
	got = watch(&request, NULL, &changed.watch_row.watch, 1);
	UNTIL(loop, got->n == 2);
	event = (const Openshell__V1__SandboxStreamEvent *)got->messages[1];
	assert_int_equal(event->payload_case, OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_EVENT);
	assert_string_equal(event->event->metadata[0]->key, "openshell.progress.complete_step");
	ready = row(2).sandbox_row;
	tell(state.peer, &changed);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 4);
	got_free(got);
	heard_free(actor_hear(&state, WATCH_CLOSE));
}

/* The tail is asked for as the request says, 200 lines without a word; and a watch goes on behind a line that it names. */
static void
watch_asks_for_its_tail(void **unused)
{
	static const struct {
		uint32_t tail_lines;
		uint64_t after;
		uint32_t lines;
	} cases[] = {{0, 0, 200}, {7, 0, 7}, {1000000, 12, 10000}};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
		struct heard *heard;
		struct why why = {0};
		struct got *got;

		request.id = id_text(sandbox);
		request.has_follow_logs = request.follow_logs = true;
		request.has_log_tail_lines = true;
		request.log_tail_lines = cases[i].tail_lines;
		request.has_log_after = true;
		request.log_after = cases[i].after;
		got = call(OPENSHELL "WatchSandbox", &request.base, &openshell__v1__sandbox_stream_event__descriptor);
		heard = actor_hear(&state, LOGS_GET);
		assert_int_equal(heard->msg.logs_get.lines, cases[i].lines);
		assert_int_equal(heard->msg.logs_get.after, cases[i].after);
		(void)fail(&why, ERR_NOT_FOUND, "no such");
		reply_fail(&heard->reply, ERR_NOT_FOUND, &why);
		heard_free(heard);
		got_ended(got, 5, "sandbox not found");
		got_free(got);
		heard_free(actor_hear(&state, WATCH_CLOSE));
	}
}

/* Who does not read is let go, and nobody else notices. */
static void
watch_slow_reader(void **unused)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	static struct msg_log_line lines[100];
	static char text[8000];
	const struct msg tail = {.id = LOGS};
	struct msg live = {.id = WATCH_LOG, .watch_log = {0, lines, COUNT(lines)}};
	struct heard *closed = NULL;
	struct got *got;

	(void)unused;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < COUNT(lines); i++)
		lines[i] = (struct msg_log_line){
		    i, SPAN("sandbox"), SPAN("INFO"), SPAN("t"), span_of_bytes(text, sizeof(text)), NULL, 0};
	request.has_follow_logs = request.follow_logs = true;
	got = watch(&request, &tail, &live.watch_log.watch, 1);
	got->paused = true;
	for (int i = 0; i < 100 && closed == NULL; i++) {
		tell(state.peer, &live);
		turn(loop, clock_ms() + 50, "a turn");
		closed = actor_heard(&state, WATCH_CLOSE);
	}
	if (closed == NULL)
		closed = actor_hear(&state, WATCH_CLOSE);
	heard_free(closed);
	got->paused = false;
	rpc_stream_resume(got->stream);
	got_ended(got, 8, "too slow");
	got_free(got);
	health_and_user(NULL);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(watch_follows),
	    cmocka_unit_test(watch_stops_at_ready),
	    cmocka_unit_test(watch_asks_for_its_tail),
	    cmocka_unit_test(watch_slow_reader),
	};

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
