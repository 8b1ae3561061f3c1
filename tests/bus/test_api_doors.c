/* api: tokens that open doors, and the byte streams that go through them. */
#include "tests/unit/test.h"

#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "tests/bus/api_stage.h"

#define FORWARD OPENSHELL "ForwardTcp"

static const struct id session_a = {{1}}, session_b = {{2}};
static Openshell__V1__TcpForwardInit init;
static Openshell__V1__TcpRelayTarget tcp;
static Openshell__V1__SshRelayTarget ssh;
static uint64_t granted; /* to the door that was opened last */

/* ---- what is said again and again ---- */

static void
init_ssh(void)
{
	openshell__v1__tcp_forward_init__init(&init);
	openshell__v1__ssh_relay_target__init(&ssh);
	init.sandbox_id = (char *)"01020304-0506-4708-890a-0b0c0d0e0f10";
	init.authorization_token = (char *)"token";
	init.target_case = OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_SSH;
	init.ssh = &ssh;
}

static void
init_tcp(const char *host, uint32_t at)
{
	init_ssh();
	openshell__v1__tcp_relay_target__init(&tcp);
	tcp.host = (char *)host;
	tcp.has_port = true;
	tcp.port = at;
	init.target_case = OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_TCP;
	init.tcp = &tcp;
}

static struct got *
forward(void)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;

	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_INIT;
	frame.init = &init;
	return talk(FORWARD, &frame.base, &openshell__v1__tcp_forward_frame__descriptor);
}

static void
forward_fails(int code, const char *words)
{
	struct got *got = forward();

	got_ended(got, code, words);
	got_free(got);
}

/* State finds the token good, as that session. */
static void
token_good(struct id session)
{
	const struct msg good = {.id = SSH_SESSION_GOOD, .ssh_session_good = {sandbox, session}};

	actor_answer(&state, SSH_SESSION_CHECK, &good);
}

/* The relay opens it: the stream's number. */
static uint64_t
door_opens(uint8_t kind, const char *host, uint16_t at)
{
	const struct msg opened = {.id = DOOR_OPENED};
	struct heard *heard = actor_hear(&relay, DOOR_OPEN);
	uint64_t stream = heard->msg.door_open.stream;

	assert_true(id_equal(heard->msg.door_open.sandbox, sandbox));
	assert_int_equal(heard->msg.door_open.kind, kind);
	assert_true(span_is(heard->msg.door_open.host, host));
	assert_int_equal(heard->msg.door_open.port, at);
	reply_send(&heard->reply, &opened);
	heard_free(heard);
	heard = actor_hear(&relay, STREAM_GRANT);
	granted = heard->msg.stream_grant.limit;
	heard_free(heard);
	return stream;
}

static struct got *
forward_open(struct id session, uint64_t *stream)
{
	struct got *got;

	init_tcp("localhost", 8080);
	got = forward();
	token_good(session);
	*stream = door_opens(2, "localhost", 8080);
	return got;
}

static void
closed_told(uint64_t stream)
{
	struct heard *heard = actor_hear(&relay, DOOR_CLOSED);

	assert_int_equal(heard->msg.door_closed.stream, stream);
	heard_free(heard);
}

static void
send_bytes(struct got *got, const char *bytes, size_t n)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;

	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA;
	frame.data = (ProtobufCBinaryData){n, (uint8_t *)bytes};
	rpc_stream_send(got->stream, &frame.base);
}

/* ---- sessions ---- */

