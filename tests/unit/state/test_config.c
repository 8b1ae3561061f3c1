/* The database's address taken apart, the built-in policy, hashes and revisions. */
#include "tests/unit/test.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

#include "common/base/clean.h"
#include "openshell/openshell.pb-c.h"
#include "services/state/configure.h"

static const char *
value(const struct conninfo *conninfo, const char *key)
{
	const char *found = NULL;

	for (size_t i = 0; conninfo->keys[i] != NULL; i++)
		if (strcmp(conninfo->keys[i], key) == 0)
			found = conninfo->values[i];
	return found;
}

static void
an_address_is_taken_apart(void **unused)
{
	static const struct {
		const char *url;
		enum err want;
		const char *host, *hostaddr, *timeout;
	} cases[] = {
	    {"host=/usr user=openshell password=pass dbname=o", OK, "/usr", NULL, "5"},
	    {"postgresql://u:pass@127.0.0.1:5433/o", OK, "127.0.0.1", "127.0.0.1", "5"},
	    {"postgresql://u@[::1]/o?connect_timeout=3", OK, "::1", "::1", "3"},
	    {"host=localhost hostaddr=127.0.0.9", OK, "localhost", "127.0.0.9", "5"},
	    {"host=/usr,127.0.0.1,127.0.0.2", OK, "/usr,127.0.0.1,127.0.0.2", ",127.0.0.1,127.0.0.2", "5"},
	    {"dbname=o", OK, NULL, NULL, "5"},
	    {"host=/usr,/etc", OK, "/usr,/etc", NULL, "5"},
	    {"host=/usr,/no/such/directory", ERR_NOT_FOUND, NULL, NULL, NULL},
	    {"host=no-such-host.invalid", ERR_NOT_FOUND, NULL, NULL, NULL},
	    {"host=/usr sslrootcert=/no/such/file", ERR_NOT_FOUND, NULL, NULL, NULL},
	    {"host=/usr sslrootcert=/dev/null", ERR_INVALID, NULL, NULL, NULL},
	    {"host=/usr sslkey=/proc/self/status", ERR_SYSTEM, NULL, NULL, NULL}, /* no run_dir/state to copy it to */
	    {"password=pass nonsense", ERR_INVALID, NULL, NULL, NULL},
	    {"colour=red password=pass", ERR_INVALID, NULL, NULL, NULL},
	    {"postgresql://u:pass@[::1", ERR_INVALID, NULL, NULL, NULL},
	};

	static const struct service_config service = {.run_dir = "/."};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct conninfo conninfo = {0};
		struct why why = {0};
		enum err r = conninfo_read(&conninfo, cases[i].url, &service, &why);

		if (r != cases[i].want)
			fail_msg("%s: %s: %s", cases[i].url, err_name(r), why.text);
		if (r != OK) {
			assert_true(why.text[0] != '\0');
			assert_null(strstr(why.text, "pass")); /* it is in the log */
			assert_null(conninfo.keys);
			continue;
		}
		if (cases[i].host != NULL)
			assert_string_equal(value(&conninfo, "host"), cases[i].host);
		if (cases[i].hostaddr == NULL)
			assert_null(value(&conninfo, "hostaddr"));
		else
			assert_string_equal(value(&conninfo, "hostaddr"), cases[i].hostaddr);
		assert_string_equal(value(&conninfo, "connect_timeout"), cases[i].timeout);
		conninfo_free(&conninfo);
		assert_null(conninfo.keys);
	}
}

static void
the_built_in_policy_is_what_it_says(void **unused)
{
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	auto_arena struct arena arena = {0};
	struct arena small = {.max_bytes = 16};
	struct span bytes;
	uint8_t hash[32], again[32];
	struct why why;

	(void)unused;
	assert_int_equal(policy_builtin(&arena, &bytes, &why), OK);
	policy = openshell__sandbox__v1__sandbox_policy__unpack(NULL, bytes.length, (const uint8_t *)bytes.at);
	assert_non_null(policy);
	assert_int_equal(policy->version, 1);
	assert_true(policy->filesystem->include_workdir);
	assert_int_equal(policy->filesystem->n_read_only, 10);
	assert_string_equal(policy->filesystem->read_only[0], "/usr");
	assert_int_equal(policy->filesystem->n_read_write, 3);
	assert_string_equal(policy->filesystem->read_write[0], "/sandbox");
	assert_string_equal(policy->landlock->compatibility, "best_effort");
	assert_string_equal(policy->process->run_as_user, "sandbox");
	assert_int_equal(policy->n_network_policies, 0);
	openshell__sandbox__v1__sandbox_policy__free_unpacked(policy, NULL);
	policy_hash(bytes, hash);
	policy_hash(bytes, again);
	assert_memory_equal(hash, again, 32);
	policy_hash(span_head(bytes, bytes.length - 1), again);
	assert_memory_not_equal(hash, again, 32);
	assert_int_equal(policy_builtin(&small, &bytes, &why), ERR_LIMIT);
	arena_reset(&small);
}

static void
a_spec_is_looked_into(void **unused)
{
	static const struct {
		struct span spec;
		enum err want;
		bool driver_config;
	} cases[] = {
	    {{"", 0}, OK, false},
	    {{"\x32\x00", 2}, OK, false},		  /* template {} */
	    {{"\x32\x02\x5a\x00", 4}, OK, true},	  /* template { driver_config {} } */
	    {{"\x32\x02\x0a\x00", 4}, OK, false},	  /* template { image: "" } */
	    {{"\x32\x05\x5a\x00", 4}, ERR_SYNTAX, false}, /* longer than it is */
	    {{"\xff", 1}, ERR_SYNTAX, false},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool found = false;
		struct why why;

		assert_int_equal(spec_has_driver_config(cases[i].spec, &found, &why), cases[i].want);
		assert_int_equal(found, cases[i].driver_config);
	}
}

static void
a_revision_changes_with_anything_in_force(void **unused)
{
	struct span texts[] = {SPAN("a=b"), SPAN("c=d")}, others[] = {SPAN("a=bc"), SPAN("=d")};
	const struct effective one = {.settings = texts, .settings_n = 2}, fewer = {.settings = texts, .settings_n = 1},
			       other = {.settings = others, .settings_n = 2},
			       layered = {.settings = texts, .settings_n = 2, .layers = SPAN("p github 0 t f")};
	uint8_t hash[32] = {1};
	struct span of = span_of_bytes(hash, sizeof(hash));
	uint64_t revision = config_revision(0, 1, of, &one);

	(void)unused;
	assert_int_equal(config_revision(0, 1, of, &one), revision);
	assert_int_not_equal(config_revision(0, 2, of, &one), revision);
	assert_int_not_equal(
	    config_revision(REVISION_GLOBAL, 1, of, &one), revision); /* the gateway's revision 1 is another */
	assert_int_not_equal(config_revision(0, 1, of, &fewer), revision);
	assert_int_not_equal(config_revision(REVISION_RETAIN, 1, of, &one), revision); /* its sandboxes are told */
	assert_int_not_equal(config_revision(0, 1, of, &other), revision);
	assert_int_not_equal(config_revision(0, 1, of, &layered), revision); /* what providers add */
	hash[31] = 1;
	assert_int_not_equal(config_revision(0, 1, of, &one), revision);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_is_taken_apart),
	    cmocka_unit_test(the_built_in_policy_is_what_it_says),
	    cmocka_unit_test(a_spec_is_looked_into),
	    cmocka_unit_test(a_revision_changes_with_anything_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
