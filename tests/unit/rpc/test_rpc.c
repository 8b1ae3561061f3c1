/* Our client against our server in one process and one loop: calls of every kind, their ends, their bounds. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/rpc/client.h"
#include "tests/unit/rpc/pki.h"
#include "tests/unit/rpc/service.h"

struct fixture {
	struct loop *loop;
	struct service service;
	struct rpc_client *client;
	struct pki pki;
	unsigned port;
};

static int
setup_with(void **state, bool tls)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct rpc_server_config server = {0};
	struct rpc_client_config client = {0};
	char endpoint[64];
	struct why why = {0};

	assert_int_equal(loop_new(&f->loop, &why), OK);
	pki_make(&f->pki);
	server.loop = client.loop = f->loop;
	if (tls) {
		server.certificate_pem = f->pki.server;
		server.key_pem = f->pki.server_key;
		server.client_ca_pem = client.ca_pem = f->pki.ca;
		client.certificate_pem = f->pki.client;
		client.key_pem = f->pki.client_key;
	}
	f->port = service_open(&f->service, server);
	snprintf(endpoint, sizeof(endpoint), "%s://localhost:%u", tls ? "https" : "http", f->port);
	client.endpoint = endpoint;
	client.bearer = "s3cret";
	if (rpc_client_new(&f->client, &client, &why) != OK)
		fail_msg("client: %s", why.text);
	*state = f;
	return 0;
}

static int
setup_tls(void **state)
{
	return setup_with(state, true);
}

static int
setup_plain(void **state)
{
	return setup_with(state, false);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	rpc_client_free(f->client);
	rpc_server_free(f->service.server);
	loop_free(f->loop);
	pki_free(&f->pki);
	free(f);
	return 0;
}

/* Serve until the condition holds; a test that hangs is stopped by meson. */
#define UNTIL(f, condition)                                                                                            \
	while (!(condition))                                                                                           \
	assert_int_equal(loop_turn((f)->loop, -1, NULL), OK)

static enum err
get_sandbox(struct fixture *f, const char *name, uint32_t timeout_ms, struct rpc_status *status)
{
	Openshell__V1__GetSandboxRequest request = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	ProtobufCMessage *answer;
	enum err r;

	request.name = (char *)name;
	r = rpc_unary(f->client, PATH("GetSandbox"), &request.base, &openshell__v1__sandbox_response__descriptor,
	    timeout_ms, &answer, status);
	if (answer != NULL)
		protobuf_c_message_free_unpacked(answer, NULL);
	return r;
}

static void
health(struct fixture *f)
{
	Openshell__V1__HealthRequest request = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	struct rpc_status status;
	ProtobufCMessage *answer;

	assert_int_equal(rpc_unary(f->client, PATH("Health"), &request.base,
			     &openshell__v1__health_response__descriptor, 0, &answer, &status),
	    OK);
	assert_string_equal(((Openshell__V1__HealthResponse *)answer)->version, "test");
	protobuf_c_message_free_unpacked(answer, NULL);
}

static void
test_unary(void **state)
{
	for (int i = 0; i < 300; i++) /* more than streams that may be open at once */
		health(*state);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *name;
		enum err want;
		int code;
		const char *message;
	} cases[] = {
	    {"demo", OK, 0, ""},
	    {"missing", ERR_NOT_FOUND, 5, "sandbox not found"},
	    {"words", ERR_LIMIT, 8, "Größe 100 % überschritten:\n\t日本"},
	};
	struct rpc_status status;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(get_sandbox(*state, cases[i].name, 0, &status), cases[i].want);
		assert_int_equal(status.code, cases[i].code);
		assert_string_equal(status.message, cases[i].message);
	}
}

static void
test_unknown_method(void **state)
{
	struct fixture *f = *state;
	Openshell__V1__HealthRequest request = OPENSHELL__V1__HEALTH_REQUEST__INIT;
	struct rpc_status status;
	ProtobufCMessage *answer;

	assert_int_equal(rpc_unary(f->client, PATH("Wish"), &request.base, &openshell__v1__health_response__descriptor,
			     0, &answer, &status),
	    ERR_UNIMPLEMENTED);
	assert_string_equal(status.message, "unknown method /openshell.v1.OpenShell/Wish");
	assert_null(answer);
}

static void
test_denied(void **state)
{
	struct fixture *f = *state;
	struct rpc_status status;

	f->service.deny = true;
	assert_int_equal(get_sandbox(f, "demo", 0, &status), ERR_DENIED);
	assert_string_equal(status.message, "no /openshell.v1.OpenShell/GetSandbox for you");
	assert_int_equal(f->service.open, 0);
	assert_int_equal(f->service.cancelled, 0);
}