/* The token is the caller's alone; state is told its hash, in which it does not stand. */
static void
session_made(void **unused)
{
	Openshell__V1__CreateSshSessionRequest request = OPENSHELL__V1__CREATE_SSH_SESSION_REQUEST__INIT;
	const struct msg made = {.id = SSH_SESSION_MADE, .ssh_session_made = {sandbox, 1700000000500}};
	const Openshell__V1__CreateSshSessionResponse *out;
	struct heard *heard, *again;
	struct got *got, *spent;

	(void)unused;
	request.sandbox_id = id_text(sandbox);
	got =
	    call(OPENSHELL "CreateSshSession", &request.base, &openshell__v1__create_ssh_session_response__descriptor);
	heard = actor_hear(&state, SSH_SESSION_MAKE);
	assert_true(id_equal(heard->msg.ssh_session_make.sandbox, sandbox));
	assert_true(span_is(heard->msg.ssh_session_make.subject, "unauthenticated-local-dev"));
	reply_send(&heard->reply, &made);
	got_ended(got, 0, NULL);
	out = (const Openshell__V1__CreateSshSessionResponse *)got->messages[0];
	assert_string_equal(out->sandbox_id, id_text(sandbox));
	assert_int_equal(strlen(out->token), 43);
	for (const char *at = out->token; *at != '\0'; at++)
		assert_true(isalnum((unsigned char)*at) || *at == '-' || *at == '_');
	assert_string_equal(out->gateway_host, "127.0.0.1");
	assert_int_equal(out->gateway_port, port);
	assert_string_equal(out->gateway_scheme, "http");
	assert_null(out->host_key_fingerprint);
	assert_int_equal(out->expires_at_ms, 1700000000500);
	assert_int_equal(out->expiration_time->seconds, 1700000000);
	assert_int_equal(out->expiration_time->nanos, 500000000);
	/* the same token has the same hash wherever it is spent */
	init_ssh();
	init.authorization_token = out->token;
	spent = forward();
	again = actor_hear(&state, SSH_SESSION_CHECK);
	assert_true(span_equal(again->msg.ssh_session_check.hash, heard->msg.ssh_session_make.hash));
	assert_true(again->msg.ssh_session_check.ssh);
	rpc_stream_cancel(spent->stream);
	got_free(spent);
	heard_free(again);
	heard_free(heard);
	got_free(got);
}

static void
session_refused(void **unused)
{
	Openshell__V1__CreateSshSessionRequest request = OPENSHELL__V1__CREATE_SSH_SESSION_REQUEST__INIT;
	struct heard *heard;
	struct got *got;
	struct why why;

	(void)unused;
	call_fails(OPENSHELL "CreateSshSession", &request.base, &openshell__v1__create_ssh_session_response__descriptor,
	    3, "sandbox_id is required");
	request.sandbox_id = (char *)"demo"; /* as clients from 0.1 on name it */
	got =
	    call(OPENSHELL "CreateSshSession", &request.base, &openshell__v1__create_ssh_session_response__descriptor);
	heard = actor_hear(&state, SSH_SESSION_MAKE);
	assert_true(id_none(heard->msg.ssh_session_make.sandbox));
	assert_true(span_is(heard->msg.ssh_session_make.name, "demo"));
	assert_true(span_is(heard->msg.ssh_session_make.workspace, "default"));
	reply_fail(&heard->reply, fail(&why, ERR_STATE, "sandbox is not ready"), &why);
	heard_free(heard);
	got_ended(got, 9, "sandbox is not ready");
	got_free(got);
}

static void
session_revoked(void **unused)
{
	Openshell__V1__RevokeSshSessionRequest request = OPENSHELL__V1__REVOKE_SSH_SESSION_REQUEST__INIT;
	const Openshell__V1__RevokeSshSessionResponse *out;
	struct got *got;

	(void)unused;
	call_fails(OPENSHELL "RevokeSshSession", &request.base, &openshell__v1__revoke_ssh_session_response__descriptor,
	    3, "token is required");
	request.token = (char *)"token";
	for (int known = 0; known < 2; known++) {
		const struct msg answer = {.id = SSH_SESSION_REVOKED, .ssh_session_revoked = {known}};

		got = call(OPENSHELL "RevokeSshSession", &request.base,
		    &openshell__v1__revoke_ssh_session_response__descriptor);
		actor_answer(&state, SSH_SESSION_REVOKE, &answer);
		got_ended(got, 0, NULL);
		out = (const Openshell__V1__RevokeSshSessionResponse *)got->messages[0];
		assert_int_equal(out->revoked, known);
		assert_int_equal(out->outcome, known ? 1 : 3);
		got_free(got);
	}
}

/* ---- forwards ---- */

