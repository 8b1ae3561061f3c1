/* Every rule of the lint of profiles, with the field and the line that it names. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/provider/lint.h"
#include "common/provider/messages.h"
#include "common/provider/profile.h"
#include "common/provider/profile_read.h"

#define TOP	  "id: a-b2\ncategory: other\n"
#define ONE(rest) TOP "credentials:\n  - {name: t, env_vars: [T]" rest "}\n"
#define AT(rest)  TOP "endpoints: [{host: a.test, port: 443" rest "}]\nbinaries: [/x]\n"
#define WITH(rest)                                                                                                     \
	TOP "credentials: [{name: t, env_vars: [T]}]\nendpoints: [{host: a.test, port: 443" rest "}]\nbinaries: [/x]\n"
#define FRESH(rest)  ONE(", refresh: {" rest "}")
#define GRANT(rest)  ONE(", token_grant: {token_endpoint: 'https://t.test/token'}" rest)
#define GRANTED(url) ONE(", token_grant: {token_endpoint: '" url "'}")
#define OVER(rest)   ONE(", token_grant: {token_endpoint: 'https://t.test', audience_overrides: [" rest "]}")
#define STS(vars, outputs)                                                                                             \
	TOP "credentials:\n  - {name: k, env_vars: [" vars                                                             \
	    "], refresh: {strategy: aws_sts_assume_role, additional_outputs: [" outputs                                \
	    "]}}\n  - {name: s, env_vars: [AWS_SECRET_ACCESS_KEY]}\n  - {name: o, env_vars: [AWS_SESSION_TOKEN]}\n"    \
	    "  - {name: two, env_vars: [X, Y]}\n  - {name: own, env_vars: [Z], refresh: {strategy: external}}\n"
#define S_OK "{output: secret_access_key, credential: s}"
#define O_OK "{output: session_token, credential: o}"

static const struct {
	const char *text, *field, *words; /* field NULL: all is well */
} cases[] = {
    {TOP, NULL, NULL},
    {ONE(""), NULL, NULL},
    /* identity */
    {"category: other\n", "id", "is missing"},
    {"id: '  '\ncategory: other\n", "id", "is missing"},
    {"id: A\n", "id", "small letters"},
    {"id: a--b\n", "id", "small letters"},
    {"id: -a\n", "id", "small letters"},
    {"id: a-\n", "id", "small letters"},
    {"id: a_b\n", "id", "small letters"},
    {"id: a123456789012345678901234567890123456789012345678901234567890123\n", NULL, NULL},
    {"id: a1234567890123456789012345678901234567890123456789012345678901234\n", "id", "at most 64"},
    {"id: a\ncategory: nonsense\n", "", "none of the words"},
    {"id: a\nunknown: 1\n", "", "unknown key"},
    {"id: a\ncredentials: x\n", "", "a list is wanted"},
    {"id: a\nsource: builtin\nscope: platform\nresource_version: 7\n", NULL, NULL},
    /* credentials */
    {TOP "credentials: [{env_vars: [T]}]\n", "credentials[0].name", "is missing"},
    {TOP "credentials: [{name: t, env_vars: [T]}, {name: t, env_vars: [U]}]\n", "credentials[1].name", "'t'"},
    {TOP "credentials: [{name: t, env_vars: [T]}, {name: u, env_vars: [T]}]\n", "credentials[1].env_vars[0]", "twice"},
    {TOP "credentials: [{name: t, env_vars: ['']}]\n", "credentials[0].env_vars[0]", "blank"},
    {TOP "credentials: [{name: t, env_vars: [1A]}]\n", "credentials[0].env_vars[0]", "name of a variable"},
    {TOP "credentials: [{name: t, env_vars: [v3_A]}]\n", "credentials[0].env_vars[0]", "placeholder"},
    /* discovery */
    {ONE("") "discovery: {credentials: [t]}\n", NULL, NULL},
    {ONE("") "discovery: {credentials: [u]}\n", "discovery.credentials[0]", "no credential of this profile"},
    {ONE("") "discovery: {credentials: [t, t]}\n", "discovery.credentials[1]", "twice"},
    {ONE("") "discovery: {credentials: ['']}\n", "discovery.credentials[0]", "blank"},
    /* how it is used */
    {ONE(", auth_style: basic"), NULL, NULL},
    {ONE(", auth_style: cookie"), "credentials[0].auth_style", "not known"},
    {ONE(", auth_style: bearer"), "credentials[0].header_name", "bearer needs it"},
    {ONE(", auth_style: header"), "credentials[0].header_name", "header needs it"},
    {ONE(", auth_style: header, header_name: x-key"), NULL, NULL},
    {ONE(", auth_style: header, header_name: x-key, exact_place: true"), NULL, NULL},
    {ONE(", exact_place: true"), "credentials[0].exact_place", "needs auth_style"},
    {ONE(", auth_style: query"), "credentials[0].query_param", "query needs it"},
    {ONE(", auth_style: path"), "credentials[0].path_template", "path needs it"},
    {ONE(", auth_style: path, path_template: /bot"), "credentials[0].path_template", "exactly once"},
    {ONE(", auth_style: path, path_template: '/{credential}/{credential}'"), "credentials[0].path_template",
	"exactly once"},
    {ONE(", auth_style: path, path_template: '/bot{credential}/x'"), NULL, NULL},
    /* refresh */
    {FRESH("strategy: external"), NULL, NULL},
    {FRESH("scopes: [a]"), "credentials[0].refresh.strategy", "missing"},
    {FRESH("strategy: guess"), "", "none of the words"},
    {FRESH("strategy: static, refresh_before_seconds: -1"), "", "whole number"},
    {FRESH("strategy: static, material: [{name: ''}]"), "credentials[0].refresh.material[0].name", "blank"},
    {FRESH("strategy: static, material: [{name: a}, {name: a}]"), "credentials[0].refresh.material[1].name", "twice"},
    {FRESH("strategy: oauth2_refresh_token, token_url: 'http://t.test'"), "credentials[0].refresh.token_url", "https"},
    {FRESH("strategy: oauth2_refresh_token, token_url: 'http://127.0.0.1:8000/t'"), NULL, NULL},
    {FRESH("strategy: oauth2_refresh_token, additional_outputs: [{output: a, credential: t}]"),
	"credentials[0].refresh.additional_outputs", "mints nothing else"},
    {STS("AWS_ACCESS_KEY_ID", S_OK ", " O_OK), NULL, NULL},
    {STS("OTHER", S_OK ", " O_OK), "credentials[0].env_vars", "AWS_ACCESS_KEY_ID"},
    {STS("AWS_ACCESS_KEY_ID", S_OK), "credentials[0].refresh.additional_outputs", "session_token is missing"},
    {STS("AWS_ACCESS_KEY_ID", S_OK ", " O_OK ", " O_OK), "credentials[0].refresh.additional_outputs[2]", "twice"},
    {STS("AWS_ACCESS_KEY_ID", S_OK ", " O_OK ", {output: x, credential: s}"),
	"credentials[0].refresh.additional_outputs[2]", "not known"},
    {STS("AWS_ACCESS_KEY_ID", "{output: secret_access_key, credential: none}, " O_OK),
	"credentials[0].refresh.additional_outputs[0]", "none of this profile"},
    {STS("AWS_ACCESS_KEY_ID", "{output: secret_access_key, credential: two}, " O_OK),
	"credentials[0].refresh.additional_outputs[0]", "exactly one"},
    {STS("AWS_ACCESS_KEY_ID", "{output: secret_access_key, credential: own}, " O_OK),
	"credentials[0].refresh.additional_outputs[0]", "refresh of its own"},
    {STS("AWS_ACCESS_KEY_ID", "{output: secret_access_key, credential: o}, " O_OK),
	"credentials[0].refresh.additional_outputs[0]", "must fill AWS_SECRET"},
    /* token grants */
    {GRANT(""), NULL, NULL},
    {GRANT(", auth_style: bearer, header_name: authorization"), NULL, NULL},
    {GRANT(", auth_style: query, query_param: q"), "credentials[0].auth_style", "bearer or header"},
    {GRANT(", auth_style: header, header_name: Host"), "credentials[0].header_name", "cannot be set"},
    {GRANT(", auth_style: header, header_name: 'a b'"), "credentials[0].header_name", "no name of a header"},
    {GRANTED(""), "credentials[0].token_grant.token_endpoint", "begins with https"},
    {GRANTED("http://t.test"), "credentials[0].token_grant.token_endpoint", "service of the cluster"},
    {GRANTED("http://x.y.svc:8080/t"), NULL, NULL},
    {GRANTED("http://x.y.svc.cluster.local/t"), NULL, NULL},
    {GRANTED("http://x.svc/t"), "credentials[0].token_grant.token_endpoint", "https"},
    {GRANTED("http://x.y.z.svc/t"), "credentials[0].token_grant.token_endpoint", "https"},
    {GRANTED("http://localhost/t"), NULL, NULL},
    {OVER("{host: a.test, audience: x}, {host: b.test, audience: y}"), NULL, NULL},
    {OVER("{host: a.test, audience: x}, {host: a.test, audience: y}"),
	"credentials[0].token_grant.audience_overrides[1]", "equally"},
    {OVER("{host: a.test, port: 1}, {host: a.test, port: 2}"), NULL, NULL},
    {OVER("{host: a.test, port: 1}, {host: a.test}"), "credentials[0].token_grant.audience_overrides[1]", "equally"},
    {OVER("{audience: x}"), "credentials[0].token_grant.audience_overrides[0]", "host is missing"},
    {OVER("{host: a, port: 65536}"), "credentials[0].token_grant.audience_overrides[0]", "65535"},
    /* endpoints */
    {AT(""), NULL, NULL},
    {AT(", protocol: rest, access: full"), NULL, NULL},
    {AT(", protocol: rest"), "endpoints[0].protocol", "requires rules or access"},
    {AT(", protocol: rest, rules: []"), "", "empty list"},
    {AT(", protocol: rest, access: full, deny_rules: []"), "", "empty list"},
    {AT(", protocol: tcp, access: full"), "endpoints[0].access", "protocol tcp takes no settings"},
    {AT(", protocol: mcp, rules: [{allow: {method: tools/list, tool: x}}]"), "endpoints[0].rules[0].allow.tool",
	"tools/call"},
    {AT(", credential_binding: {provider: x}"), "endpoints[0].credential_binding", "belongs to a sandbox's policy"},
    {AT(", protocol: json-rpc, json_rpc_max_body_bytes: 10, rules: [{allow: {method: a}}]"), NULL, NULL},
    {AT(", protocol: ftp"), "endpoints[0].protocol", "unknown protocol"},
    {TOP "endpoints: [{port: 443}]\nbinaries: [/x]\n", "endpoints[0].host", ""},
    {TOP "endpoints: [{allowed_ips: [10.0.0.1], port: 443}]\nbinaries: [/x]\n", "endpoints[0].host", "is missing"},
    {TOP "endpoints: [{host: a.test}]\nbinaries: [/x]\n", "endpoints[0].port", "1 to 65535"},
    {TOP "endpoints: [{host: a.test, port: 65536}]\nbinaries: [/x]\n", "endpoints[0].port", "65535"},
    {TOP "endpoints: [{host: a.test, port: 443}]\nbinaries: ['']\n", "binaries[0].path", "is missing"},
    {TOP
	"endpoints: [{host: a.test, port: 443, protocol: rest, access: full}, {host: a.test, port: 443, protocol: rest, access: full, tls: skip}]\nbinaries: [/x]\n",
	"endpoints", "ambiguity"},
    {WITH(", protocol: rest, access: full"), NULL, NULL},
    {WITH(""), "endpoints[0].protocol", "needs an inspected protocol"},
    {WITH(", protocol: tcp"), "endpoints[0].protocol", "needs an inspected protocol"},
    {WITH(", allow_uninspected_credentials: true"), NULL, NULL},
    {WITH(", protocol: rest, access: full, tls: skip"), "endpoints[0].tls", "cannot skip TLS"},
    {WITH(", protocol: rest, access: full, tls: skip, allow_uninspected_credentials: true"), NULL, NULL},
};