static void
test_caller_tls(void **state)
{
	struct rpc_status status;

	assert_int_equal(get_sandbox(*state, "who", 0, &status), ERR_STATE);
	assert_non_null(strstr(status.message, "tls=1 certificate=1 cn=tester units=2 id="));
	assert_non_null(strstr(status.message, " auth=Bearer s3cret agent=openshell/"));
}

static void
test_caller_plain(void **state)
{
	struct rpc_status status;

	assert_int_equal(get_sandbox(*state, "who", 0, &status), ERR_STATE);
	assert_non_null(strstr(status.message, "tls=0 certificate=0 cn= units=0 id="));
}

static void
test_deadline(void **state)
{
	struct fixture *f = *state;
	struct rpc_status status;

	assert_int_equal(get_sandbox(f, "never", 30, &status), ERR_TIMEOUT);
	assert_int_equal(status.code, 4);
	UNTIL(f, f->service.cancelled == 1);
	assert_int_equal(f->service.open, 0);
	health(f); /* the connection goes on */
}

/* One side of a stream under test. */
struct reader {
	size_t bytes, messages;
	int exit_code;
	bool hold, ended, writable;
	struct rpc_status status;
	struct rpc_stream *stream;
};

static bool
exec_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxEvent *event = (const Openshell__V1__ExecSandboxEvent *)message;
	struct reader *reader = self;

	(void)stream;
	reader->messages++;
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT)
		reader->bytes += event->stdout->data.len;
	if (event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT)
		reader->exit_code = event->exit->exit_code;
	return !reader->hold;
}

static bool
forward_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__TcpForwardFrame *frame = (const Openshell__V1__TcpForwardFrame *)message;
	struct reader *reader = self;

	(void)stream;
	reader->messages++;
	reader->bytes += frame->data.len;
	return !reader->hold;
}

static bool
any_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	struct reader *reader = self;

	(void)stream, (void)message;
	reader->messages++;
	return true;
}

static void
reader_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct reader *reader = self;

	(void)stream;
	assert_false(reader->ended);
	reader->ended = true;
	reader->status = *status;
}

static void
reader_writable(void *self, struct rpc_stream *stream)
{
	struct reader *reader = self;

	(void)stream;
	reader->writable = true;
}

static void
exec_open(struct fixture *f, struct reader *reader, const char *count, uint32_t size)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	const struct rpc_stream_config config = {.path = PATH("ExecSandbox"),
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = reader,
	    .message = exec_message,
	    .ended = reader_ended};

	request.workdir = (char *)count;
	request.has_timeout_seconds = true;
	request.timeout_seconds = size;
	assert_int_equal(rpc_stream_open(f->client, &config, &request.base, true, &reader->stream, NULL), OK);
}

static void
test_server_stream(void **state)
{
	struct fixture *f = *state;
	struct reader reader = {0};

	exec_open(f, &reader, "1000", 10000);
	UNTIL(f, reader.ended);
	assert_int_equal(reader.status.code, 0);
	assert_int_equal(reader.messages, 1001);
	assert_int_equal(reader.bytes, 10000000);
	assert_int_equal(reader.exit_code, 7);
	assert_int_equal(f->service.open, 0);
	assert_int_equal(f->service.cancelled, 0);
}

static void
test_slow_reader(void **state)
{
	struct fixture *f = *state;
	struct reader slow = {.hold = true}, quick = {0};

	exec_open(f, &slow, "2000", 10000);
	UNTIL(f, f->service.queue_most == RPC_SEND_QUEUE_MAX); /* its writer had to stop */
	exec_open(f, &quick, "500", 10000);
	UNTIL(f, quick.ended);
	health(f);
	assert_int_equal(quick.bytes, 5000000);
	assert_int_equal(slow.messages, 1);
	assert_int_equal(f->service.open, 1);
	slow.hold = false;
	rpc_stream_resume(slow.stream);
	UNTIL(f, slow.ended);
	assert_int_equal(slow.bytes, 20000000);
	assert_int_equal(slow.exit_code, 7);
}

static void
test_slow_reader_leaves(void **state)
{
	struct fixture *f = *state;
	struct reader slow = {.hold = true};

	exec_open(f, &slow, "2000", 10000);
	UNTIL(f, f->service.queue_most == RPC_SEND_QUEUE_MAX);
	rpc_stream_cancel(slow.stream);
	UNTIL(f, f->service.cancelled == 1);
	assert_int_equal(f->service.open, 0);
	assert_false(slow.ended);
	assert_true(rpc_server_idle(f->service.server));
	health(f);
}

