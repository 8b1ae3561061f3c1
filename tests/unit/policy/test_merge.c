/* Merge operations: what becomes of a policy, and each refusal with its class; vectors 333 to 336. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/hash.h"
#include "common/policy/merge.h"
#include "common/policy/yaml.h"

#define POLICY Openshell__Sandbox__V1__SandboxPolicy

enum what { ADD, REMOVE_ENDPOINT, REMOVE_RULE, DENY, ALLOW, REMOVE_BINARY, NOTHING };

#define GIT   "git: {endpoints: [{host: git.test, port: 443}], binaries: [{path: /a}, {path: /b}]}"
#define GIT_A "git: {endpoints: [{host: git.test, port: 443}], binaries: [{path: /a}]}"
#define REST                                                                                                           \
	"api: {endpoints: [{host: api.test, port: 443, protocol: rest, access: read-only}], binaries: [{path: /a}]}"
#define GET_PUT                                                                                                              \
	"api: {endpoints: [{host: api.test, port: 443, protocol: rest, rules: [{allow: {method: GET, path: '**'}},"          \
	" {allow: {method: HEAD, path: '**'}}, {allow: {method: OPTIONS, path: '**'}}, {allow: {method: PUT, path: /x}}]}]," \
	" binaries: [{path: /a}]}"
#define OTHER "x: {endpoints: [{host: x.test, port: 1}], binaries: [{path: /x}]}"

static const struct {
	const char *base; /* entries of network_policies */
	enum what what;
	const char *name, *host;
	unsigned port;
	const char *rule; /* as an entry of network_policies; its endpoint has the rules for ALLOW and DENY */
	enum err want;
	const char *words;  /* in the refusal; where OK in a warning (NULL: none may be) */
	const char *result; /* entries of network_policies */
} cases[] = {
    {"", ADD, "git", NULL, 0, GIT_A, OK, NULL, GIT_A},
    {OTHER, ADD, "git", NULL, 0, GIT_A, OK, NULL, OTHER ", " GIT_A},
    /* the same again, under its name and under another */
    {GIT_A, ADD, "git", NULL, 0, GIT_A, OK, NULL, GIT_A},
    {GIT_A, ADD, "more", NULL, 0, GIT_A, OK, NULL, GIT_A},
    /* a binary more, where all endpoints are named */
    {GIT_A, ADD, "more", NULL, 0, GIT, OK, NULL, GIT},
    {GIT_A, ADD, "git", NULL, 0, "git: {endpoints: [{host: GIT.test, port: 443}], binaries: [{path: /b}]}", OK, NULL,
	GIT},
    /* a binary more would get an endpoint that is not named: by name refused, else it stays beside */
    {"git: {endpoints: [{host: git.test, port: 443}, {host: z.test, port: 1}], binaries: [{path: /a}]}", ADD, "git",
	NULL, 0, "git: {endpoints: [{host: git.test, port: 443}], binaries: [{path: /b}]}", ERR_STATE,
	"new binary would inherit z.test", NULL},
    {"git: {endpoints: [{host: git.test, port: 443}, {host: z.test, port: 1}], binaries: [{path: /a}]}", ADD, "more",
	NULL, 0, "git: {endpoints: [{host: git.test, port: 443}], binaries: [{path: /b}]}", OK,
	"stays beside rule 'git'",
	"git: {endpoints: [{host: git.test, port: 443}, {host: z.test, port: 1}], binaries: [{path: /a}]},"
	" more: {endpoints: [{host: git.test, port: 443}], binaries: [{path: /b}]}"},
    {"git: {endpoints: [{host: git.test, ports: [443, 22]}], binaries: [{path: /a}]}", ADD, "git", NULL, 0,
	"git: {endpoints: [{host: git.test, port: 443}], binaries: [{path: /b}]}", ERR_STATE,
	"new binary would inherit", NULL},
    /* an endpoint more would go to a binary that is not named */
    {GIT, ADD, "git", NULL, 0, "git: {endpoints: [{host: y.test, port: 1}], binaries: [{path: /a}]}", ERR_STATE,
	"existing binaries would inherit y.test", NULL},
    {GIT_A, ADD, "git", NULL, 0, "git: {endpoints: [{host: y.test, port: 1}], binaries: [{path: /a}]}", OK, NULL,
	"git: {endpoints: [{host: git.test, port: 443}, {host: y.test, port: 1}], binaries: [{path: /a}]}"},
    {GIT_A, ADD, "git", NULL, 0, "git: {endpoints: [{host: git.test, ports: [443, 22]}], binaries: [{path: /a}]}", OK,
	NULL, "git: {endpoints: [{host: git.test, ports: [443, 22]}], binaries: [{path: /a}]}"},
    /* a port that is not declared would change */
    {"git: {endpoints: [{host: git.test, ports: [443, 22]}], binaries: [{path: /a}]}", ADD, "git", NULL, 0,
	"git: {endpoints: [{host: git.test, port: 443, allowed_ips: [10.0.0.1]}], binaries: [{path: /a}]}", ERR_STATE,
	"a port of git.test that is not declared would change", NULL},
    /* lists grow without doubles, flags add up, single values stay */
    {"git: {endpoints: [{host: git.test, port: 443, allowed_ips: [10.0.0.1]}], binaries: [{path: /a}]}", ADD, "git",
	NULL, 0,
	"git: {endpoints: [{host: git.test, port: 443, allowed_ips: [10.0.0.1, 10.0.0.2], allow_uninspected_credentials: true}],"
	" binaries: [{path: /a}]}",
	OK, NULL,
	"git: {endpoints: [{host: git.test, port: 443, allowed_ips: [10.0.0.1, 10.0.0.2], allow_uninspected_credentials: true}],"
	" binaries: [{path: /a}]}"},
    {GIT_A, ADD, "git", NULL, 0, "git: {endpoints: [{host: git.test, port: 443, tls: skip}], binaries: [{path: /a}]}",
	OK, "tls stays as it was", GIT_A},
    {REST, ADD, "api", NULL, 0,
	"api: {endpoints: [{host: api.test, port: 443, protocol: rest,"
	" rules: [{allow: {method: PUT, path: /x}}]}], binaries: [{path: /a}]}",
	OK, NULL, GET_PUT},
    {GET_PUT, ADD, "api", NULL, 0, REST, OK, NULL, GET_PUT},
    /* contracts */
    {REST, ADD, "y", NULL, 0,
	"y: {endpoints: [{host: api.test, port: 443, path: /g, protocol: graphql, access: full}],"
	" binaries: [{path: /a}]}",
	ERR_STATE, "conflicting inspection contracts for api.test", NULL},
    {GIT_A, ADD, "y", NULL, 0,
	"y: {endpoints: [{host: git.test, port: 443, protocol: rest, access: full}],"
	" binaries: [{path: /a}]}",
	ERR_STATE, "conflicting inspection contracts", NULL},
    {REST, ADD, "y", NULL, 0, "y: {endpoints: [{host: api.test, port: 443}], binaries: [{path: /a}]}", OK, NULL, REST},
    {"m: {endpoints: [{host: m.test, port: 443, protocol: mcp, mcp: {allow_all_known_mcp_methods: true}}], binaries: [{path: /a}]}",
	ADD, "m", NULL, 0,
	"m: {endpoints: [{host: m.test, port: 443, protocol: mcp, mcp: {strict_tool_names: false,"
	" allow_all_known_mcp_methods: true}}], binaries: [{path: /a}]}",
	ERR_STATE, "conflicting MCP contract at m.test", NULL},
    /* never */
    {"", ADD, "", NULL, 0, GIT, ERR_INVALID, "rule_name is missing", NULL},
    {"", ADD, "git", NULL, 0, "git: {binaries: [{path: /a}]}", ERR_INVALID, "no endpoints", NULL},
    {"", ADD, "l", NULL, 0, "l: {endpoints: [{host: localhost, port: 1}]}", ERR_INVALID,
	"'localhost' is always blocked", NULL},
    {"", ADD, "l", NULL, 0, "l: {endpoints: [{host: Localhost., port: 1}]}", ERR_INVALID, "always blocked", NULL},
    {"", ADD, "l", NULL, 0, "l: {endpoints: [{host: metadata.google.internal, port: 1}]}", ERR_INVALID,
	"always blocked", NULL},
    {"", ADD, "l", NULL, 0, "l: {endpoints: [{host: 169.254.169.254, port: 1}]}", ERR_INVALID, "always blocked", NULL},
    {"", ADD, "l", NULL, 0, "l: {endpoints: [{host: a.test, port: 1, protocol: rest, access: all}]}", ERR_INVALID,
	"unknown access preset 'all'", NULL},
    {"", ADD, "_provider_x", NULL, 0, GIT, ERR_INVALID, "reserved for providers", NULL},
    {"", NOTHING, NULL, NULL, 0, NULL, ERR_INVALID, "operation 1: says nothing to do", NULL},
    /* taking away */
    {GIT_A ", " OTHER, REMOVE_ENDPOINT, NULL, "GIT.test", 443, NULL, OK, NULL, OTHER},
    {"git: {endpoints: [{host: git.test, ports: [443, 22]}], binaries: [{path: /a}]}", REMOVE_ENDPOINT, "git",
	"git.test", 22, NULL, OK, NULL, "git: {endpoints: [{host: git.test, ports: [443]}], binaries: [{path: /a}]}"},
    {"git: {endpoints: [{host: git.test, port: 443}, {host: z.test, port: 1}], binaries: [{path: /a}]}",
	REMOVE_ENDPOINT, NULL, "z.test", 1, NULL, OK, NULL, GIT_A},
    {GIT_A, REMOVE_ENDPOINT, NULL, "git.test", 444, NULL, ERR_STATE, "endpoint not found", NULL},
    {GIT_A, REMOVE_ENDPOINT, "other", "git.test", 443, NULL, ERR_STATE, "endpoint not found", NULL},
    {GIT_A, REMOVE_ENDPOINT, NULL, "git.test", 0, NULL, ERR_INVALID, "port 0", NULL},
    {GIT_A, REMOVE_ENDPOINT, NULL, "", 443, NULL, ERR_INVALID, "host is missing", NULL},
    {GIT_A ", " OTHER, REMOVE_RULE, "git", NULL, 0, NULL, OK, NULL, OTHER},
    {GIT_A, REMOVE_RULE, "gone", NULL, 0, NULL, ERR_STATE, "no rule gone", NULL},
    {GIT_A, REMOVE_RULE, "_provider_a", NULL, 0, NULL, ERR_INVALID, "reserved", NULL},
    {GIT, REMOVE_BINARY, "git", "/b", 0, NULL, OK, NULL, GIT_A},
    {GIT_A ", " OTHER, REMOVE_BINARY, "git", "/a", 0, NULL, OK, NULL, OTHER},
    {GIT, REMOVE_BINARY, "git", "/c", 0, NULL, ERR_STATE, "no binary /c", NULL},
    {"git: {endpoints: [{host: git.test, port: 443}]}", REMOVE_BINARY, "git", "/a", 0, NULL, ERR_STATE,
	"names no binary", NULL},
    {GIT, REMOVE_BINARY, "git", "", 0, NULL, ERR_INVALID, "binary_path is missing", NULL},
    /* rules of an endpoint */
    {REST, ALLOW, NULL, "api.test", 443, GET_PUT, OK, NULL, GET_PUT},
    {GET_PUT, ALLOW, NULL, "api.test", 443, GET_PUT, OK, NULL, GET_PUT},
    {REST, DENY, NULL, "api.test", 443,
	"d: {endpoints: [{host: api.test, port: 443, protocol: rest, access: full,"
	" deny_rules: [{path: /x}]}]}",
	OK, NULL,
	"api: {endpoints: [{host: api.test, port: 443, protocol: rest, access: read-only, deny_rules: [{path: /x}]}],"
	" binaries: [{path: /a}]}"},
    {GIT_A, ALLOW, NULL, "git.test", 443, GET_PUT, ERR_STATE, "endpoint has no inspection", NULL},
    {REST, ALLOW, NULL, "api.test", 80, GET_PUT, ERR_STATE, "endpoint not found", NULL},
    {REST, ALLOW, NULL, "api.test", 443, REST, ERR_INVALID, "rules is empty", NULL},
    {REST, DENY, NULL, "api.test", 443, REST, ERR_INVALID, "deny_rules is empty", NULL},
    {"j: {endpoints: [{host: j.test, port: 1, protocol: json-rpc, rules: [{allow: {method: a}}]}]}", ALLOW, NULL,
	"j.test", 1, GET_PUT, ERR_STATE, "unsupported protocol json-rpc", NULL},
    {REST ", two: {endpoints: [{host: api.test, port: 443, path: /y, protocol: rest, access: full}]}", ALLOW, NULL,
	"api.test", 443, GET_PUT, ERR_STATE, "ambiguous endpoint", NULL},
};

