/* api: commands and their byte streams. */
#include "tests/unit/test.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "tests/bus/api_stage.h"

static void
exec_refuses(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct got *got;

	(void)unused;
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 3,
	    "sandbox_id is required");
	request.sandbox_id = id_text(sandbox);
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 3,
	    "command is required");
	got = exec_ask(&request, 1);
	got_ended(got, 9, "sandbox is not ready");
	got_free(got);
	assert_null(actor_heard(&relay, EXEC_START));
}

/* As clients from 0.1 on ask: by name, in a workspace. */
static void
exec_by_name(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	char *command[] = {(char *)"true"};
	const struct msg answer = row(2);
	struct heard *heard;
	struct got *got;
	struct why why;

	(void)unused;
	request.command = command;
	request.n_command = 1;
	request.workspace = (char *)"\x0a\x07" /* a WorkspaceSelector */
				    "default";
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 3,
	    "sandbox is required");
	request.sandbox_id = id_text(sandbox);
	call_fails(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor, 5,
	    "sandbox not found");
	request.sandbox_id = (char *)"demo";
	got = call(OPENSHELL "ExecSandbox", &request.base, &openshell__v1__exec_sandbox_event__descriptor);
	heard = actor_hear(&state, SANDBOX_GET);
	assert_true(id_none(heard->msg.sandbox_get.sandbox));
	assert_true(span_is(heard->msg.sandbox_get.name, "demo"));
	assert_true(span_is(heard->msg.sandbox_get.workspace, "default"));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	heard = actor_hear(&relay, EXEC_START);
	assert_true(id_equal(heard->msg.exec_start.sandbox, sandbox));
	reply_fail(&heard->reply, fail(&why, ERR_NOT_FOUND, "no such command"), &why);
	heard_free(heard);
	got_ended(got, 0, NULL);
	got_free(got);
}

/* Both ways, within the credit, the exit last. */
static void
exec_runs(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct msg grant = {.id = STREAM_GRANT, .stream_grant = {0, 0, 4}};
	const Openshell__V1__ExecSandboxEvent *event;
	struct heard *heard;
	struct got *got;
	uint64_t stream;

	(void)unused;
	request.has_stdin = true;
	request.stdin = (ProtobufCBinaryData){6, (uint8_t *)"abcdef"};
	got = exec_ask(&request, 2);
	grant.stream_grant.stream = stream = exec_started();
	heard_free(actor_hear(&relay, STREAM_GRANT));
	heard_free(actor_hear(&relay, STREAM_GRANT));
	tell(relay.peer, &grant);
	heard = actor_hear(&relay, STREAM_DATA);
	assert_true(span_is(heard->msg.stream_data.bytes, "abcd"));
	heard_free(heard);
	assert_null(actor_heard(&relay, STREAM_END));
	grant.stream_grant.limit = 100;
	tell(relay.peer, &grant);
	heard = actor_hear(&relay, STREAM_DATA);
	assert_true(span_is(heard->msg.stream_data.bytes, "ef"));
	assert_int_equal(heard->msg.stream_data.offset, 4);
	heard_free(heard);
	heard_free(actor_hear(&relay, STREAM_END));
	stream_bytes(stream, 1, 0, "out", 3);
	stream_bytes(stream, 2, 0, "err", 3);
	stream_over(stream, 1, 3);
	stream_over(stream, 2, 3);
	exec_exit(stream, 130);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 3);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[1];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[2];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT);
	assert_int_equal(event->exit->exit_code, 130);
	assert_null(actor_heard(&relay, EXEC_SIGNAL));
	got_free(got);
}

/* A caller who does not read holds the command back, and gets every byte and the exit in the end. */
static void
exec_back_pressure(void **unused)
{
	enum { ALL = 4 << 20 };
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct feed feed = {0};
	uint64_t total = 0;
	struct got *got;
	uint64_t stream;

	(void)unused;
	got = exec_ask(&request, 2);
	got->paused = true;
	feed.stream = stream = exec_started();
	feed_until(&feed, 1 << 20, STREAM_CHUNK_BYTES, PATIENCE_MS);
	feed_until(&feed, ALL, STREAM_CHUNK_BYTES, 200);
	assert_in_range(feed.sent, 1 << 20, 2 << 20); /* the reader's window, and little more */
	got->paused = false;
	rpc_stream_resume(got->stream);
	feed_until(&feed, ALL, STREAM_CHUNK_BYTES, PATIENCE_MS);
	assert_int_equal(feed.sent, ALL);
	stream_over(stream, 1, ALL);
	stream_over(stream, 2, 0);
	exec_exit(stream, 0);
	got_ended(got, 0, NULL);
	for (size_t i = 0; i + 1 < got->n; i++)
		total += ((const Openshell__V1__ExecSandboxEvent *)got->messages[i])->stdout->data.len;
	assert_int_equal(total, ALL);
	got_free(got);
}

/* The caller goes: the command is killed and read to its end. */
static void
exec_caller_goes(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct heard *heard;
	struct got *got;
	uint64_t stream;
	static char bytes[60000];

	(void)unused;
	got = exec_ask(&request, 2);
	stream = exec_started();
	heard_free(actor_hear(&relay, STREAM_GRANT));
	heard_free(actor_hear(&relay, STREAM_GRANT));
	rpc_stream_cancel(got->stream);
	got_free(got);
	heard = actor_hear(&relay, EXEC_SIGNAL);
	assert_int_equal(heard->msg.exec_signal.signal, SIGKILL);
	assert_int_equal(heard->msg.exec_signal.stream, stream);
	heard_free(heard);
	for (uint64_t at = 0; at < 4 * sizeof(bytes); at += sizeof(bytes))
		stream_bytes(stream, 1, at, bytes, sizeof(bytes));
	heard_free(actor_hear(&relay, STREAM_GRANT)); /* taken and dropped */
	exec_exit(stream, 137);
	/* and one whose start is still asked for */
	got = exec_ask(&request, 2);
	heard = actor_hear(&relay, EXEC_START);
	rpc_stream_cancel(got->stream);
	got_free(got);
	health_and_user(NULL); /* the cancellation has arrived before this call did */
	reply_send(&heard->reply, &(struct msg){.id = EXEC_STARTED, .exec_started = {43}});
	stream = heard->msg.exec_start.stream;
	heard_free(heard);
	heard_free(actor_hear(&relay, EXEC_SIGNAL));
	exec_exit(stream, 137);
}

