/* Placeholders on their way to the router: what it is told, what the agent gets, and all that is refused before. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/wire/base64.h"
#include "common/wire/websocket.h"
#include "tests/unit/proxy/play_router.h"

#define A      (&world.agent)
#define UP     (&world.ups[0])
#define MARK   "openshell:resolve:env:"
#define ALIAS  "sk-OPENSHELL-RESOLVE-ENV-"
#define HEX64  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const char *const tokens[] = {"v1_TOK", "v1_OTHER", "s" HEX64 "_TOK", NULL};

static const struct verdict_row rows[] = {
    {"/body", {.what = 1, .rewrite_body = true}},
    {"/sign", {.what = 1, .signing = 1, .sign_service = {"s3", 2}}},
    {"/hash", {.what = 1, .signing = 2, .sign_service = {"s3", 2}, .sign_region = {"eu", 2}}},
    {"/unsigned", {.what = 1, .signing = 3, .sign_service = {"s3", 2}}},
    {"/ws", {.what = 1, .messages = true, .rewrite_messages = true}},
    {"/free", {.what = 1, .rewrite_messages = true}},
    {"/deny", {.what = 3, .reason = {"not today", 9}, .policy = {"pol", 3}, .code = {"no_rule", 7}}},
};

static void
begin(bool h2)
{
	world_open(HOW_TRANSPARENT, h2, false);
	world.rows = rows;
	world.rows_n = COUNT(rows);
	play_open(tokens);
}

static void
over(void)
{
	play_close();
	world_close();
}

/* One request in HTTP/1; the router is asked for it. */
static void
ask(const char *line, const char *fields, const char *body)
{
	static char request[400000];

	snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: api.test\r\n%s\r\n%s", line, fields, body);
	end_send(A, request);
}

static void
refused(unsigned status, const char *error)
{
	char line[64];

	UNTIL(has(A, "\r\n\r\n"));
	snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	if (!has(A, line) || !has(A, error))
		fail_msg("got %s", seen(A));
	assert_false(play_heard("open"));
	assert_int_equal(world.ups_n, 0);
}

/* ---- heads ---- */

static const struct {
	const char *line, *fields;
	const char *want; /* of the router; NULL: refused */
	const char *error;
	const char *asked; /* of the judge */
} heads[] = {
    {"GET /r", "Authorization: Bearer " MARK "v1_TOK\r\n", "authorization: Bearer <v1_TOK/1>", NULL, "GET /r;"},
    {"GET /r", "X-Key: " ALIAS "v1_TOK\r\nX-B: 2\r\n", "x-key: <v1_TOK/1>\nx-b: 2", NULL, NULL},
    {"GET /r", "X-Key: " MARK "s" HEX64 "_TOK\r\n", "x-key: <s" HEX64 "_TOK/1>", NULL, NULL},
    {"GET /a/" MARK "v1_TOK/x?y=1", "", " /a/<v1_TOK/4>/x?y=1 to=", NULL, "GET /a/[CREDENTIAL]/x?y=1;"},
    {"GET /a%2e%2fb/../bot" MARK "v1_TOK:x", "", NULL, "", NULL}, /* %2F */
    {"GET /a?k=" MARK "v1_TOK&z=2", "", " /a?k=<v1_TOK/3>&z=2 to=", NULL, "GET /a?k=[CREDENTIAL]&z=2;"},
    {"GET /a?k=openshell%3Aresolve%3Aenv%3Av1_TOK", "", " /a?k=<v1_TOK/3> to=", NULL, "GET /a?k=[CREDENTIAL];"},
    {"GET /%6fpenshell:resolve:env:v1_TOK", "", " /<v1_TOK/4> to=", NULL, "GET /[CREDENTIAL];"},
    {"GET /a", "Authorization: Bearer " MARK "v1_NO\r\n", NULL, "credential_unavailable", ""},
    {"GET /a", "Authorization: Bearer " MARK "TOK\r\n", NULL, "credential_unavailable", ""},
    {"GET /a", "X-Key: prefix-" MARK "v1_TOK\r\n", NULL, "invalid_credential_placeholder", ""},
    {"GET /a", "Cookie: a=" MARK "v1_TOK\r\n", NULL, "invalid_credential_placeholder", ""},
    {"GET /a", "X-OPENSHELL-RESOLVE-ENV-v1_TOK: 1\r\n", NULL, "invalid_credential_placeholder", ""},
    {"GET /a", "Connection: OPENSHELL-RESOLVE-ENV-v1_TOK\r\n", NULL, "invalid_credential_placeholder", ""},
    {"GET /a", "X-Key: %6fpenshell:resolve:env:v1_TOK\r\n", NULL, "invalid_credential_placeholder", ""},
    {"GET /a?" MARK "v1_TOK=1", "", NULL, "invalid_credential_placeholder", ""},
    {"GET /a/" MARK "v1_NO", "", NULL, "credential_unavailable", ""},
    {"GET /a", "Authorization: AWS4-HMAC-SHA256 Credential=" MARK "v1_TOK/x\r\n", NULL,
	"invalid_credential_placeholder", "GET /a;"},
    {"OPENSHELL-RESOLVE-ENV-v1_TOK /a", "", NULL, "invalid_credential_placeholder", ""},
    {"GET /deny/" MARK "v1_TOK", "", NULL, "\"path\":\"/deny/[CREDENTIAL]\"", "GET /deny/[CREDENTIAL];"},
};

