/* HTTP/2 on one side or both: what passes, what is refused on its stream, floods, and who does not read. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/proxy/world.h"

#define GET(path)  ":method: GET\n:scheme: https\n:authority: api.test\n:path: " path "\n"
#define POST(path) ":method: POST\n:scheme: https\n:authority: api.test\n:path: " path "\n"
#define UP	   (&world.ups[0])
#define A	   (&world.agent)

static const struct verdict_row rows[] = {
    {"/deny", {.what = 3, .reason = {"not today", 9}, .policy = {"pol", 3}, .code = {"no_rule", 7}}},
    {"/graphql", {.what = 4, .look = 1, .body_max = 100}},
    {"/close", {.what = 5}},
};

static void
begin(bool agent_h2, bool upstream_h2)
{
	world_open(HOW_TRANSPARENT, agent_h2, upstream_h2);
	world.only_h2 = upstream_h2;
	world.rows = rows;
	world.rows_n = COUNT(rows);
}

static void
test_h2_h1(void **state)
{
	(void)state;
	begin(true, false);
	assert_int_equal(
	    h2_request(A, GET("/x/../a?b=c") "cookie: a=1\ncookie: b=2\nte: trailers\nx-mine: 1\n", false), 1);
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	assert_string_equal(seen(UP),
	    "GET /a?b=c HTTP/1.1\r\nHost: api.test\r\nCookie: a=1; b=2\r\nx-mine: 1\r\nTE: trailers\r\n"
	    "Connection: TE\r\n\r\n");
	end_send(UP, "HTTP/1.1 200 OK\r\nX-Yes: 1\r\nConnection: x-no\r\nX-No: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "3\r\nabc\r\n0\r\nY: 2\r\n\r\n");
	UNTIL(has(A, "[1] y: 2\n[1] end\n"));
	assert_true(has(A, "[1] :status: 200\n[1] x-yes: 1\n[1] data abc\n[1] y: 2\n[1] end\n"));
	forget(UP);
	h2_request(A, POST("/b") "content-length: 3\nexpect: 100-continue\n", true);
	UNTIL(has(UP, "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
	end_send(UP, "HTTP/1.1 100 Continue\r\n\r\n");
	UNTIL(has(A, "[3] :status: 100\n"));
	h2_data(A, 3, "abc", true);
	UNTIL(has(UP, "abc"));
	end_send(UP, "HTTP/1.1 204 No Content\r\n\r\n");
	UNTIL(has(A, "[3] :status: 204\n[3] end\n"));
	forget(UP);
	h2_request(A, POST("/c"), false);
	UNTIL(has(UP, "POST /c HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n"));
	assert_int_equal(world.dials, 1);
	world_close();
}

static void
test_h1_h2(void **state)
{
	(void)state;
	begin(false, true);
	end_send(A,
	    "POST /a?b HTTP/1.1\r\nHost: api.test\r\nX-Mine: 1\r\nConnection: x-no\r\nX-No: 1\r\nTE: trailers\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nY: 2\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	assert_true(
	    has(UP, "[1] :method: POST\n[1] :scheme: https\n[1] :authority: api.test\n[1] :path: /a?b\n[1] x-mine: 1\n"
		    "[1] te: trailers\n[1] data abc\n[1] y: 2\n[1] end\n"));
	h2_respond(UP, 1, ":status: 103\nlink: x\n", false);
	h2_respond(UP, 1, ":status: 200\nx-yes: 1\n", true);
	h2_data(UP, 1, "hello", false);
	UNTIL(has(A,
	    "HTTP/1.1 103 Status\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nx-yes: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
	h2_trailers(UP, 1, "z: 3\n");
	UNTIL(has(A, "0\r\nz: 3\r\n\r\n"));
	forget(A);
	end_send(A, "GET /2 HTTP/1.1\r\nHost: api.test\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(has(UP, "[3] end\n"));
	h2_respond(UP, 3, ":status: 200\n", false);
	UNTIL(has(A, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	UNTIL(has(UP, "[5] end\n"));
	forget(A);
	h2_respond(UP, 5, ":status: 200\ncontent-length: 77\n", false);
	UNTIL(has(A, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"));
	assert_int_equal(world.dials, 2); /* HTTP/1.1 alone was offered first */
	world_close();
}