static void
each_rule_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct profile_findings findings = {.arena = &arena};
		struct why why = {0};
		Profile *profile = NULL;
		enum err r = provider_profile_read(span_of_text(cases[i].text), "p.yaml", &findings, &profile, &why);
		bool found = false;

		if ((r == OK) != (cases[i].field == NULL) || (r == OK) != (profile != NULL))
			fail_msg("%s\n%s", cases[i].text, why.text);
		for (size_t j = 0; j < findings.count && cases[i].field != NULL; j++) {
			const struct profile_finding *item = &findings.items[j];

			found |= !item->warning && strcmp(item->field, cases[i].field) == 0 &&
				 strstr(item->message, cases[i].words) != NULL;
			assert_string_equal(item->source, "p.yaml");
		}
		if (cases[i].field != NULL && !found)
			fail_msg(
			    "%s\n%s: %s, and said was: %s", cases[i].text, cases[i].field, cases[i].words, why.text);
	}
}

static void
findings_have_their_line(void **state)
{
	auto_arena struct arena arena = {0};
	struct profile_findings findings = {.arena = &arena};
	Profile *profile;

	(void)state;
	assert_int_equal(
	    provider_profile_read(SPAN("id: a\ncategory: other\nendpoints:\n  - host: a.test\n    port: 443\n"
				       "    protocol: ftp\nbinaries: [/x]\n"),
		"p", &findings, &profile, NULL),
	    ERR_INVALID);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].line, 6);
	assert_int_equal(findings.items[0].column, 15);
}