static void
heads_become_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		begin(false);
		ask(heads[i].line, heads[i].fields, "");
		if (heads[i].want == NULL && heads[i].error[0] == '\0') {
			UNTIL(world.ended);
		} else if (heads[i].want == NULL) {
			refused(403, heads[i].error);
			assert_null(strstr(world.events, MARK));
		} else {
			UNTIL(play_heard("open"));
			if (!play_heard(heads[i].want))
				fail_msg("%s", play.words);
			assert_true(play_heard("api.test:443 ") && play_heard(" to=192.0.2.7 body=0/0 tls"));
			play_head(200, "x-a: b", "l2");
			play_data("ok");
			play_done();
			UNTIL(has(A, "\r\n\r\nok"));
			assert_true(has(A, "HTTP/1.1 200 OK\r\nx-a: b\r\nContent-Length: 2\r\n"));
			assert_int_equal(world.ups_n, 0);
		}
		if (heads[i].asked != NULL)
			assert_string_equal(world.questions, heads[i].asked);
		over();
	}
}

static void
basic_is_opened(void **state)
{
	char letters[256], fields[512];
	size_t n = base64_write(SPAN("u:" MARK "v1_TOK"), letters);

	(void)state;
	begin(false);
	snprintf(fields, sizeof(fields), "Authorization: Basic %.*s\r\n", (int)n, letters);
	ask("GET /r", fields, "");
	UNTIL(play_heard("open"));
	assert_true(play_heard("authorization: Basic {u:}<v1_TOK/2>"));
	over();
}

static void
nothing_to_fill_goes_its_own_way(void **state)
{
	(void)state;
	begin(false);
	ask("GET /r?a=openshell", "X: openshell:resolve:env\r\n", "");
	UNTIL(world.ups_n == 1 && has(UP, "\r\n\r\n"));
	assert_false(play_heard("open"));
	over();
}

static void
without_tls_nothing_is_filled(void **state)
{
	(void)state;
	world_open(HOW_FORWARD, false, false);
	play_open(tokens);
	end_send(A, "GET http://api.test/a HTTP/1.1\r\nHost: api.test\r\nX-Key: " MARK "v1_TOK\r\n\r\n");
	refused(403, "credential_injection_failed");
	over();
}

static void
without_a_router_nothing_goes(void **state)
{
	(void)state;
	world_open(HOW_TRANSPARENT, false, false);
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
	refused(403, "credential_unavailable"); /* nobody has told of any */
	world_close();
	begin(false);
	bus_done(&play.bus);
	play.bus.loop = NULL;
	UNTIL(world.proxy.router == NULL);
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
	refused(503, "credential_unavailable");
	over();
}

