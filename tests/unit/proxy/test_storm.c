/* Everything at once, by dice with a fixed seed: nothing is used after its end, nothing stays behind, nothing unjudged passes. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/http_chunk.h"
#include "tests/unit/proxy/world.h"

#define ROUNDS 600
#define A      (&world.agent)

static uint32_t seed;

static uint32_t
dice(uint32_t sides)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % sides;
}

static const struct verdict_row rows[] = {
    {"/deny", {.what = 3, .reason = {"not today", 9}, .policy = {"pol", 3}}},
    {"/audit", {.what = 2}},
    {"/close", {.what = 5}},
    {"/silent", {.what = 0}},
    {"/graphql", {.what = 4, .look = 1, .body_max = 100}},
    {"/rpc", {.what = 4, .look = 2, .body_max = 100}},
    {"/judged", {.what = 1, .messages = true}},
};

#define HOST "HTTP/1.1\r\nHost: api.test\r\n"
#define WS                                                                                                             \
	"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* clang-format off */
static const char *const requests[] = {
	"GET /a " HOST "\r\n", "GET /b?c " HOST "\r\n", "HEAD /h " HOST "\r\n",
	"POST /p " HOST "Content-Length: 5\r\n\r\nhello", "POST /q " HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
	"POST /rpc " HOST "Content-Length: 32\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"a.b\"}", "GET /graphql?query=%7Ba%7D " HOST "\r\n",
	"POST /graphql " HOST "Content-Length: 200\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "GET /deny " HOST "\r\n", "GET /audit " HOST "\r\n",
	"GET /close " HOST "\r\n", "GET /silent " HOST "\r\n", "GET /../x " HOST "\r\n", "GET /ws " HOST WS, "GET /judged " HOST WS,
	"\x81\x85\0\0\0\0hello", "\x88\x80\0\0\0\0", "PUT /e " HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", "ok",
	"GET /z HTTP/1.0\r\n\r\n", "GET /y " HOST "Connection: close\r\n\r\n",
};
/* clang-format on */

/* clang-format off */
static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end", "garbage\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
	"\x81\x02hi", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
};
/* clang-format on */

/* A text, or by a small chance only its beginning or a byte of it changed. */
static void
send_some(struct peer_end *end, const char *text)
{
	char bytes[512];
	size_t n = strlen(text);

	if (text[0] == '\x81' && text[1] == '\x85')
		n = 11;
	if (text[0] == '\x88')
		n = 6;
	assert_true(n <= sizeof(bytes));
	memcpy(bytes, text, n);
	if (dice(12) == 0)
		n = dice((uint32_t)n) + 1;
	if (dice(30) == 0)
		bytes[dice((uint32_t)n)] = (char)dice(256);
	end_send_span(end, span_of_bytes(bytes, n));
}

static void
h2_agent(void)
{
	static const char *const heads[] = {
	    ":method: GET\n:scheme: https\n:authority: api.test\n:path: /a\n",
	    ":method: POST\n:scheme: https\n:authority: api.test\n:path: /p\n",
	    ":method: GET\n:scheme: https\n:authority: api.test\n:path: /deny\n",
	    ":method: POST\n:scheme: https\n:authority: api.test\n:path: /rpc\n",
	    ":method: GET\n:scheme: https\n:authority: other\n:path: /\n",
	    ":method: HEAD\n:scheme: https\n:authority: api.test\n:path: /h\n",
	};
	uint32_t which = dice(COUNT(heads));
	int32_t id;

	switch (dice(5)) {
	case 0:
	case 1:
		id = h2_request(A, heads[which], which == 1 || which == 3);
		if (which == 3 && dice(2) == 0)
			h2_data(A, id, "{\"jsonrpc\":\"2.0\",\"method\":\"a.b\"}", true);
		break;
	case 2:
	case 3:
		if (A->streams_n > 0)
			h2_data(A, A->streams[dice((uint32_t)A->streams_n)].id, "some bytes of a body", dice(2) == 0);
		break;
	default:
		nghttp2_submit_rst_stream(A->session, 0, (int32_t)(dice(10) * 2 + 1), NGHTTP2_CANCEL);
		h2_flush(A);
	}
}