/* Who speaks both is spoken to as the agent speaks. */
static void
test_h1_both(void **state)
{
	(void)state;
	begin(false, true);
	world.only_h2 = false;
	end_send(A, "GET /1 HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "GET /1 HTTP/1.1\r\n"));
	end_send(UP, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
	UNTIL(has(A, "HTTP/1.1 200 Fine\r\n"));
	assert_int_equal(world.dials, 1);
	world_close();
}

/* gRPC: messages both ways before either has ended, then trailers. */
static void
test_grpc(void **state)
{
	(void)state;
	begin(true, true);
	h2_request(A, POST("/pkg.Service/Chat") "content-type: application/grpc\nte: trailers\n", true);
	UNTIL(world.ups_n == 1 && has(UP, "te: trailers"));
	h2_respond(UP, 1, ":status: 200\ncontent-type: application/grpc\n", true);
	UNTIL(has(A, "content-type: application/grpc\n"));
	h2_data(A, 1, "one", false);
	UNTIL(has(UP, "[1] data one\n"));
	h2_data(UP, 1, "eno", false);
	UNTIL(has(A, "[1] data eno\n"));
	h2_data(A, 1, "two", true);
	UNTIL(has(UP, "[1] data two\n") && has(UP, "[1] end\n"));
	h2_trailers(UP, 1, "grpc-status: 0\n");
	UNTIL(has(A, "[1] grpc-status: 0\n[1] end\n"));
	world_close();
}

/* Answer and trailers before the request has ended: it is told to stop. */
static void
test_early(void **state)
{
	(void)state;
	begin(true, true);
	h2_request(A, POST("/a"), true);
	UNTIL(world.ups_n == 1 && has(UP, ":path"));
	h2_respond(UP, 1, ":status: 200\n", false);
	UNTIL(has(A, "[1] :status: 200\n") && has(A, "[1] reset 0\n") && has(UP, "[1] reset "));
	h2_request(A, GET("/b"), false);
	UNTIL(has(UP, "[3] end\n"));
	world_close();
}

static void
test_many(void **state)
{
	char path[128];

	(void)state;
	begin(true, true);
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), GET("/%d"), i);
		h2_request(A, path, false);
	}
	UNTIL(world.ups_n == 1 && has(UP, "[199] end\n"));
	for (int i = 99; i >= 0; i--)
		h2_respond(UP, i * 2 + 1, ":status: 200\n", false);
	UNTIL(has(A, "[1] end\n"));
	assert_int_equal(world.dials, 1);
	world_close();
	begin(true, false); /* over HTTP/1 each needs a connection: at most 32, the others wait */
	for (int i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), GET("/%d"), i);
		h2_request(A, path, false);
	}
	UNTIL(world.ups_n == 32 && has(&world.ups[31], "GET"));
	for (int i = 0; i < 32; i++)
		UNTIL(has(&world.ups[i], "\r\n\r\n"));
	for (int i = 0; i < 32; i++) {
		forget(&world.ups[i]);
		end_send(&world.ups[i], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	}
	UNTIL(has(A, "[63] end\n"));
	for (int i = 0; i < 32; i++)
		if (has(&world.ups[i], "\r\n\r\n"))
			end_send(&world.ups[i], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	UNTIL(has(A, "[79] end\n"));
	assert_int_equal(world.dials, 32);
	world_close();
}

/* A server that takes one request at a time, and answers it late: the next goes over a connection of its own. */
static void
test_their_limit(void **state)
{
	static const nghttp2_settings_entry one = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1};

	(void)state;
	begin(true, true);
	h2_request(A, GET("/late"), false);
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	assert_int_equal(nghttp2_submit_settings(UP->session, NGHTTP2_FLAG_NONE, &one, 1), 0);
	h2_flush(UP);
	UNTIL(nghttp2_session_get_local_settings(UP->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 1);
	h2_request(A, GET("/next"), false);
	UNTIL(world.ups_n == 2 && has(&world.ups[1], "[1] end\n"));
	h2_respond(&world.ups[1], 1, ":status: 200\n", false);
	UNTIL(has(A, "[3] end\n"));
	h2_respond(UP, 1, ":status: 200\n", false);
	UNTIL(has(A, "[1] end\n"));
	world_close();
}

static void
test_refused(void **state)
{
	(void)state;
	begin(true, true);
	h2_request(A, GET("/ok"), false);
	h2_request(A, GET("/deny"), false);
	h2_request(A, ":method: GET\n:scheme: https\n:authority: evil.test\n:path: /\n", false);
	h2_request(A, GET("/../x"), false);
	h2_request(A, ":method: GET\n:scheme: https\n:authority: u@api.test\n:path: /\n", false);
	h2_request(A, POST("/deny"), true);
	UNTIL(has(A, "[3] end\n") && has(A, "[5] end\n") && has(A, "[7] end\n") && has(A, "[9] end\n") &&
	      has(A, "[11] end\n"));
	assert_true(has(A, "[9] :status: 403\n") && has(A, "[11] :status: 403\n"));
	assert_true(has(A, "[3] :status: 403\n[3] content-type: application/json\n[3] x-openshell-policy: pol\n"));
	assert_true(has(A, "[3] data {\"error\":\"policy_denied\",\"policy\":\"pol\""));
	assert_true(has(A, "[5] :status: 403\n") && has(A, "request_authority_mismatch"));
	assert_true(has(A, "[7] :status: 400\n") && has(A, "invalid_request_target"));
	UNTIL(has(A, "[11] reset 0\n"));
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	h2_respond(UP, 1, ":status: 200\n", false);
	UNTIL(has(A, "[1] :status: 200\n"));
	assert_false(has(UP, "[3]"));
	world_close();
	begin(true, true);
	h2_request(A, GET("/close"), false);
	UNTIL(world.ended && has(A, "goaway 0\n"));
	world_close();
}

/* What nghttp2 or we take for no request: its stream is reset or answered 400; upstream hears nothing. */
static void
test_malformed(void **state)
{
	static const char *const bad[] = {
	    ":method: GET\n:scheme: https\n:path: /\n",
	    ":method: GET\n:scheme: http\n:authority: api.test\n:path: /\n",
	    ":method: GET\n:scheme: https\n:authority: api.test\n",
	    ":method: GET\n:method: GET\n:scheme: https\n:authority: api.test\n:path: /\n",
	    ":method: GET\n:scheme: https\n:authority: api.test\n:path: \n",
	    ":method: GET\n:scheme: https\n:authority: api.test\n:path: http://api.test/\n",
	    ":method: G T\n:scheme: https\n:authority: api.test\n:path: /\n",
	    ":method: CONNECT\n:authority: api.test\n",
	    ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:authority: api.test\n:path: /\n",
	    GET("/") "connection: close\n",
	    GET("/") "transfer-encoding: chunked\n",
	    GET("/") "upgrade: h2c\n",
	    GET("/") "keep-alive: 1\n",
	    GET("/") "te: gzip\n",
	    GET("/") "host: evil.test\n",
	    GET("/") "x: a\rb\n",
	    GET("/") "x : 1\n",
	    GET("/") "content-length: 5\n",
	    GET("/") "content-length: +0\n",
	    GET("/") "expect: something\n",
	    GET("/") ":late: 1\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		begin(true, true);
		h2_request(A, bad[i], false);
		UNTIL(has(A, "[1] reset ") || has(A, "[1] :status: 400") || has(A, "goaway 1") || world.ended);
		if (world.dials > 0 || world.questions[0] != '\0')
			fail_msg("%s was judged", bad[i]);
		world_close();
	}
}

static void
test_head_too_large(void **state)
{
	char *headers = malloc(40000);
	struct text text = {headers, 0, 40000, false};

	(void)state;
	begin(true, true);
	text_add(&text, "%s", GET("/"));
	for (int i = 0; i < 40; i++) {
		text_add(&text, "x-%d: ", i);
		for (int k = 0; k < 500; k++)
			text_add(&text, "x");
		text_add(&text, "\n");
	}
	h2_request(A, headers, false);
	free(headers);
	UNTIL(has(A, "[1] :status: 431\n") || has(A, "[1] reset"));
	assert_int_equal(world.dials, 0);
	world_close();
}

static void
test_graphql(void **state)
{
	(void)state;
	begin(true, false);
	h2_request(A, POST("/graphql") "content-type: application/json\n", true);
	h2_data(A, 1, "{\"query\":", false);
	world_rest();
	assert_int_equal(world.dials, 0);
	h2_data(A, 1, "\"{me}\"}", true);
	UNTIL(world.ups_n == 1 && has(UP, "Content-Length: 16\r\n\r\n{\"query\":\"{me}\"}"));
	assert_string_equal(world.questions, "POST /graphql;POST /graphql op1=me;");
	world_close();
	begin(true, true);
	h2_request(A, POST("/graphql") "content-type: application/json\n", true);
	for (int i = 0; i < 12; i++)
		h2_data(A, 1, "0123456789", false);
	UNTIL(has(A, "the body is over 100 bytes"));
	assert_int_equal(world.dials, 0);
	world_close();
}

#define LARGE (8u << 20)

static uint32_t
sum_of(uint64_t n)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum = sum * 33 + pattern(i);
	return sum;
}