static void
the_router_dies_under_a_request(void **state)
{
	(void)state;
	begin(false);
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
	UNTIL(play_heard("open"));
	play_forget();
	bus_done(&play.bus);
	play.bus.loop = NULL;
	refused(503, "credential_unavailable");
	over();
}

/* ---- tokens ---- */

static void
tokens_are_replaced_as_a_whole(void **state)
{
	static const char *const some[] = {"v2_TOK", NULL}, *const more[] = {"v2_OTHER", NULL};

	(void)state;
	begin(false);
	play_slots(some, true, false);
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", ""); /* the list before holds until the new one is whole */
	UNTIL(play_heard("<v1_TOK/1>"));
	play_head(204, "", "n");
	play_done();
	UNTIL(has(A, "HTTP/1.1 204"));
	forget(A);
	play_forget();
	play_slots(more, false, true);
	ask("GET /a", "X-Key: " MARK "v2_OTHER\r\n", "");
	UNTIL(play_heard("<v2_OTHER/1>"));
	play_head(204, "", "n");
	play_done();
	UNTIL(has(A, "HTTP/1.1 204"));
	forget(A);
	play_forget();
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
	refused(403, "credential_unavailable");
	over();
}

/* ---- answers ---- */

static const struct {
	const char *code;
	unsigned status;
	const char *body;
	const char *event;
} codes[] = {
    {"credential_endpoint_mismatch", 403,
	"{\"error\":\"credential_endpoint_mismatch\",\"message\":\"Credential is not authorized for this request endpoint\"}",
	"openshell.provider_credential.endpoint_mismatch"},
    {"credential_unavailable", 403, "{\"error\":\"credential_unavailable\",\"detail\":\"words\"}",
	"code=credential_unavailable"},
    {"credential_expired", 403, "{\"error\":\"credential_unavailable\"", "code=credential_expired"},
    {"credential_unsafe", 403, "{\"error\":\"credential_injection_failed\"", "code=credential_unsafe"},
    {"upstream_unreachable", 502, "{\"error\":\"upstream_unreachable\"", "code=upstream_unreachable"},
    {"upstream_certificate", 502, "{\"error\":\"upstream_unreachable\"", "code=upstream_certificate"},
    {"timeout", 502, "{\"error\":\"upstream_unreachable\"", "code=timeout"},
    {"busy", 503, "{\"error\":\"credential_unavailable\"", "code=busy"},
    {"another_word", 502, "{\"error\":\"upstream_unreachable\"", "code=upstream_broken"},
};

static void
failures_have_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(codes); i++) {
		begin(false);
		ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
		UNTIL(play_heard("open"));
		play_forget();
		play_end(codes[i].code, "words");
		refused(codes[i].status, codes[i].body);
		if (strstr(world.events, codes[i].event) == NULL)
			fail_msg("%s", world.events);
		assert_null(strstr(world.events, "v1_TOK"));
		over();
	}
}

static void
an_answer_that_breaks_off_is_not_whole(void **state)
{
	(void)state;
	begin(false);
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
	UNTIL(play_heard("open"));
	play_head(200, "", "l9");
	play_data("abc");
	UNTIL(has(A, "abc"));
	play_end("upstream_broken", "it broke");
	UNTIL(world.ended);
	over();
}

static void
interim_answers_and_bodies_of_unknown_length_pass(void **state)
{
	(void)state;
	begin(false);
	ask("GET /a", "X-Key: " MARK "v1_TOK\r\n", "");
	UNTIL(play_heard("open"));
	play_head(103, "link: </x>", "n");
	play_head(200, "content-type: text/event-stream", "");
	play_data("data: 1\n\n");
	UNTIL(has(A, "data: 1\n\n"));
	assert_true(has(A, "HTTP/1.1 103 "));
	assert_true(has(A, "Transfer-Encoding: chunked\r\n"));
	play_data("data: 2\n\n");
	play_done();
	UNTIL(has(A, "0\r\n\r\n"));
	forget(A);
	play_forget();
	ask("GET /b", "X-Key: " MARK "v1_TOK\r\n", ""); /* the connection goes on */
	UNTIL(play_heard("open GET"));
	over();
}