/* A session that is away is asked for again, under another number. */
static void
exec_waits_for_session(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	struct heard *heard;
	struct got *got;
	uint64_t first, second;
	struct why why;

	(void)unused;
	(void)fail(&why, ERR_UNAVAILABLE, "supervisor session not connected");
	got = exec_ask(&request, 2);
	heard = actor_hear(&relay, EXEC_START);
	first = heard->msg.exec_start.stream;
	reply_fail(&heard->reply, ERR_UNAVAILABLE, &why);
	heard_free(heard);
	second = exec_started();
	assert_int_not_equal(first, second);
	exec_exit(second, 256);
	got_ended(got, 14, "because");
	got_free(got);
}

/* What cannot be executed ends as in a shell. */
static void
exec_not_found(void **unused)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	const Openshell__V1__ExecSandboxEvent *event;
	struct got *got = exec_ask(&request, 2);

	(void)unused;
	actor_refuse(&relay, EXEC_START, ERR_NOT_FOUND, "cat: command not found");
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 2);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[0];
	assert_int_equal(event->payload_case, OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDERR);
	assert_memory_equal(event->stderr->data.data, "cat: command not found\n", 23);
	event = (const Openshell__V1__ExecSandboxEvent *)got->messages[1];
	assert_int_equal(event->exit->exit_code, 127);
	got_free(got);
}

/* AddressSanitizer keeps what was freed for a while: memory says nothing then. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_TELLS 0
#elif defined(__has_feature)
#define MEMORY_TELLS !__has_feature(address_sanitizer)
#else
#define MEMORY_TELLS 1
#endif

/* Kilobytes of api's memory. */
static unsigned long
memory_of_api(void)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", daemon_.child.pid);
	assert_non_null(file = fopen(path, "re"));
	while (kb == 0 && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "VmRSS: %lu", &kb) != 1)
			kb = 0;
	fclose(file);
	return kb;
}

/* Readers that stall cost little each, their commands wait, nobody else does; and all of it is given back. */
static void
exec_many_stall(void **unused)
{
	enum { READERS = 66, EACH_KB = 64 };
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	unsigned long before = memory_of_api();
	struct feed feeds[READERS] = {0};
	struct got *got[READERS];
	struct heard *heard;

	(void)unused;
	for (size_t i = 0; i < READERS; i++) {
		got[i] = exec_ask(&request, 2);
		got[i]->paused = true;
		feeds[i].stream = exec_started();
		feed_until(&feeds[i], 1 << 20, 16384, PATIENCE_MS);
		feed_until(&feeds[i], 2 << 20, 16384, 15);
		assert_in_range(feeds[i].sent, 1 << 20, (2 << 20) - 1); /* the reader's own window, and little more */
	}
	if (MEMORY_TELLS && memory_of_api() > before + READERS * EACH_KB)
		fail_msg("%lu kB, and %lu before", memory_of_api(), before);
	health_and_user(NULL);
	for (size_t i = 0; i < READERS; i++) {
		rpc_stream_cancel(got[i]->stream);
		got_free(got[i]);
		heard = actor_hear(&relay, EXEC_SIGNAL);
		heard_free(heard);
		exec_exit(feeds[i].stream, 137);
	}
	health_and_user(NULL);
	UNTIL(loop, !MEMORY_TELLS || memory_of_api() < before + 8192);
}

/* Written byte by byte it is no more: what is kept costs what it is long. */
static void
exec_stall_bytewise(void **unused)
{
	enum { READERS = 8, EACH_KB = 768 };
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	unsigned long before = memory_of_api();
	struct feed feeds[READERS] = {0};
	struct got *got[READERS];

	(void)unused;
	for (size_t i = 0; i < READERS; i++) {
		got[i] = exec_ask(&request, 2);
		got[i]->paused = true;
		feeds[i].stream = exec_started();
		feed_until(&feeds[i], 1020 << 10, 16384, PATIENCE_MS);
		feed_until(&feeds[i], 2 << 20, 1, 15);
	}
	health_and_user(NULL);
	if (MEMORY_TELLS && memory_of_api() > before + READERS * EACH_KB)
		fail_msg("%lu kB, and %lu before", memory_of_api(), before);
	for (size_t i = 0; i < READERS; i++) {
		rpc_stream_cancel(got[i]->stream);
		got_free(got[i]);
		heard_free(actor_hear(&relay, EXEC_SIGNAL));
		exec_exit(feeds[i].stream, 137);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exec_refuses),
	    cmocka_unit_test(exec_by_name),
	    cmocka_unit_test(exec_runs),
	    cmocka_unit_test(exec_back_pressure),
	    cmocka_unit_test(exec_caller_goes),
	    cmocka_unit_test(exec_waits_for_session),
	    cmocka_unit_test(exec_not_found),
	    cmocka_unit_test(exec_many_stall),
	    cmocka_unit_test(exec_stall_bytewise),
	};

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
