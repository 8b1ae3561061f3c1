/* Where in a request a secret may stand, and what may not stand beside it. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "tests/unit/router/making.h"

/* Where a secret may stand; the rest of its request is as it should be. */
enum { AT_FIELD, AT_BASIC, AT_QUERY, AT_PATH, AT_BODY, AT_MESSAGE, AT_SIGNATURE };
static const struct {
	const char *token;
	int at;
	const char *name; /* of the field, or what stands before it in the query */
	bool fine;
} stands[] = {
    {"v1_ANY", AT_FIELD, "x-any", true},
    {"v1_ANY", AT_QUERY, "any=", true},
    {"v1_ANY", AT_PATH, NULL, true},
    {"v1_ANY", AT_BODY, NULL, true},
    {"v1_ANY", AT_MESSAGE, NULL, true},
    {"v1_FIELD", AT_FIELD, "x-api-key", true},
    {"v1_FIELD", AT_FIELD, "authorization", true},
    {"v1_FIELD", AT_BASIC, "authorization", true},
    {"v1_FIELD", AT_FIELD, "x-api-keys", false},
    {"v1_FIELD", AT_FIELD, "user-agent", false},
    {"v1_FIELD", AT_BASIC, "x-other", false},
    {"v1_FIELD", AT_QUERY, "x-api-key=", false},
    {"v1_FIELD", AT_PATH, NULL, false},
    {"v1_FIELD", AT_BODY, NULL, false},
    {"v1_FIELD", AT_MESSAGE, NULL, false},
    {"v1_ASKED", AT_QUERY, "key=", true},
    {"v1_ASKED", AT_QUERY, "a=b&key=", true},
    {"v1_ASKED", AT_QUERY, "key=prefix-", true},
    {"v1_ASKED", AT_QUERY, "keys=", false},
    {"v1_ASKED", AT_QUERY, "key=1&q=", false},
    {"v1_ASKED", AT_QUERY, "q=key=", false},
    {"v1_ASKED", AT_FIELD, "authorization", false},
    {"v1_BODY", AT_BODY, NULL, true},
    {"v1_BODY", AT_PATH, NULL, true},
    {"v1_BODY", AT_MESSAGE, NULL, false}, /* of a WebSocket: not asked for */
    {"v1_BODY", AT_FIELD, "x-any", false},
    {"v1_NOWHERE", AT_FIELD, "authorization", false},
    {"v1_NOWHERE", AT_BODY, NULL, false},
};

static void
a_secret_stands_where_it_may(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(stands); i++) {
		static const uint8_t places[] = {1, 2, 3, 4, 5, 7, 0};
		struct msg_piece slot = {.slot = span_of_text(stands[i].token), .place = places[stands[i].at]};
		struct msg_piece any = {.slot = SPAN("v1_ANY"), .place = 1}, path[] = {{.literal = SPAN("/x/")}, slot};
		struct msg_piece query[] = {
		    {.literal = span_of_text(stands[i].name == NULL ? "" : stands[i].name)}, slot};
		struct msg_route_field fields[] = {{SPAN("cookie"), &any, 1}, {query[0].literal, &slot, 1}};
		struct msg_route_open in = open_of("a.test", 443, path, fields, stands[i].at <= AT_BASIC ? 2 : 1);
		struct request request;
		struct bytes out = {0};
		const char *code = "";
		struct why why = {0};
		enum err r;

		in.path_n = stands[i].at == AT_PATH ? 2 : 1;
		in.query = query;
		in.query_n = stands[i].at == AT_QUERY ? 2 : 0;
		in.has_query = in.query_n > 0;
		in.upgrade = stands[i].at == AT_MESSAGE;
		in.body = stands[i].at == AT_BODY ? 3 : 0;
		r = request_make(vault, &in, NOW, &request, &code, &why);
		if (r == OK && (stands[i].at == AT_BODY || stands[i].at == AT_MESSAGE))
			r = request_pieces(vault, &request, &slot, 1, NOW, &out, &code, &why);
		ended(i, r, code, stands[i].fine ? NULL : UNSAFE, &why);
		bytes_free(&out);
		request_done(&request);
	}
}

