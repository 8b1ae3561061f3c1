/* Heads of requests as a service gets them, and of answers as clients get them. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "services/api/service_head.h"

/* clang-format off */
#define FIELD(name, value) {{name, sizeof(name) - 1}, {value, sizeof(value) - 1}}
/* clang-format on */

static void
what_passes(void **unused)
{
	const struct rpc_field fields[] = {
	    FIELD(":method", "POST"),
	    FIELD(":authority", "a--b.openshell.localhost"),
	    FIELD("accept", "*/*"),
	    FIELD("host", "a--b.openshell.localhost"),
	    FIELD("authorization", "Bearer x"),
	    FIELD("connection", "x-mine, close"),
	    FIELD("x-mine", "1"),
	    FIELD("keep-alive", "timeout=5"),
	    FIELD("te", "trailers"),
	    FIELD("trailer", "x"),
	    FIELD("transfer-encoding", "chunked"),
	    FIELD("content-length", "3"),
	    FIELD("upgrade", "h2c"),
	    FIELD("expect", "100-continue"),
	    FIELD("proxy-authorization", "x"),
	    FIELD("proxy-authenticate", "x"),
	    FIELD("cf-access-jwt-assertion", "x"),
	    FIELD("x-forwarded-client-cert", "x"),
	    FIELD("x-ssl-client-cert", "x"),
	    FIELD("x-client-cert", "x"),
	    FIELD("cookie", "a=1; CF_Authorization=x"),
	    FIELD("cookie", "b=2"),
	    FIELD("x-other", "kept"),
	    FIELD("cookie", "cf-authorization=x"),
	};
	struct service_request request = {.method = SPAN("POST"),
	    .path = SPAN("/x?y=1"),
	    .fields = fields,
	    .fields_n = COUNT(fields),
	    .port = 8000,
	    .body = HTTP_BODY_LENGTH,
	    .length = 3};
	char room[SERVICE_HEAD_BYTES];
	struct text text = TEXT_OF(room);
	struct why why;

	(void)unused;
	assert_int_equal(service_request_write(&request, &text, &why), OK);
	assert_string_equal(room, "POST /x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:8000\r\naccept: */*\r\nx-other: kept\r\n"
				  "cookie: a=1; b=2\r\ncontent-length: 3\r\n"
				  "connection: te\r\nte: trailers\r\n\r\n");
}

static void
framings(void **unused)
{
	static const struct {
		enum http_body body;
		bool upgrade;
		const char *key, *want;
	} rows[] = {
	    {HTTP_BODY_NONE, false, NULL, "GET / HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n"},
	    {HTTP_BODY_CHUNKED, false, NULL,
		"GET / HTTP/1.1\r\nhost: 127.0.0.1:80\r\ntransfer-encoding: chunked\r\n\r\n"},
	    {HTTP_BODY_NONE, true, NULL,
		"GET / HTTP/1.1\r\nhost: 127.0.0.1:80\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"},
	    {HTTP_BODY_NONE, true, "k",
		"GET / HTTP/1.1\r\nhost: 127.0.0.1:80\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
		"sec-websocket-key: k\r\n\r\n"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct service_request request = {.method = rows[i].upgrade ? SPAN("CONNECT") : SPAN("GET"),
		    .path = SPAN("/"),
		    .port = 80,
		    .body = rows[i].body,
		    .upgrade = rows[i].upgrade,
		    .websocket_key = rows[i].key};
		char room[256];
		struct text text = TEXT_OF(room);
		struct why why;

		assert_int_equal(service_request_write(&request, &text, &why), OK);
		assert_string_equal(room, rows[i].want);
	}
}

static void
what_is_refused(void **unused)
{
	static const struct {
		const char *method, *path;
	} rows[] = {{"GET", ""}, {"GET", "*"}, {"GET", "http://x/"}, {"GET", "/a b"}, {"GET", "/a\tb"}, {"GET", "/a#b"},
	    {"GET", "/\x7f"}, {"CONNECT", "/"}, {"G ET", "/"}, {"", "/"}, {"GET\r\nX: 1", "/"}};
	char room[64], path[64];
	struct service_request request = {.method = SPAN("GET"), .port = 80};
	struct text text;
	struct why why;

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		text = (struct text)TEXT_OF(room);
		request.method = span_of_text(rows[i].method);
		request.path = span_of_text(rows[i].path);
		if (service_request_write(&request, &text, &why) != ERR_SYNTAX)
			fail_msg("%s %s", rows[i].method, rows[i].path);
	}
	memset(path, '/', sizeof(path));
	text = (struct text)TEXT_OF(room);
	request.method = SPAN("GET");
	request.path = span_of_bytes(path, sizeof(path));
	assert_int_equal(service_request_write(&request, &text, &why), ERR_RANGE);
}

