/* Heads of HTTP/1: what is taken, and every way of smuggling that we know, refused. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/wire/http_head.h"

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static const struct {
	const char *text;
	enum err want;
	size_t used; /* 0: all of it */
	enum http_body body;
	uint64_t length;
	bool keep_alive;
} requests[] = {
    {GET "\r\n", OK, 0, HTTP_BODY_NONE, 0, true},
    {GET "\r\nGET", OK, 27, HTTP_BODY_NONE, 0, true}, /* a second one behind it is left alone */
    {"GET /a?b=c%20d HTTP/1.0\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, false},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, true},
    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, false},
    {"HEAD / HTTP/1.1\r\nhOST:a\r\nConnection: close\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, false},
    {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\nConnection: keep-alive\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, false},
    {"GET http://a/ HTTP/1.1\r\n" HOST "\r\n", OK, 0, HTTP_BODY_NONE, 0, true},
    {"GET / HTTP/1.1\r\nHost: [fd00::1]:8080\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, true},
    {GET "Content-Length: 0\r\nX:\r\nY: \t v \t\r\n\r\n", OK, 0, HTTP_BODY_LENGTH, 0, true},
    {GET "X: \xc3\xbc\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, true},
    {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", OK, 0, HTTP_BODY_LENGTH, 5, true}, /* S10 */
    {POST "content-length: 9223372036854775807\r\n\r\n", OK, 0, HTTP_BODY_LENGTH, INT64_MAX, true},
    {POST "Transfer-Encoding: Chunked\r\n\r\n", OK, 0, HTTP_BODY_CHUNKED, 0, true},
    {POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", OK, 0, HTTP_BODY_LENGTH, 1, true},
    {GET "Connection: upgrade, ,\r\nUpgrade: websocket\r\n\r\n", OK, 0, HTTP_BODY_NONE, 0, true},
    {"", ERR_MORE, 0, 0, 0, false},
    {"G", ERR_MORE, 0, 0, 0, false},
    {GET "\r", ERR_MORE, 0, 0, 0, false},
    /* two readers, two lengths: CL.TE, TE.CL, TE.TE, CL.CL */
    {POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: chunked, identity\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: xchunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding: chunked;q=1\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding:\x0b"
	  "chunked\r\n\r\n",
	ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding:\r\n chunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding : chunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST " Transfer-Encoding: chunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Transfer-Encoding:\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 5, 5\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: +5\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: -1\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 0x5\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 05\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 5 5\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length:\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 9223372036854775808\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {POST "Content-Length: 18446744073709551621\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false}, /* 5, where it wraps */
    /* two readers, two hosts */
    {"GET / HTTP/1.1\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.0\r\n" HOST "Host: b\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false}, /* S33 */
    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "Connection: Host\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "Connection: close, content-length\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "Connection: transfer-encoding\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "Connection: a b\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    /* two readers, two lines */
    {"GET / HTTP/1.1\nHost: a\n\n", ERR_SYNTAX, 0, 0, 0, false}, /* at once: its end would never come */
    {"GET / HTTP/1.1\r\nHost: a\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1\n" HOST "\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "X: a\nContent-Length: 3\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "X: a\rContent-Length: 3\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET " folded\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "\tfolded\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "X: a\x7f\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "X: a\x01\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "X: \xff\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false}, /* not UTF-8 */
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET ": a\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "nocolon\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "a b: c\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    /* the first line */
    {"\x16\x03\x01", ERR_SYNTAX, 0, 0, 0, false}, /* TLS: at once */
    {"\r\n" GET "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / HTTP/1.10\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET / http/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET /\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"G(T / HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET /\x7f HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX, 0, 0, 0, false},
    /* the rest */
    {POST "Expect: nothing\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "Upgrade: h2c\r\nUpgrade: websocket\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
    {GET "Upgrade:\r\n\r\n", ERR_SYNTAX, 0, 0, 0, false},
};

static const struct {
	const char *text;
	bool head;
	enum err want;
	unsigned status;
	enum http_body body;
	uint64_t length;
	bool keep_alive;
} responses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, OK, 200, HTTP_BODY_LENGTH, 3, true},
    {"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", false, OK, 200, HTTP_BODY_LENGTH, 3, true},
    {"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", false, OK, 200, HTTP_BODY_CHUNKED, 0, true},
    {"HTTP/1.1 200 OK\r\n\r\n", false, OK, 200, HTTP_BODY_CLOSE, 0, false},
    {"HTTP/1.0 200 OK\r\n\r\n", false, OK, 200, HTTP_BODY_CLOSE, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, OK, 200, HTTP_BODY_NONE, 3, true},
    {"HTTP/1.1 200 OK\r\n\r\n", true, OK, 200, HTTP_BODY_NONE, 0, true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, OK, 304, HTTP_BODY_NONE, 9, true},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", false, OK, 204, HTTP_BODY_NONE, 9, true},
    {"HTTP/1.1 100 Continue\r\n\r\n", false, OK, 100, HTTP_BODY_NONE, 0, true},
    {"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", false, OK, 101, HTTP_BODY_NONE, 0, true},
    {"HTTP/1.1 200 \xe9t\xe9\r\nX: \xff\r\nContent-Length: 0\r\n\r\n", false, OK, 200, HTTP_BODY_LENGTH, 0, true},
    {"HTTP/1.1 200 OK\r\nHost: @@\r\nContent-Length: 0\r\n\r\n", false, OK, 200, HTTP_BODY_LENGTH, 0, true},
    {"HTTP/1.1 20", false, ERR_MORE, 0, 0, 0, false},
    {"HTTP/1.1 099 X\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 600 X\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 2000 X\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1  200 X\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/2 200 X\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"SSH-2.0-OpenSSH\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
    {"HTTP/1.1 200 OK\r\nX: a\n\r\n\r\n", false, ERR_SYNTAX, 0, 0, 0, false},
};

static struct http_head head, untouched;

static void
check_failed(enum err r, const struct why *why)
{
	assert_int_equal(why->text[0] == '\0', r == ERR_MORE);
	assert_memory_equal(&head, &untouched, sizeof(head));
}

static void
test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct span text = span_of_text(requests[i].text);
		struct why why = {0};
		size_t used = 0;
		enum err r;

		head = untouched;
		r = http_request_parse(text, HTTP_HEAD_BYTES, &head, &used, &why);
		if (r != requests[i].want)
			fail_msg("request %zu: %s (%s)", i, err_name(r), why.text);
		if (r != OK) {
			check_failed(r, &why);
			continue;
		}
		assert_int_equal(used, requests[i].used == 0 ? text.length : requests[i].used);
		assert_int_equal(head.body, requests[i].body);
		assert_int_equal(head.length, requests[i].length);
		assert_int_equal(head.keep_alive, requests[i].keep_alive);
	}
}

static void
test_nul(void **state)
{
	static const char bytes[] = GET "X: a\0b\r\n\r\n";
	struct why why = {0};
	size_t used;

	(void)state;
	head = untouched;
	assert_int_equal(http_request_parse(SPAN(bytes), HTTP_HEAD_BYTES, &head, &used, &why), ERR_SYNTAX);
}

static void
test_responses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(responses); i++) {
		struct span text = span_of_text(responses[i].text);
		struct why why = {0};
		size_t used = 0;
		enum err r;

		head = untouched;
		r = http_response_parse(text, HTTP_HEAD_BYTES, responses[i].head, &head, &used, &why);
		if (r != responses[i].want)
			fail_msg("response %zu: %s (%s)", i, err_name(r), why.text);
		if (r != OK) {
			check_failed(r, &why);
			continue;
		}
		assert_int_equal(used, text.length);
		assert_int_equal(head.status, responses[i].status);
		assert_int_equal(head.body, responses[i].body);
		assert_int_equal(head.length, responses[i].length);
		assert_int_equal(head.keep_alive, responses[i].keep_alive);
	}
}

/* What goes no further than this connection. */
static void
test_hop(void **state)
{
	struct span text =
	    SPAN("GET /p HTTP/1.1\r\nX-Mine: 1\r\nHOST:  a:1 \r\nConnection: x-mine, Upgrade\r\nTE: trailers\r\n"
		 "Upgrade: websocket\r\nProxy-Authorization: x\r\nKeep-Alive: 5\r\nContent-Length: 0\r\n"
		 "x-http-method-override: PUT\r\nX: 2\r\n\r\n");
	static const bool hop[] = {true, false, true, true, true, true, true, true, false, false};
	size_t used;

	(void)state;
	assert_int_equal(http_request_parse(text, HTTP_HEAD_BYTES, &head, &used, NULL), OK);
	assert_true(span_is(head.method, "GET") && span_is(head.target, "/p") && span_is(head.host, "a:1"));
	assert_true(head.connection_upgrade && span_is(head.upgrade, "websocket") && head.trailers && head.keep_alive);
	assert_int_equal(head.fields_n, COUNT(hop));
	for (size_t i = 0; i < COUNT(hop); i++)
		assert_int_equal(head.fields[i].hop, hop[i]);
	assert_true(span_is(http_find(&head, HTTP_METHOD_OVERRIDE)->value, "PUT"));
	assert_true(span_is(http_find_text(&head, "x")->value, "2"));
	assert_null(http_find(&head, HTTP_COOKIE));
	assert_null(http_find_text(&head, "y"));
	assert_int_equal(http_count(&head, HTTP_HOST), 1);
}

static void
test_fields(void **state)
{
	struct http_field fields[2];
	size_t n = 9, used = 0;
	struct why why = {0};

	(void)state;
	assert_int_equal(http_fields_parse(SPAN("\r\nrest"), 64, fields, 2, &n, &used, &why), OK);
	assert_int_equal(n, 0);
	assert_int_equal(used, 2);
	assert_int_equal(
	    http_fields_parse(SPAN("grpc-status: 0\r\nHost: b\r\n\r\n"), 64, fields, 2, &n, &used, &why), OK);
	assert_true(n == 2 && !fields[0].hop && fields[1].hop && span_is(fields[0].value, "0"));
	assert_int_equal(http_fields_parse(SPAN("\r"), 64, fields, 2, &n, &used, &why), ERR_MORE);
	assert_int_equal(http_fields_parse(SPAN("a: b\r\n"), 64, fields, 2, &n, &used, &why), ERR_MORE);
	assert_int_equal(http_fields_parse(SPAN("a: b\r\n\r\n"), 7, fields, 2, &n, &used, &why), ERR_RANGE);
	assert_int_equal(
	    http_fields_parse(SPAN("a:b\r\na:b\r\na:b\r\n\r\n"), 64, fields, 2, &n, &used, &why), ERR_RANGE);
	assert_int_equal(http_fields_parse(SPAN(" a:b\r\n\r\n"), 64, fields, 2, &n, &used, &why), ERR_SYNTAX);
	assert_int_equal(http_fields_parse(SPAN("a:b\n\r\n\r\n"), 64, fields, 2, &n, &used, &why), ERR_SYNTAX);
}

/* What may not stand behind a body (RFC 9110, 6.5.1), in any case of letters; what only looks like it may. */
static void
test_trailer_names(void **state)
{
	static const struct {
		const char *name;
		bool hop;
	} names[] = {{"grpc-status", false}, {"etag", false}, {"Authorization2", false}, {"authorizatio", false},
	    {"Transfer-Encoding", true}, {"content-length", true}, {"Host", true}, {"TE", true}, {"trailer", true},
	    {"connection", true}, {"Authorization", true}, {"www-authenticate", true}, {"Proxy-Authorization", true},
	    {"cookie", true}, {"Set-Cookie", true}, {"content-type", true}, {"content-encoding", true},
	    {"content-range", true}, {"Range", true}, {"expect", true}, {"x-http-method-override", true}};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		if (http_trailer_of(span_of_text(names[i].name), SPAN("x")).hop != names[i].hop)
			fail_msg("%s", names[i].name);
	assert_false(
	    http_field_of(SPAN("Authorization"), SPAN("x")).hop || http_field_of(SPAN("range"), SPAN("x")).hop);
}

/* Where fields are variables of CGI, "-" and "_" are one: what overrides is seen in either, what frames in its own alone. */
static void
test_underscores(void **state)
{
	static const struct {
		const char *name;
		enum http_name known;
		bool redirects;
	} names[] = {{"X_HTTP_Method_Override", HTTP_METHOD_OVERRIDE, false},
	    {"x-http_method-override", HTTP_METHOD_OVERRIDE, false}, {"X_HTTP_METHOD", HTTP_METHOD_OVERRIDE, false},
	    {"x_method_override", HTTP_METHOD_OVERRIDE, false}, {"x_http_method_overridf", HTTP_OTHER, false},
	    {"x_http_method_overrid", HTTP_OTHER, false}, {"_", HTTP_OTHER, false}, {"", HTTP_OTHER, false},
	    {"content_length", HTTP_OTHER, false}, {"Transfer_Encoding", HTTP_OTHER, false},
	    {"X_Original_URL", HTTP_OTHER, true}, {"x-rewrite_url", HTTP_OTHER, true},
	    {"X-Original-Uri", HTTP_OTHER, true}, {"x_forwarded_uri", HTTP_OTHER, true},
	    {"x_forwarded_url", HTTP_OTHER, false}, {"x_original_ur", HTTP_OTHER, false}};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct span name = span_of_text(names[i].name);

		if (http_name(name) != names[i].known || http_redirects(name) != names[i].redirects)
			fail_msg("%s", names[i].name);
	}
}

/* A request of exactly so many bytes. */
static char *
request_of(size_t length)
{
	static const char begin[] = GET "X: ";
	char *text = malloc(length);

	memset(text, 'x', length);
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + length - 4, "\r\n\r\n", 4);
	return text;
}

static void
test_bounds(void **state)
{
	char many[HTTP_HEAD_BYTES] = GET;
	size_t used, n = strlen(many);
	struct why why = {0};
	char *text;

	(void)state;
	for (size_t max = HTTP_FIRST_HEAD_BYTES; max <= HTTP_HEAD_BYTES; max += HTTP_FIRST_HEAD_BYTES) {
		text = request_of(max);
		assert_int_equal(http_request_parse(span_of_bytes(text, max), max, &head, &used, &why), OK);
		assert_int_equal(http_request_parse(span_of_bytes(text, max - 1), max, &head, &used, &why), ERR_MORE);
		free(text);
		text = request_of(max + 1);
		assert_int_equal(http_request_parse(span_of_bytes(text, max + 1), max, &head, &used, &why), ERR_RANGE);
		free(text);
	}
	for (int i = 1; i < HTTP_FIELDS_MAX; i++, n += 6)
		memcpy(many + n, "a: b\r\n", 6);
	memcpy(many + n, "\r\n", 2);
	assert_int_equal(http_request_parse(span_of_bytes(many, n + 2), HTTP_HEAD_BYTES, &head, &used, &why), OK);
	memcpy(many + n, "a: b\r\n\r\n", 8);
	assert_int_equal(
	    http_request_parse(span_of_bytes(many, n + 8), HTTP_HEAD_BYTES, &head, &used, &why), ERR_RANGE);
}

static void
test_words(void **state)
{
	(void)state;
	assert_true(http_list_has(SPAN("keep-alive, Upgrade"), "upgrade"));
	assert_true(http_list_has(SPAN("a,b ,c"), "b"));
	assert_false(http_list_has(SPAN("keep-alive-not"), "keep-alive"));
	assert_false(http_list_has(SPAN_NONE, "a"));
	assert_true(http_token(SPAN("x-a_b!")) && !http_token(SPAN("a b")) && !http_token(SPAN_NONE));
	assert_int_equal(http_name(SPAN("CoNtEnT-LeNgTh")), HTTP_CONTENT_LENGTH);
	assert_int_equal(http_name(SPAN("content-lengthx")), HTTP_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_responses),
	    cmocka_unit_test(test_hop),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_trailer_names),
	    cmocka_unit_test(test_underscores),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
