/* Defaults, baseline, static sections, composition, canonical form and hash. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/check.h"
#include "common/policy/compose.h"
#include "common/policy/defaults.h"
#include "common/policy/hash.h"
#include "common/policy/yaml.h"

#define POLICY Openshell__Sandbox__V1__SandboxPolicy

static POLICY *
read_policy(struct arena *arena, const char *text)
{
	struct findings findings = {.arena = arena};
	struct why why = {0};
	POLICY *policy;

	if (policy_read(span_of_text(text), 0, &findings, &policy, &why) != OK)
		fail_msg("%s: %s", text, why.text);
	return policy;
}

static const char *
hash_of(struct arena *arena, const POLICY *policy)
{
	char *hex = arena_alloc(arena, 65);
	struct policy_form form;
	struct why why = {0};

	assert_int_equal(policy_form(policy, arena, &form, &why), OK);
	hex_write(form.hash, sizeof(form.hash), hex);
	return hex;
}

static void
default_policy(void **state)
{
	auto_arena struct arena arena = {0};
	struct findings findings = {.arena = &arena};
	POLICY *policy;
	struct why why = {0};

	(void)state;
	assert_int_equal(policy_default(&arena, &policy, &why), OK);
	assert_int_equal(policy_check(policy, POLICY_CHECK_USER | POLICY_CHECK_FILE, &findings, &why), OK);
	assert_int_equal(findings.warnings, 0);
	assert_true(policy->filesystem->include_workdir);
	assert_int_equal(policy->filesystem->n_read_only, 10);
	assert_int_equal(policy->filesystem->n_read_write, 3);
	assert_int_equal(policy->n_network_policies, 0);
}

/* Each: two documents, and whether they are the same policy. */
static void
hashes(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
	    {"version: 1\nnetwork_policies: {a: {}, b: {}}\n", "version: 1\nnetwork_policies: {b: {}, a: {}}\n", true},
	    {"version: 1\nnetwork_policies: {a: {}, b: {}}\n", "version: 1\nnetwork_policies: {a: {}}\n", false},
	    {"version: 1\nfilesystem_policy: {include_workdir: false}\n", "version: 1\nfilesystem_policy: {}\n", true},
	    {"version: 1\nfilesystem_policy: {include_workdir: true}\n", "version: 1\nfilesystem_policy: {}\n", false},
	    {"version: 1\nfilesystem_policy: {}\n", "version: 1\n", false},
	    {"version: 1\nfilesystem_policy: {read_only: [/a, /b]}\n",
		"version: 1\nfilesystem_policy: {read_only: [/b, /a]}\n", false}, /* lists have an order */
	    {"version: 1\nnetwork_policies: {a: {endpoints: [{host: h.a.test, port: 1, protocol: REST, access: full,"
	     " enforcement: Enforce}]}}\n",
		"version: 1\nnetwork_policies: {a: {endpoints: [{host: h.a.test, port: 1, protocol: rest, access: full,"
		" enforcement: enforce}]}}\n",
		true},
	    {"version: 1\nnetwork_policies: {a: {endpoints: [{host: h.test, port: 1, protocol: mcp,"
	     " mcp: {strict_tool_names: false, allow_all_known_mcp_methods: true}}]}}\n",
		"version: 1\nnetwork_policies: {a: {endpoints: [{host: h.test, port: 1, protocol: mcp,"
		" mcp: {allow_all_known_mcp_methods: true}}]}}\n",
		false},
	    {"version: 1\nnetwork_middlewares: {m: {middleware: x, on_error: fail_open, endpoints: {include: [a.test]}, config: {a: 1, b: false}}}\n",
		"version: 1\nnetwork_middlewares: {m: {config: {b: false, a: 1}, endpoints: {include: [a.test]}, middleware: x, on_error: fail_open}}\n",
		true},
	    {"version: 1\nnetwork_middlewares: {m: {middleware: x, on_error: fail_open, endpoints: {include: [a.test]}, config: {b: false}}}\n",
		"version: 1\nnetwork_middlewares: {m: {config: {b: null}, endpoints: {include: [a.test]}, middleware: x, on_error: fail_open}}\n",
		false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		const char *a = hash_of(&arena, read_policy(&arena, cases[i].a)),
			   *b = hash_of(&arena, read_policy(&arena, cases[i].b));

		assert_int_equal(strlen(a), 64);
		if ((strcmp(a, b) == 0) != cases[i].same)
			fail_msg("%s%s: %s %s", cases[i].a, cases[i].b, a, b);
	}
}