static void
test_large(void **state)
{
	(void)state;
	begin(true, true);
	h2_request(A, GET("/down"), false);
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	A->counting = true;
	nghttp2_nv status = {.name = (uint8_t *)":status", .namelen = 7, .value = (uint8_t *)"200", .valuelen = 3};
	assert_int_equal(nghttp2_submit_headers(UP->session, 0, 1, NULL, &status, 1, NULL), 0);
	h2_generate(UP, 1, LARGE);
	UNTIL(has(A, "[1] end\n"));
	assert_int_equal(A->streams[0].got, LARGE);
	assert_int_equal(A->streams[0].sum, sum_of(LARGE));
	world_close();
	begin(true, false);
	nghttp2_nv post[] = {{(uint8_t *)":method", (uint8_t *)"POST", 7, 4, 0},
	    {(uint8_t *)":scheme", (uint8_t *)"https", 7, 5, 0},
	    {(uint8_t *)":authority", (uint8_t *)"api.test", 10, 8, 0}, {(uint8_t *)":path", (uint8_t *)"/up", 5, 3, 0},
	    {(uint8_t *)"content-length", (uint8_t *)"8388608", 14, 7, 0}};
	assert_int_equal(nghttp2_submit_headers(A->session, 0, -1, NULL, post, COUNT(post), NULL), 1);
	h2_flush(A);
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	UP->counting = true;
	h2_generate(A, 1, LARGE);
	UNTIL(UP->sink == LARGE);
	assert_int_equal(UP->sum, sum_of(LARGE));
	world_close();
}

