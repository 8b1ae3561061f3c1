/* HTTP/1 on both sides: what passes, in which order, and everything that must not. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/proxy/http.h"
#include "tests/unit/proxy/world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: api.test\r\n\r\n"
#define OK_BODY	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define UP	  (&world.ups[0])

static const struct verdict_row rows[] = {
    {"/deny", {.what = 3, .reason = {"not today", 9}, .policy = {"pol", 3}, .code = {"no_rule", 7}}},
    {"/audit", {.what = 2}},
    {"/close", {.what = 5}},
    {"/silent", {.what = 0}},
    {"/graphql", {.what = 4, .look = 1, .body_max = 100}},
    {"/rpc", {.what = 4, .look = 2, .body_max = 100}},
};

static void
begin(void)
{
	world_open(HOW_TRANSPARENT, false, false);
	world.rows = rows;
	world.rows_n = COUNT(rows);
}

static void
test_plain(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent,
	    "GET /x/../a?b=c HTTP/1.1\r\nHost: API.test.:443\r\nX-Mine: 1\r\nConnection: x-gone\r\nX-Gone: 1\r\n"
	    "Proxy-Authorization: secret\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	assert_string_equal(seen(UP), "GET /a?b=c HTTP/1.1\r\nHost: api.test\r\nX-Mine: 1\r\n\r\n");
	end_send(UP, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nServer: s\r\nKeep-Alive: 5\r\n\r\nhello");
	UNTIL(has(&world.agent, "hello"));
	assert_string_equal(seen(&world.agent), "HTTP/1.1 200 Fine\r\nServer: s\r\nContent-Length: 5\r\n\r\nhello");
	assert_string_equal(world.questions, "GET /a?b=c;");
	assert_string_equal(world.events, "L7_REQUEST allow GET /a code=;");
	world_close();
}

/* Both connections are kept and used again. */
static void
test_kept(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 5; i++) {
		end_send(&world.agent, GET("/a"));
		UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
		forget(UP);
		end_send(UP, OK_BODY);
		UNTIL(has(&world.agent, "hi"));
		forget(&world.agent);
	}
	assert_int_equal(world.dials, 1);
	world_close();
}

/* When too many idle connections are kept already, this one is not. */
static void
test_idle_most(void **state)
{
	(void)state;
	begin();
	world.proxy.idle_n = 256;
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	end_send(UP, OK_BODY);
	UNTIL(has(&world.agent, "hi") && UP->closed);
	assert_int_equal(world.proxy.idle_n, 256);
	world.proxy.idle_n = 0;
	end_send(&world.agent, GET("/b"));
	UNTIL(world.ups_n == 2 && has(&world.ups[1], "/b"));
	world_close();
}

/* Pipelined requests are judged together and answered in their order; behind a body lies the next request (S11). */
static void
test_pipelined(void **state)
{
	(void)state;
	begin();
	world.judge_holds = true;
	end_send(&world.agent, "POST /1 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc" GET("/2"));
	world_rest();
	assert_string_equal(world.questions, "POST /1;"); /* its body waits in front of the next */
	world.judge_holds = false;
	UNTIL(world.ups_n == 1 && has(UP, "abc"));
	UNTIL(strcmp(world.questions, "POST /1;GET /2;") == 0);
	world_rest();
	assert_false(has(UP, "/2"));
	end_send(&world.agent,
	    GET("/3") "POST /4 HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/5"));
	UNTIL(strcmp(world.questions, "POST /1;GET /2;GET /3;POST /4;") == 0);
	for (int i = 1; i <= 5; i++) {
		char answer[80], path[20];

		snprintf(path, sizeof(path), " /%d ", i);
		UNTIL(has(UP, path));
		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<%d>", i);
		end_send(UP, answer);
		snprintf(path, sizeof(path), "<%d>", i);
		UNTIL(has(&world.agent, path));
	}
	assert_int_equal(world.dials, 1);
	world_close();
}

