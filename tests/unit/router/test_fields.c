/* Fields: which may stand in a head, and which behind a body. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "common/wire/http_head.h"
#include "sandbox/router/fields.h"
#include "sandbox/router/request.h"

static const struct {
	const char *name, *value;
	bool head, trailer;
} cases[] = {
    {"x-sum", "7", true, true},
    {"grpc-status", "0", true, true},
    {"x-empty", "", true, true},
    {"accept", "*/*", true, false},
    {"authorization", "Bearer x", true, false},
    {"content-encoding", "gzip", true, false},
    {"content-range", "bytes 0-1/2", true, false},
    {"content-type", "text/plain", true, false},
    {"cookie", "a=b", true, false},
    {"range", "bytes=0-1", true, false},
    {"set-cookie", "a=b", true, false},
    {"trailer", "x-sum", true, false},
    {"www-authenticate", "Basic", true, false},
    {"x-http-method-override", "DELETE", true, false},
    {"te", "trailers", true, false},
    {"te", "gzip", false, false},
    {"expect", "100-continue", true, false},
    {"connection", "x-sum", false, false},
    {"content-length", "1", false, false},
    {"host", "evil.test", false, false},
    {"keep-alive", "1", false, false},
    {"proxy-authorization", "Basic x", false, false},
    {"sec-websocket-key", "x", false, false},
    {"transfer-encoding", "chunked", false, false},
    {"upgrade", "websocket", false, false},
    {"x-original-url", "/evil", false, false},
    {"x_original_url", "/evil", false, false},
    {"X-Sum", "7", false, false}, /* HTTP/2 has lower case alone */
    {":path", "/evil", false, false},
    {"x sum", "7", false, false},
    {"", "7", false, false},
    {"x-sum", " 7", false, false},
    {"x-sum", "7 ", false, false},
    {"x-sum", "7\r\nhost: evil.test", false, false},
    {"x-sum", "7\n", false, false},
};

static void
what_frames_routes_or_proves_stands_in_no_trailer(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span name = span_of_text(cases[i].name), value = span_of_text(cases[i].value);

		if (fields_may_hold(name, value, false) != cases[i].head ||
		    fields_may_trail(name, value) != cases[i].trailer)
			fail_msg("case %zu: %s: %s", i, cases[i].name, cases[i].value);
	}
}

/* One after the other; those that may not are refused whole. */
static void
trailers_are_taken_within_their_bounds(void **unused)
{
	static char text[HTTP_HEAD_BYTES];
	struct msg_plain_field list[] = {{SPAN("x-a"), SPAN("1")}, {SPAN("x-b"), {text, sizeof(text) - 8}}};
	struct request request = {0};
	struct why why = {0};

	(void)unused;
	memset(text, 'x', sizeof(text));
	assert_int_equal(request_trailers(&request, list, 2, &why), OK); /* 4 bytes and 3 of a name: one to spare */
	assert_int_equal(request.trailers_n, 2);
	assert_true(span_is(request.trailers[0].name, "x-a") && span_is(request.trailers[0].value, "1"));
	assert_true(span_equal(request.trailers[1].value, list[1].value));
	request_done(&request);
	list[1].value.length++;
	request = (struct request){0};
	assert_int_equal(request_trailers(&request, list, 2, &why), OK);
	request_done(&request);
	list[1].value.length++;
	request = (struct request){0};
	assert_int_equal(request_trailers(&request, list, 2, &why), ERR_LIMIT);
	request_done(&request);
	list[1] = (struct msg_plain_field){SPAN("host"), SPAN("evil.test")};
	request = (struct request){0};
	assert_int_equal(request_trailers(&request, list, 2, &why), ERR_INVALID);
	request_done(&request);
}

/* The field of a token is the router's to write: what the agent has there is replaced, in a trailer too. */
static void
what_a_grant_replaces_is_left_out(void **unused)
{
	struct msg_token_grant grant = {.field = SPAN("x-token")};
	const struct msg_secret_entry secret = {.grant = &grant, .grant_n = 1};
	struct vault_entry entry = {.secret = &secret};
	const struct msg_plain_field list[] = {
	    {SPAN("x-a"), SPAN("1")}, {SPAN("x-token"), SPAN("mine")}, {SPAN("x-b"), SPAN("2")}};
	struct request request = {.granting = &entry};
	struct why why;

	(void)unused;
	assert_int_equal(request_trailers(&request, list, 3, &why), OK);
	assert_int_equal(request.trailers_n, 2);
	assert_true(span_is(request.trailers[0].name, "x-a") && span_is(request.trailers[1].name, "x-b"));
	request_done(&request);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_frames_routes_or_proves_stands_in_no_trailer),
	    cmocka_unit_test(trailers_are_taken_within_their_bounds),
	    cmocka_unit_test(what_a_grant_replaces_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
