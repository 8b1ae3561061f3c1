/* api: commands whose input comes while they run. */
#include "tests/unit/test.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "tests/bus/api_stage.h"

#define PATH OPENSHELL "ExecSandboxInteractive"

static Openshell__V1__ExecSandboxRequest start;
static char *command[] = {(char *)"cat"};

static struct got *
begin(void)
{
	Openshell__V1__ExecSandboxInput first = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	const struct msg answer = row(2);
	struct got *got;

	first.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START;
	first.start = &start;
	start.sandbox_id = (char *)"01020304-0506-4708-890a-0b0c0d0e0f10";
	start.command = command;
	start.n_command = 1;
	got = talk(PATH, &first.base, &openshell__v1__exec_sandbox_event__descriptor);
	actor_answer(&state, SANDBOX_GET, &answer);
	return got;
}

static void
type(struct got *got, const char *bytes, size_t n)
{
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;

	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN;
	input.stdin = (ProtobufCBinaryData){n, (uint8_t *)bytes};
	rpc_stream_send(got->stream, &input.base);
}

static void
resize(struct got *got, uint32_t columns, uint32_t rows)
{
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	Openshell__V1__ExecSandboxWindowResize size = OPENSHELL__V1__EXEC_SANDBOX_WINDOW_RESIZE__INIT;

	size.has_cols = size.has_rows = true;
	size.cols = columns;
	size.rows = rows;
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_RESIZE;
	input.resize = &size;
	rpc_stream_send(got->stream, &input.base);
}

static void
hears(uint64_t offset, uint8_t channel, struct span bytes)
{
	struct heard *heard = actor_hear(&relay, STREAM_DATA);

	assert_int_equal(heard->msg.stream_data.channel, channel);
	assert_int_equal(heard->msg.stream_data.offset, offset);
	assert_int_equal(heard->msg.stream_data.bytes.length, bytes.length);
	assert_memory_equal(heard->msg.stream_data.bytes.at, bytes.at, bytes.length);
	heard_free(heard);
}

static void
credits_told(void)
{
	heard_free(actor_hear(&relay, STREAM_GRANT));
	heard_free(actor_hear(&relay, STREAM_GRANT));
}

/* What comes first must be start, and come once. */
static void
start_is_first(void **unused)
{
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	struct got *got;
	uint64_t stream;

	(void)unused;
	call_fails(PATH, NULL, &openshell__v1__exec_sandbox_event__descriptor, 3, "the first message must be start");
	call_fails(PATH, &input.base, &openshell__v1__exec_sandbox_event__descriptor, 3, "must be start");
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN;
	input.stdin = (ProtobufCBinaryData){1, (uint8_t *)"x"};
	call_fails(PATH, &input.base, &openshell__v1__exec_sandbox_event__descriptor, 3, "must be start");
	got = begin();
	stream = exec_started();
	credits_told();
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START;
	input.start = &start;
	rpc_stream_send(got->stream, &input.base);
	got_ended(got, 3, "start comes once");
	got_free(got);
	heard_free(actor_hear(&relay, EXEC_SIGNAL));
	exec_exit(stream, 137);
}

/* Input within the credit, its end, output, and one exit at the end. */
static void
both_ways(void **unused)
{
	const Openshell__V1__ExecSandboxEvent *event;
	struct got *got = begin();
	uint64_t stream = exec_started();

	(void)unused;
	credits_told();
	type(got, "", 0);
	type(got, "abcdef", 6);
	stream_credit(stream, 0, 4);
	hears(0, 0, SPAN("abcd"));
	stream_bytes(stream, 1, 0, "out", 3);
	UNTIL(loop, got->n == 1);
	stream_credit(stream, 0, 100);
	hears(4, 0, SPAN("ef"));
	type(got, "g", 1);
	hears(6, 0, SPAN("g"));
	assert_null(actor_heard(&relay, STREAM_END));
	rpc_stream_half_close(got->stream);
	heard_free(actor_hear(&relay, STREAM_END));
	stream_bytes(stream, 2, 0, "err", 3);
	stream_over(stream, 1, 3);
	stream_over(stream, 2, 3);
	exec_exit(stream, 3);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 3);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[1];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[2];
	assert_int_equal(event->exit->exit_code, 3);
	assert_null(actor_heard(&relay, EXEC_SIGNAL));
	got_free(got);
}

/* The command ends before its input does. */
static void
exit_before_eof(void **unused)
{
	struct got *got = begin();
	uint64_t stream = exec_started();

	(void)unused;
	credits_told();
	type(got, "nobody reads this", 17);
	stream_over(stream, 1, 0);
	stream_over(stream, 2, 0);
	exec_exit(stream, 0);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 1);
	got_free(got);
	health_and_user(NULL); /* and the connection lives */
}

