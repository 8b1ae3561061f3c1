/* Who a caller is, and what it may; and the names made up for sandboxes. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "services/api/check.h"
#include "services/api/who.h"
#include "services/api/words.h"

static const struct {
	const char *what;
	bool certificate, allow;
	const char *name, *unit, *token;
	enum err want;
	const char *subject;
	bool user, admin;
} cases[] = {
    {"nobody", false, false, "", "", "", ERR_UNAUTHENTICATED, NULL, false, false},
    {"local developer", false, true, "", "", "", OK, "unauthenticated-local-dev", true, true},
    {"a certificate without roles", true, false, "ann", "", "", OK, "ann", true, true},
    {"a certificate wins over the local developer", true, true, "ann", "openshell-user", "", OK, "ann", true, false},
    {"a user", true, false, "ann", "openshell-user", "", OK, "ann", true, false},
    {"an admin is a user too", true, false, "ann", "openshell-admin", "", OK, "ann", true, true},
    {"another role alone gives nothing", true, false, "ann", "sales", "", OK, "ann", false, false},
    {"a role is compared whole", true, false, "ann", "openshell-admins", "", OK, "ann", false, false},
    {"a certificate without a name", true, false, "", "openshell-user", "", ERR_UNAUTHENTICATED, NULL, false, false},
    {"a token that nobody can check", true, true, "ann", "", "Bearer x", ERR_UNAUTHENTICATED, NULL, false, false},
};

static void
callers(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rpc_caller caller = {.certificate = cases[i].certificate,
		    .common_name = span_of_text(cases[i].name),
		    .authorization = span_of_text(cases[i].token)};
		struct why why = {0};
		struct who who;
		enum err r;

		caller.units[0] = span_of_text(cases[i].unit);
		caller.units_n = cases[i].unit[0] != '\0';
		r = who_read(&caller, cases[i].allow, &who, &why);
		if (r != cases[i].want || (r == OK && (!span_is(who.subject, cases[i].subject) ||
							  who.user != cases[i].user || who.admin != cases[i].admin)))
			fail_msg("%s: %s %s", cases[i].what, err_name(r), why.text);
	}
}

static void
rules(void **unused)
{
	static const struct {
		bool user, admin;
		enum auth auth;
		enum need need;
		enum err want;
		const char *words;
	} rows[] = {
	    {false, false, AUTH_BEARER, NEED_ROLE_NONE, OK, ""},
	    {false, false, AUTH_BEARER, NEED_ROLE_WORKSPACE_USER, ERR_DENIED, "role 'openshell-user' required"},
	    {true, false, AUTH_BEARER, NEED_ROLE_WORKSPACE_USER, OK, ""},
	    {true, false, AUTH_BEARER, NEED_ROLE_WORKSPACE_ADMIN, ERR_DENIED, "role 'openshell-admin' required"},
	    {true, false, AUTH_BEARER, NEED_ROLE_PLATFORM_ADMIN, ERR_DENIED, "role 'openshell-admin' required"},
	    {true, true, AUTH_BEARER, NEED_ROLE_PLATFORM_ADMIN, OK, ""},
	    {true, true, AUTH_DUAL, NEED_ROLE_WORKSPACE_USER, OK, ""},
	    {true, true, AUTH_SANDBOX, NEED_ROLE_NONE, ERR_DENIED, "for sandboxes alone"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct rule rule = {"Method", rows[i].auth, "", rows[i].need};
		const struct who who = {.user = rows[i].user, .admin = rows[i].admin};
		struct why why = {0};

		assert_int_equal(who_may(&who, &rule, &why), rows[i].want);
		assert_non_null(strstr(why.text, rows[i].words));
	}
}

/* Every made-up name is one that a caller might have given, of two alphabetic words. */
static void
words(void **unused)
{
	char name[WORDS_NAME_BYTES];
	struct why why;

	(void)unused;
	for (int i = 0; i < 10000; i++) {
		struct span rest, first;

		words_name(name);
		assert_int_equal(check_name("name", span_of_text(name), &why), OK);
		rest = span_of_text(name);
		first = span_cut(&rest, '-');
		assert_true(first.length >= 2 && rest.length >= 2);
		assert_true(
		    span_only(first, "abcdefghijklmnopqrstuvwxyz") && span_only(rest, "abcdefghijklmnopqrstuvwxyz"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(callers),
	    cmocka_unit_test(rules),
	    cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
