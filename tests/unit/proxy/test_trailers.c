/* Trailers of requests that go by the router, from both sorts of agents; and placeholders in trailers, which none may hold. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "tests/unit/proxy/play_router.h"

#define A    (&world.agent)
#define UP   (&world.ups[0])
#define MARK "openshell:resolve:env:"
#define KEY  "X-Key: " MARK "v1_TOK\r\n"

static const char *const tokens[] = {"v1_TOK", NULL};
static const struct verdict_row rows[] = {
    {"/body", {.what = 1, .rewrite_body = true}}, {"/hash", {.what = 1, .signing = 2, .sign_service = {"s3", 2}}}};

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

static void
ask(const char *line, const char *fields, const char *trailers)
{
	char request[4096];

	snprintf(request, sizeof(request),
	    "%s HTTP/1.1\r\nHost: api.test\r\n%sTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n%s\r\n", line, fields,
	    trailers);
	end_send(A, request);
}

#define SENT "X-Sum: 1\r\nContent-Length: 9\r\nAuthorization: Basic eA==\r\nHost: evil.test\r\nX-More:\r\n"

/* Where the body streams, is collected to be signed, collected to be filled, and filled. */
static const struct {
	const char *line, *fields, *want;
} passing[] = {
    {"POST /a", KEY, "data ok;trailers x-sum=1 x-more=;end;"},
    {"POST /hash", "", "data ok;trailers x-sum=1 x-more=;end;"},
    {"POST /body", KEY "Content-Type: text/plain\r\n", "data ok;trailers x-sum=1 x-more=;end;"},
};

static void
those_of_http1_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(passing); i++) {
		begin(false);
		ask(passing[i].line, passing[i].fields, SENT);
		UNTIL(play_heard("open POST"));
		play_grant(100);
		UNTIL(play_heard("end;"));
		if (!play_heard(passing[i].want))
			fail_msg("case %zu: %s", i, play.words);
		play_head(200, "", "");
		play_data("yes");
		play_trailers("grpc-status", "0"); /* and those of its answer */
		UNTIL(has(A, "3\r\nyes\r\n0\r\ngrpc-status: 0\r\n\r\n"));
		over();
	}
}

static void
those_of_a_filled_body_pass(void **state)
{
	(void)state;
	begin(false);
	end_send(A,
	    "POST /body HTTP/1.1\r\nHost: api.test\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1c\r\n" MARK "v1_TOK\r\n0\r\nX-Sum: 1\r\n\r\n");
	UNTIL(play_heard("trailers x-sum=1;pieces <v1_TOK/7> last;"));
	over();
}

#define POST ":method: POST\n:scheme: https\n:authority: api.test\n:path: /a\nx-key: " MARK "v1_TOK\n"

static void
those_of_http2_pass(void **state)
{
	static const char *const lengths[] = {"", "content-length: 2\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		char head[256];

		begin(true);
		snprintf(head, sizeof(head), POST "%s", lengths[i]);
		assert_int_equal(h2_request(A, head, true), 1);
		UNTIL(play_heard("open POST"));
		h2_data(A, 1, "ok", false);
		h2_trailers(A, 1, "x-sum: 1\nauthorization: Basic eA==\nhost: evil.test\n");
		play_grant(100);
		UNTIL(play_heard("data ok;trailers x-sum=1;end;"));
		over();
	}
}

/* ---- that hold a placeholder ---- */

static const struct {
	const char *trailer;
	bool fine;
} holding[] = {
    {"X-Sum: " MARK "v1_TOK\r\n", false},
    {"X-Sum: Bearer " MARK "v1_TOK\r\n", false},
    {"X-Sum: a " MARK "v1_TOK b\r\n", false},
    {"X-Sum: " MARK "v1_NO\r\n", false}, /* a name that nobody knows is no better */
    {"X-Sum: openshell%3Aresolve%3Aenv%3Av1_TOK\r\n", false},
    {"X-Sum: sk-OPENSHELL-RESOLVE-ENV-v1_TOK\r\n", false},
    {"X-OPENSHELL-RESOLVE-ENV-v1_TOK: 1\r\n", false},
    {"Authorization: " MARK "v1_TOK\r\n", false}, /* it would go no further */
    {"X-Sum: openshell:resolve\r\n", true},
    {"X-Sum: OPENSHELL-RESOLVE\r\n", true},
};

/* By the router and without it: the agent is told, the server sees no end of its request. */
static void
one_with_a_placeholder_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(holding); i++) {
		bool routed = i % 2 == 0, fine = holding[i / 2].fine;

		begin(false);
		ask("POST /a", routed ? KEY : "", holding[i / 2].trailer);
		if (routed) {
			UNTIL(play_heard("open POST"));
			play_grant(100);
		}
		if (fine && routed)
			UNTIL(play_heard("end;"));
		else if (fine)
			UNTIL(world.ups_n == 1 && has(UP, "\r\n0\r\nX-"));
		else {
			UNTIL(has(A, "HTTP/1.1 403 ") && has(A, "invalid_credential_placeholder"));
			if (routed)
				UNTIL(play_heard("close;"));
			assert_false(play_heard("trailers") || play_heard("end;"));
			assert_false(world.ups_n > 0 && has(UP, "\r\n0\r\n"));
			assert_non_null(strstr(world.events, "invalid_credential_placeholder"));
		}
		over();
	}
}

static void
one_with_a_placeholder_is_refused_over_http2(void **state)
{
	(void)state;
	begin(true);
	assert_int_equal(h2_request(A, POST, true), 1);
	UNTIL(play_heard("open POST"));
	h2_data(A, 1, "ok", false);
	h2_trailers(A, 1, "x-sum: " MARK "v1_TOK\n");
	play_grant(100);
	UNTIL(has(A, ":status: 403") && play_heard("close;"));
	assert_false(play_heard("trailers") || play_heard("end;"));
	over();
}

/* A name of as many letters as the bus takes, and one more. */
static void
names_have_a_bound(void **state)
{
	char trailer[300];

	(void)state;
	for (size_t length = 256; length <= 257; length++) {
		begin(false);
		memset(trailer, 'x', length);
		memcpy(trailer + length, ": 1\r\n", 6);
		ask("POST /a", KEY, trailer);
		UNTIL(play_heard("open POST"));
		play_grant(100);
		if (length == 256)
			UNTIL(play_heard("=1;end;"));
		else
			UNTIL(has(A, "HTTP/1.1 403 ") && has(A, "credential_injection_failed") && play_heard("close;"));
		over();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(those_of_http1_pass),
	    cmocka_unit_test(those_of_a_filled_body_pass),
	    cmocka_unit_test(those_of_http2_pass),
	    cmocka_unit_test(one_with_a_placeholder_is_refused),
	    cmocka_unit_test(one_with_a_placeholder_is_refused_over_http2),
	    cmocka_unit_test(names_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
