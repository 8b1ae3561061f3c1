/* The policy and settings commands against a gateway that writes down what it is asked; and policies written out so that
 * they can be read again. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "clients/cli/output.h"
#include "clients/cli/policy_json.h"
#include "clients/cli/policy_update.h"
#include "common/base/clean.h"
#include "common/policy/hash.h"
#include "common/policy/yaml.h"
#include "tests/unit/cli/fake.h"
#include "tests/unit/cli/run.h"

static struct fake fake;
static struct run run;

static const char *
calls(void)
{
	static char names[4096];
	struct span rest = {fake.log->text, fake.log->length};

	names[0] = '\0';
	while (rest.length > 0) {
		struct span line = span_cut(&rest, '\n'), name = span_cut(&line, ' ');

		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%.*s ", (int)name.length, name.at);
	}
	return names;
}

#define GOOD	  "version: 1\nnetwork_policies: {a: {endpoints: [{host: a.test, port: 443}], binaries: [{path: /x}]}}\n"
#define BAD	  "version: 1\nnetwork_policies: {a: {endpoints: [{host: '*', port: 443}]}}\n"
#define WORSE	  "version: 1\nnetwork_policies: {a: {endpoints: [{host: '*', port: 0, protocol: ftp}]}}\n"
#define DOUBT	  "version: 1\nnetwork_policies: {a: {endpoints: [{host: a.test, port: 443}]}}\n"
#define ONE(rest) "version: 1\nnetwork_policies: {a: {endpoints: [{" rest "}], binaries: [{path: /x}]}}\n"
#define HALF	  ONE("host: a.test, port: 443, protocol: rest, access: full")
#define LOCAL	  ONE("host: localhost, port: 443")
#define SIGNED	  ONE("host: a.test, port: 443, credential_signing: sigv4, signing_service: s3")
#define MIDDLE                                                                                                         \
	"version: 1\nnetwork_middlewares: {m: {middleware: x, on_error: fail_open, endpoints: {include: [a.test]}}}\n"
#define STATUS "GetSandboxPolicyStatus "
#define ASKED  "GetSandbox GetSandboxConfig "

static const struct {
	const char *command, *input;
	int code;
	const char *calls, *out, *err, *asked; /* NULL: anything; "": nothing */
} cases[] = {
    {"policy set demo --policy -", GOOD, 0, STATUS "UpdateConfig ", "",
	"Policy version 5 submitted (hash: 0123456789ab)\n",
	"UpdateConfig {\"name\":\"demo\",\"policy\":{\"version\":1,\"network_policies\":{\"a\":{\"endpoints\":[{\"host\":\"a.test\","
	"\"port\":443}],\"binaries\":[{\"path\":\"/x\"}]}}},\"workspace\":\"default\"}"},
    {"policy set same --policy -", GOOD, 0, STATUS "UpdateConfig ", "",
	"Policy unchanged (version 3, hash: 0123456789ab)\n", NULL},
    {"policy set same --policy - --wait", GOOD, 0, STATUS "UpdateConfig ", "", "Policy unchanged", NULL},
    {"policy set fresh --policy -", GOOD, 0, STATUS "UpdateConfig ", "", "Policy version 5 submitted", NULL},
    {"policy set demo --policy - --wait", GOOD, 0, STATUS "UpdateConfig " STATUS, "", "Policy version 5 loaded\n",
	"\"version\":5"},
    {"policy set slow --policy - --wait", GOOD, 0, STATUS "UpdateConfig " STATUS STATUS, "",
	"Policy version 5 loaded\n", NULL},
    {"policy set old --policy - --wait", GOOD, 0, STATUS "UpdateConfig " STATUS, "", "Policy version 5 was superseded",
	NULL},
    {"policy set flaky --policy - --wait", GOOD, 0, STATUS "UpdateConfig " STATUS STATUS, "",
	"Policy version 5 loaded\n", NULL},
    {"policy set bad --policy - --wait", GOOD, 1, STATUS "UpdateConfig " STATUS, "",
	"Error: policy version 5 could not be loaded: a bad glob\n", NULL},
    {"policy set stuck --policy - --wait --timeout 1", GOOD, 124, NULL, "",
	"policy version 5 is not loaded after 1 seconds", NULL},
    {"policy set asleep --policy - --wait", GOOD, 124, NULL, "",
	"Error: policy version 5 is not loaded: sandbox asleep is stopped, and loads it when it starts\n", NULL},
    {"policy set managed --policy -", GOOD, 1, STATUS "UpdateConfig ", "",
	"sandbox managed: policy is managed globally", NULL},
    {"policy set demo --policy -", BAD, 1, "", "",
	"Error: <stdin>: line 2, column 43: network policy 'a': endpoint 0: host: '*'", NULL},
    {"policy set demo --policy -", WORSE, 1, "", "", "<stdin>:2:54: error: network policy 'a': endpoint 0: port", NULL},
    {"policy set demo --policy -", WORSE, 1, "", "", "Error: <stdin> has 3 errors\n", NULL},
    {"policy set demo --policy -", DOUBT, 0, NULL, "", "<stdin>:2:20: warning: network policy 'a': binaries: is empty",
	NULL},
    {"policy set demo --policy /nonexistent", NULL, 1, "", "", "policy file: /nonexistent: No such file", NULL},
    {"policy set demo", NULL, 2, "", "", "which policy?", NULL},
    {"policy set --global --policy -", GOOD, 1, "", "", "confirm it with --yes", NULL},
    {"policy set --global --yes --policy -", GOOD, 0, "UpdateConfig ", "", "Policy version 5 submitted",
	"\"global\":true"},
    {"sandbox create --name demo --policy -", BAD, 1, "", "", "endpoint 0: host: '*': matches all hosts", NULL},
    {"policy lint -", GOOD, 0, "", "All checks passed\n", "", NULL},
    {"policy lint -", DOUBT, 0, "", "<stdin>:2:20: warning: network policy 'a': binaries: is empty", "", NULL},
    {"policy lint -", HALF, 0, "", "<stdin>:2:36: warning: network policy 'a': endpoint 0: enforcement: is missing", "",
	NULL},
    {"policy lint -", LOCAL, 0, "", "host: 'localhost': cannot be reached", "", NULL},
    {"policy lint -", SIGNED, 0, "", "All checks passed\n", "", NULL},
    {"policy lint -", MIDDLE, 0, "", "<stdin>:2:23: warning: network middleware 'm': middleware: has no effect", "",
	NULL},
    {"policy set demo --policy -", HALF, 0, NULL, "", "Policy version 5 submitted", NULL},
    {"policy lint -", "network_policies: {}\n", 1, "", "<stdin>:1:1: error: version: is missing", "", NULL},
    {"policy lint -", BAD, 1, "", "<stdin>:2:43: error: network policy 'a': endpoint 0: host: '*': matches all hosts",
	"", NULL},
    {"policy lint - -o json", BAD, 1, "", "    \"line\": 2,\n    \"column\": 43,\n    \"severity\": \"error\",", "",
	NULL},
    {"policy lint -", "a: [", 1, "", "", "Error: <stdin>: line 2, column 1", NULL},
    {"policy lint /nonexistent", NULL, 1, "", "", "No such file", NULL},
    {"policy get demo", NULL, 0, ASKED,
	"Version:     4\nHash:        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nStatus:      Effective\n"
	"Source:      sandbox\nConfig rev:  0\n",
	"", NULL},
    {"policy get demo --full", NULL, 0, ASKED, "---\nversion: 1\nfilesystem_policy:\n  include_workdir: true\n", "",
	NULL},
    {"policy get demo --rev 2", NULL, 0, STATUS,
	"Status:      Loaded\nActive:      3\nCreated:     2026-01-02 03:04:05\nLoaded:      -\n", "", "\"version\":2"},
    {"policy get --global -o json", NULL, 0, STATUS,
	"\"scope\": \"global\",\n  \"version\": 3,\n  \"active_version\": 3,", "", "\"global\":true"},
    {"policy get demo -o json", NULL, 0, ASKED, "\"status\": \"effective\",\n", "", NULL},
    {"policy get missing", NULL, 1, "GetSandbox ", "", "sandbox not found", NULL},
    {"policy list demo", NULL, 0, "ListSandboxPolicies ",
	"VERSION  HASH          STATUS  CREATED              ERROR\n"
	"12       0123456789ab  Failed  2026-01-02 03:04:05  a bad glob\n"
	"3        0123456789ab  Loaded  2026-01-02 03:04:05\n",
	"", "{\"name\":\"demo\",\"limit\":20,\"workspace\":\"default\"}"},
    {"policy list demo -o json", NULL, 0, NULL, "    \"version\": 12,\n    \"hash\": \"0123456789ab", "", NULL},
    {"policy list demo -o yaml", NULL, 0, NULL, "  load_error: a bad glob\n- version: 3\n", "", NULL},
    {"policy list fresh -o json", NULL, 0, NULL, "[]\n", "", NULL},
    {"policy list fresh --limit 3", NULL, 0, "ListSandboxPolicies ", "", "No policy versions found.", "\"limit\":3"},
    {"policy list --global", NULL, 0, "ListSandboxPolicies ", NULL, "", "\"global\":true"},
    {"policy delete", NULL, 2, "", "", "only the global policy can be deleted", NULL},
    {"policy delete --global", NULL, 1, "", "", "confirm it with --yes", NULL},
    {"policy delete --global --yes", NULL, 0, "UpdateConfig ", "", "Deleted global policy",
	"{\"setting_key\":\"policy\",\"delete_setting\":true,\"global\":true,\"workspace\":\"default\"}"},
    {"policy update demo --add-endpoint a-b.test:443:read-only:rest:enforce:allowed-ip=10.0.0.0/24,websocket-credential-rewrite "
     "--binary /x --binary /y",
	NULL, 0, ASKED "UpdateConfig ", "", "Policy version 5 submitted",
	"\"merge_operations\":[{\"add_rule\":{\"rule_name\":\"allow_a_b_test_443\",\"rule\":{\"endpoints\":[{\"host\":\"a-b.test\",\"port\":443,"
	"\"protocol\":\"rest\",\"enforcement\":\"enforce\",\"access\":\"read-only\",\"allowed_ips\":[\"10.0.0.0/24\"],"
	"\"websocket_credential_rewrite\":true}],\"binaries\":[{\"path\":\"/x\"},{\"path\":\"/y\"}]}}}],\"workspace\":\"default\"}"},
    {"policy update demo --add-endpoint a.test:443 --rule-name r --binary /x --dry-run", NULL, 0, ASKED,
	"network_policies:\n  r:\n    endpoints:\n    - host: a.test\n      port: 443\n    binaries:\n    - path: /x\n",
	"", NULL},
    {"policy update demo --add-endpoint *.test:443 --binary /x --dry-run", NULL, 1, ASKED, "", "is a TLD wildcard",
	NULL},
    {"policy update demo --add-endpoint localhost:443", NULL, 1, ASKED, "",
	"operation 1: endpoint 0: host 'localhost' is always blocked", NULL},
    {"policy update demo --remove-endpoint a.test:443", NULL, 1, ASKED, "", "endpoint not found", NULL},
    {"policy update managed --remove-rule x", NULL, 1, ASKED, "", "managed globally", NULL},
    {"policy update demo", NULL, 2, "", "", "say what to change", NULL},
    {"policy update demo --binary /x --remove-rule y", NULL, 2, "", "", "--binary goes with --add-endpoint", NULL},
    {"policy update demo --add-endpoint a:1 --add-endpoint b:1 --rule-name r", NULL, 2, "", "",
	"exactly one --add-endpoint", NULL},
    {"settings get demo", NULL, 0, ASKED,
	"KEY                             VALUE    SCOPE\n"
	"providers_v2_enabled            <unset>  unset\n"
	"ocsf_json_enabled               true     global\n",
	"", NULL},
    {"settings get demo --json", NULL, 0, ASKED,
	"    \"ocsf_json_enabled\": {\n      \"value\": \"true\",\n      \"scope\": \"global\"", "", NULL},
    {"settings get --global --json", NULL, 0, "GetGatewayConfig ",
	"{\n  \"scope\": \"global\",\n  \"settings_revision\": 6,\n  \"settings\": {\n    \"providers_v2_enabled\": \"<unset>\",",
	"", NULL},
    {"settings get --global", NULL, 0, "GetGatewayConfig ", "proposal_approval_mode          auto     global\n", "",
	NULL},
    {"settings set demo --key ocsf_json_enabled --value Yes", NULL, 0, "UpdateConfig ",
	"Set sandbox setting ocsf_json_enabled = true\n", "",
	"{\"name\":\"demo\",\"setting_key\":\"ocsf_json_enabled\",\"setting_value\":{\"bool_value\":true},"},
    {"settings set --global --yes --key proposal_approval_mode --value auto", NULL, 0, "UpdateConfig ",
	"Set global setting proposal_approval_mode = auto\n", "", "\"setting_value\":{\"string_value\":\"auto\"}"},
    {"settings set --global --key proposal_approval_mode --value auto", NULL, 1, "", "", "--yes", NULL},
    {"settings set demo --key ocsf_json_enabled --value maybe", NULL, 1, "", "", "neither true nor false", NULL},
    {"settings set demo --key proposal_approval_mode --value both", NULL, 1, "", "", "allowed are manual and auto",
	NULL},
    {"settings set demo --key colour --value red", NULL, 1, "", "",
	"unknown setting \"colour\"; there are providers_v2_enabled", NULL},
    {"settings set demo --key ocsf_json_enabled", NULL, 2, "", "", "--value", NULL},
    {"settings delete demo --key ocsf_json_enabled", NULL, 0, "UpdateConfig ",
	"Deleted sandbox setting ocsf_json_enabled\n", "", "\"delete_setting\":true"},
    {"settings delete demo --key providers_v2_enabled", NULL, 0, "UpdateConfig ",
	"No sandbox setting providers_v2_enabled\n", "", NULL},
    {"__complete -- policy set de", NULL, 0, "ListSandboxes ", "demo\tReady\n", "", NULL},
    {"__complete -- policy lint ''", NULL, 0, "", ":files\n", "", NULL},
    {"__complete -- settings ''", NULL, 0, "", "get\tShow the settings", "", NULL},
    {"__complete -- settings set demo --key o", NULL, 0, "", "ocsf_json_enabled\n", "", NULL},
    {"__complete -- settings set demo --key x", NULL, 0, "", "", "", NULL},
};