static POLICY *
policy_of(struct arena *arena, const char *entries)
{
	char text[2000];
	POLICY *policy;
	struct findings findings = {.arena = arena};
	struct why why = {0};

	snprintf(text, sizeof(text), "version: 1\nnetwork_policies: {%s}\n", entries);
	if (policy_read(span_of_text(text), 0, &findings, &policy, &why) != OK)
		fail_msg("%s: %s", text, why.text);
	return policy;
}

static void
operation_make(size_t i, struct arena *arena, Openshell__V1__PolicyMergeOperation *to)
{
	POLICY *policy = cases[i].rule == NULL ? NULL : policy_of(arena, cases[i].rule);
	Openshell__Sandbox__V1__NetworkPolicyRule *rule = policy == NULL ? NULL : policy->network_policies[0]->value;
	char *name = (char *)(uintptr_t)cases[i].name, *host = (char *)(uintptr_t)cases[i].host;

#define MADE(member, upper)                                                                                            \
	to->operation_case = OPENSHELL__V1__POLICY_MERGE_OPERATION__OPERATION_##upper;                                 \
	to->member = arena_alloc(arena, sizeof(*to->member));                                                          \
	assert_non_null(to->member)
	switch (cases[i].what) {
	case ADD:
		MADE(add_rule, ADD_RULE);
		openshell__v1__add_network_rule__init(to->add_rule);
		to->add_rule->rule_name = name;
		to->add_rule->rule = rule;
		break;
	case REMOVE_ENDPOINT:
		MADE(remove_endpoint, REMOVE_ENDPOINT);
		openshell__v1__remove_network_endpoint__init(to->remove_endpoint);
		to->remove_endpoint->rule_name = name;
		to->remove_endpoint->host = host;
		to->remove_endpoint->port = cases[i].port;
		break;
	case REMOVE_RULE:
		MADE(remove_rule, REMOVE_RULE);
		openshell__v1__remove_network_rule__init(to->remove_rule);
		to->remove_rule->rule_name = name;
		break;
	case DENY:
		MADE(add_deny_rules, ADD_DENY_RULES);
		openshell__v1__add_deny_rules__init(to->add_deny_rules);
		to->add_deny_rules->host = host;
		to->add_deny_rules->port = cases[i].port;
		to->add_deny_rules->n_deny_rules = rule->endpoints[0]->n_deny_rules;
		to->add_deny_rules->deny_rules = rule->endpoints[0]->deny_rules;
		break;
	case ALLOW:
		MADE(add_allow_rules, ADD_ALLOW_RULES);
		openshell__v1__add_allow_rules__init(to->add_allow_rules);
		to->add_allow_rules->host = host;
		to->add_allow_rules->port = cases[i].port;
		to->add_allow_rules->n_rules = rule->endpoints[0]->n_rules;
		to->add_allow_rules->rules = rule->endpoints[0]->rules;
		break;
	case REMOVE_BINARY:
		MADE(remove_binary, REMOVE_BINARY);
		openshell__v1__remove_network_binary__init(to->remove_binary);
		to->remove_binary->rule_name = name;
		to->remove_binary->binary_path = host;
		break;
	case NOTHING:
		break;
	}
#undef MADE
}