static void
not_yaml_is_said_in_why(void **state)
{
	auto_arena struct arena arena = {0};
	struct profile_findings findings = {.arena = &arena};
	struct why why = {0};
	Profile *profile;

	(void)state;
	assert_int_equal(provider_profile_read(SPAN("a: [1\n"), "p", &findings, &profile, &why), ERR_SYNTAX);
	assert_non_null(strstr(why.text, "line "));
	assert_int_equal(provider_profile_read(
			     SPAN("{\"id\": \"json-too\", \"category\": \"OTHER\"}"), "p", &findings, &profile, &why),
	    OK);
	assert_string_equal(profile->id, "json-too");
}

static void
what_comes_together(void **state)
{
	auto_arena struct arena arena = {0};
	struct profile_findings findings = {.arena = &arena};
	Profile a = OPENSHELL__V1__PROVIDER_PROFILE__INIT, b = OPENSHELL__V1__PROVIDER_PROFILE__INIT;
	Item one = OPENSHELL__V1__PROVIDER_PROFILE_IMPORT_ITEM__INIT, two = one, three = one,
	     *items[] = {&one, &two, &three};
	Diagnostic **list;
	size_t n;

	(void)state;
	a.id = (char *)"mine";
	b.id = (char *)"github";
	one.profile = two.profile = &a;
	one.source = (char *)"x.yaml";
	provider_lint_items(items, 1, &findings);
	assert_int_equal(findings.errors, 0);
	provider_lint_items(items, 2, &findings);
	assert_int_equal(findings.errors, 1);
	assert_non_null(strstr(findings.items[0].message, "more than once"));
	provider_lint_items(items, 0, &findings);
	assert_int_equal(findings.errors, 2);
	one.profile = &b;
	provider_lint_items(items, 3, &findings);
	assert_int_equal(findings.errors, 4);
	assert_string_equal(findings.items[2].profile_id, "github");
	assert_non_null(strstr(findings.items[2].message, "built in"));
	assert_string_equal(findings.items[3].field, "profile"); /* the third has none */
	assert_int_equal(profile_findings_wire(&findings, &arena, &list, &n, NULL), OK);
	assert_int_equal(n, 4);
	assert_string_equal(list[2]->source, "x.yaml");
	assert_string_equal(list[2]->severity, "error");
}