/* One stream that is not read stops only itself. */
static void
test_pressure(void **state)
{
	nghttp2_nv status = {.name = (uint8_t *)":status", .namelen = 7, .value = (uint8_t *)"200", .valuelen = 3};

	(void)state;
	begin(true, true);
	h2_request(A, GET("/stuck"), false);
	A->keep_window = A->counting = true;
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	assert_int_equal(nghttp2_submit_headers(UP->session, 0, 1, NULL, &status, 1, NULL), 0);
	h2_generate(UP, 1, LARGE);
	UNTIL(A->streams_n > 0 && A->streams[0].got == 65535);
	world_rest();
	assert_int_equal(A->streams[0].got, 65535);
	assert_true(UP->streams[0].generate > LARGE - (1u << 20)); /* so it was stopped too */
	h2_request(A, GET("/other"), false);
	UNTIL(has(UP, "[3] end\n"));
	h2_respond(UP, 3, ":status: 200\n", false);
	UNTIL(has(A, "[3] end\n"));
	world_close();
}

static void
test_floods(void **state)
{
	(void)state;
	begin(true, true);
	for (int i = 0; i < 2000 && !world.ended; i++) {
		nghttp2_submit_ping(A->session, 0, NULL);
		h2_flush(A);
		world_turn();
	}
	UNTIL(world.ended && has(A, "goaway 11\n"));
	world_close();
	begin(true, true);
	for (int i = 0; i < 2000 && !world.ended; i++) { /* rapid reset */
		nghttp2_nv nv[] = {{(uint8_t *)":method", (uint8_t *)"GET", 7, 3, 0},
		    {(uint8_t *)":scheme", (uint8_t *)"https", 7, 5, 0},
		    {(uint8_t *)":authority", (uint8_t *)"api.test", 10, 8, 0},
		    {(uint8_t *)":path", (uint8_t *)"/", 5, 1, 0}};
		int32_t id = nghttp2_submit_request(A->session, NULL, nv, COUNT(nv), NULL, NULL);

		if (id < 0)
			break;
		h2_flush(A);
		nghttp2_submit_rst_stream(A->session, 0, id, NGHTTP2_CANCEL);
		h2_flush(A);
		world_turn();
	}
	UNTIL(world.ended && has(A, "goaway 11\n"));
	world_close();
}