static void
an_agent_that_leaves_is_told(void **state)
{
	(void)state;
	begin(true);
	assert_int_equal(
	    h2_request(
		A, ":method: GET\n:scheme: https\n:authority: api.test\n:path: /a\nx-key: " MARK "v1_TOK\n", false),
	    1);
	UNTIL(play_heard("open"));
	assert_true(play_heard(" h2 tls"));
	nghttp2_submit_rst_stream(A->session, NGHTTP2_FLAG_NONE, 1, NGHTTP2_CANCEL);
	h2_flush(A);
	UNTIL(play_heard("close;"));
	over();
}

/* ---- HTTP/2 ---- */

static void
grpc_passes(void **state)
{
	(void)state;
	begin(true);
	assert_int_equal(h2_request(A,
			     ":method: POST\n:scheme: https\n:authority: api.test\n:path: /pkg.S/M\n"
			     "authorization: Bearer " MARK "v1_TOK\ncookie: a=1\ncookie: b=2\nte: trailers\n",
			     true),
	    1);
	UNTIL(play_heard("open"));
	assert_true(play_heard("open POST api.test:443 /pkg.S/M to=192.0.2.7 body=2/0 h2 tls"));
	assert_true(play_heard("authorization: Bearer <v1_TOK/1>") && play_heard("cookie: a=1; b=2") &&
		    play_heard("te: trailers"));
	play_grant(4);
	h2_data(A, 1, "question", true);
	UNTIL(play_heard("data ques;"));
	assert_false(play_heard("end;"));
	play_grant(100);
	UNTIL(play_heard("data tion;end;"));
	play_head(200, "content-type: application/grpc", "");
	play_data("answer");
	play_trailers("grpc-status", "0");
	UNTIL(has(A, "grpc-status: 0"));
	assert_true(has(A, "answer"));
	over();
}

/* Crumbs become one field: none of them is a whole value, and what is none is not filled. */
static void
a_crumb_holds_no_placeholder(void **state)
{
	static const char *const beside[] = {"", "authorization: Bearer " MARK "v1_TOK\n", "cookie: a=1\n"};
	char head[512];

	(void)state;
	for (size_t i = 0; i < COUNT(beside); i++) {
		begin(true);
		snprintf(head, sizeof(head),
		    ":method: GET\n:scheme: https\n:authority: api.test\n:path: /a\n%scookie: " MARK "v1_TOK\n",
		    beside[i]);
		assert_int_equal(h2_request(A, head, false), 1);
		UNTIL(has(A, ":status: 403") && has(A, "invalid_credential_placeholder"));
		assert_false(play_heard("open"));
		over();
	}
}

/* ---- bodies ---- */

static void
bodies_stream_within_credit(void **state)
{
	(void)state;
	begin(false);
	ask("PUT /a", "X-Key: " MARK "v1_TOK\r\nContent-Length: 10\r\n", "0123456789");
	UNTIL(play_heard("open PUT api.test:443 /a to=192.0.2.7 body=1/10 tls"));
	world_rest();
	assert_false(play_heard("data"));
	play_grant(3);
	UNTIL(play_heard("data 012;"));
	play_grant(10);
	UNTIL(play_heard("data 3456789;end;"));
	play_head(201, "", "n");
	play_done();
	UNTIL(has(A, "HTTP/1.1 201"));
	over();
}

