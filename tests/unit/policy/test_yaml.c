/* Policy files: what is read, and for each kind of mistake the sentence with its place. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/policy/yaml.h"

static const char whole[] = "version: 1\n"
			    "filesystem_policy:\n"
			    "  include_workdir: true\n"
			    "  read_only: [/usr, /etc]\n"
			    "  read_write: [/tmp]\n"
			    "landlock: {compatibility: hard_requirement}\n"
			    "process: {run_as_user: sandbox, run_as_group: '1234'}\n"
			    "network_policies:\n"
			    "  github:\n"
			    "    endpoints:\n"
			    "      - host: api.github.com\n"
			    "        port: 443\n"
			    "        protocol: rest\n"
			    "        enforcement: enforce\n"
			    "        rules:\n"
			    "          - allow: {method: GET, path: '/repos/**', query: {q: a*, r: {any: [b, c]}}}\n"
			    "      - host: mcp.example.org\n"
			    "        ports: [443, 8443]\n"
			    "        protocol: mcp\n"
			    "        mcp: {max_body_bytes: 1000, strict_tool_names: false}\n"
			    "        rules: [{allow: {method: tools/call, tool: read}}]\n"
			    "    binaries: [{path: /usr/bin/curl}]\n";

static void
whole_schema_is_read(void **state)
{
	auto_arena struct arena arena = {0};
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	const Openshell__Sandbox__V1__NetworkEndpoint *rest, *mcp;
	struct why why = {0};

	(void)state;
	if (policy_from_yaml(SPAN(whole), "p.yaml", &arena, &policy, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(policy->filesystem->include_workdir);
	assert_int_equal(policy->filesystem->n_read_only, 2);
	assert_string_equal(policy->filesystem->read_write[0], "/tmp");
	assert_string_equal(policy->landlock->compatibility, "hard_requirement");
	assert_string_equal(policy->process->run_as_group, "1234");
	assert_int_equal(policy->n_network_policies, 1);
	assert_string_equal(policy->network_policies[0]->key, "github");
	rest = policy->network_policies[0]->value->endpoints[0];
	mcp = policy->network_policies[0]->value->endpoints[1];
	assert_int_equal(rest->port, 443);
	assert_string_equal(rest->rules[0]->allow->query[0]->value->glob, "a*");
	assert_string_equal(rest->rules[0]->allow->query[1]->value->any[1], "c");
	assert_int_equal(mcp->ports[1], 8443);
	assert_int_equal(mcp->json_rpc_max_body_bytes, 1000);
	assert_true(mcp->mcp->has_strict_tool_names && !mcp->mcp->strict_tool_names);
	assert_string_equal(mcp->rules[0]->allow->params[0]->key, "name");
	assert_string_equal(mcp->rules[0]->allow->params[0]->value->glob, "read");
	assert_string_equal(policy->network_policies[0]->value->binaries[0]->path, "/usr/bin/curl");
}

static void
mistakes_have_a_place(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
	    {"", "p.yaml: line 1, column 1: a map of keys is wanted here"},
	    {"filesystem_policy: {}\n", "p.yaml: line 1, column 1: version: is missing"},
	    {"version: 2\n", "line 1, column 10: version: 2 is not known; allowed is 1"},
	    {"version: one\n", "line 1, column 10: version: \"one\" is not a number from 0 to 4294967295"},
	    {"version: \"1\"\n", "line 1, column 10: version: \"1\" is a text: write the number without quotes"},
	    {"version: 1\nnetwork_policies: {a: {binaries: [/usr/bin/curl]}}\n",
		"line 2, column 35: \"/usr/bin/curl\" a map of keys is wanted here, as {path: ...}"},
	    {"version: 1\nfilesystem: {}\n",
		"line 2, column 1: unknown key \"filesystem\"; known here: version, filesystem_policy"},
	    {"version: 1\nfilesystem_policy:\n  read_onyl: []\n", "line 3, column 3: unknown key \"read_onyl\""},
	    {"version: 1\nfilesystem_policy:\n  read_only: /usr\n",
		"line 3, column 14: read_only: \"/usr\" a list is wanted here"},
	    {"version: 1\nfilesystem_policy:\n  read_only: [/usr, etc]\n",
		"line 3, column 21: filesystem_policy.read_only[1]: 'etc': path must be absolute"},
	    {"version: 1\nfilesystem_policy:\n  read_write: [/a/../b]\n",
		"line 3, column 16: filesystem_policy.read_write[0]: '/a/../b': path contains '..'"},
	    {"version: 1\nfilesystem_policy: {read_write: [//]}\n", "overly broad"},
	    {"version: 1\nlandlock: {compatibility: maybe}\n",
		"line 2, column 27: landlock.compatibility: 'maybe': is not known"},
	    {"version: 1\nprocess: {run_as_user: root}\n",
		"line 2, column 24: process.run_as_user: 'root': must be 'sandbox'"},
	    {"version: 1\nprocess: {run_as_user: root\n", "p.yaml: line "},
	    {"version: 1\nversion: 1\n", "line 2, column 1"},
	    {"version: 1\nnetwork_policies: {a: {endpoints: [{host: x, port: many}]}}\n",
		"line 2, column 52: port: \"many\" is not a number"},
	    {"version: 1\nnetwork_policies: {a: {endpoints: [{host: x, provider_credentialed: true}]}}\n",
		"unknown key \"provider_credentialed\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		Openshell__Sandbox__V1__SandboxPolicy *policy = NULL;
		struct why why = {0};

		if (policy_from_yaml(span_of_text(cases[i].text), "p.yaml", &arena, &policy, &why) == OK)
			fail_msg("taken: %s", cases[i].text);
		if (strstr(why.text, cases[i].words) == NULL)
			fail_msg("said: %s\nwanted: %s", why.text, cases[i].words);
		assert_null(policy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_schema_is_read), cmocka_unit_test(mistakes_have_a_place)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