static void
answers(void **unused)
{
	const struct span bytes =
	    SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: X-Hop\r\n"
		 "X-Hop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: s=1; Domain=localhost; Path=/\r\n"
		 "Proxy-Authenticate: x\r\nSet-Cookie: t=2\r\n\r\n");
	auto_arena struct arena arena = {.max_bytes = 65536};
	struct rpc_field fields[HTTP_FIELDS_MAX];
	struct http_head head;
	struct why why;
	size_t used, n;

	(void)unused;
	assert_int_equal(http_response_parse(bytes, HTTP_HEAD_BYTES, false, &head, &used, &why), OK);
	assert_int_equal(service_answer_fields(&head, &arena, fields, &n, &why), OK);
	assert_int_equal(n, 3);
	assert_true(span_is(fields[0].name, "content-type") && span_is(fields[0].value, "text/html"));
	assert_true(span_is(fields[1].name, "set-cookie") && span_is(fields[1].value, "s=1; Path=/"));
	assert_true(span_is(fields[2].value, "t=2"));
	arena_reset(&arena);
	arena.max_bytes = 1;
	assert_int_equal(service_answer_fields(&head, &arena, fields, &n, &why), ERR_LIMIT);
}

/* Trailers both ways: none that a head would not pass on, and none that may be none. */
static void
trailers(void **unused)
{
	static const struct rpc_field head[] = {FIELD("connection", "x-hop, te")},
				      sent[] = {FIELD("X-Sum", "1"), FIELD("x-hop", "1"), FIELD("Authorization", "x"),
					  FIELD("Content-Length", "3"), FIELD("Transfer-Encoding", "chunked"),
					  FIELD("host", "x"), FIELD("x-client-cert", "x"), FIELD("x-last", "")};
	const struct span bytes = SPAN("0\r\nX-Sum: 1\r\nContent-Length: 3\r\nSet-Cookie: a=1\r\nX-Last:\r\n\r\n");
	auto_arena struct arena arena = {.max_bytes = 65536};
	struct rpc_field fields[HTTP_TRAILERS_MAX];
	struct http_trailers found = {.fields_n = 0};
	struct http_chunk chunk = {0};
	char room[256];
	struct text text = TEXT_OF(room);
	struct span data;
	struct why why;
	size_t used, n;

	(void)unused;
	service_trailers_write(sent, COUNT(sent), head, COUNT(head), &text);
	assert_string_equal(room, "X-Sum: 1\r\nx-last: \r\n");
	assert_int_equal(http_chunk_next(&chunk, bytes, 0, &used, &data, &found, &why), OK);
	assert_int_equal(http_chunk_next(&chunk, span_tail(bytes, used), 0, &used, &data, &found, &why), OK);
	assert_int_equal(service_answer_trailers(&found, &arena, fields, &n, &why), OK);
	assert_int_equal(n, 2);
	assert_true(span_is(fields[0].name, "x-sum") && span_is(fields[0].value, "1"));
	assert_true(span_is(fields[1].name, "x-last") && fields[1].value.length == 0);
	arena_reset(&arena);
	arena.max_bytes = 1;
	assert_int_equal(service_answer_trailers(&found, &arena, fields, &n, &why), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_passes),
	    cmocka_unit_test(framings),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(trailers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