/* Skip a body; false: not all of it is there. */
static bool
skip_body(const struct http_head *head, struct span *rest)
{
	struct http_chunk chunk = {0};
	struct span data;
	struct why why;
	size_t used;

	if (head->body == HTTP_BODY_LENGTH) {
		bool whole = rest->length >= head->length;

		*rest = span_tail(*rest, (size_t)head->length);
		return whole;
	}
	while (head->body == HTTP_BODY_CHUNKED && chunk.state != HTTP_CHUNK_END) {
		enum err r = http_chunk_next(&chunk, *rest, SIZE_MAX, &used, &data, NULL, &why);

		if (r == ERR_MORE)
			return false;
		assert_int_equal(r, OK);
		*rest = span_tail(*rest, used);
	}
	return true;
}

/* As a server reads what was sent to it: whole requests one behind the other, none of them one that was refused. */
static void
read_as_server(struct peer_end *up)
{
	struct span rest = bytes_span(&up->in);
	static struct http_head head;
	struct why why;
	size_t used;

	while (up->session == NULL && rest.length > 0) {
		enum err r = http_request_parse(rest, SIZE_MAX, &head, &used, &why);

		if (r == ERR_MORE)
			return;
		if (r != OK)
			fail_msg("%s: %s", why.text, seen(up));
		assert_false(span_starts(head.target, SPAN("/deny")) || span_starts(head.target, SPAN("/silent")));
		assert_true(head.target.at[0] == '/' && span_is(head.host, "api.test"));
		rest = span_tail(rest, used);
		if (head.upgrade.length > 0 || !skip_body(&head, &rest))
			return;
	}
}

/* nghttp2 tells this end which streams there are only by what it logs: any number does, wrong ones are refused. */
static void
h2_upstream(struct peer_end *up)
{
	nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"200", 7, 3, 0};
	int32_t id = (int32_t)(dice(6) * 2 + 1);

	switch (dice(5)) {
	case 0:
	case 1:
		nghttp2_submit_response(up->session, id, &status, 1, NULL);
		break;
	case 2:
		nghttp2_submit_headers(up->session, 0, id, NULL, &status, 1, NULL);
		break;
	case 3:
		nghttp2_submit_rst_stream(up->session, 0, id, dice(14));
		break;
	default:
		if (dice(8) == 0)
			nghttp2_submit_goaway(up->session, 0, (int32_t)dice(8), NGHTTP2_NO_ERROR, NULL, 0);
	}
	h2_flush(up);
}

static void
one_step(void)
{
	struct peer_end *up = world.ups_n == 0 ? NULL : &world.ups[dice((uint32_t)world.ups_n)];

	switch (dice(8)) {
	case 0:
	case 1:
	case 2:
		if (A->fd >= 0 && A->session != NULL)
			h2_agent();
		else if (A->fd >= 0)
			send_some(A, requests[dice(COUNT(requests))]);
		break;
	case 3:
	case 4:
	case 5:
		if (up != NULL && up->fd >= 0 && up->session != NULL)
			h2_upstream(up);
		else if (up != NULL && up->fd >= 0)
			send_some(up, answers[dice(COUNT(answers))]);
		break;
	case 6:
		if (dice(6) == 0 && up != NULL)
			end_close(up);
		else if (dice(20) == 0)
			end_close(A);
		break;
	default:
		world.judge_holds = dice(4) == 0;
	}
	for (uint32_t turns = dice(4); turns > 0 && !world.ended; turns--)
		world_turn_now();
}

static void
test_storm(void **state)
{
	const char *given = getenv("STORM");

	(void)state;
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		seed = round * 2654435761u + (given == NULL ? 0 : (uint32_t)strtoul(given, NULL, 10));
		seed |= 1;
		world_open(dice(8) == 0 ? HOW_FORWARD : HOW_TRANSPARENT, dice(2) == 0, dice(2) == 0);
		world.only_h2 = world.upstream_h2 && dice(2) == 0;
		world.proxy.spares_n =
		    1u << 20; /* no exchange's memory is used again: a sanitizer sees who looks at a dead one */
		world.rows = rows;
		world.rows_n = COUNT(rows);
		world.connection->judged.inspect = dice(4) != 0;
		world.dial_fails = dice(10) == 0 ? ERR_UNAVAILABLE : OK;
		for (int step = 0; step < 60 && !world.ended && world.ups_n < PEERS_MAX - 2; step++)
			one_step();
		world.judge_holds = false;
		for (size_t i = 0; i < world.ups_n; i++)
			read_as_server(&world.ups[i]);
		world_close();
		assert_int_equal(world.proxy.messages_n, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_storm)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
