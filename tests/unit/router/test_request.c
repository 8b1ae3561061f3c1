/* Requests: what is bound where, and what is written. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "tests/unit/router/making.h"

/* A GET with one slot in a header. */
static const struct {
	const char *host;
	uint16_t port;
	const char *path, *token, *code; /* NULL: it may go */
} reaches[] = {
    {"up.test", 443, "/repos/x", "v1_TOK", NULL},
    {"UP.test", 443, "/repos/x/y/z", "v1_TOK", NULL},
    {"up.test", 443, "/repos", "v1_TOK", NULL}, /* the directory itself, as routes have it */
    {"up.test", 443, "/repositories", "v1_TOK", ELSEWHERE},
    {"up.test", 443, "/Repos/x", "v1_TOK", ELSEWHERE},
    {"up.test", 443, "/", "v1_TOK", ELSEWHERE},
    {"up.test", 444, "/repos/x", "v1_TOK", ELSEWHERE},
    {"sub.up.test", 443, "/repos/x", "v1_TOK", ELSEWHERE},
    {"up.test.", 443, "/repos/x", "v1_TOK", ELSEWHERE},
    {"up.tes", 443, "/repos/x", "v1_TOK", ELSEWHERE},
    {"a.test", 8443, "/", "v1_ANY", NULL},
    {"a.b.test", 8443, "/", "v1_ANY", ELSEWHERE},
    {"test", 443, "/", "v1_ANY", ELSEWHERE},
    {"a.test", 443, "/", "v1_OLD", "credential_expired"},
    {"a.test", 443, "/", "v1_LINE", UNSAFE},
    {"a.test", 443, "/", "v2_TOK", "credential_unavailable"},
    {"a.test", 443, "/", "model", "credential_unavailable"},
    {"a.test", 443, "/a/../b", "v1_ANY", UNSAFE},
    {"a.test", 443, "/a b", "v1_ANY", UNSAFE},
    {"a.test", 443, "a", "v1_ANY", UNSAFE},
    {"a test", 443, "/", "v1_ANY", UNSAFE},
    {"a.test:443", 443, "/", "v1_ANY", UNSAFE},
    {".test", 443, "/", "v1_ANY", UNSAFE}, /* to OpenSSL: any name below */
    {"a..test", 443, "/", "v1_ANY", UNSAFE},
};

static void
a_secret_goes_where_it_is_bound(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(reaches); i++) {
		struct msg_piece path = {.literal = span_of_text(reaches[i].path)};
		struct msg_piece value[] = {
		    {.literal = SPAN("token ")}, {.slot = span_of_text(reaches[i].token), .place = 1}};
		struct msg_route_field field = {SPAN("x-key"), value, 2};
		struct msg_route_open in = open_of(reaches[i].host, reaches[i].port, &path, &field, 1);
		struct request request;

		make(i, &in, reaches[i].code, &request);
		if (reaches[i].code == NULL)
			assert_true(request.fields[0].secret && span_is(request.target, reaches[i].path));
		request_done(&request);
	}
}

/* Filled in, and then it takes a while until it goes. */
static void
what_has_not_gone_goes_by_newer_secrets(void **unused)
{
	struct vault *none = vault_new(2, 1);
	struct msg_piece path = {.literal = SPAN("/")}, value = {.slot = SPAN("v1_ANY"), .place = 1};
	struct msg_route_field field = {SPAN("x-key"), &value, 1};
	struct msg_route_open in = open_of("a.test", 443, &path, &field, 1);
	struct request request;
	const char *code = "";
	struct why why;

	(void)unused;
	assert_int_equal(vault_close(none, &why), OK);
	make(0, &in, NULL, &request);
	assert_int_equal(request_recheck(vault, &request, NOW, &code, &why), OK);
	assert_int_not_equal(request_recheck(none, &request, NOW, &code, &why), OK);
	assert_string_equal(code, "credential_unavailable");
	request.port = 444; /* as if it was bound elsewhere meanwhile */
	assert_int_not_equal(request_recheck(vault, &request, NOW, &code, &why), OK);
	assert_string_equal(code, "credential_endpoint_mismatch");
	request_done(&request);
	vault_free(none);
}