/* A key twice on the wire counts as its last; an entry without key and value is one. */
static void
odd_maps(void **state)
{
	auto_arena struct arena arena = {0};
	POLICY policy = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__INIT;
	Openshell__Sandbox__V1__NetworkPolicyRule rule = OPENSHELL__SANDBOX__V1__NETWORK_POLICY_RULE__INIT;
	Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry
	    none = OPENSHELL__SANDBOX__V1__SANDBOX_POLICY__NETWORK_POLICIES_ENTRY__INIT,
	    last = none, first = none, *entries[] = {&first, &none, &last};
	struct policy_form form;
	struct why why = {0};

	(void)state;
	first.key = last.key = (char *)"a";
	rule.name = (char *)"last";
	last.value = &rule;
	policy.network_policies = entries;
	policy.n_network_policies = 3;
	assert_int_equal(policy_form(&policy, &arena, &form, &why), OK);
	assert_int_equal(form.policy->n_network_policies, 2);
	assert_string_equal(form.policy->network_policies[0]->key, "");
	assert_non_null(form.policy->network_policies[0]->value);
	assert_string_equal(form.policy->network_policies[1]->value->name, "last");
}

static void
stripped(void **state)
{
	auto_arena struct arena arena = {0};
	POLICY *policy =
	    read_policy(&arena, "version: 1\nnetwork_policies: {_provider_a: {}, b: {}, _provider_: {}}\n");

	(void)state;
	assert_int_equal(policy_strip_providers(policy), 2);
	assert_int_equal(policy->n_network_policies, 1);
	assert_string_equal(policy->network_policies[0]->key, "b");
}

static void
static_sections(void **state)
{
	static const struct {
		const char *old, *new, *words; /* NULL: may be */
	} cases[] = {
	    {"", "", NULL},
	    {"filesystem_policy: {read_only: [/a]}", "filesystem_policy: {read_only: [/b, /a], read_write: [/c]}",
		NULL},
	    {"filesystem_policy: {read_only: [/a, /b]}", "filesystem_policy: {read_only: [/a]}",
		"read_only: /b is missing"},
	    {"filesystem_policy: {read_write: [/a]}", "filesystem_policy: {read_only: [/a]}",
		"read_write: /a is missing"},
	    {"filesystem_policy: {}", "", "may not be removed"},
	    {"", "filesystem_policy: {read_only: [/a]}", NULL},
	    {"filesystem_policy: {include_workdir: true}", "filesystem_policy: {}", "include_workdir: may not change"},
	    {"process: {run_as_user: '1001'}", "process: {run_as_user: '1002'}", "process: may not change"},
	    {"process: {run_as_group: '1001'}", "", "process: may not change"},
	    {"process: {run_as_user: sandbox}", "", NULL},
	    {"landlock: {compatibility: hard_requirement}", "", "landlock: may not change"},
	    {"landlock: {compatibility: best_effort}", "", NULL},
	    {"network_policies: {a: {}}", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct why why = {0};
		POLICY *old = read_policy(&arena, arena_format(&arena, "version: 1\n%s\n", cases[i].old)),
		       *new = read_policy(&arena, arena_format(&arena, "version: 1\n%s\n", cases[i].new));

		assert_int_equal(policy_static_same(old, new, &why), cases[i].words == NULL ? OK : ERR_INVALID);
		if (cases[i].words != NULL && strstr(why.text, cases[i].words) == NULL)
			fail_msg("%s", why.text);
	}
}

static void
composed(void **state)
{
	auto_arena struct arena arena = {0};
	POLICY *base = read_policy(&arena,
	    "version: 1\nnetwork_policies: {_provider_git_hub: {}, own: {endpoints: ["
	    "{host: api.a.test, port: 443}, {host: api.a.test, port: 80}, {host: b.test, port: 1, credential_binding: {provider: t}}]}}\n");
	POLICY *more = read_policy(
		   &arena, "version: 1\nnetwork_policies: {x: {endpoints: [{host: '*.a.test', port: 443}]}}\n"),
	       *out;
	const struct policy_layer layers[] = {
	    {"Git-Hub", more->network_policies[0]->value, true},
	    {"git.hub", more->network_policies[0]->value, false},
	    {"t", NULL, true},
	};
	struct why why = {0};

	(void)state;
	base->network_policies[1]->value->endpoints[1]->provider_credentialed = true; /* a client's lie */
	assert_int_equal(policy_compose(base, layers, COUNT(layers), &arena, &out, &why), OK);
	assert_int_equal(out->n_network_policies, 4);
	assert_string_equal(out->network_policies[2]->key, "_provider_git_hub_2");
	assert_string_equal(out->network_policies[3]->key, "_provider_git_hub_3");
	assert_true(out->network_policies[1]->value->endpoints[0]->provider_credentialed);
	assert_false(out->network_policies[1]->value->endpoints[1]->provider_credentialed);
	assert_true(out->network_policies[1]->value->endpoints[2]->provider_credentialed);
	assert_true(out->network_policies[2]->value->endpoints[0]->provider_credentialed);
	assert_int_equal(base->n_network_policies, 2);
	assert_int_equal(policy_strip_providers(out), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(default_policy),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(odd_maps),
	    cmocka_unit_test(stripped),
	    cmocka_unit_test(static_sections),
	    cmocka_unit_test(composed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