static void
forward_open(struct fixture *f, struct reader *reader)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;
	const struct rpc_stream_config config = {.path = PATH("ForwardTcp"),
	    .response = &openshell__v1__tcp_forward_frame__descriptor,
	    .self = reader,
	    .message = forward_message,
	    .ended = reader_ended,
	    .writable = reader_writable};

	assert_int_equal(rpc_stream_open(f->client, &config, &frame.base, false, &reader->stream, NULL), OK);
}

static void
forward_send(struct reader *reader, const char *bytes, size_t length)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;

	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA;
	frame.data.data = (uint8_t *)bytes;
	frame.data.len = length;
	rpc_stream_send(reader->stream, &frame.base);
}

static void
test_bidi(void **state)
{
	static char bytes[65536];
	struct fixture *f = *state;
	struct reader reader = {0};

	forward_open(f, &reader);
	for (size_t i = 1; i <= 50; i++) {
		forward_send(&reader, bytes, sizeof(bytes) / i);
		UNTIL(f, reader.messages == i);
	}
	rpc_stream_half_close(reader.stream);
	UNTIL(f, reader.ended);
	assert_int_equal(reader.status.code, 0);
}

static void
test_bidi_ended_by_server(void **state)
{
	struct fixture *f = *state;
	struct reader reader = {0};

	forward_open(f, &reader);
	forward_send(&reader, "a", 1);
	forward_send(&reader, "end", 3); /* and we do not half-close */
	UNTIL(f, reader.ended);
	assert_int_equal(reader.messages, 1);
	assert_int_equal(reader.status.code, 10);
	assert_string_equal(reader.status.message, "enough");
	assert_int_equal(f->service.cancelled, 0);
	UNTIL(f, rpc_server_idle(f->service.server));
}

/* A server that takes no more holds the client back; the client's queue fills and empties again. */
static void
test_paused_by_server(void **state)
{
	static char bytes[65536];
	struct fixture *f = *state;
	struct reader reader = {0};
	size_t sent = 0;

	forward_open(f, &reader);
	forward_send(&reader, "pause", 5);
	UNTIL(f, f->service.paused != NULL);
	for (; rpc_stream_room(reader.stream) > 0; sent++)
		forward_send(&reader, bytes, sizeof(bytes));
	health(f);
	assert_int_equal(reader.messages, 0);
	assert_int_equal(f->service.messages, 2);
	assert_false(reader.writable);
	rpc_resume(f->service.paused);
	UNTIL(f, reader.messages == sent);
	assert_true(reader.writable);
	rpc_stream_cancel(reader.stream);
	UNTIL(f, f->service.cancelled == 1);
}

static void
test_client_stream(void **state)
{
	Openshell__V1__PushSandboxLogsRequest request = OPENSHELL__V1__PUSH_SANDBOX_LOGS_REQUEST__INIT;
	struct fixture *f = *state;
	struct reader reader = {0};
	const struct rpc_stream_config config = {.path = PATH("PushSandboxLogs"),
	    .response = &openshell__v1__push_sandbox_logs_response__descriptor,
	    .self = &reader,
	    .message = any_message,
	    .ended = reader_ended};

	assert_int_equal(rpc_stream_open(f->client, &config, &request.base, false, &reader.stream, NULL), OK);
	for (int i = 0; i < 9; i++)
		rpc_stream_send(reader.stream, &request.base);
	rpc_stream_half_close(reader.stream);
	UNTIL(f, reader.ended);
	assert_int_equal(reader.status.code, 0);
	assert_int_equal(f->service.messages, 10);
}

static void
test_too_large(void **state)
{
	struct fixture *f = *state;
	struct rpc_status status;
	char *name = calloc(1, RPC_MESSAGE_MAX + 1);

	memset(name, 'a', RPC_MESSAGE_MAX);
	assert_int_equal(get_sandbox(f, name, 0, &status), ERR_INTERNAL); /* OUT_OF_RANGE has no error of ours */
	assert_int_equal(status.code, 11);
	name[RPC_MESSAGE_MAX - 4] = '\0'; /* tag and three bytes of length */
	assert_int_equal(get_sandbox(f, name, 0, &status), OK);
	free(name);
}

static void
test_malformed_text(void **state)
{
	struct rpc_status status;

	assert_int_equal(get_sandbox(*state, "\xff", 0, &status), ERR_INTERNAL);
	assert_int_equal(status.code, 13);
	assert_non_null(strstr(status.message, "request message"));
}

/* A callback may make a call and wait for it; the stream goes on behind it. */
static bool
asking_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	(void)stream, (void)message;
	health(self);
	health(self);
	return true;
}

static void
asking_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct fixture *f = self;

	(void)stream;
	assert_int_equal(status->code, 0);
	health(f);
	f->service.denied = 77;
}