static void
test_refused(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GET("/deny/it?secret=1") GET("/2"));
	UNTIL(world.ended && world.agent.closed);
	assert_true(has(
	    &world.agent, "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nX-OpenShell-Policy: pol\r\n"));
	assert_true(has(&world.agent,
	    "Connection: close\r\n\r\n{\"error\":\"policy_denied\",\"policy\":\"pol\",\"rule\":\"GET /deny/it\","
	    "\"detail\":\"not today\",\"layer\":\"l7\",\"protocol\":\"rest\",\"method\":\"GET\",\"path\":\"/deny/it\",\"host\":\"api.test\",\"port\":443,"
	    "\"rule_missing\":{"));
	assert_false(has(&world.agent, "secret"));
	assert_int_equal(world.dials, 0);
	world_close();
}

/* Byte by byte it is the same. */
static void
test_dribble(void **state)
{
	static const char requests[] =
	    "POST /1?q HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\nPUT /2 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\ndef";
	static const char answers[] =
	    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";

	(void)state;
	begin();
	for (size_t i = 0; requests[i] != '\0'; i++) {
		end_send_span(&world.agent, span_of_bytes(requests + i, 1));
		world_turn();
	}
	UNTIL(world.ups_n == 1 && has(UP, "T: 1\r\n\r\n"));
	for (size_t i = 0; answers[i] != '\0'; i++) {
		end_send_span(UP, span_of_bytes(answers + i, 1));
		world_turn();
	}
	UNTIL(has(&world.agent, "0\r\n\r\n") && has(UP, "def"));
	assert_true(has(UP, "POST /1?q HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n") &&
		    has(UP, "\r\n0\r\nT: 1\r\n\r\nPUT"));
	assert_true(has(UP, "PUT /2 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\ndef"));
	world_close();
}

/* A refusal waits for the answers before it. */
static void
test_refused_second(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GET("/1") GET("/deny") GET("/3"));
	UNTIL(world.ups_n == 1 && has(UP, "/1"));
	world_rest();
	assert_false(has(&world.agent, "403"));
	end_send(UP, OK_BODY);
	UNTIL(world.ended && world.agent.closed);
	assert_true(strstr(seen(&world.agent), "hiHTTP/1.1 403") != NULL);
	assert_false(has(UP, "/3"));
	world_close();
}

/* What no reading can agree on is closed without a word, and nothing of it goes upstream. */
/* clang-format off */
static const char *const rejected[] = {
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: api.test\r\nHost: api.test\r\n\r\n",
	"GET http://other.test/ HTTP/1.1\r\nHost: api.test\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
	"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: +5\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: api.test\r\nFoo : x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: api.test\r\n folded\r\n\r\n",
	"GET / HTTP/1.1\nHost: api.test\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: Host\r\n\r\n",
	"GET /../repos HTTP/1.1\r\nHost: api.test\r\n\r\n",
	"GET /a%00 HTTP/1.1\r\nHost: api.test\r\n\r\n",
	"GET /a%2fb HTTP/1.1\r\nHost: api.test\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: api.test\r\n\r\n",
	"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test\r\n\r\n",
	"\x16\x03\x01",
};
/* clang-format on */

static void
test_rejected(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rejected); i++) {
		begin();
		end_send(&world.agent, rejected[i]);
		UNTIL(world.ended && world.agent.closed);
		if (seen(&world.agent)[0] != '\0' || world.dials > 0 || world.questions[0] != '\0')
			fail_msg("%s was not just closed: %s", rejected[i], seen(&world.agent));
		assert_true(strstr(world.events, "code=parse") != NULL);
		world_close();
	}
}

/* What is refused in words before policyd is asked. */
static const struct {
	const char *request, *error;
} refused[] = {
    {"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "{\"error\":\"request_authority_mismatch\",\"message\":"},
    {"GET / HTTP/1.1\r\nHost: api.test:8443\r\n\r\n", "\"request_authority_mismatch\""},
    {"GET / HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n",
	"\"unsupported_l7_protocol\""},
    {"GET / HTTP/1.1\r\nHost: api.test\r\nUpgrade: h2c\r\n\r\n", "\"unsupported_l7_protocol\""},
    {"POST / HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", "\"unsupported_l7_protocol\""},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\"unsupported_l7_protocol\""},
};

