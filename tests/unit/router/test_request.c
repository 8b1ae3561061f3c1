/* Requests: what is bound where, and what is written. */
#include "tests/unit/test.h"

#include "sandbox/router/request.h"
#include "tests/unit/router/fixture.h"

#define NOW 1440938160000ull /* 2015-08-30 12:36 */

/* A GET with one slot in a header. */
static const struct {
	const char *host;
	uint16_t port;
	const char *path, *token, *code; /* NULL: it may go */
} reaches[] = {
    {"up.test", 443, "/repos/x", "v1_TOK", NULL},
    {"UP.test", 443, "/repos/x/y/z", "v1_TOK", NULL},
    {"up.test", 443, "/repos", "v1_TOK", NULL}, /* the directory itself, as routes have it */
    {"up.test", 443, "/repositories", "v1_TOK", "credential_endpoint_mismatch"},
    {"up.test", 443, "/Repos/x", "v1_TOK", "credential_endpoint_mismatch"},
    {"up.test", 443, "/", "v1_TOK", "credential_endpoint_mismatch"},
    {"up.test", 444, "/repos/x", "v1_TOK", "credential_endpoint_mismatch"},
    {"sub.up.test", 443, "/repos/x", "v1_TOK", "credential_endpoint_mismatch"},
    {"up.test.", 443, "/repos/x", "v1_TOK", "credential_endpoint_mismatch"},
    {"up.tes", 443, "/repos/x", "v1_TOK", "credential_endpoint_mismatch"},
    {"a.test", 8443, "/", "v1_ANY", NULL},
    {"a.b.test", 8443, "/", "v1_ANY", "credential_endpoint_mismatch"},
    {"test", 443, "/", "v1_ANY", "credential_endpoint_mismatch"},
    {"a.test", 443, "/", "v1_OLD", "credential_expired"},
    {"a.test", 443, "/", "v1_LINE", "credential_unsafe"},
    {"a.test", 443, "/", "v2_TOK", "credential_unavailable"},
    {"a.test", 443, "/", "model", "credential_unavailable"},
    {"a.test", 443, "/a/../b", "v1_ANY", "credential_unsafe"},
    {"a.test", 443, "/a b", "v1_ANY", "credential_unsafe"},
    {"a.test", 443, "a", "v1_ANY", "credential_unsafe"},
    {"a test", 443, "/", "v1_ANY", "credential_unsafe"},
    {"a.test:443", 443, "/", "v1_ANY", "credential_unsafe"},
    {".test", 443, "/", "v1_ANY", "credential_unsafe"}, /* to OpenSSL: any name below */
    {"a..test", 443, "/", "v1_ANY", "credential_unsafe"},
};

static struct span loopback[] = {SPAN("127.0.0.1")};

static struct msg_route_open
open_of(const char *host, uint16_t port, struct msg_piece *path, struct msg_route_field *fields, size_t fields_n)
{
	return (struct msg_route_open){.stream = 1,
	    .host = span_of_text(host),
	    .port = port,
	    .addresses = loopback,
	    .addresses_n = 1,
	    .method = SPAN("GET"),
	    .path = path,
	    .path_n = 1,
	    .fields = fields,
	    .fields_n = fields_n,
	    .tls = true};
}

static void
a_secret_goes_where_it_is_bound(void **unused)
{
	struct vault *vault = fixture_vault();

	(void)unused;
	for (size_t i = 0; i < sizeof(reaches) / sizeof(reaches[0]); i++) {
		struct msg_piece path = {.literal = span_of_text(reaches[i].path)};
		struct msg_piece value[] = {
		    {.literal = SPAN("token ")}, {.slot = span_of_text(reaches[i].token), .place = 1}};
		struct msg_route_field field = {SPAN("x-key"), value, 2};
		struct msg_route_open in = open_of(reaches[i].host, reaches[i].port, &path, &field, 1);
		struct request request;
		const char *code = NULL;
		struct why why = {0};
		enum err r = request_make(vault, &in, NOW, &request, &code, &why);

		if ((r == OK) != (reaches[i].code == NULL) || (r != OK && strcmp(code, reaches[i].code) != 0))
			fail_msg("case %zu: %s %s", i, code == NULL ? "" : code, why.text);
		if (r == OK)
			assert_true(request.fields[0].secret && span_is(request.target, reaches[i].path));
		request_done(&request);
	}
	vault_free(vault);
}

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
	struct vault *vault = fixture_vault();

	(void)unused;
	for (size_t i = 0; i < sizeof(stands) / sizeof(stands[0]); i++) {
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
		if ((r == OK) != stands[i].fine || (r != OK && strcmp(code, "credential_unsafe") != 0))
			fail_msg("case %zu: %d %s %s", i, r, code, why.text);
		bytes_free(&out);
		request_done(&request);
	}
	vault_free(vault);
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
	struct vault *vault = fixture_vault();

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_route_open in = open_of("a.test", 443, &path, NULL, 0);
		struct request request;
		const char *code = "";
		struct why why = {0};

		query[2].literal = span_of_text(cases[i].between);
		in.query = query;
		in.query_n = 4;
		in.has_query = true;
		if ((request_make(vault, &in, NOW, &request, &code, &why) == OK) != cases[i].fine)
			fail_msg("case %zu: %s", i, why.text);
		request_done(&request);
	}
	vault_free(vault);
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
	struct vault *vault = fixture_vault();

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_piece path = {.literal = SPAN("/")}, slot = {.slot = SPAN("v1_ANY"), .place = 1},
				 plain = {.literal = SPAN("1")};
		struct msg_route_field fields[] = {
		    {SPAN("authorization"), &slot, 1}, {span_of_text(cases[i].name), &plain, 1}};
		struct msg_route_open in = open_of("a.test", 443, &path, fields, 2);
		struct request request;
		const char *code = "";
		struct why why;

		assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
		request_done(&request);
		fields[1].value = &slot;
		assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why) == OK, cases[i].fine);
		request_done(&request);
	}
	vault_free(vault);
}