static void
same(const POLICY *a, const POLICY *b, size_t i, struct arena *arena)
{
	struct policy_form one, two;
	struct why why = {0};

	assert_int_equal(policy_form(a, arena, &one, &why), OK);
	assert_int_equal(policy_form(b, arena, &two, &why), OK);
	if (memcmp(one.hash, two.hash, sizeof(one.hash)) != 0)
		fail_msg("case %zu: %s into %s is not %s", i, cases[i].rule, cases[i].base, cases[i].result);
}

static void
each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		Openshell__V1__PolicyMergeOperation operation = OPENSHELL__V1__POLICY_MERGE_OPERATION__INIT,
						    *operations[] = {&operation};
		struct findings findings = {.arena = &arena};
		POLICY *base = policy_of(&arena, cases[i].base), *before = policy_of(&arena, cases[i].base),
		       *out = NULL;
		struct why why = {0};
		enum err r;

		operation_make(i, &arena, &operation);
		r = policy_merge(base, operations, 1, &findings, &out, &why);
		if (r != cases[i].want)
			fail_msg("case %zu (%s): %s: %s", i, cases[i].base, err_name(r), why.text);
		same(base, before, i, &arena); /* never changed */
		if (r == OK)
			same(out, policy_of(&arena, cases[i].result), i, &arena);
		else if (out != NULL || strstr(why.text, cases[i].words) == NULL)
			fail_msg("case %zu said: %s", i, why.text);
		if (r == OK && (findings.warnings == 0) != (cases[i].words == NULL))
			fail_msg("case %zu: %zu warnings", i, findings.warnings);
		if (r == OK && cases[i].words != NULL && strstr(findings.items[0].text, cases[i].words) == NULL)
			fail_msg("case %zu warned: %s", i, findings.items[0].text);
	}
}