static void
test_refused_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		begin();
		end_send(&world.agent, refused[i].request);
		UNTIL(world.ended && world.agent.closed);
		if (!has(&world.agent, "HTTP/1.1 403 Forbidden\r\n") || !has(&world.agent, refused[i].error))
			fail_msg("%s: %s", refused[i].request, seen(&world.agent));
		assert_int_equal(world.dials, 0);
		assert_string_equal(world.questions, "");
		world_close();
	}
}

static void
test_head_too_large(void **state)
{
	char *text = malloc(20000);
	struct span begin_bytes = SPAN("GET / HTTP/1.1\r\nHost: api.test\r\nX: ");

	(void)state;
	begin();
	memset(text, 'x', 20000);
	memcpy(text, begin_bytes.at, begin_bytes.length);
	end_send_span(&world.agent, span_of_bytes(text, 20000));
	free(text);
	UNTIL(world.ended && world.agent.closed);
	assert_string_equal(seen(&world.agent), "");
	world_close();
}

/* Bodies whose framing breaks in the middle: the server is not told that they are whole. */
static void
test_bad_chunks(void **state)
{
	static const char *const bad[] = {"0x3\r\nabc\r\n", "3 \r\nabc\r\n", "+3\r\nabc\r\n", "3\nabc\r\n",
	    "3\r\nabcd\r\n", "3\r\nabc\r\n0\r\nX : y\r\n\r\n", "fffffffffffffffff\r\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		begin();
		end_send(&world.agent,
		    "POST /up HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
		UNTIL(world.ups_n == 1 && has(UP, "2\r\nok\r\n"));
		end_send(&world.agent, bad[i]);
		UNTIL(world.ended && UP->closed);
		assert_false(has(UP, "0\r\n\r\n"));
		world_close();
	}
}

static void
test_trailers(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent,
	    "POST /up HTTP/1.1\r\nHost: api.test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2;ext=1\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "X-Sum"));
	assert_string_equal(seen(UP),
	    "POST /up HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n"
	    "Connection: TE\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n");
	end_send(UP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: y\r\n\r\n3\r\nabc\r\n");
	UNTIL(has(&world.agent, "3\r\nabc\r\n"));
	end_send(UP, "0\r\nY: 2\r\n\r\n");
	UNTIL(has(&world.agent, "0\r\nY: 2\r\n\r\n"));
	world_rest();
	assert_false(UP->closed);
	world_close();
}

static void
test_interim(void **state)
{
	(void)state;
	begin();
	end_send(
	    &world.agent, "PUT /up HTTP/1.1\r\nHost: api.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "Expect: 100-continue\r\n\r\n"));
	end_send(UP, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
	UNTIL(has(&world.agent, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"));
	end_send(&world.agent, "abc");
	UNTIL(has(UP, "abc"));
	end_send(UP, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n");
	UNTIL(has(&world.agent, "HTTP/1.1 204 No Content\r\n\r\n"));
	end_send(&world.agent, "HEAD /h HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(has(UP, "HEAD /h"));
	end_send(UP, "HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n");
	UNTIL(has(&world.agent, "Content-Length: 700\r\n\r\n"));
	end_send(&world.agent, GET("/304"));
	UNTIL(has(UP, "/304"));
	end_send(UP, "HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\n\r\n");
	UNTIL(has(&world.agent, "304 Not Modified\r\nContent-Length: 700\r\n\r\n"));
	assert_int_equal(world.dials, 1);
	world_close();
}

static void
test_until_close(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "/a"));
	end_send(UP, "HTTP/1.1 200 OK\r\n\r\nabc");
	UNTIL(has(&world.agent, "abc"));
	end_close(UP);
	UNTIL(has(&world.agent, "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
	forget(&world.agent);
	end_send(&world.agent, "GET /b HTTP/1.0\r\n\r\n");
	UNTIL(world.ups_n == 2 && has(&world.ups[1], "/b HTTP/1.1\r\nHost: api.test\r\n"));
	end_send(&world.ups[1], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	UNTIL(world.agent.closed);
	assert_string_equal(seen(&world.agent), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
	world_close();
}

/* An idle connection that the server has just closed: once more, over a new one; but only what may be repeated. */
static void
test_retry(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "/a"));
	end_send(UP, OK_BODY);
	UNTIL(has(&world.agent, "hi"));
	end_send(&world.agent, GET("/b"));
	UNTIL(has(UP, "/b"));
	end_close(UP);
	UNTIL(world.ups_n == 2 && has(&world.ups[1], "/b"));
	end_send(&world.ups[1], OK_BODY);
	UNTIL(has(&world.agent, "hiHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
	forget(&world.agent);
	end_send(&world.agent, "POST /c HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n");
	UNTIL(has(&world.ups[1], "/c"));
	end_close(&world.ups[1]);
	UNTIL(has(&world.agent, "HTTP/1.1 502 Bad Gateway\r\n"));
	assert_true(has(&world.agent, "\"error\":\"upstream_unreachable\""));
	assert_int_equal(world.dials, 2);
	world_close();
}

static void
test_dial_fails(void **state)
{
	(void)state;
	begin();
	world.dial_fails = ERR_UNAVAILABLE;
	end_send(&world.agent, GET("/a"));
	UNTIL(world.agent.closed);
	assert_true(has(&world.agent, "HTTP/1.1 502 Bad Gateway\r\n") && has(&world.agent, "the place is not there"));
	world_close();
	begin();
	world.dial_fails = ERR_DENIED;
	end_send(&world.agent, GET("/a"));
	UNTIL(world.agent.closed);
	assert_true(has(&world.agent, "HTTP/1.1 403 Forbidden\r\n") && has(&world.agent, "\"ssrf_denied\"") &&
		    has(&world.agent, "\"detail\":\"CONNECT api.test:443 blocked: the place is not there\""));
	world_close();
}

static void
test_bad_answers(void **state)
{
	static const char *const bad[] = {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "SSH-2.0-x\r\n\r\n", "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		begin();
		end_send(&world.agent, GET("/a"));
		UNTIL(world.ups_n == 1 && has(UP, "/a"));
		end_send(UP, bad[i]);
		UNTIL(world.agent.closed && UP->closed);
		assert_true(has(&world.agent, "HTTP/1.1 502 Bad Gateway\r\n"));
		world_close();
	}
}

/* An answer that ends in the middle is not made whole. */
static void
test_cut_answer(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "/a"));
	end_send(UP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	UNTIL(has(&world.agent, "abc"));
	end_close(UP);
	UNTIL(world.agent.closed);
	assert_false(has(&world.agent, "0\r\n\r\n"));
	world_close();
}

static void
test_verdicts(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent,
	    "GET /audit HTTP/1.1\r\nHost: api.test\r\nX-HTTP-Method-Override: DELETE\r\nAccept: text/event-stream\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "/audit"));
	assert_string_equal(world.events, "L7_REQUEST audit GET /audit code=;");
	assert_string_equal(world.questions, "GET /audit events over=DELETE;");
	world_close();
	begin();
	end_send(&world.agent, GET("/close"));
	UNTIL(world.ended && world.agent.closed);
	assert_string_equal(seen(&world.agent), "");
	world_close();
	begin();
	end_send(&world.agent, GET("/silent"));
	UNTIL(world.ended && world.agent.closed);
	assert_true(has(&world.agent, "403 Forbidden") && has(&world.agent, "policy_denied"));
	world_close();
}

#define GRAPHQL(length) "POST /graphql HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n" length "\r\n"

static void
test_bodies(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GRAPHQL("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"));
	UNTIL(has(&world.agent, "HTTP/1.1 100 Continue\r\n\r\n"));
	assert_int_equal(world.dials, 0);
	end_send(&world.agent, "8\r\n{\"query\"\r\n8\r\n:\"{me}\"}\r\n0\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "{me}"));
	assert_string_equal(world.questions, "POST /graphql;POST /graphql op1=me;");
	assert_string_equal(seen(UP), "POST /graphql HTTP/1.1\r\nHost: api.test\r\nContent-Type: application/json\r\n"
				      "Content-Length: 16\r\n\r\n{\"query\":\"{me}\"}");
	end_send(UP, OK_BODY);
	UNTIL(has(&world.agent, "hi"));
	end_send(&world.agent,
	    "POST /rpc HTTP/1.1\r\nHost: api.test\r\nContent-Length: 34\r\n\r\n{\"jsonrpc\":\"2.0\",\"method\":\"a.b\"  }");
	UNTIL(has(UP, "a.b"));
	assert_non_null(strstr(world.questions, "POST /rpc call=a.b;"));
	end_send(UP, OK_BODY);
	UNTIL(has(&world.agent, "hiHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
	end_send(&world.agent, GRAPHQL("Content-Length: 2\r\n") "{]");
	UNTIL(world.agent.closed);
	assert_true(has(&world.agent, "HTTP/1.1 403 Forbidden"));
	assert_non_null(strstr(world.questions, "POST /graphql refusal="));
	world_close();
	begin();
	end_send(&world.agent, "GET /graphql?query=%7Bme%7D HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "GET /graphql?query=%7Bme%7D HTTP/1.1\r\n"));
	world_close();
}

static void
test_body_too_large(void **state)
{
	char text[128];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int chunked = 0; chunked < 2; chunked++) {
		begin();
		end_send(&world.agent,
		    chunked ? GRAPHQL("Transfer-Encoding: chunked\r\n") "80\r\n" : GRAPHQL("Content-Length: 128\r\n"));
		end_send_span(&world.agent, span_of_bytes(text, 101));
		UNTIL(world.agent.closed);
		assert_true(
		    has(&world.agent, "HTTP/1.1 403 Forbidden") && has(&world.agent, "the body is over 100 bytes"));
		assert_int_equal(world.dials, 0);
		world_close();
	}
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
send_pattern(struct peer_end *end, uint64_t n)
{
	char *bytes = malloc(n);

	for (uint64_t i = 0; i < n; i++)
		bytes[i] = (char)pattern(i);
	end_send_span(end, span_of_bytes(bytes, n));
	free(bytes);
}

static void
test_large(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, "PUT /up HTTP/1.1\r\nHost: api.test\r\nContent-Length: 8388608\r\n\r\n");
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	UP->counting = true;
	send_pattern(&world.agent, LARGE);
	UNTIL(UP->sink == LARGE);
	assert_int_equal(UP->sum, sum_of(LARGE));
	UP->counting = false;
	end_send(UP, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
	UNTIL(has(&world.agent, "\r\n\r\n"));
	world.agent.counting = true;
	send_pattern(UP, LARGE);
	UNTIL(world.agent.sink == LARGE);
	assert_int_equal(world.agent.sum, sum_of(LARGE));
	world_close();
}

/* Who does not read stops who writes, and no memory fills. */
static void
test_pressure(void **state)
{
	size_t left;

	(void)state;
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "/a"));
	world.agent.paused = true;
	end_send(UP, "HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
	send_pattern(UP, LARGE);
	do {
		left = bytes_length(&UP->out);
		world_rest();
	} while (bytes_length(&UP->out) < left);
	assert_true(left > LARGE - (2u << 20));
	world.agent.paused = false;
	world.agent.counting = true;
	end_send(&world.agent, ""); /* watch again */
	UNTIL(bytes_length(&UP->out) == 0 && world.agent.sink > LARGE);
	world_close();
}

/* Where all connections hold too much, those go that hold more than their share; others do not notice. */
static void
test_share(void **state)
{
	struct bytes others = {0};

	(void)state;
	begin();
	world.proxy.connections_n = 16384;
	bytes_room(&others, HELD_MAX_BYTES + 1);
	end_send(&world.agent, GET("/small"));
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	end_send(UP, OK_BODY);
	UNTIL(has(&world.agent, "hi"));
	world.judge_holds = true;
	end_send(&world.agent, "POST /large HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100000\r\n\r\n");
	for (int i = 0; i < 3000; i++)
		end_send(&world.agent, "0123456789");
	UNTIL(world.ended);
	assert_non_null(strstr(world.events, "flood"));
	bytes_free(&others);
	world_close();
}

static void
test_forward(void **state)
{
	(void)state;
	world_open(HOW_FORWARD, false, false);
	end_send(&world.agent,
	    "GET http://API.test/x?y HTTP/1.1\r\nHost: evil.test\r\nProxy-Connection: keep-alive\r\n\r\n" GET("/2"));
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	assert_string_equal(
	    seen(UP), "GET /x?y HTTP/1.1\r\nHost: api.test\r\nVia: 1.1 openshell-sandbox\r\nConnection: close\r\n\r\n");
	end_send(UP, OK_BODY);
	UNTIL(world.agent.closed && world.ended);
	assert_string_equal(seen(&world.agent), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
	assert_string_equal(world.events, "FORWARD_L7 allow GET /x code=;");
	world_close();
	world_open(HOW_FORWARD, false, false); /* nothing to inspect: told as such */
	world.connection->judged.inspect = false;
	world.dial_fails = ERR_DENIED;
	end_send(&world.agent, "GET http://api.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(world.agent.closed && world.ended);
	assert_true(has(&world.agent, "\"detail\":\"GET api.test:80 blocked: the place is not there\""));
	assert_string_equal(world.events, "FORWARD denied GET /x code=ssrf_denied;");
	world_close();
	world_open(HOW_FORWARD, false, false);
	end_send(&world.agent, "GET http://api.test/../x HTTP/1.1\r\nHost: api.test\r\n\r\n");
	UNTIL(world.agent.closed && world.ended);
	assert_true(has(&world.agent, "HTTP/1.1 400 Bad Request") && has(&world.agent, "invalid_request_target"));
	world_close();
	world_open(HOW_FORWARD, false, false);
	end_send(&world.agent, "GET http://api.test/x HTTP/1.1\nHost: api.test\r\n\r\n");
	UNTIL(world.agent.closed && world.ended);
	assert_true(has(&world.agent, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"));
	world_close();
}

/* The agent goes away, the policy goes away: upstream is let go. */
static void
test_ends(void **state)
{
	(void)state;
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "/a"));
	end_close(&world.agent);
	UNTIL(world.ended && UP->closed);
	world_close();
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "/a"));
	world.connection->relay_end(world.connection, "policy changed");
	assert_true(world.ended);
	UNTIL(world.agent.closed && UP->closed);
	world_close();
	begin();
	world.judge_holds = true;
	end_send(&world.agent, GET("/a"));
	UNTIL(world.questions[0] != '\0');
	world_close();
}

/* S23, and how long what is idle is kept. */
static void
test_limits(void **state)
{
	(void)state;
	begin();
	world_later(119000); /* before the first request */
	assert_false(world.ended);
	world_later(1001);
	assert_true(world.ended);
	world_close();
	begin();
	end_send(&world.agent, "GET / HTTP/1.1\r\nHost: ");
	world_rest();
	world_later(5000);
	end_send(&world.agent, "api.te"); /* a byte now and then does not help */
	world_rest();
	world_later(4900);
	assert_false(world.ended);
	world_later(101);
	assert_true(world.ended);
	world_close();
	begin();
	end_send(&world.agent, GET("/a"));
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	world_later(3600000); /* the server thinks */
	end_send(UP, OK_BODY);
	UNTIL(has(&world.agent, "hi"));
	world_later(30001); /* kept without use */
	UNTIL(UP->closed);
	world_later(269000);
	assert_false(world.ended);
	world_later(1000);
	assert_true(world.ended);
	world_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_kept),
	    cmocka_unit_test(test_idle_most),
	    cmocka_unit_test(test_pipelined),
	    cmocka_unit_test(test_dribble),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_refused_second),
	    cmocka_unit_test(test_rejected),
	    cmocka_unit_test(test_refused_before),
	    cmocka_unit_test(test_head_too_large),
	    cmocka_unit_test(test_bad_chunks),
	    cmocka_unit_test(test_trailers),
	    cmocka_unit_test(test_interim),
	    cmocka_unit_test(test_until_close),
	    cmocka_unit_test(test_retry),
	    cmocka_unit_test(test_dial_fails),
	    cmocka_unit_test(test_bad_answers),
	    cmocka_unit_test(test_cut_answer),
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_body_too_large),
	    cmocka_unit_test(test_large),
	    cmocka_unit_test(test_pressure),
	    cmocka_unit_test(test_share),
	    cmocka_unit_test(test_forward),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