static void
nothing_asks_for_an_echo_or_another_path(void **unused)
{
	struct vault *vault = fixture_vault();

	(void)unused;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct msg_piece path = {.literal = SPAN("/")}, value = {.slot = SPAN("v1_ANY"), .place = 1},
				 plain = {.literal = SPAN("/b")};
		struct msg_route_field fields[] = {
		    {SPAN("authorization"), &value, 1}, {span_of_text(asked[i].name), &plain, 1}};
		struct msg_route_open in = open_of("a.test", 443, &path, fields, 2);
		struct request request;
		const char *code = "";
		struct why why;

		in.method = span_of_text(asked[i].method);
		if ((request_make(vault, &in, NOW, &request, &code, &why) == OK) != asked[i].fine)
			fail_msg("case %zu", i);
		if (!asked[i].fine)
			assert_string_equal(code, "credential_unsafe");
		request_done(&request);
	}
	vault_free(vault);
}

/* Filled in, and then it takes a while until it goes. */
static void
what_has_not_gone_goes_by_newer_secrets(void **unused)
{
	struct vault *vault = fixture_vault(), *none = vault_new(2, 1);
	struct msg_piece path = {.literal = SPAN("/")}, value = {.slot = SPAN("v1_ANY"), .place = 1};
	struct msg_route_field field = {SPAN("x-key"), &value, 1};
	struct msg_route_open in = open_of("a.test", 443, &path, &field, 1);
	struct request request;
	const char *code = "";
	struct why why;

	(void)unused;
	assert_int_equal(vault_close(none, &why), OK);
	assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_int_equal(request_recheck(vault, &request, NOW, &code, &why), OK);
	assert_int_not_equal(request_recheck(none, &request, NOW, &code, &why), OK);
	assert_string_equal(code, "credential_unavailable");
	request.port = 444; /* as if it was bound elsewhere meanwhile */
	assert_int_not_equal(request_recheck(vault, &request, NOW, &code, &why), OK);
	assert_string_equal(code, "credential_endpoint_mismatch");
	request_done(&request);
	vault_free(vault);
	vault_free(none);
}

static void
a_literal_and_a_secret_make_no_dot_segment(void **unused)
{
	static const struct {
		const char *before, *after;
		bool fine;
	} cases[] = {
	    {"/a/.", "/b", false}, {"/a/", "/b", false}, {"/a/", ".", false}, {"/a/x", "", true}, {"/a/", "x/b", true}};
	struct vault *vault = fixture_vault();

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_piece path[] = {{.literal = span_of_text(cases[i].before)},
		    {.slot = SPAN("v1_DOT"), .place = 4}, {.literal = span_of_text(cases[i].after)}};
		struct msg_route_open in = open_of("a.test", 443, path, NULL, 0);
		struct request request;
		const char *code = "";
		struct why why;

		in.path_n = 3;
		assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why) == OK, cases[i].fine);
		request_done(&request);
	}
	vault_free(vault);
}

static void
bindings_see_credential_in_place_of_the_slot(void **unused)
{
	struct vault *vault = fixture_vault();
	struct msg_piece path[] = {
	    {.literal = SPAN("/bot")}, {.slot = SPAN("v1_ANY"), .place = 4}, {.literal = SPAN("/send")}};
	struct msg_route_open in = open_of("a.test", 443, path, NULL, 0);
	struct request request;
	const char *code = "";
	struct why why;

	(void)unused;
	in.path_n = 3;
	assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_true(span_is(request.shown, "/bot[CREDENTIAL]/send"));
	assert_true(span_is(request.target, "/botany-secret/send"));
	assert_true(span_is(request.authority, "a.test"));
	request_done(&request);
	vault_free(vault);
}

