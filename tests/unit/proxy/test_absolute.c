/* What the proxy itself reads out of text: absolute targets, name servers. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "sandbox/proxy/absolute.h"
#include "common/resolve/name_server.h"

static const struct {
	const char *text;
	enum err want;
	enum absolute_scheme scheme;
	const char *host;
	uint16_t port; /* 0: none given */
	const char *path;
} targets[] = {
    {"http://a.test/x?q", OK, ABSOLUTE_HTTP, "a.test", 0, "/x"},
    {"HTTP://a.test:8080", OK, ABSOLUTE_HTTP, "a.test", 8080, ""},
    {"http://a.test?q/r", OK, ABSOLUTE_HTTP, "a.test", 0, ""},
    {"http://[::1]:1/", OK, ABSOLUTE_HTTP, "::1", 1, "/"},
    {"http://a.test:65535/", OK, ABSOLUTE_HTTP, "a.test", 65535, "/"},
    {"http://a.test:65536/", ERR_RANGE, 0, NULL, 0, NULL},
    {"http://a.test:0/", ERR_RANGE, 0, NULL, 0, NULL},
    {"http://u@a.test/", ERR_SYNTAX, 0, NULL, 0, NULL}, /* S33 */
    {"http:///x", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"http://", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"http:/a.test/", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"http:a.test/", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"://a.test/", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"ht tp://a.test/", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"/x", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"/x://y", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"*", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"http://a.test/#f", ERR_SYNTAX, 0, NULL, 0, NULL},
    {"https://a.test/", OK, ABSOLUTE_HTTPS, "", 0, "/"},
    {"ftp://a.test/", OK, ABSOLUTE_OTHER, "", 0, "/"},
    {"httpx://a.test/", OK, ABSOLUTE_OTHER, "", 0, "/"},
};

static void
targets_are_cut_as_the_table_says(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct absolute out = {.scheme = 99};
		struct why why = {0};
		enum err r = absolute_parse(span_of_text(targets[i].text), &out, &why);

		if (r != targets[i].want)
			fail_msg("\"%s\": %s", targets[i].text, err_name(r));
		if (r != OK) {
			assert_int_equal(out.scheme, 99);
			assert_int_not_equal(why.text[0], 0);
			continue;
		}
		assert_int_equal(out.scheme, targets[i].scheme);
		assert_true(span_is(out.authority.host, targets[i].host));
		assert_int_equal(out.authority.has_port ? out.authority.port : 0, targets[i].port);
		assert_true(span_is(out.path, targets[i].path));
	}
}

static const struct {
	const char *text;
	enum err want;
	uint8_t length, first, last;
	uint16_t port;
} servers[] = {
    {"10.0.0.1", OK, 4, 10, 1, 53},
    {"10.0.0.1:5353", OK, 4, 10, 1, 5353},
    {"fd00::1", OK, 16, 0xfd, 1, 53},
    {"[fd00::1]:65535", OK, 16, 0xfd, 1, 65535},
    {"[10.0.0.1]:53", OK, 4, 10, 1, 53},
    {"[fd00::1]:65536", ERR_RANGE, 0, 0, 0, 0},
    {"10.0.0.1:0", ERR_RANGE, 0, 0, 0, 0},
    {"10.0.0.1:", ERR_SYNTAX, 0, 0, 0, 0},
    {"[fd00::1]", ERR_SYNTAX, 0, 0, 0, 0},
    {"[fd00::1]x", ERR_SYNTAX, 0, 0, 0, 0},
    {"[fd00::1:53", ERR_SYNTAX, 0, 0, 0, 0},
    {"10.0.1", ERR_SYNTAX, 0, 0, 0, 0},
    {"dns.test", ERR_SYNTAX, 0, 0, 0, 0},
    {"dns.test:53", ERR_SYNTAX, 0, 0, 0, 0},
    {"", ERR_SYNTAX, 0, 0, 0, 0},
    {"[]:53", ERR_SYNTAX, 0, 0, 0, 0},
};

static void
name_servers_are_read_as_the_table_says(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(servers); i++) {
		struct name_server out = {.port = 7};
		struct why why = {0};
		enum err r = name_server_parse(span_of_text(servers[i].text), &out, &why);

		if (r != servers[i].want)
			fail_msg("\"%s\": %s", servers[i].text, err_name(r));
		if (r != OK) {
			assert_int_equal(out.port, 7);
			assert_int_not_equal(why.text[0], 0);
			continue;
		}
		assert_int_equal(out.port, servers[i].port);
		assert_int_equal(out.address.length, servers[i].length);
		assert_int_equal(out.address.bytes[0], servers[i].first);
		assert_int_equal(out.address.bytes[out.address.length - 1], servers[i].last);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(targets_are_cut_as_the_table_says),
	    cmocka_unit_test(name_servers_are_read_as_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