static void
bindings_see_credential_in_place_of_the_slot(void **unused)
{
	struct msg_piece path[] = {
	    {.literal = SPAN("/bot")}, {.slot = SPAN("v1_ANY"), .place = 4}, {.literal = SPAN("/send")}};
	struct msg_route_open in = open_of("a.test", 443, path, NULL, 0);
	struct request request;

	(void)unused;
	in.path_n = 3;
	make(0, &in, NULL, &request);
	assert_true(span_is(request.shown, "/bot[CREDENTIAL]/send"));
	assert_true(span_is(request.target, "/botany-secret/send"));
	assert_true(span_is(request.authority, "a.test"));
	request_done(&request);
}

static void
in_clear_goes_only_what_may(void **unused)
{
	struct msg_piece path = {.literal = SPAN("/v1/chat")}, value = {.slot = SPAN("model"), .place = 1};
	struct msg_route_field field = {SPAN("x-api-key"), &value, 1};
	struct msg_route_open in = open_of("up.test", 80, &path, &field, 1);
	struct request request;

	(void)unused;
	in.tls = false;
	in.backend = SPAN("model");
	make(0, &in, NULL, &request);
	assert_true(span_is(request.fields[0].value, "model-key"));
	request_done(&request);
	path.literal = SPAN("/v2/chat"); /* out of its reach */
	try(1, &in, ELSEWHERE);
}

/* A model server that is named by its number, in clear: the proxy has no say in where it is. */
static void
in_clear_a_number_is_dialled_as_it_is(void **unused)
{
	struct msg_piece path = {.literal = SPAN("/v1/chat")}, value = {.slot = SPAN("near"), .place = 1};
	struct msg_route_field field = {SPAN("x-api-key"), &value, 1};
	struct msg_route_open in = open_of("127.0.0.1", 80, &path, &field, 1);
	struct span elsewhere[] = {SPAN("127.0.0.1"), SPAN("192.0.2.1")};

	(void)unused;
	in.tls = false;
	in.backend = SPAN("near");
	try(0, &in, NULL);
	in.addresses = elsewhere;
	in.addresses_n = 2;
	try(1, &in, UNSAFE);
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
	struct msg_piece path = {.literal = SPAN("/")}, value = {.literal = SPAN("x")};
	struct msg_route_field field = {SPAN("x-amz-date"), &value, 1};
	struct msg_route_open in = open_of("service.eu-central-1.amazonaws.com", 443, &path, &field, 0);
	struct request request;

	(void)unused;
	in.sign_service = SPAN("service");
	in.payload_hash = SPAN("UNSIGNED-PAYLOAD");
	make(0, &in, NULL, &request);
	assert_true(span_is(field_of(&request, "x-amz-date"), "20150830T123600Z"));
	assert_true(span_starts(field_of(&request, "authorization"),
	    SPAN("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/service/aws4_request, "
		 "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=")));
	request_done(&request);
	in.payload_hash = SPAN("UNSIGNED\r\na: b"); /* found by fuzzing: it becomes a field's value */
	try(1, &in, UNSAFE);
	in.payload_hash = SPAN("UNSIGNED-PAYLOAD");
	in.fields_n = 1; /* the client's own */
	try(2, &in, UNSAFE);
	in.fields_n = 0;
	in.host = SPAN("a.test"); /* where the keys are not bound */
	try(3, &in, ELSEWHERE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_goes_where_it_is_bound),
	    cmocka_unit_test(what_has_not_gone_goes_by_newer_secrets),
	    cmocka_unit_test(bindings_see_credential_in_place_of_the_slot),
	    cmocka_unit_test(in_clear_goes_only_what_may),
	    cmocka_unit_test(in_clear_a_number_is_dialled_as_it_is),
	    cmocka_unit_test(requests_are_signed_for_aws),
	};

	return cmocka_run_group_tests(tests, making_setup, making_teardown);
}