/* CONTINUATION frames without end. */
static void
test_continuation(void **state)
{
	static const char settings[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static const char headers[] = "\0\0\1\1\1\0\0\0\1\x82";
	static const char more[] = "\0\0\0\x9\0\0\0\0\1";

	(void)state;
	begin(true, true);
	nghttp2_session_del(A->session);
	A->session = NULL;
	bytes_free(&A->out);
	end_send_span(A, SPAN(settings));
	end_send_span(A, SPAN(headers));
	for (int i = 0; i < 30000; i++)
		end_send_span(A, SPAN(more));
	UNTIL(world.ended);
	assert_int_equal(world.dials, 0);
	world_close();
}

static void
test_goaway(void **state)
{
	(void)state;
	begin(true, true);
	h2_request(A, GET("/a"), false);
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	nghttp2_submit_goaway(UP->session, 0, 1, NGHTTP2_NO_ERROR, NULL, 0);
	h2_flush(UP);
	world_rest();
	h2_request(A, GET("/b"), false);
	UNTIL(world.ups_n == 2 && has(&world.ups[1], "[1] end\n"));
	h2_respond(UP, 1, ":status: 200\n", false);
	h2_respond(&world.ups[1], 1, ":status: 201\n", false);
	UNTIL(has(A, "[1] :status: 200") && has(A, "[3] :status: 201"));
	UNTIL(UP->closed);
	h2_request(A, GET("/c"), false);
	UNTIL(has(&world.ups[1], "[3] end\n"));
	end_close(&world.ups[1]);				    /* in the middle */
	UNTIL(world.ups_n == 3 && has(&world.ups[2], "[1] end\n")); /* once more */
	h2_respond(&world.ups[2], 1, ":status: 204\n", false);
	UNTIL(has(A, "[5] :status: 204"));
	h2_request(A, POST("/d"), true);
	UNTIL(has(&world.ups[2], "/d"));
	nghttp2_submit_rst_stream(world.ups[2].session, 0, 3, NGHTTP2_INTERNAL_ERROR);
	h2_flush(&world.ups[2]);
	UNTIL(has(A, "[7] :status: 502"));
	h2_request(A, GET("/e"), false);
	UNTIL(has(&world.ups[2], "/e"));
	h2_respond(&world.ups[2], 5, ":status: 200\n", true);
	UNTIL(has(A, "[9] :status: 200"));
	end_close(&world.ups[2]);
	UNTIL(has(A, "[9] reset 2"));
	world_close();
}

static void
test_ends(void **state)
{
	(void)state;
	begin(true, true);
	h2_request(A, GET("/a"), false);
	UNTIL(world.ups_n == 1 && has(UP, "[1] end\n"));
	nghttp2_submit_rst_stream(A->session, 0, 1, NGHTTP2_CANCEL);
	h2_flush(A);
	UNTIL(has(UP, "[1] reset 8\n"));
	h2_request(A, GET("/b"), false);
	UNTIL(has(UP, "[3] end\n"));
	world.connection->relay_end(world.connection, "policy changed");
	assert_true(world.ended);
	UNTIL(has(A, "goaway 0\n") && UP->closed);
	world_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_h2_h1),
	    cmocka_unit_test(test_h1_h2),
	    cmocka_unit_test(test_h1_both),
	    cmocka_unit_test(test_grpc),
	    cmocka_unit_test(test_early),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_their_limit),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_head_too_large),
	    cmocka_unit_test(test_graphql),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_pressure),
	    cmocka_unit_test(test_floods),
	    cmocka_unit_test(test_continuation),
	    cmocka_unit_test(test_goaway),
	    cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
