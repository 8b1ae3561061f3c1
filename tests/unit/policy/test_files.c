/* The static sections of a policy: defaults, baseline, and each rule at its edge. */
#include "common/policy/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/wire/protobuf.h"
#include "openshell/sandbox.pb-c.h"

#include <cmocka.h> /* last: it defines fail */

#define POLICY	   Openshell__Sandbox__V1__SandboxPolicy
#define FILESYSTEM Openshell__Sandbox__V1__FilesystemPolicy
#define LANDLOCK   Openshell__Sandbox__V1__LandlockPolicy
#define PROCESS	   Openshell__Sandbox__V1__ProcessPolicy

static enum err
read_policy(const POLICY *policy, struct arena *arena, struct policy_files *out, struct why *why)
{
	struct span bytes;

	assert_int_equal(protobuf_write(&policy->base, arena, &bytes, why), OK);
	return policy_files_read(bytes, arena, out, why);
}

static char long_path[POLICY_PATH_MAX_BYTES + 2];

static const struct {
	const char *name, *read_only, *read_write, *user;
	enum err want;
	const char *clean;   /* of the one path */
	const char *mention; /* in the reason */
} cases[] = {
    {"plain", "/usr", NULL, NULL, OK, "/usr", NULL},
    {"slashes", "//usr///lib/", NULL, NULL, OK, "/usr/lib", NULL},
    {"dots", "/./usr/./lib/.", NULL, NULL, OK, "/usr/lib", NULL},
    {"root to read", "/", NULL, NULL, OK, "/", NULL},
    {"three dots are a name", "/...", NULL, NULL, OK, "/...", NULL},
    {"longest", long_path, NULL, NULL, OK, long_path, NULL},
    {"one byte more", long_path, NULL, NULL, ERR_INVALID, NULL, "read_only[0]"},
    {"root to write", NULL, "/", NULL, ERR_INVALID, NULL, "overly broad"},
    {"root to write, slashes", NULL, "///", NULL, ERR_INVALID, NULL, "read_write[0]"},
    {"root to write, dot", NULL, "/.", NULL, ERR_INVALID, NULL, "overly broad"},
    {"relative", "usr", NULL, NULL, ERR_INVALID, NULL, "absolute"},
    {"empty", "", NULL, NULL, ERR_INVALID, NULL, "absolute"},
    {"up", "/usr/../etc", NULL, NULL, ERR_INVALID, NULL, "'..'"},
    {"up at the end", NULL, "/tmp/..", NULL, ERR_INVALID, NULL, "read_write[0]"},
    {"user by word", "/usr", NULL, "sandbox", OK, "/usr", NULL},
    {"user by number", "/usr", NULL, "4294967294", OK, "/usr", NULL},
    {"user too large", "/usr", NULL, "4294967295", ERR_INVALID, NULL, "run_as_user"},
    {"user zero", "/usr", NULL, "0", ERR_INVALID, NULL, "run_as_user"},
    {"user root", "/usr", NULL, "root", ERR_INVALID, NULL, "got 'root'"},
};

static void
each_case(void **state)
{
	(void)state;
	memset(long_path, 'a', POLICY_PATH_MAX_BYTES);
	long_path[0] = '/';
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		POLICY policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
		FILESYSTEM filesystem = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
		PROCESS process = OPENSHELL__SANDBOX__V1__PROCESS_POLICY__INIT;
		char *read_only = (char *)cases[i].read_only, *read_write = (char *)cases[i].read_write;
		struct policy_files files = {.paths_n = 77};
		struct why why = {0};

		long_path[POLICY_PATH_MAX_BYTES] = strcmp(cases[i].name, "one byte more") == 0 ? 'a' : '\0';
		policy.filesystem = &filesystem;
		policy.process = &process;
		process.run_as_user = (char *)cases[i].user;
		filesystem.n_read_only = read_only != NULL;
		filesystem.read_only = &read_only;
		filesystem.n_read_write = read_write != NULL;
		filesystem.read_write = &read_write;
		if (read_policy(&policy, &arena, &files, &why) != cases[i].want)
			fail_msg("%s: %s", cases[i].name, why.text);
		if (cases[i].want != OK) {
			assert_int_equal(files.paths_n, 77);
			assert_non_null(strstr(why.text, cases[i].mention));
			continue;
		}
		assert_int_equal(files.paths_n, 1);
		assert_string_equal(files.paths[0].path.at, cases[i].clean);
		assert_int_equal(files.paths[0].write, read_write != NULL);
		assert_false(files.include_workdir);
	}
}

static void
without_sections(void **state)
{
	auto_arena struct arena arena = {0};
	POLICY policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	struct policy_files files;
	struct why why = {0};

	(void)state;
	assert_int_equal(read_policy(&policy, &arena, &files, &why), OK);
	assert_true(files.include_workdir);
	assert_false(files.hard_requirement);
	assert_int_equal(files.uid, POLICY_ID_SANDBOX);
	assert_int_equal(files.gid, POLICY_ID_SANDBOX);
	assert_int_equal(files.paths_n, 8);
	for (size_t i = 0; i < files.paths_n; i++) {
		assert_true(files.paths[i].baseline);
		assert_int_equal(files.paths[i].write, span_is(files.paths[i].path, "/tmp"));
	}
}

/* With network the baseline is added, but what the author made read-only stays so. */
static void
baseline_never_widens(void **state)
{
	auto_arena struct arena arena = {0};
	POLICY policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	FILESYSTEM filesystem = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	LANDLOCK landlock = OPENSHELL__SANDBOX__V1__LANDLOCK_POLICY__INIT;
	Openshell__Sandbox__V1__NetworkPolicyRule rule = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
	Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry
	    entry = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__NETWORK_POLICIES_ENTRY__INIT,
	    *entries = &entry;
	char *read_only[] = {(char *)"/tmp/", (char *)"/opt"}, *read_write[] = {(char *)"/opt"};
	struct policy_files files;
	struct why why = {0};

	(void)state;
	entry.key = (char *)"web";
	entry.value = &rule;
	policy.n_network_policies = 1;
	policy.network_policies = &entries;
	policy.filesystem = &filesystem;
	policy.landlock = &landlock;
	landlock.compatibility = (char *)"hard_requirement";
	filesystem.n_read_only = 2;
	filesystem.read_only = read_only;
	filesystem.n_read_write = 1;
	filesystem.read_write = read_write;
	assert_int_equal(read_policy(&policy, &arena, &files, &why), OK);
	assert_true(files.hard_requirement);
	assert_int_equal(files.paths_n, 2 + 7); /* /tmp is there already */
	for (size_t i = 0; i < files.paths_n; i++)
		assert_false(files.paths[i].write);
}

static void
too_many(void **state)
{
	auto_arena struct arena arena = {0};
	POLICY policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	FILESYSTEM filesystem = OPENSHELL__SANDBOX__V1__FILESYSTEM_POLICY__INIT;
	char *paths[POLICY_PATHS_MAX + 1];
	struct policy_files files;
	struct why why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		paths[i] = (char *)"/usr";
	policy.filesystem = &filesystem;
	filesystem.read_only = filesystem.read_write = paths;
	filesystem.n_read_only = POLICY_PATHS_MAX;
	assert_int_equal(read_policy(&policy, &arena, &files, &why), OK);
	filesystem.n_read_write = 1;
	assert_int_equal(read_policy(&policy, &arena, &files, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "257 > 256"));
	assert_int_equal(policy_files_read(SPAN("\x0a"), &arena, &files, &why), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_case),
	    cmocka_unit_test(without_sections),
	    cmocka_unit_test(baseline_never_widens),
	    cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