static void
in_clear_goes_only_what_may(void **unused)
{
	struct vault *vault = fixture_vault();
	struct msg_piece path = {.literal = SPAN("/v1/chat")}, value = {.slot = SPAN("model"), .place = 1};
	struct msg_route_field field = {SPAN("x-api-key"), &value, 1};
	struct msg_route_open in = open_of("up.test", 80, &path, &field, 1);
	struct request request;
	const char *code = "";
	struct why why;

	(void)unused;
	in.tls = false;
	in.backend = SPAN("model");
	assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_true(span_is(request.fields[0].value, "model-key"));
	request_done(&request);
	path.literal = SPAN("/v2/chat"); /* out of its reach */
	assert_int_not_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_string_equal(code, "credential_endpoint_mismatch");
	request_done(&request);
	vault_free(vault);
}

/* A model server that is named by its number, in clear: the proxy has no say in where it is. */
static void
in_clear_a_number_is_dialled_as_it_is(void **unused)
{
	struct vault *vault = fixture_vault();
	struct msg_piece path = {.literal = SPAN("/v1/chat")}, value = {.slot = SPAN("near"), .place = 1};
	struct msg_route_field field = {SPAN("x-api-key"), &value, 1};
	struct msg_route_open in = open_of("127.0.0.1", 80, &path, &field, 1);
	struct span elsewhere[] = {SPAN("127.0.0.1"), SPAN("192.0.2.1")};
	struct request request;
	const char *code = "";
	struct why why;

	(void)unused;
	in.tls = false;
	in.backend = SPAN("near");
	assert_int_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	request_done(&request);
	in.addresses = elsewhere;
	in.addresses_n = 2;
	assert_int_not_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_string_equal(code, "credential_unsafe");
	request_done(&request);
	vault_free(vault);
}

static struct span
field_of(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->fields_n; i++)
		if (span_is(request->fields[i].name, name))
			return request->fields[i].value;
	return SPAN_NONE;
}

static void
requests_are_signed_for_aws(void **unused)
{
	struct vault *vault = fixture_vault();
	struct msg_piece path = {.literal = SPAN("/")}, value = {.literal = SPAN("x")};
	struct msg_route_field field = {SPAN("x-amz-date"), &value, 1};
	struct msg_route_open in = open_of("service.eu-central-1.amazonaws.com", 443, &path, &field, 0);
	struct request request;
	const char *code = "";
	struct why why;

	(void)unused;
	in.sign_service = SPAN("service");
	in.payload_hash = SPAN("UNSIGNED-PAYLOAD");
	if (request_make(vault, &in, NOW, &request, &code, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(span_is(field_of(&request, "x-amz-date"), "20150830T123600Z"));
	assert_true(span_starts(field_of(&request, "authorization"),
	    SPAN("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/service/aws4_request, "
		 "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=")));
	request_done(&request);
	in.payload_hash = SPAN("UNSIGNED\r\na: b"); /* found by fuzzing: it becomes a field's value */
	assert_int_not_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	request_done(&request);
	in.payload_hash = SPAN("UNSIGNED-PAYLOAD");
	in.fields_n = 1; /* the client's own */
	assert_int_not_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_string_equal(code, "credential_unsafe");
	request_done(&request);
	in.fields_n = 0;
	in.host = SPAN("a.test"); /* where the keys are not bound */
	assert_int_not_equal(request_make(vault, &in, NOW, &request, &code, &why), OK);
	assert_string_equal(code, "credential_endpoint_mismatch");
	request_done(&request);
	vault_free(vault);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_goes_where_it_is_bound),
	    cmocka_unit_test(a_secret_stands_where_it_may),
	    cmocka_unit_test(a_parameter_goes_on_behind_a_slot),
	    cmocka_unit_test(no_secret_in_a_field_that_is_sent_back),
	    cmocka_unit_test(nothing_asks_for_an_echo_or_another_path),
	    cmocka_unit_test(what_has_not_gone_goes_by_newer_secrets),
	    cmocka_unit_test(a_literal_and_a_secret_make_no_dot_segment),
	    cmocka_unit_test(bindings_see_credential_in_place_of_the_slot),
	    cmocka_unit_test(in_clear_goes_only_what_may),
	    cmocka_unit_test(in_clear_a_number_is_dialled_as_it_is),
	    cmocka_unit_test(requests_are_signed_for_aws),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