static const struct {
	const char *fields, *body;
	const char *want; /* of the router; NULL: refused; "": it goes the usual way */
	unsigned status;
} bodies[] = {
    {"Content-Type: application/json\r\n", "{\"k\":\"" MARK "v1_TOK\"}", "pieces {\"k\":\"<v1_TOK/5>\"} last;", 0},
    {"Content-Type: application/vnd.a+json; charset=utf-8\r\n", "[\"" MARK "v1_TOK\"]", "pieces [\"<v1_TOK/5>\"] last;",
	0},
    {"Content-Type: application/x-www-form-urlencoded\r\n", "a=1&k=" MARK "v1_TOK", "pieces a=1&k=<v1_TOK/6> last;", 0},
    {"Content-Type: text/plain\r\n", "x " MARK "v1_TOK.", "pieces x <v1_TOK/7>. last;", 0},
    {"Content-Type: text/plain\r\n", "nothing", "", 0},
    {"Content-Type: text/plain\r\nX-Key: " MARK "v1_TOK\r\n", "nothing", "data nothing;end;", 0},
    {"Content-Type: text/plain\r\n", MARK "v1_NO", NULL, 403},
    {"Content-Type: application/json\r\n", "{\"" MARK "v1_TOK\":1}", NULL, 403},
    {"Content-Type: application/octet-stream\r\n", "x " MARK "v1_TOK.", NULL, 403},
    {"Content-Type: application/octet-stream\r\n", "x " MARK "v1_NO.", "", 0}, /* letters like others */
    {"Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", MARK "v1_TOK", NULL, 403},
    {"", "x", "", 0},
};

static void
bodies_are_filled_where_that_is_wanted(void **state)
{
	char fields[512];

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		begin(false);
		snprintf(fields, sizeof(fields), "%sContent-Length: %zu\r\n", bodies[i].fields, strlen(bodies[i].body));
		ask("POST /body", fields, bodies[i].body);
		if (bodies[i].want == NULL) {
			UNTIL(has(A, "\r\n\r\n"));
			assert_true(has(A, "HTTP/1.1 403 "));
			assert_false(play_heard("open"));
			assert_false(
			    world.ups_n > 0 && has(UP, MARK "v1_TOK")); /* its last bytes are held back or never came */
		} else if (bodies[i].want[0] == '\0') {
			UNTIL(world.ups_n == 1 && has(UP, bodies[i].body));
			assert_false(play_heard("open"));
		} else {
			UNTIL(play_heard("open"));
			play_grant(1000);
			UNTIL(play_heard(bodies[i].want));
		}
		over();
	}
}

static void
bodies_to_be_filled_have_a_bound(void **state)
{
	char *body = malloc((256u << 10) + 2), fields[128];

	(void)state;
	memset(body, 'x', (256u << 10) + 1);
	body[(256u << 10) + 1] = '\0';
	begin(false);
	snprintf(fields, sizeof(fields), "Content-Type: text/plain\r\nContent-Length: %u\r\n", (256u << 10) + 1);
	ask("POST /body", fields, "");
	refused(413, "credential_injection_failed");
	over();
	begin(false);
	ask("POST /body", "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n", "");
	snprintf(fields, sizeof(fields), "%x\r\n", (256u << 10) + 1);
	end_send(A, fields);
	end_send(A, body);
	refused(413, "credential_injection_failed");
	over();
	begin(false);
	body[256u << 10] = '\0';
	memcpy(body, MARK "v1_TOK", sizeof(MARK "v1_TOK") - 1);
	memcpy(body + sizeof(MARK "v1_TOK") - 1, " ", 1);
	snprintf(fields, sizeof(fields), "Content-Type: text/plain\r\nContent-Length: %u\r\n", 256u << 10);
	ask("POST /body", fields, body);
	UNTIL(play_heard("pieces <v1_TOK/7> xxx") && play_heard(" last;"));
	over();
	free(body);
}

/* One that was collected is known to be empty; of another the router, which does not know it, wants to see the end. */
static void
empty_bodies_end(void **state)
{
	static const char *const paths[] = {"POST /body", "POST /a"};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		begin(false);
		ask(paths[i], "X-Key: " MARK "v1_TOK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n",
		    "0\r\n\r\n");
		UNTIL(play_heard("open"));
		if (i == 1)
			play_grant(100);
		UNTIL(play_heard("end;"));
		assert_true(play_heard(i == 0 ? "body=1/0" : "body=2/0"));
		over();
	}
}