static void
a_thousand_mistakes_are_counted(void **state)
{
	auto_arena struct arena arena = {0};
	struct profile_findings findings = {.arena = &arena};
	struct why why = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		profile_finding_add(&findings, i % 2 == 0, "s", "p", "f", "number %d", i);
	assert_int_equal(findings.count, PROFILE_FINDINGS_MAX);
	assert_int_equal(findings.errors, 500);
	assert_int_equal(profile_findings_why(&findings, &why), ERR_INVALID);
	assert_string_equal(why.text, "f: number 1; and 499 more");
}

static void
what_may_be_empty(void **state)
{
	auto_arena struct arena arena = {.max_bytes = 8u << 20};
	static const struct {
		const char *id;
		enum err want;
	} rows[] = {{"aws", OK}, {"aws-s3", OK}, {"google-cloud", OK}, {"google-vertex-ai", OK},
	    {"github", ERR_INVALID}, {"aws-bedrock", ERR_INVALID}, {"pypi", ERR_INVALID}, {"codex", ERR_INVALID}};
	struct provider_profiles profiles;

	(void)state;
	assert_int_equal(provider_builtins(&arena, &profiles, NULL), OK);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
		    provider_runtime_only(provider_profile(&profiles, span_of_text(rows[i].id)), NULL), rows[i].want);
	assert_non_null(provider_credential(provider_profile(&profiles, SPAN("github")), SPAN("GH_TOKEN")));
	assert_null(provider_credential(provider_profile(&profiles, SPAN("github")), SPAN("GH_TOKE")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_rule_is_kept),
	    cmocka_unit_test(findings_have_their_line),
	    cmocka_unit_test(not_yaml_is_said_in_why),
	    cmocka_unit_test(what_comes_together),
	    cmocka_unit_test(a_thousand_mistakes_are_counted),
	    cmocka_unit_test(what_may_be_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
