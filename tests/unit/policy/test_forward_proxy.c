/* A company's proxy: its address and login at their edges, and who is dialled directly. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/forward_proxy.h"

static void
addresses_of_proxies(void **state)
{
	static const struct {
		const char *url, *host; /* NULL: refused */
		uint16_t port;
	} cases[] = {
	    {"http://proxy.corp.test:3128", "proxy.corp.test", 3128},
	    {"http://10.0.0.1:1/", "10.0.0.1", 1},
	    {"http://[2001:db8::7]:65535", "2001:db8::7", 65535},
	    {"", NULL, 0},
	    {"http://", NULL, 0},
	    {"http:///", NULL, 0},
	    {"http://proxy.corp.test", NULL, 0},
	    {"http://proxy.corp.test:0", NULL, 0},
	    {"http://proxy.corp.test:65536", NULL, 0},
	    {"http://me:secret@proxy.corp.test:3128", NULL, 0},
	    {"http://proxy.corp.test:3128/x", NULL, 0},
	    {"http://proxy.corp.test:3128?x", NULL, 0},
	    {"https://proxy.corp.test:3128", NULL, 0},
	    {"HTTP://proxy.corp.test:3128", NULL, 0},
	    {"proxy.corp.test:3128", NULL, 0},
	    {"http://pro xy:3128", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct forward_proxy proxy = {.port = 7};
		struct why why = {0};
		enum err r = forward_proxy_parse(span_of_text(cases[i].url), &proxy, &why);

		if ((r == OK) != (cases[i].host != NULL))
			fail_msg("%s: %s: %s", cases[i].url, err_name(r), why.text);
		if (r != OK && (proxy.port != 7 || why.text[0] == '\0'))
			fail_msg("%s was touched, or nothing said", cases[i].url);
		if (r == OK && (strcmp(proxy.host, cases[i].host) != 0 || proxy.port != cases[i].port))
			fail_msg("%s is %s %u", cases[i].url, proxy.host, proxy.port);
	}
}

static void
logins(void **state)
{
	static const struct {
		const char *file, *want; /* NULL: refused */
	} cases[] = {
	    {"me:secret", "me:secret"},
	    {"me:secret\n", "me:secret"},
	    {"me:secret\r\n", "me:secret"},
	    {"a:b", "a:b"},
	    {"me:with:colons and spaces", "me:with:colons and spaces"},
	    {"", NULL},
	    {"\n", NULL},
	    {"me", NULL},
	    {"me:", NULL},
	    {":secret", NULL},
	    {"me:secret\n\n", NULL},
	    {"me:secret\nX: y", NULL},
	    {"me:sec\tret", NULL},
	};
	static char large[FORWARD_LOGIN_MAX + 2];
	struct span login;
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum err r = forward_login_parse(span_of_text(cases[i].file), &login, &why);

		if ((r == OK) != (cases[i].want != NULL) || (r == OK && !span_is(login, cases[i].want)))
			fail_msg("case %zu: %s", i, err_name(r));
	}
	memset(large, 'a', sizeof(large));
	large[1] = ':';
	assert_int_equal(forward_login_parse(span_of_bytes(large, FORWARD_LOGIN_MAX), &login, &why), OK);
	assert_int_equal(forward_login_parse(span_of_bytes(large, FORWARD_LOGIN_MAX + 1), &login, &why), ERR_INVALID);
}

static void
lists(void **state)
{
	static const struct {
		const char *list;
		enum err want;
	} cases[] = {
	    {"", OK},
	    {"*", OK},
	    {"*:443", OK},
	    {"corp.test, .corp.test,*.corp.test:8443", OK},
	    {"10.0.0.1,10.0.0.0/8,10.0.0.0/8:443,10.0.0.1:80", OK},
	    {"::1,2001:db8::/32,[2001:db8::7]:443,[2001:db8::/32]:443,[::1]", OK},
	    {"localhost", OK},
	    {",", ERR_INVALID},
	    {"a.test,,b.test", ERR_INVALID},
	    {"a*.test", ERR_INVALID},
	    {"*.", ERR_INVALID},
	    {"a..test", ERR_INVALID},
	    {"a.test.", ERR_INVALID},
	    {"a.test:0", ERR_INVALID},
	    {"a.test:65536", ERR_INVALID},
	    {"a.test:x", ERR_INVALID},
	    {"10.0.0.0/33", ERR_INVALID},
	    {"[10.0.0.1]:80", ERR_INVALID},
	    {"2001:db8::/32:443", ERR_INVALID},
	    {"http://a.test", ERR_INVALID},
	};
	char many[3 * (FORWARD_EXCEPTIONS_MAX + 2)] = "a";
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (forward_exceptions_check(span_of_text(cases[i].list), &why) != cases[i].want)
			fail_msg("%s: %s", cases[i].list, why.text);
	for (size_t i = 1; i < FORWARD_EXCEPTIONS_MAX; i++)
		memcpy(many + strlen(many), ",a", 3);
	assert_int_equal(forward_exceptions_check(span_of_text(many), &why), OK);
	memcpy(many + strlen(many), ",a", 3);
	assert_int_equal(forward_exceptions_check(span_of_text(many), &why), ERR_LIMIT);
}

static void
who_is_dialled_directly(void **state)
{
	static const struct {
		const char *list, *host;
		uint16_t port;
		const char *address[2]; /* of the host */
		const char *want;	/* which of them are dialled directly, as "12"; NULL: none, by the proxy */
	} cases[] = {
	    {"", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	    {"*", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    {"*:80", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	    {"corp.test", "corp.test", 443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    {"corp.test", "A.Corp.TEST", 443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    {".corp.test", "corp.test", 443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    {"*.corp.test", "a.b.corp.test", 443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    {"corp.test", "notcorp.test", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	    {"corp.test", "corp.test.evil.test", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	    {"corp.test:8443", "corp.test", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	    {"corp.test:8443", "corp.test", 8443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    /* an address stands for itself alone, also behind a name */
	    {"192.0.2.2", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, "2"},
	    {"192.0.2.0/31", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, "1"},
	    {"192.0.2.0/24", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, "12"},
	    {"192.0.2.0/24:80", "a.test", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	    {"[2001:db8::/32]:443", "a.test", 443, {"192.0.2.1", "2001:db8::9"}, "2"},
	    {"5", "10.0.0.5", 443, {"10.0.0.5", "10.0.0.5"}, NULL}, /* a number is below no domain */
	    /* loopback by its address, not by its name */
	    {"", "a.test", 443, {"192.0.2.1", "127.0.0.9"}, "2"},
	    {"", "a.test", 443, {"::1", "192.0.2.1"}, "1"},
	    {"", "localhost", 443, {"192.0.2.1", "192.0.2.2"}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address all[2], left[2];
		char got[3] = "";
		size_t n = 2;

		for (size_t k = 0; k < 2; k++)
			assert_true(address_parse(span_of_text(cases[i].address[k]), &all[k]));
		memcpy(left, all, sizeof(left));
		if (forward_direct(span_of_text(cases[i].list), span_of_text(cases[i].host), cases[i].port, left, &n))
			for (size_t k = 0, at = 0; at < n; k++)
				if (memcmp(&left[at], &all[k], sizeof(all[k])) == 0)
					got[at++] = (char)('1' + k);
		if (strcmp(got, cases[i].want == NULL ? "" : cases[i].want) != 0)
			fail_msg("case %zu: directly \"%s\"", i, got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_of_proxies), cmocka_unit_test(logins),
	    cmocka_unit_test(lists), cmocka_unit_test(who_is_dialled_directly)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
