/* The HTTP/1.1 request reader: what it takes, and what two readers could read in two ways and it refuses. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/wire/http1.h"

#define HOST "Host: a\r\n"

static const struct {
	const char *text;
	enum err want;
	size_t used; /* 0: all of it */
	bool keep_alive;
} cases[] = {
	{"GET / HTTP/1.1\r\n" HOST "\r\n", OK, 0, true},
	{"GET / HTTP/1.1\r\n" HOST "\r\nGET", OK, 27, true},
	{"GET /a?b=c%20d HTTP/1.0\r\n\r\n", OK, 0, false},
	{"HEAD / HTTP/1.1\r\nhOST:a\r\nConnection: close\r\n\r\n", OK, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "connection: Keep-Alive\r\n\r\n", OK, 0, true},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\nX:\r\nY: \t v \t\r\n\r\n", OK, 0, true},
	{"GET / HTTP/1.1\r\n" HOST "X: \xc3\xbc\r\n\r\n", OK, 0, true},
	{"", ERR_MORE, 0, false},
	{"G", ERR_MORE, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "\r", ERR_MORE, 0, false},
	{"\x16\x03\x01", ERR_SYNTAX, 0, false},			    /* TLS: at once */
	{"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false}, /* nothing before the request line */
	{"GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1 \r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/2.0\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET / http/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET /\r\n\r\n", ERR_SYNTAX, 0, false},
	{"G(T / HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET http://a/ HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET /#a HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET /\x7f HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\n" HOST "\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n" HOST " folded\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", ERR_SYNTAX, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", ERR_UNIMPLEMENTED, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "content-length: 00\r\n\r\n", ERR_UNIMPLEMENTED, 0, false},
	{"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", ERR_UNIMPLEMENTED, 0, false},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span text = span_of_text(cases[i].text);
		struct http1_request request = {0}, untouched = {0};
		struct why why = {0};
		size_t used = 0;
		enum err r = http1_request_parse(text, &request, &used, &why);

		if (r != cases[i].want)
			fail_msg("case %zu: %s (%s)", i, err_name(r), why.text);
		if (r == OK) {
			assert_int_equal(used, cases[i].used == 0 ? text.length : cases[i].used);
			assert_int_equal(request.keep_alive, cases[i].keep_alive);
			continue;
		}
		assert_int_equal(why.text[0] == '\0', r == ERR_MORE);
		assert_memory_equal(&request, &untouched, sizeof(request));
	}
}

static void
test_fields(void **state)
{
	struct span text = SPAN("GET /p HTTP/1.1\r\nHOST:  a:1 \r\nx: 1\r\nX: 2\r\n\r\n"), value;
	struct http1_request request;
	size_t used;

	(void)state;
	assert_int_equal(http1_request_parse(text, &request, &used, NULL), OK);
	assert_true(span_is(request.method, "GET") && span_is(request.target, "/p"));
	assert_true(http1_field(&request, "host", &value) && span_is(value, "a:1"));
	assert_true(http1_field(&request, "X", &value) && span_is(value, "1"));
	assert_false(http1_field(&request, "y", &value));
}

/* A request of exactly so many bytes. */
static char *
request_of(size_t length)
{
	static const char head[] = "GET / HTTP/1.1\r\n" HOST "X: ";
	char *text = malloc(length);

	memset(text, 'x', length);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + length - 4, "\r\n\r\n", 4);
	return text;
}

static void
test_bounds(void **state)
{
	char many[HTTP1_HEAD_BYTES] = "GET / HTTP/1.1\r\n" HOST;
	struct http1_request request;
	size_t used;
	char *text;

	(void)state;
	text = request_of(HTTP1_HEAD_BYTES);
	assert_int_equal(http1_request_parse(span_of_bytes(text, HTTP1_HEAD_BYTES), &request, &used, NULL), OK);
	assert_int_equal(http1_request_parse(span_of_bytes(text, HTTP1_HEAD_BYTES - 1), &request, &used, NULL), ERR_MORE);
	free(text);
	text = request_of(HTTP1_HEAD_BYTES + 1);
	assert_int_equal(http1_request_parse(span_of_bytes(text, HTTP1_HEAD_BYTES + 1), &request, &used, NULL), ERR_RANGE);
	free(text);
	for (int i = 1; i < HTTP1_FIELDS_MAX; i++)
		strcat(many, "a: b\r\n");
	strcat(many, "\r\n");
	assert_int_equal(http1_request_parse(span_of_text(many), &request, &used, NULL), OK);
	strcpy(many + strlen(many) - 2, "a: b\r\n\r\n");
	assert_int_equal(http1_request_parse(span_of_text(many), &request, &used, NULL), ERR_RANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases), cmocka_unit_test(test_fields), cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