/* A terminal's size goes its own way; without a terminal there is none. */
static void
sizes(void **unused)
{
	struct heard *heard;
	struct got *got;
	uint64_t stream;

	(void)unused;
	start.has_tty = start.tty = start.has_cols = start.has_rows = true;
	start.cols = 100;
	start.rows = 30;
	got = begin();
	heard = actor_hear(&relay, EXEC_START);
	assert_true(heard->msg.exec_start.tty);
	assert_int_equal(heard->msg.exec_start.columns, 100);
	assert_int_equal(heard->msg.exec_start.rows, 30);
	stream = heard->msg.exec_start.stream;
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {44}});
	heard_free(heard);
	credits_told();
	resize(got, 0, 30);
	resize(got, 70000, 30);
	resize(got, 1, 2); /* overtaken while there is no credit */
	resize(got, 258, 3);
	type(got, "x", 1);
	stream_credit(stream, 0, 1);
	hears(0, 0, SPAN("x"));
	stream_credit(stream, 3, 6);
	hears(0, 3, SPAN("\x01\x02\x00\x03"));
	resize(got, 80, 24);
	health_and_user(NULL);
	assert_null(actor_heard(&relay, STREAM_DATA)); /* never a part of a size */
	stream_credit(stream, 3, 8);
	hears(4, 3, SPAN("\x00\x50\x00\x18"));
	stream_over(stream, 1, 0);
	stream_over(stream, 2, 0);
	exec_exit(stream, 0);
	got_ended(got, 0, NULL);
	got_free(got);
	start.tty = false;
	got = begin();
	stream = exec_started();
	credits_told();
	stream_credit(stream, 3, 100);
	resize(got, 80, 24);
	rpc_stream_half_close(got->stream);
	heard_free(actor_hear(&relay, STREAM_END));
	assert_null(actor_heard(&relay, STREAM_DATA));
	stream_over(stream, 1, 0);
	stream_over(stream, 2, 0);
	exec_exit(stream, 0);
	got_ended(got, 0, NULL);
	got_free(got);
}

/* A command that does not read holds its caller back, and gets every byte in the end. */
static void
input_back_pressure(void **unused)
{
	enum { ALL = 4 << 20, PIECE = 60000 };
	struct got *got = begin();
	uint64_t stream = exec_started(), sent = 0, heard_n = 0, still = 0, stalled;
	static char bytes[PIECE];
	struct heard *heard;
	struct why why;

	(void)unused;
	credits_told();
	for (size_t i = 0; i < PIECE; i++)
		bytes[i] = (char)(i % 251);
	stalled = clock_ms() + 300; /* that no room comes any more can only be waited out */
	while (clock_ms() < stalled && sent < ALL) {
		while (rpc_stream_room(got->stream) > 0 && sent < ALL) {
			type(got, bytes, PIECE);
			sent += PIECE;
			stalled = clock_ms() + 300;
		}
		assert_int_equal(loop_turn(loop, 20, &why), OK);
	}
	assert_in_range(sent, 1 << 20, 3 << 20); /* queues and windows, and no more */
	assert_null(actor_heard(&relay, STREAM_DATA));
	rpc_stream_half_close(got->stream);
	while (heard_n < sent) {
		stream_credit(stream, 0, heard_n + 65536 < sent ? heard_n + 65536 : sent);
		still = heard_n + 65536 < sent ? heard_n + 65536 : sent;
		while (heard_n < still) {
			heard = actor_hear(&relay, STREAM_DATA);
			assert_int_equal(heard->msg.stream_data.offset, heard_n);
			for (size_t i = 0; i < heard->msg.stream_data.bytes.length; i++)
				if (heard->msg.stream_data.bytes.at[i] != bytes[(heard_n + i) % PIECE])
					fail_msg("byte %llu is another", (unsigned long long)(heard_n + i));
			heard_n += heard->msg.stream_data.bytes.length;
			heard_free(heard);
		}
	}
	heard = actor_hear(&relay, STREAM_END);
	assert_int_equal(heard->msg.stream_end.offset, sent);
	heard_free(heard);
	stream_over(stream, 1, 0);
	stream_over(stream, 2, 0);
	exec_exit(stream, 0);
	got_ended(got, 0, NULL);
	got_free(got);
}

/* A caller who goes takes the command along, and one that has ended its input only does not. */
static void
caller_goes(void **unused)
{
	struct got *got = begin();
	uint64_t stream = exec_started();
	struct heard *heard;

	(void)unused;
	credits_told();
	rpc_stream_half_close(got->stream);
	heard_free(actor_hear(&relay, STREAM_END));
	assert_null(actor_heard(&relay, EXEC_SIGNAL));
	rpc_stream_cancel(got->stream);
	got_free(got);
	heard = actor_hear(&relay, EXEC_SIGNAL);
	assert_int_equal(heard->msg.exec_signal.signal, SIGKILL);
	assert_int_equal(heard->msg.exec_signal.stream, stream);
	heard_free(heard);
	exec_exit(stream, 137);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(start_is_first),
	    cmocka_unit_test(both_ways),
	    cmocka_unit_test(exit_before_eof),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(input_back_pressure),
	    cmocka_unit_test(caller_goes),
	};

	assert(argc == 2);
	program = argv[1];
	openshell__v1__exec_sandbox_request__init(&start);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