static void
test_call_in_callback(void **state)
{
	struct fixture *f = *state;
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	const struct rpc_stream_config config = {.path = PATH("ExecSandbox"),
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = f,
	    .message = asking_message,
	    .ended = asking_ended};
	struct rpc_stream *stream;

	request.workdir = (char *)"100";
	assert_int_equal(rpc_stream_open(f->client, &config, &request.base, true, &stream, NULL), OK);
	UNTIL(f, f->service.denied == 77);
	assert_int_equal(f->service.calls, 1 + 2 * 101 + 1);
}

static bool
leaving_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	(void)message;
	++*(int *)self;
	rpc_stream_cancel(stream);
	return true;
}

static void
test_cancel_in_callback(void **state)
{
	struct fixture *f = *state;
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	int messages = 0;
	const struct rpc_stream_config config = {.path = PATH("ExecSandbox"),
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = &messages,
	    .message = leaving_message,
	    .ended = reader_ended};
	struct rpc_stream *stream;

	request.workdir = (char *)"100";
	assert_int_equal(rpc_stream_open(f->client, &config, &request.base, true, &stream, NULL), OK);
	UNTIL(f, messages == 1 && rpc_server_idle(f->service.server));
	health(f);
	assert_int_equal(messages, 1);
}

/* The loop is asked to stop (a signal, say) while somebody waits for an answer. */
static void
stop_loop(void *self)
{
	loop_stop(self);
}

static void
test_interrupted(void **state)
{
	struct fixture *f = *state;
	struct timer timer = {0};
	struct rpc_status status;

	loop_timer_set(f->loop, &timer, 5, stop_loop, f->loop);
	assert_int_equal(get_sandbox(f, "never", 0, &status), ERR_CANCELLED);
	assert_string_equal(status.message, "interrupted");
}

/* A drained server ends its connection; the client's open stream is served until then. */
static void
test_drain(void **state)
{
	struct fixture *f = *state;
	struct reader reader = {0};
	struct rpc_status status;

	forward_open(f, &reader);
	forward_send(&reader, "a", 1);
	UNTIL(f, reader.messages == 1);
	rpc_server_drain(f->service.server);
	assert_false(rpc_server_idle(f->service.server));
	forward_send(&reader, "b", 1);
	UNTIL(f, reader.messages == 2);
	rpc_stream_half_close(reader.stream);
	UNTIL(f, reader.ended);
	assert_int_equal(reader.status.code, 0);
	UNTIL(f, rpc_server_idle(f->service.server));
	assert_int_equal(get_sandbox(f, "demo", 0, &status), ERR_UNAVAILABLE);
	assert_string_not_equal(status.detail, "");
}

static void
test_server_dies(void **state)
{
	struct fixture *f = *state;
	struct reader reader = {0};

	forward_open(f, &reader);
	forward_send(&reader, "a", 1);
	UNTIL(f, reader.messages == 1);
	rpc_server_free(f->service.server);
	f->service.server = NULL;
	assert_int_equal(f->service.cancelled, 1);
	UNTIL(f, reader.ended);
	assert_int_equal(reader.status.code, 14);
	assert_string_not_equal(reader.status.detail, "");
}

/* Not a bound, which a busy machine would break: the number is printed for whoever looks. */
static void
test_latency(void **state)
{
	const int rounds = 2000;
	uint64_t began;

	health(*state);
	began = clock_us();
	for (int i = 0; i < rounds; i++)
		health(*state);
	print_message("unary round trip: %.1f us\n", (double)(clock_us() - began) / rounds);
}

#define BOTH(test)                                                                                                     \
	cmocka_unit_test_setup_teardown(test, setup_tls, teardown),                                                    \
	    cmocka_unit_test_setup_teardown(test, setup_plain, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOTH(test_unary),
	    BOTH(test_errors),
	    BOTH(test_unknown_method),
	    BOTH(test_denied),
	    cmocka_unit_test_setup_teardown(test_caller_tls, setup_tls, teardown),
	    cmocka_unit_test_setup_teardown(test_caller_plain, setup_plain, teardown),
	    BOTH(test_deadline),
	    BOTH(test_server_stream),
	    BOTH(test_slow_reader),
	    BOTH(test_slow_reader_leaves),
	    BOTH(test_bidi),
	    BOTH(test_bidi_ended_by_server),
	    BOTH(test_paused_by_server),
	    BOTH(test_client_stream),
	    BOTH(test_call_in_callback),
	    BOTH(test_cancel_in_callback),
	    BOTH(test_interrupted),
	    BOTH(test_too_large),
	    BOTH(test_malformed_text),
	    BOTH(test_drain),
	    BOTH(test_server_dies),
	    BOTH(test_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