static bool
differs(const char *said, const char *wanted)
{
	return wanted != NULL && (*wanted == '\0' ? *said != '\0' : strstr(said, wanted) == NULL);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		fake_clear(&fake);
		run_cli(&run, cases[i].command, cases[i].input, cases[i].input == NULL ? 0 : strlen(cases[i].input));
		if (run.code != cases[i].code || (cases[i].calls != NULL && strcmp(calls(), cases[i].calls) != 0) ||
		    differs(run.out, cases[i].out) || differs(run.err, cases[i].err) ||
		    differs(fake.log->text, cases[i].asked))
			fail_msg("case %zu: %s\ncode %d, not %d\nout: %s\nerr: %s\ncalls: %s", i, cases[i].command,
			    run.code, cases[i].code, run.out, run.err, fake.log->text);
	}
}

/* ---- written out and read again ---- */

static const char *const documents[] = {
    "version: 1\n",
    "version: 1\nfilesystem_policy: {read_only: [/usr, '/a b: c'], read_write: [/tmp]}\nlandlock: {compatibility: hard_requirement}\n"
    "process: {run_as_user: '1000', run_as_group: sandbox}\n",
    "version: 1\nnetwork_policies: {'true': {name: 'a: b', endpoints: [{host: '*.a.test', ports: [443, 80], tls: skip}],"
    " binaries: [{path: '/usr/bin/*'}, {path: '/[a]{b,c}'}]}, '1.5': {}}\n",
    "version: 1\nnetwork_policies: {r: {endpoints: [{host: a.test, port: 443, protocol: rest, enforcement: enforce, path: '/api/**',"
    " allow_encoded_slash: true, credential_signing: sigv4, signing_service: s3, credential_binding: {provider: p},"
    " rules: [{allow: {method: GET, path: '/**', query: {q: 'v1.*', '1': '2', n: 'null', r: {any: ['true', '~']}}}}],"
    " deny_rules: [{path: '/x'}]}]}}\n",
    "version: 1\nnetwork_policies: {g: {endpoints: [{host: a.test, port: 443, protocol: graphql, persisted_queries: allow_registered,"
    " graphql_persisted_queries: {'0e1': {operation_type: query, operation_name: A, fields: [b]}}, graphql_max_body_bytes: 7,"
    " rules: [{allow: {operation_type: query, fields: ['c*']}}]}]}}\n",
    "version: 1\nnetwork_policies: {m: {endpoints: [{host: a.test, port: 443, protocol: mcp, mcp: {max_body_bytes: 9,"
    " strict_tool_names: false, allow_all_known_mcp_methods: true}, rules: [{allow: {method: tools/call, tool: {any: [a, b]}}},"
    " {allow: {method: tools/call, params: {name: c}}}]}]}, j: {endpoints: [{host: b.test, port: 1, protocol: json-rpc,"
    " json_rpc: {max_body_bytes: 5}, rules: [{allow: {method: '*'}}]}]}}\n",
    "version: 1\nnetwork_middlewares: {m: {middleware: x, order: -3, on_error: fail_open, endpoints: {include: ['**'], exclude: [a.test]},"
    " config: {a: 1, b: 1.5, c: [true, null, 'null', {d: {}}], e: '1', f: -2}}}\n",
};

