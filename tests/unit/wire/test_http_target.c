/* The canonical request target: vectors 116 to 135 of the specification, and what hides behind escapes. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/wire/http_target.h"

static const struct {
	const char *target;
	bool slash; /* encoded slashes are kept */
	enum err want;
	const char *path, *query; /* NULL: no question mark */
} targets[] = {
    {"/", false, OK, "/", NULL},
    {"/repos/o/./r", false, OK, "/repos/o/r", NULL},
    {"/x/../repos/o", false, OK, "/repos/o", NULL},
    {"/repos/../admin", false, OK, "/admin", NULL},
    {"/repos/%2e%2e/admin", false, OK, "/admin", NULL},
    {"/repos/..;/admin", false, OK, "/admin", NULL},
    {"/repos/..%3bx/admin", false, OK, "/admin", NULL},
    {"/repos/caf%c3%a9", false, OK, "/repos/caf%C3%A9", NULL},
    {"/repos//o///r", false, OK, "/repos/o/r", NULL},
    {"/repos/", false, OK, "/repos/", NULL},
    {"/repos/x/..", false, OK, "/repos/", NULL},
    {"/repos/x/.", false, OK, "/repos/x/", NULL},
    {"/repos/x/%2E", false, OK, "/repos/x/", NULL},
    {"/a/..", false, OK, "/", NULL},
    {"//", false, OK, "/", NULL},
    {"/a;b=c/d;e", false, OK, "/a/d", NULL},
    {"/;x", false, OK, "/", NULL},
    {"/a%20b%22", false, OK, "/a%20b%22", NULL},
    {"/a\"<>[]^`{|}", false, OK, "/a%22%3C%3E%5B%5D%5E%60%7B%7C%7D", NULL},
    {"/%41%7e-._~!$&'()*+,=:@", false, OK, "/A~-._~!$&'()*+,=:@", NULL},
    {"/a?b=c%2Fd?/../e;f", false, OK, "/a", "b=c%2Fd?/../e;f"},
    {"/a?", false, OK, "/a", ""},
    {"/projects/o%2Fr", true, OK, "/projects/o%2Fr", NULL},
    {"/projects/o%2fr", true, OK, "/projects/o%2Fr", NULL},
    {"/projects/o%252Fr", true, OK, "/projects/o%252Fr", NULL},
    {"/a%255Cb", false, OK, "/a%255Cb", NULL},
    {"/a\\b", false, OK, "/a%5Cb", NULL},
    {"/...", false, OK, "/...", NULL},
    {"/.a/..b", false, OK, "/.a/..b", NULL},
    {"http://api.forge.test/repos/o", false, OK, "/repos/o", NULL},
    {"HTTPS://a:1?q", false, OK, "/", "q"},
    {"http://a", false, OK, "/", NULL},
    {"/../repos/o", false, ERR_SYNTAX, NULL, NULL},
    {"/a/../../b", false, ERR_SYNTAX, NULL, NULL},
    {"/%2e%2e", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/o%2Fr", false, ERR_SYNTAX, NULL, NULL},
    {"/projects/o%2f..%2fr", true, ERR_SYNTAX, NULL, NULL},
    {"/projects/o%2f.", true, ERR_SYNTAX, NULL, NULL},
    {"/projects/..%2fr", true, ERR_SYNTAX, NULL, NULL},
    {"/a/..\\b", false, ERR_SYNTAX, NULL, NULL}, /* S21 */
    {"/a/b%5c..%5Cc", false, ERR_SYNTAX, NULL, NULL},
    {"/a/%252e%252e/b", false, ERR_SYNTAX, NULL, NULL}, /* S22 */
    {"/a/.%252e/b", false, ERR_SYNTAX, NULL, NULL},
    {"/a%252f..%252fb", false, ERR_SYNTAX, NULL, NULL},
    {"/a%255c..%255cb", false, ERR_SYNTAX, NULL, NULL},
    {"/a/..%253bx/b", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%00b", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%0Ab", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%7F", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%2", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%2g", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/a%+1", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/\xc3\xa9", false, ERR_SYNTAX, NULL, NULL},
    {"/a?\xc3\xa9", false, ERR_SYNTAX, NULL, NULL},
    {"/repos/o#frag", false, ERR_SYNTAX, NULL, NULL},
    {"/a b", false, ERR_SYNTAX, NULL, NULL},
    {"/a\x7f", false, ERR_SYNTAX, NULL, NULL},
    {"*", false, ERR_SYNTAX, NULL, NULL},
    {"", false, ERR_SYNTAX, NULL, NULL},
    {"repos", false, ERR_SYNTAX, NULL, NULL},
    {"?a", false, ERR_SYNTAX, NULL, NULL},
    {"ftp://a/b", false, ERR_SYNTAX, NULL, NULL},
    {"http:///b", false, ERR_SYNTAX, NULL, NULL},
    {"http:/a/b", false, ERR_SYNTAX, NULL, NULL},
    {"api.forge.test:443", false, ERR_SYNTAX, NULL, NULL},
};

static void
test_targets(void **state)
{
	char room[HTTP_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct http_target target = {0}, untouched = {0};
		struct why why = {0};
		enum err r = http_target_parse(span_of_text(targets[i].target), targets[i].slash, room, &target, &why);

		if (r != targets[i].want)
			fail_msg("%s: %s (%s)", targets[i].target, err_name(r), why.text);
		if (r != OK) {
			assert_true(why.text[0] != '\0');
			assert_memory_equal(&target, &untouched, sizeof(target));
			continue;
		}
		if (!span_is(target.path, targets[i].path) || target.has_query != (targets[i].query != NULL) ||
		    !span_equal(target.query, span_of_text(targets[i].query)))
			fail_msg("%s: " SPAN_FORMAT, targets[i].target, SPAN_ARGS(target.path));
		assert_int_equal(target.encoded_slash, targets[i].slash && strstr(targets[i].path, "%2F") != NULL);
	}
}

/* What came out goes in again and comes out the same. */
static void
test_again(void **state)
{
	char room[HTTP_PATH_BYTES], again[HTTP_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct http_target first, second;

		if (targets[i].want != OK)
			continue;
		assert_int_equal(
		    http_target_parse(span_of_text(targets[i].target), targets[i].slash, room, &first, NULL), OK);
		assert_int_equal(http_target_parse(first.path, targets[i].slash, again, &second, NULL), OK);
		assert_true(span_equal(first.path, second.path));
	}
}

static void
test_long(void **state)
{
	char text[HTTP_PATH_BYTES + 8], room[HTTP_PATH_BYTES];
	struct http_target target;
	struct why why;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	assert_int_equal(http_target_parse(span_of_bytes(text, HTTP_PATH_BYTES), false, room, &target, &why), OK);
	assert_int_equal(target.path.length, HTTP_PATH_BYTES);
	assert_int_equal(
	    http_target_parse(span_of_bytes(text, HTTP_PATH_BYTES + 1), false, room, &target, &why), ERR_RANGE);
	text[HTTP_PATH_BYTES] = '?';
	assert_int_equal(http_target_parse(span_of_bytes(text, sizeof(text)), false, room, &target, &why), OK);
	text[9] = '|'; /* grows to three bytes */
	assert_int_equal(
	    http_target_parse(span_of_bytes(text, HTTP_PATH_BYTES), false, room, &target, &why), ERR_RANGE);
	assert_int_equal(http_target_parse(span_of_bytes(text, HTTP_PATH_BYTES - 2), false, room, &target, &why), OK);
	memset(text + 1, '|', HTTP_PATH_BYTES - 1);
	assert_int_equal(
	    http_target_parse(span_of_bytes(text, HTTP_PATH_BYTES), false, room, &target, &why), ERR_RANGE);
}

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define H253                                                                                                           \
	L63 "." L63 "." L63 "."                                                                                        \
	    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"

static const struct {
	const char *text;
	enum err want;
	const char *host;
	unsigned port; /* 0: none */
} authorities[] = {
    {"a", OK, "a", 0},
    {"API.forge.test.", OK, "API.forge.test", 0},
    {"a:443", OK, "a", 443},
    {"a.:65535", OK, "a", 65535},
    {"10.0.0.1:1", OK, "10.0.0.1", 1},
    {"[::1]", OK, "::1", 0},
    {"[fd00::1]:80", OK, "fd00::1", 80},
    {"a_b-c", OK, "a_b-c", 0},
    {H253, OK, H253, 0},
    {H253 "x", ERR_RANGE, NULL, 0},
    {"a:65536", ERR_RANGE, NULL, 0},
    {"a:0", ERR_RANGE, NULL, 0},
    {"a:", ERR_SYNTAX, NULL, 0},
    {"a:+1", ERR_SYNTAX, NULL, 0},
    {"a:1:2", ERR_SYNTAX, NULL, 0},
    {"", ERR_SYNTAX, NULL, 0},
    {".", ERR_SYNTAX, NULL, 0},
    {":80", ERR_SYNTAX, NULL, 0},
    {"u@a", ERR_SYNTAX, NULL, 0},
    {"u:p@a", ERR_SYNTAX, NULL, 0},
    {"a b", ERR_SYNTAX, NULL, 0},
    {"a/", ERR_SYNTAX, NULL, 0},
    {"a%2e", ERR_SYNTAX, NULL, 0},
    {"a,b", ERR_SYNTAX, NULL, 0},
    {"::1", ERR_SYNTAX, NULL, 0},
    {"[::1", ERR_SYNTAX, NULL, 0},
    {"[]", ERR_SYNTAX, NULL, 0},
    {"[a]", ERR_SYNTAX, NULL, 0},
    {"[::1]x", ERR_SYNTAX, NULL, 0},
    {"[::1%25lo]", ERR_SYNTAX, NULL, 0},
};

static void
test_authorities(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(authorities); i++) {
		struct http_authority out = {0}, untouched = {0};
		struct why why = {0};
		enum err r = http_authority_parse(span_of_text(authorities[i].text), &out, &why);

		if (r != authorities[i].want)
			fail_msg("%s: %s (%s)", authorities[i].text, err_name(r), why.text);
		if (r != OK) {
			assert_true(why.text[0] != '\0');
			assert_memory_equal(&out, &untouched, sizeof(out));
			continue;
		}
		assert_true(span_is(out.host, authorities[i].host));
		assert_int_equal(out.port, authorities[i].port);
		assert_int_equal(out.has_port, authorities[i].port != 0);
		assert_true(out.dot == (out.host.at[out.host.length] == '.'));
	}
}

static const struct {
	const char *text, *host;
	uint16_t port, default_port;
	bool same;
} pairs[] = {
    {"api.forge.test", "api.forge.test", 443, 443, true},
    {"api.forge.test:443", "api.forge.test", 443, 443, true},
    {"API.forge.test.", "api.forge.test", 443, 443, true},
    {"api.forge.test", "api.forge.test.", 443, 443, true},
    {"[::1]:80", "::1", 80, 80, true},
    {"a:8443", "a", 8443, 443, true},
    {"evil.test", "api.forge.test", 443, 443, false},
    {"api.forge.test:8443", "api.forge.test", 443, 443, false},
    {"a", "a", 8443, 443, false},
    {"a", "a", 443, 80, false},
    {"a", "ab", 80, 80, false},
};

static void
test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct http_authority authority;

		assert_int_equal(http_authority_parse(span_of_text(pairs[i].text), &authority, NULL), OK);
		if (http_authority_is(&authority, span_of_text(pairs[i].host), pairs[i].port, pairs[i].default_port) !=
		    pairs[i].same)
			fail_msg("%s and %s", pairs[i].text, pairs[i].host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_targets),
	    cmocka_unit_test(test_again),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_authorities),
	    cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