/* Vector 310, and the "the same letters inside ordinary content: untouched". */
static void
bodies_that_pass_hold_no_known_placeholder(void **state)
{
	(void)state;
	begin(false);
	ask("POST /a", "Content-Length: 60\r\n", "x " MARK);
	UNTIL(world.ups_n == 1 && has(UP, "x openshell"));
	end_send(A, "v1_TOK and the rest of the body....");
	UNTIL(has(A, "HTTP/1.1 403 ") && has(A, "credential_injection_failed"));
	assert_false(has(UP, "v1_TOK"));
	over();
	begin(false);
	ask("POST /a", "Content-Length: 40\r\n", "x " MARK);
	end_send(A, "v1_TOKEN 9012345");
	UNTIL(world.ups_n == 1 && has(UP, MARK "v1_TOKEN 9012345"));
	over();
}

/* ---- signing ---- */

static const struct {
	const char *line, *fields, *body;
	const char *want; /* NULL: refused */
} signings[] = {
    {"GET /sign", "Authorization: AWS4-HMAC-SHA256 x\r\nX-Amz-Date: 1\r\nX-Amz-Security-Token: t\r\nX-A: 1\r\n", "",
	"sign=s3//e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nx-a: 1;"},
    {"GET /unsigned",
	"Authorization: AWS4-HMAC-SHA256 Credential=" MARK "v1_TOK/20260101/eu/s3/aws4_request, Signature=0\r\n"
	"X-Amz-Security-Token: " MARK "v1_OTHER\r\n",
	"", "sign=s3//UNSIGNED-PAYLOAD;"},
    {"PUT /sign", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nContent-Length: 3\r\n", "abc",
	"body=1/3 tls sign=s3//UNSIGNED-PAYLOAD;"},
    {"PUT /sign", "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nContent-Length: 3\r\n", "abc",
	"sign=s3//STREAMING-UNSIGNED-PAYLOAD-TRAILER;"},
    {"PUT /sign", "x-amz-content-sha256: " HEX64 "\r\nContent-Length: 3\r\n", "abc", "sign=s3//" HEX64 ";"},
    {"PUT /sign", "Content-Length: 3\r\n", "abc",
	"sign=s3//ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;"},
    {"PUT /sign", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "body=2/0 tls sign=s3//UNSIGNED-PAYLOAD;"},
    {"PUT /hash", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n",
	"body=1/3 tls sign=s3/eu/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;"},
    {"PUT /unsigned", "x-amz-content-sha256: " HEX64 "\r\nContent-Length: 3\r\n", "abc", "sign=s3//UNSIGNED-PAYLOAD;"},
    {"PUT /sign", "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nContent-Length: 3\r\n", "abc", NULL},
    {"PUT /hash", "Content-Length: 10485761\r\n", "", NULL},
};

static void
signatures_are_made_anew(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(signings); i++) {
		begin(false);
		ask(signings[i].line, signings[i].fields, signings[i].body);
		if (signings[i].want == NULL) {
			UNTIL(has(A, "credential_injection_failed"));
			assert_false(play_heard("open"));
		} else {
			UNTIL(play_heard("open"));
			if (!play_heard(signings[i].want))
				fail_msg("%s", play.words);
			assert_false(play_heard("AWS4-HMAC") || play_heard("x-amz-"));
		}
		over();
	}
}

/* ---- WebSockets ---- */

/* A frame as a client masks it. */
static void
frame(enum websocket_opcode opcode, const char *text)
{
	static const uint8_t mask[4] = {0, 0, 0, 0};
	uint8_t head[WEBSOCKET_HEAD_BYTES];

	end_send_span(A, span_of_bytes(head, websocket_head_write(opcode, true, false, strlen(text), mask, head)));
	end_send(A, text);
}

static void
shaken(const char *path)
{
	char line[64];

	begin(false);
	snprintf(line, sizeof(line), "GET %s", path);
	ask(line,
	    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
	    "Sec-WebSocket-Extensions: permessage-deflate\r\n",
	    "");
	UNTIL(play_heard("open"));
	assert_true(play_heard(" upgrade tls") && play_heard("sec-websocket-key: " KEY));
	play_head(101, "sec-websocket-accept: " ACCEPT, "nu");
	play_grant(1000);
	UNTIL(has(A, "HTTP/1.1 101 ") && has(A, "\r\n\r\n"));
	play_forget();
	forget(A);
}