/* S27: a binary that is there already, and is asked for with a script of its own, is not taken for the same. */
static void
script(void **state)
{
	auto_arena struct arena arena = {0};
	Openshell__V1__PolicyMergeOperation operation = OPENSHELL__V1__POLICY_MERGE_OPERATION__INIT,
					    *operations[] = {&operation};
	struct findings findings = {.arena = &arena};
	POLICY *base = policy_of(&arena, ""), *first = NULL, *second = NULL;
	struct why why = {0};

	(void)state;
	operation_make(0, &arena, &operation);
	assert_int_equal(policy_merge(base, operations, 1, &findings, &first, &why), OK);
	operation.add_rule->rule->binaries[0]->script = arena_text(&arena, SPAN("/opt/run.py"));
	assert_int_equal(policy_merge(first, operations, 1, &findings, &second, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "binaries[0].script: a script's own identity cannot be proved"));
	assert_null(second);
}

/* All or none; and no more at once than the bound. */
static void
several(void **state)
{
	auto_arena struct arena arena = {0};
	Openshell__V1__PolicyMergeOperation first = OPENSHELL__V1__POLICY_MERGE_OPERATION__INIT, second = first,
					    *operations[POLICY_MERGE_MAX + 1];
	struct findings findings = {.arena = &arena};
	POLICY *base = policy_of(&arena, ""), *out = NULL;
	struct why why = {0};

	(void)state;
	operation_make(0, &arena, &first);
	for (size_t i = 0; i < COUNT(operations); i++)
		operations[i] = &first;
	assert_int_equal(policy_merge(base, operations, POLICY_MERGE_MAX, &findings, &out, &why), OK);
	assert_int_equal(out->n_network_policies, 1);
	out = NULL;
	assert_int_equal(policy_merge(base, operations, POLICY_MERGE_MAX + 1, &findings, &out, &why), ERR_INVALID);
	operations[1] = &second;
	assert_int_equal(policy_merge(base, operations, 2, &findings, &out, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "operation 2: "));
	assert_null(out);
	assert_string_equal(policy_rule_name(&arena, "a-b.test", 443), "allow_a_b_test_443");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_case), cmocka_unit_test(script), cmocka_unit_test(several)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