static void
forward_refuses(void **unused)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;
	static const struct {
		const char *host;
		uint32_t port;
	} wrong[] = {{"127.0.0.2", 80}, {"", 80}, {"127.0.0.1.", 80}, {"example.org", 80}, {"[::1]", 80}, {"::1", 0},
	    {"::1", 65536}};
	struct got *got;

	(void)unused;
	call_fails(FORWARD, NULL, &openshell__v1__tcp_forward_frame__descriptor, 3, "the first frame must be init");
	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA;
	frame.data = (ProtobufCBinaryData){1, (uint8_t *)"x"};
	call_fails(
	    FORWARD, &frame.base, &openshell__v1__tcp_forward_frame__descriptor, 3, "the first frame must be init");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		init_tcp(wrong[i].host, wrong[i].port);
		forward_fails(3, "tcp.");
	}
	init_ssh();
	init.target_case = OPENSHELL__V1__TCP_FORWARD_INIT__TARGET__NOT_SET;
	forward_fails(3, "target is required");
	init_ssh();
	init.sandbox_id = (char *)"";
	forward_fails(3, "sandbox_id is required");
	init_ssh();
	got = forward();
	actor_refuse(
	    &state, SSH_SESSION_CHECK, ERR_UNAUTHENTICATED, "the authorization token does not open this sandbox");
	got_ended(got, 16, "does not open this sandbox");
	got_free(got);
	assert_null(actor_heard(&relay, DOOR_OPEN));
}

/* Bytes both ways within the credit; the target's end ends the call after the last byte. */
static void
forward_runs(void **unused)
{
	const Openshell__V1__TcpForwardFrame *frame;
	struct heard *heard;
	struct got *got;
	uint64_t stream;

	(void)unused;
	init_ssh();
	got = forward();
	token_good(session_a);
	stream = door_opens(1, "", 0);
	send_bytes(got, "", 0);
	send_bytes(got, "abcdef", 6);
	stream_credit(stream, 0, 4);
	heard = actor_hear(&relay, STREAM_DATA);
	assert_true(span_is(heard->msg.stream_data.bytes, "abcd"));
	heard_free(heard);
	stream_credit(stream, 0, 100);
	heard = actor_hear(&relay, STREAM_DATA);
	assert_true(span_is(heard->msg.stream_data.bytes, "ef"));
	heard_free(heard);
	stream_bytes(stream, 1, 0, "one", 3);
	rpc_stream_half_close(got->stream);
	heard = actor_hear(&relay, STREAM_END); /* its way only */
	assert_int_equal(heard->msg.stream_end.offset, 6);
	heard_free(heard);
	stream_bytes(stream, 1, 3, "two", 3);
	stream_over(stream, 1, 6);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 2);
	frame = (const Openshell__V1__TcpForwardFrame *)got->messages[1];
	assert_memory_equal(frame->data.data, "two", 3);
	got_free(got);
	/* the target ends first */
	got = forward_open(session_a, &stream);
	stream_bytes(stream, 1, 0, "bye", 3);
	stream_over(stream, 1, 3);
	got_ended(got, 0, NULL);
	assert_int_equal(got->n, 1);
	got_free(got);
	closed_told(stream);
}

/* A caller who does not read holds the target back. */
static void
forward_back_pressure(void **unused)
{
	enum { ALL = 4 << 20 };
	uint64_t stream, total = 0;
	struct got *got = forward_open(session_a, &stream);
	struct feed feed = {stream, 0, granted};

	(void)unused;
	got->paused = true;
	feed_until(&feed, 1 << 20, STREAM_CHUNK_BYTES, PATIENCE_MS);
	feed_until(&feed, ALL, STREAM_CHUNK_BYTES, 200);
	assert_in_range(feed.sent, 1 << 20, 2 << 20); /* the reader's window, and little more */
	got->paused = false;
	rpc_stream_resume(got->stream);
	feed_until(&feed, ALL, STREAM_CHUNK_BYTES, PATIENCE_MS);
	assert_int_equal(feed.sent, ALL);
	stream_over(stream, 1, ALL);
	got_ended(got, 0, NULL);
	for (size_t i = 0; i < got->n; i++)
		total += ((const Openshell__V1__TcpForwardFrame *)got->messages[i])->data.len;
	assert_int_equal(total, ALL);
	got_free(got);
	closed_told(stream);
}