static void
messages_are_filled(void **state)
{
	static const char *const paths[] = {"/ws", "/free"};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		shaken(paths[i]);
		frame(WEBSOCKET_TEXT, "{\"token\":\"" MARK "v1_TOK\"}");
		UNTIL(play_heard("pieces {\"token\":\"<v1_TOK/5>\"} last;"));
		frame(WEBSOCKET_TEXT, "say " MARK "v1_TOK, now");
		UNTIL(play_heard("pieces say <v1_TOK/7>, now last;"));
		assert_false(play_heard("data"));
		frame(WEBSOCKET_TEXT, "hello");
		UNTIL(play_heard("data "));
		play_data("\x81\x02hi");
		UNTIL(has(A, "hi"));
		assert_true(strstr(world.questions, "WEBSOCKET_TEXT") != NULL || i == 1);
		over();
	}
}

static void
messages_wait_for_what_is_before_them(void **state)
{
	char *big = malloc(5000);

	(void)state;
	memset(big, 'x', 4999);
	big[4999] = '\0';
	shaken("/ws");
	frame(WEBSOCKET_TEXT, big); /* past the credit */
	UNTIL(play.got == 1000);
	frame(WEBSOCKET_TEXT, MARK "v1_TOK");
	frame(WEBSOCKET_TEXT, "behind it");
	world_rest();
	assert_false(play_heard("pieces"));
	play_grant(100000);
	UNTIL(play_heard("pieces <v1_TOK/7> last;"));
	UNTIL(play.got > 5000 + 9);
	assert_true(strstr(strstr(play.words, "pieces"), "data") != NULL);
	over();
	free(big);
}

static void
messages_that_cannot_be_filled_close(void **state)
{
	(void)state;
	shaken("/ws");
	frame(WEBSOCKET_TEXT, MARK "v1_NO");
	UNTIL(has(A, "\x03\xf0")); /* 1008 */
	assert_false(play_heard("pieces"));
	over();
	shaken("/ws");
	frame(WEBSOCKET_TEXT, MARK "v1_TOK");
	UNTIL(play_heard("pieces"));
	play_end("credential_endpoint_mismatch", "not bound to it");
	UNTIL(has(A, "\x03\xf0"));
	assert_non_null(strstr(world.events, "openshell.provider_credential.endpoint_mismatch"));
	over();
}

static void
a_tunnel_ends_with_its_server(void **state)
{
	(void)state;
	shaken("/ws");
	play_data("\x81\x02hi");
	play_done();
	UNTIL(has(A, "hi") && A->closed + 1);
	end_close(A);
	UNTIL(world.ended);
	over();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heads_become_pieces),
	    cmocka_unit_test(basic_is_opened),
	    cmocka_unit_test(nothing_to_fill_goes_its_own_way),
	    cmocka_unit_test(without_tls_nothing_is_filled),
	    cmocka_unit_test(without_a_router_nothing_goes),
	    cmocka_unit_test(the_router_dies_under_a_request),
	    cmocka_unit_test(tokens_are_replaced_as_a_whole),
	    cmocka_unit_test(failures_have_words),
	    cmocka_unit_test(an_answer_that_breaks_off_is_not_whole),
	    cmocka_unit_test(interim_answers_and_bodies_of_unknown_length_pass),
	    cmocka_unit_test(an_agent_that_leaves_is_told),
	    cmocka_unit_test(grpc_passes),
	    cmocka_unit_test(a_crumb_holds_no_placeholder),
	    cmocka_unit_test(bodies_stream_within_credit),
	    cmocka_unit_test(bodies_are_filled_where_that_is_wanted),
	    cmocka_unit_test(bodies_to_be_filled_have_a_bound),
	    cmocka_unit_test(empty_bodies_end),
	    cmocka_unit_test(bodies_that_pass_hold_no_known_placeholder),
	    cmocka_unit_test(signatures_are_made_anew),
	    cmocka_unit_test(messages_are_filled),
	    cmocka_unit_test(messages_wait_for_what_is_before_them),
	    cmocka_unit_test(messages_that_cannot_be_filled_close),
	    cmocka_unit_test(a_tunnel_ends_with_its_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