static void
policy_hash_of(const char *text, size_t length, struct arena *arena, Openshell__Sandbox__V1__SandboxPolicy **policy,
    uint8_t hash[POLICY_HASH_BYTES])
{
	struct findings findings = {.arena = arena};
	struct policy_form form;
	struct why why = {0};

	if (policy_read((struct span){text, length}, 0, &findings, policy, &why) != OK)
		fail_msg("%s: %s", text, why.text);
	assert_int_equal(policy_form(*policy, arena, &form, &why), OK);
	memcpy(hash, form.hash, sizeof(form.hash));
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(documents); i++) {
		auto_arena struct arena arena = {0};
		Openshell__Sandbox__V1__SandboxPolicy *policy;
		uint8_t before[POLICY_HASH_BYTES], after[POLICY_HASH_BYTES];
		auto_free char *text = NULL;
		size_t length;
		FILE *to = open_memstream(&text, &length);

		policy_hash_of(documents[i], strlen(documents[i]), &arena, &policy, before);
		yaml_print(to, policy_json(policy));
		fclose(to);
		policy_hash_of(text, length, &arena, &policy, after);
		if (memcmp(before, after, sizeof(before)) != 0)
			fail_msg("%s became\n%s", documents[i], text);
	}
}

static void
test_short_forms(void **state)
{
	static const struct {
		enum err (*check)(struct span value, struct why *why);
		const char *text, *words; /* NULL: right */
	} forms[] = {
	    {check_add_endpoint, "a.test:443", NULL},
	    {check_add_endpoint, "[2001:db8::1]:65535", NULL},
	    {check_add_endpoint, "[2001:db8::1]", "write [ADDRESS]:PORT"},
	    {check_add_endpoint, "a.test:443::tcp", NULL},
	    {check_add_endpoint, "a.test:443:full:rest:audit:allowed-ip=fd00::/64,allow-uninspected-credentials", NULL},
	    {check_add_endpoint, "a.test:443:::::", "option"},
	    {check_add_endpoint, "a.test", "write HOST:PORT"},
	    {check_add_endpoint, ":443", "write HOST:PORT"},
	    {check_add_endpoint, "a.test:0", "no number from 1 to 65535"},
	    {check_add_endpoint, "a.test:65536", "no number from 1 to 65535"},
	    {check_add_endpoint, "a.test:443:all:rest", "access is"},
	    {check_add_endpoint, "a.test:443:full", "access needs a protocol"},
	    {check_add_endpoint, "a.test:443:full:mcp", "protocol is"},
	    {check_add_endpoint, "a.test:443:full:rest:Enforce", "enforcement is"},
	    {check_add_endpoint, "a.test:443:full:sql:audit:request-body-credential-rewrite", "needs protocol rest"},
	    {check_add_endpoint, "a.test:443:::websocket-credential-rewrite", "enforcement is"},
	    {check_add_endpoint, "a.test:443::::websocket-credential-rewrite", "needs protocol rest or websocket"},
	    {check_host_port, "a.test:1", NULL},
	    {check_host_port, "a.test:1:", NULL},
	    {check_host_port, "a.test:1:x", "nothing else"},
	    {check_rule, "a.test:443:GET:/a:b/**", NULL},
	    {check_rule, "a.test:443:GET:", "write HOST:PORT:METHOD:PATH"},
	    {check_rule, "a.test:443::/a", "write HOST:PORT:METHOD:PATH"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct why why = {0};
		enum err r = forms[i].check(span_of_text(forms[i].text), &why);

		if (r != (forms[i].words == NULL ? OK : ERR_SYNTAX) ||
		    (forms[i].words != NULL && strstr(why.text, forms[i].words) == NULL))
			fail_msg("%s: %s", forms[i].text, why.text);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_short_forms),
	    cmocka_unit_test(test_cases),
	};
	int failed;

	if (argc < 2)
		return 2;
	fake_start(&fake);
	run_setup(argv[1], fake.endpoint);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	run_teardown();
	fake_stop(&fake);
	return failed;
}