/* Three at one time with a token, twenty into a sandbox; a place is free as soon as its stream has ended. */
static void
forward_limits(void **unused)
{
	struct got *open[20];
	uint64_t streams[20];
	struct got *got;

	(void)unused;
	for (int i = 0; i < 3; i++)
		open[i] = forward_open(session_a, &streams[i]);
	init_ssh();
	got = forward();
	token_good(session_a);
	got_ended(got, 8, "3 connections are open with this token");
	got_free(got);
	stream_over(streams[2], 1, 0);
	got_ended(open[2], 0, NULL);
	got_free(open[2]);
	closed_told(streams[2]);
	open[2] = forward_open(session_a, &streams[2]);
	for (int i = 3; i < 20; i++)
		open[i] = forward_open((struct id){{(uint8_t)(i / 3 + 10)}}, &streams[i]);
	init_ssh();
	got = forward();
	token_good(session_b);
	got_ended(got, 8, "20 connections are open to this sandbox");
	got_free(got);
	for (int i = 0; i < 20; i++) {
		rpc_stream_cancel(open[i]->stream);
		got_free(open[i]);
		closed_told(streams[i]);
	}
	got = forward_open(session_b, &streams[0]);
	rpc_stream_cancel(got->stream);
	got_free(got);
	closed_told(streams[0]);
}

/* Each way in which a door fails is told apart. */
static void
forward_fails_well(void **unused)
{
	static const struct {
		enum err r;
		int code;
		const char *words;
	} refusals[] = {
	    {ERR_SYSTEM, 14, "supervisor relay failed: nobody listens"},
	    {ERR_NOT_FOUND, 14, "supervisor relay failed: nobody listens"},
	    {ERR_STATE, 14, "supervisor relay failed: nobody listens"},
	    {ERR_TIMEOUT, 4, "nobody listens"},
	    {ERR_LIMIT, 8, "nobody listens"},
	};
	static char bytes[65537];
	struct msg closed = {.id = DOOR_CLOSED};
	struct heard *heard;
	struct got *got;
	uint64_t stream;

	(void)unused;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		init_tcp("::1", 1);
		got = forward();
		token_good(session_a);
		actor_refuse(&relay, DOOR_OPEN, refusals[i].r, "nobody listens");
		got_ended(got, refusals[i].code, refusals[i].words);
		got_free(got);
	}
	/* no session: asked again */
	got = forward();
	token_good(session_a);
	actor_refuse(&relay, DOOR_OPEN, ERR_UNAVAILABLE, "supervisor session not connected");
	stream = door_opens(2, "::1", 1);
	closed.door_closed.stream = stream;
	closed.door_closed.message = SPAN("cut");
	tell(relay.peer, &closed);
	got_ended(got, 14, "the connection was lost: cut");
	got_free(got);
	/* a caller who goes while it is being opened */
	got = forward();
	token_good(session_a);
	heard = actor_hear(&relay, DOOR_OPEN);
	stream = heard->msg.door_open.stream;
	rpc_stream_cancel(got->stream);
	got_free(got);
	health_and_user(NULL); /* the cancellation has arrived before this call did */
	reply_send(&heard->reply, &(struct msg){.id = DOOR_OPENED});
	heard_free(heard);
	closed_told(stream);
	/* a frame that is too long */
	got = forward_open(session_a, &stream);
	send_bytes(got, bytes, sizeof(bytes));
	got_ended(got, 3, "at most 65536 bytes");
	got_free(got);
	closed_told(stream);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(session_made),
	    cmocka_unit_test(session_refused),
	    cmocka_unit_test(session_revoked),
	    cmocka_unit_test(forward_refuses),
	    cmocka_unit_test(forward_runs),
	    cmocka_unit_test(forward_back_pressure),
	    cmocka_unit_test(forward_limits),
	    cmocka_unit_test(forward_fails_well),
	};

	assert(argc == 2);
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, setup, teardown);
}
