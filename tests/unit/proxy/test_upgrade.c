/* Upgrades: handshakes, tunnels that pass bytes, and WebSockets whose messages are judged. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/websocket.h"
#include "tests/unit/proxy/world.h"

#define UP     (&world.ups[0])
#define A      (&world.agent)
#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define SHAKE(path, more)                                                                                              \
	"GET " path " HTTP/1.1\r\nHost: api.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"         \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n" more "\r\n"
#define SHOOK(more)                                                                                                      \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT \
	"\r\n" more "\r\n"

static const struct verdict_row rows[] = {
    {"/judged", {.what = 1, .messages = true}},
    {"/graphql", {.what = 1, .messages = true, .messages_graphql = true}},
};

static void
begin(const char *request, const char *answer)
{
	world_open(HOW_TRANSPARENT, false, true); /* HTTP/2 is not offered for an upgrade */
	world.rows = rows;
	world.rows_n = COUNT(rows);
	end_send(A, request);
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	end_send(UP, answer);
}

static void
shaken(const char *path, const char *more, const char *answer)
{
	char request[512];

	snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: api.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s\r\n",
	    path, more);
	begin(request, answer);
	UNTIL(has(A, "\r\n\r\n"));
	assert_true(has(A, "HTTP/1.1 101 Switching Protocols\r\n"));
	assert_true(has(A, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
	forget(A);
	forget(UP);
}

/* A frame as a client masks it. */
static void
say(enum websocket_opcode opcode, bool fin, bool compressed, struct span bytes)
{
	static const uint8_t mask[4] = {1, 2, 3, 4};
	uint8_t head[WEBSOCKET_HEAD_BYTES];
	char *copy = malloc(bytes.length + 1);

	memcpy(copy, bytes.at == NULL ? "" : bytes.at, bytes.length);
	websocket_mask(copy, bytes.length, mask, 0);
	end_send_span(A, span_of_bytes(head, websocket_head_write(opcode, fin, compressed, bytes.length, mask, head)));
	end_send_span(A, span_of_bytes(copy, bytes.length));
	free(copy);
}

/* What upstream has got is one client's frame of these bytes. */
static bool
heard(enum websocket_opcode opcode, bool compressed, struct span bytes)
{
	struct websocket_reader reader = {.deflate = true};
	struct websocket_piece piece = {0};
	struct span in = bytes_span(&UP->in);
	struct why why;
	uint16_t code;
	size_t used;
	char copy[4096];

	if (in.length < bytes.length + 6 || in.length > sizeof(copy))
		return false;
	memcpy(copy, in.at, in.length);
	return websocket_read(&reader, copy, in.length, &used, &piece, &code, &why) == OK && used == in.length &&
	       piece.opcode == opcode && piece.compressed == compressed && piece.first && piece.last &&
	       span_equal(piece.bytes, bytes);
}

/* The agent got a close frame with that code. */
static bool
closed_with(unsigned code)
{
	struct span in = bytes_span(&A->in);

	return in.length >= 4 && (uint8_t)in.at[0] == 0x88 && (uint8_t)in.at[2] == code >> 8 &&
	       (uint8_t)in.at[3] == (code & 0xff);
}

static void
test_raw(void **state)
{
	(void)state;
	begin(SHAKE("/ws?a=b", "Sec-WebSocket-Extensions: x-any\r\n") "early", SHOOK("") "first");
	UNTIL(has(A, "\r\n\r\nfirst") && has(UP, "early"));
	assert_string_equal(world.questions, "GET /ws?a=b upgrade;");
	assert_string_equal(world.events, "L7_REQUEST allow_upgrade GET /ws code=;");
	assert_true(has(UP, "Sec-WebSocket-Extensions: x-any\r\n") &&
		    has(UP, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
	end_send(A, "more");
	UNTIL(has(UP, "earlymore"));
	end_send(UP, "back");
	UNTIL(has(A, "firstback"));
	end_close(UP);
	end_close(A);
	UNTIL(world.ended);
	world_close();
}

static void
test_bad_handshakes(void **state)
{
	static const struct {
		const char *request, *answer;
	} bad[] = {
	    {SHAKE("/ws", ""),
		"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"},
	    {SHAKE("/ws", ""), "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
	    {SHAKE("/ws", ""),
		"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n"},
	    {SHAKE("/ws", ""), "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n"},
	    {SHAKE("/ws", ""), SHOOK("Sec-WebSocket-Protocol: chat\r\n")},
	    {SHAKE("/judged", ""), SHOOK("Sec-WebSocket-Extensions: permessage-deflate\r\n")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		begin(bad[i].request, bad[i].answer);
		UNTIL(world.agent.closed);
		if (!has(A, "HTTP/1.1 502 Bad Gateway\r\n"))
			fail_msg("case %zu: %s", i, seen(A));
		world_close();
	}
}

/* What asks for a WebSocket and is no valid request for one is an ordinary request. */
static void
test_not_valid(void **state)
{
	(void)state;
	world_open(HOW_TRANSPARENT, false, false);
	end_send(A,
	    "GET /a HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\n"
	    "Sec-WebSocket-Version: 13\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	assert_string_equal(world.questions, "GET /a;");
	assert_false(has(UP, "Upgrade"));
	world_close();
	world_open(HOW_TRANSPARENT, false, false); /* an upgrade that the server declines: the connection goes on */
	end_send(A, SHAKE("/ws", "") "GET /2 HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	end_send(UP, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
	UNTIL(has(UP, "GET /2 "));
	assert_true(has(A, "HTTP/1.1 426 "));
	world_close();
	world_open(HOW_TRANSPARENT, false, false); /* uninspected: any upgrade but h2c */
	world.connection->judged.inspect = false;
	end_send(A, "POST /attach HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "Upgrade: tcp\r\n\r\n"));
	end_send(UP, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello");
	UNTIL(has(A, "Upgrade: tcp\r\n\r\nhello"));
	end_send(A, "bytes");
	UNTIL(has(UP, "\r\n\r\nbytes"));
	world_close();
}

static void
test_messages(void **state)
{
	(void)state;
	shaken("/judged?m=1", "", SHOOK(""));
	say(WEBSOCKET_TEXT, true, false, SPAN("hello"));
	UNTIL(heard(WEBSOCKET_TEXT, false, SPAN("hello")));
	forget(UP);
	say(WEBSOCKET_TEXT, false, false, SPAN("in "));
	say(WEBSOCKET_PING, true, false, SPAN("now"));
	UNTIL(heard(WEBSOCKET_PING, false, SPAN("now")));
	forget(UP);
	say(WEBSOCKET_CONTINUATION, true, false, SPAN("pieces"));
	UNTIL(heard(WEBSOCKET_TEXT, false, SPAN("in pieces")));
	assert_string_equal(
	    world.questions, "GET /judged?m=1 upgrade;WEBSOCKET_TEXT /judged?m=1;WEBSOCKET_TEXT /judged?m=1;");
	assert_non_null(strstr(world.events, "L7_REQUEST allow WEBSOCKET_TEXT /judged code=;"));
	forget(UP);
	end_send(UP, "\x81\x05"
		     "there");
	UNTIL(has(A, "there"));
	forget(A);
	say(WEBSOCKET_BINARY, true, false, SPAN("bytes")); /* S14 */
	UNTIL(world.ended && closed_with(1008));
	assert_non_null(strstr(world.events, "L7_REQUEST deny WEBSOCKET_BINARY"));
	assert_int_equal(world.proxy.messages_n, 0);
	world_close();
}

static void
test_closes(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		unsigned code;
	} bad[] = {
	    {"\x81\x02hi", 4, 1002},				 /* not masked */
	    {"\xc1\x82\0\0\0\0hi", 8, 1002},			 /* RSV1 without an extension */
	    {"\x81\xfe\0\x02\0\0\0\0hi", 10, 1002},		 /* a length that is not minimal */
	    {"\x81\x81\0\0\0\0\xff", 7, 1007},			 /* not UTF-8 */
	    {"\x80\x81\0\0\0\0x", 7, 1002},			 /* a continuation of nothing */
	    {"\x81\xff\0\0\0\0\0\x40\0\x01\0\0\0\0x", 15, 1009}, /* 4 MiB and one */
	    {"\x89\xfe\0\x7e\0\0\0\0", 8, 1002},		 /* a long ping */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		shaken("/judged", "", SHOOK(""));
		end_send_span(A, span_of_bytes(bad[i].bytes, bad[i].length));
		UNTIL(world.ended && A->closed);
		if (!closed_with(bad[i].code))
			fail_msg("case %zu: not %u", i, bad[i].code);
		world_close();
	}
}

static void
test_reload(void **state)
{
	(void)state;
	for (int judged = 0; judged < 2; judged++) {
		shaken(judged ? "/judged" : "/ws", "", SHOOK(""));
		say(WEBSOCKET_TEXT, true, false, SPAN("hello"));
		UNTIL(heard(WEBSOCKET_TEXT, false, SPAN("hello")));
		forget(UP);
		world.connection->relay_end(world.connection, "policy reloaded");
		assert_true(world.ended);
		UNTIL(A->closed && UP->closed);
		assert_true(closed_with(1012));
		assert_true(bytes_length(&UP->in) > 6 && (uint8_t)UP->in.at[0] == 0x88);
		world_close();
	}
	/* in the middle of a frame nothing can be said */
	shaken("/ws", "", SHOOK(""));
	end_send_span(UP, span_of_bytes("\x82\x7e\x01\x00"
					"abc",
			      7));
	UNTIL(has(A, "\x82"));
	world_rest();
	world.connection->relay_end(world.connection, "policy reloaded");
	UNTIL(A->closed);
	assert_int_equal(bytes_length(&A->in), 7);
	world_close();
}

static void
test_graphql(void **state)
{
	(void)state;
	shaken("/graphql", "Sec-WebSocket-Protocol: graphql-transport-ws\r\n",
	    SHOOK("Sec-WebSocket-Protocol: graphql-transport-ws\r\n"));
	say(WEBSOCKET_TEXT, true, false, SPAN("{\"type\":\"connection_init\"}"));
	UNTIL(heard(WEBSOCKET_TEXT, false, SPAN("{\"type\":\"connection_init\"}")));
	assert_string_equal(world.questions, "GET /graphql upgrade;");
	forget(UP);
	say(WEBSOCKET_TEXT, true, false,
	    SPAN("{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":{\"query\":\"{me}\"}}"));
	UNTIL(bytes_length(&UP->in) > 0);
	assert_string_equal(world.questions, "GET /graphql upgrade;WEBSOCKET_TEXT /graphql op1=me;");
	say(WEBSOCKET_TEXT, true, false, SPAN("{\"type\":\"whatever\"}"));
	UNTIL(strstr(world.questions, "refusal=") != NULL);
	world_close();
}

/* "Hello", compressed (RFC 7692, 7.2.3.1). */
static void
test_deflate(void **state)
{
	static const char hello[] = "\xf2\x48\xcd\xc9\xc9\x07\x00";

	(void)state;
	begin(SHAKE("/judged", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"),
	    SHOOK("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"));
	UNTIL(has(A, "\r\n\r\n"));
	assert_true(has(UP, "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"));
	assert_false(has(UP, "client_max_window_bits"));
	assert_true(has(A, "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"));
	forget(A);
	forget(UP);
	say(WEBSOCKET_TEXT, true, true, SPAN(hello));
	UNTIL(heard(WEBSOCKET_TEXT, true, SPAN(hello)));
	say(WEBSOCKET_TEXT, true, true, SPAN("\x07\xff"));
	UNTIL(world.ended && closed_with(1002));
	world_close();
}

/* As many as may be read at once; one more is told to try later. */
static void
test_capacity(void **state)
{
	(void)state;
	shaken("/judged", "", SHOOK(""));
	world.proxy.messages_n = 32;
	say(WEBSOCKET_TEXT, true, false, SPAN("whole"));
	UNTIL(heard(WEBSOCKET_TEXT, false, SPAN("whole")));
	say(WEBSOCKET_TEXT, false, false, SPAN("begun"));
	UNTIL(world.ended && closed_with(1013));
	assert_int_equal(world.proxy.messages_n, 32);
	world_close();
}

static void
test_large(void **state)
{
	char *bytes = malloc(1u << 20);

	(void)state;
	memset(bytes, 'x', 1u << 20);
	shaken("/judged", "", SHOOK(""));
	UP->counting = true;
	say(WEBSOCKET_TEXT, true, false, span_of_bytes(bytes, 1u << 20));
	free(bytes);
	UNTIL(UP->sink == (1u << 20) + 14);
	world_close();
}

/* Open as long as both want it; but a message that is begun must come. */
static void
test_limits(void **state)
{
	(void)state;
	shaken("/judged", "", SHOOK(""));
	world_later(24 * 3600 * 1000);
	say(WEBSOCKET_TEXT, true, false, SPAN("hello"));
	UNTIL(heard(WEBSOCKET_TEXT, false, SPAN("hello")));
	say(WEBSOCKET_TEXT, false, false, SPAN("begun"));
	world_rest();
	world_later(29000);
	assert_false(world.ended);
	world_later(1001);
	UNTIL(world.ended && closed_with(1008));
	assert_int_equal(world.proxy.messages_n, 0);
	world_close();
	shaken("/judged", "", SHOOK(""));
	for (int i = 0; i < 5; i++) { /* a piece now and then: 120 s in all */
		say(i == 0 ? WEBSOCKET_TEXT : WEBSOCKET_CONTINUATION, false, false, SPAN("piece"));
		world_rest();
		assert_false(world.ended);
		world_later(25000);
	}
	UNTIL(world.ended && closed_with(1008));
	world_close();
	shaken("/ws", "", SHOOK(""));
	world_later(24 * 3600 * 1000);
	end_send(A, "x");
	UNTIL(has(UP, "x"));
	world_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_raw),
	    cmocka_unit_test(test_bad_handshakes),
	    cmocka_unit_test(test_not_valid),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_closes),
	    cmocka_unit_test(test_reload),
	    cmocka_unit_test(test_graphql),
	    cmocka_unit_test(test_deflate),
	    cmocka_unit_test(test_capacity),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