/* Two slots in one value: the second is of the same parameter, or of none that can be told. */
static void
a_parameter_goes_on_behind_a_slot(void **unused)
{
	struct msg_piece path = {.literal = SPAN("/")},
			 query[] = {{.literal = SPAN("key=")}, {.slot = SPAN("v1_ASKED"), .place = 3},
			     {.literal = SPAN("-")}, {.slot = SPAN("v1_ASKED"), .place = 3}};
	static const struct {
		const char *between;
		bool fine;
	} cases[] = {{"-", true}, {"&key=", true}, {"&q=", false}, {"=", false}};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_route_open in = open_of("a.test", 443, &path, NULL, 0);

		query[2].literal = span_of_text(cases[i].between);
		in.query = query;
		in.query_n = 4;
		in.has_query = true;
		try(i, &in, cases[i].fine ? NULL : UNSAFE);
	}
}

/* Methods and names of fields with which a bound server would be asked for the secret itself, or for another path. */
static const struct {
	const char *method, *name;
	bool fine;
} asked[] = {
    {"GET", "x-key", true},
    {"PATCH", "x-forwarded-for", true},
    {"TRACES", "x-original", true},
    {"TRACE", "x-key", false},
    {"Trace", "x-key", false},
    {"TRACK", "x-key", false},
    {"CONNECT", "x-key", false},
    {"connect", "x-key", false},
    {"GET", "x-original-url", false},
    {"GET", "x-rewrite-url", false},
    {"GET", "x-original-uri", false},
    {"GET", "x-forwarded-uri", false},
    {"GET", "host", false},
};

/* Fields that come back with the answer: literals only. */
static void
no_secret_in_a_field_that_is_sent_back(void **unused)
{
	static const struct {
		const char *name;
		bool fine;
	} cases[] = {{"x-api-key", true}, {"cookie", true}, {"sec-websocket-protocol", true}, {"x-request-ids", true},
	    {"x-request-id", false}, {"x-correlation-id", false}, {"traceparent", false}, {"origin", false}};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_piece path = {.literal = SPAN("/")}, slot = {.slot = SPAN("v1_ANY"), .place = 1},
				 plain = {.literal = SPAN("1")};
		struct msg_route_field fields[] = {
		    {SPAN("authorization"), &slot, 1}, {span_of_text(cases[i].name), &plain, 1}};
		struct msg_route_open in = open_of("a.test", 443, &path, fields, 2);

		try(i, &in, NULL);
		fields[1].value = &slot;
		try(i, &in, cases[i].fine ? NULL : UNSAFE);
	}
}

static void
nothing_asks_for_an_echo_or_another_path(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct msg_piece path = {.literal = SPAN("/")}, value = {.slot = SPAN("v1_ANY"), .place = 1},
				 plain = {.literal = SPAN("/b")};
		struct msg_route_field fields[] = {
		    {SPAN("authorization"), &value, 1}, {span_of_text(asked[i].name), &plain, 1}};
		struct msg_route_open in = open_of("a.test", 443, &path, fields, 2);

		in.method = span_of_text(asked[i].method);
		try(i, &in, asked[i].fine ? NULL : UNSAFE);
	}
}

static void
a_literal_and_a_secret_make_no_dot_segment(void **unused)
{
	static const struct {
		const char *before, *after;
		bool fine;
	} cases[] = {
	    {"/a/.", "/b", false}, {"/a/", "/b", false}, {"/a/", ".", false}, {"/a/x", "", true}, {"/a/", "x/b", true}};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_piece path[] = {{.literal = span_of_text(cases[i].before)},
		    {.slot = SPAN("v1_DOT"), .place = 4}, {.literal = span_of_text(cases[i].after)}};
		struct msg_route_open in = open_of("a.test", 443, path, NULL, 0);

		in.path_n = 3;
		try(i, &in, cases[i].fine ? NULL : UNSAFE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_stands_where_it_may),
	    cmocka_unit_test(a_parameter_goes_on_behind_a_slot),
	    cmocka_unit_test(no_secret_in_a_field_that_is_sent_back),
	    cmocka_unit_test(nothing_asks_for_an_echo_or_another_path),
	    cmocka_unit_test(a_literal_and_a_secret_make_no_dot_segment),
	};

	return cmocka_run_group_tests(tests, making_setup, making_teardown);
}
