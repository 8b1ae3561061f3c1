/* The provider and inference commands against a gateway that writes down what it is asked: what is sent, what is shown, and
 * that no secret is; profiles written out and read again. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/cli/output.h"
#include "clients/cli/profile_json.h"
#include "clients/cli/provider_input.h"
#include "common/base/clean.h"
#include "common/provider/profile.h"
#include "common/provider/profile_read.h"
#include "common/wire/protobuf.h"
#include "tests/unit/cli/fake.h"
#include "tests/unit/cli/run.h"

#define SECRET "hush-4711"

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

		if (!span_is(name, "cancelled")) /* the watch of a creation, when it is left */
			snprintf(
			    names + strlen(names), sizeof(names) - strlen(names), "%.*s ", (int)name.length, name.at);
	}
	return names;
}

#define PROFILE "id: mine\ncategory: other\ncredentials: [{name: t, env_vars: [T]}]\n"
#define STORED	"id: stored\ncategory: other\n"
#define WRONG	"id: Mine\ncategory: other\ncredentials: [{name: t, env_vars: [T, T]}]\n"
#define CREATE	"CreateProvider "

static const struct {
	const char *command, *input;
	int code;
	const char *calls, *out, *err, *asked; /* NULL: anything; "": nothing */
} cases[] = {
    /* create */
    {"provider create --name x --type gh --credential GITHUB_TOKEN=" SECRET, NULL, 0, CREATE, "Created provider x\n",
	"",
	"{\"provider\":{\"metadata\":{\"name\":\"x\"},\"type\":\"github\",\"credentials\":{\"GITHUB_TOKEN\":\"" SECRET
	"\"},\"profile_workspace\":\"default\"},\"workspace\":\"default\"}"},
    {"provider create --type github --credential TEST_TOKEN --config A=b", NULL, 0, CREATE,
	"Created provider made-up\n", "", "\"credentials\":{\"TEST_TOKEN\":\"" SECRET "\"},\"config\":{\"A\":\"b\"}"},
    {"provider create --name x --type github --global-profile --credential TEST_TOKEN", NULL, 0, CREATE, NULL, "",
	"\"TEST_TOKEN\":\"" SECRET "\"}},\"workspace\""},
    {"provider create --name taken --type github --credential A=" SECRET, NULL, 1, CREATE, "", "exists already", NULL},
    {"provider create --name x --type github --credential NOT_SET_AT_ALL", NULL, 1, "", "",
	"NOT_SET_AT_ALL: that variable is not set", NULL},
    {"provider create --name x --type github --credential TEST_BLANK", NULL, 1, "", "",
	"TEST_BLANK: that variable is empty", NULL},
    {"provider create --name x --type github --credential A=", NULL, 1, "", "", "credential A is empty", NULL},
    {"provider create --name x --type github --credential ghp_" SECRET, NULL, 1, "", "",
	"--credential ghp_... (the rest is not shown: it may be a value): that variable is not set", NULL},
    {"provider create --name x --type github --credential abcd" SECRET "=", NULL, 1, "", "",
	"credential abcd... (the rest is not shown: it may be a value) is empty", NULL},
    {"provider create --name x --type github --credential ab/d" SECRET "==", NULL, 1, "", "",
	"credential ab/d... (the rest", NULL},
    {"provider create --name x --type github --credential 1A=" SECRET, NULL, 1, "", "",
	"credential 1A: a key is the name of a variable", NULL},
    {"provider create --name x --type github --credential =" SECRET, NULL, 1, "", "", "a key is the name of a variable",
	NULL},
    {"provider create --name x --type github --credential v1_A=" SECRET, NULL, 1, "", "", "placeholder", NULL},
    {"provider create --name x --type github --credential A=" SECRET " --credential A=" SECRET, NULL, 1, "", "",
	"A is given twice", NULL},
    {"provider create --name x --type github --credential A=" SECRET " --from-existing", NULL, 2, "", "",
	"cannot be used together", NULL},
    {"provider create --name x --type github --runtime-credentials --from-gcloud-adc", NULL, 2, "", "",
	"cannot be used together", NULL},
    {"provider create --name x --type github", NULL, 2, "", "", "where are its credentials?", NULL},
    {"provider create --name x --credential A=" SECRET, NULL, 2, "", "", "of which type?", NULL},
    {"provider create --name x --type nonsense --credential A=" SECRET, NULL, 1, "GetProviderProfile ", "",
	"unsupported provider type \"nonsense\"", NULL},
    {"provider create --name x --type forge --credential A=" SECRET, NULL, 0, "GetProviderProfile " CREATE, "Created",
	"", NULL},
    {"provider create --name x --type github --credential A=" SECRET " --config B_TOKEN=c", NULL, 0, CREATE, "Created",
	"Warning: B_TOKEN looks like a secret", NULL},
    {"provider create --name x --type openai --config OPENAI_BASE_URL=http://a.test/v1", NULL, 0, CREATE, "Created", "",
	NULL},
    {"provider create --name x --type openai --config OTHER=http://a.test/v1", NULL, 2, "", "",
	"where are its credentials?", NULL},
    {"provider create --name x --type google-cloud --runtime-credentials", NULL, 0, CREATE, "Created", "", NULL},
    {"provider create --name x --type deepinfra --from-existing", NULL, 0, "GetGatewayConfig " CREATE, "Created", "",
	"\"DEEPINFRA_API_KEY\":\"" SECRET "\""},
    {"provider create --name x --type nvidia --from-existing", NULL, 1, "GetGatewayConfig ", "",
	"none of NVIDIA_API_KEY is set", NULL},
    {"provider create --name x --type generic --from-existing", NULL, 1, "GetGatewayConfig ", "",
	"nothing can be looked for", NULL},
    {"provider create --name x --type forge --from-existing", NULL, 0,
	"GetProviderProfile GetGatewayConfig GetProviderProfile " CREATE, "Created", "", "FORGE_TOKEN"},
    {"provider create --name x --type pypi --from-existing", NULL, 1, "GetGatewayConfig GetProviderProfile ", "",
	"type pypi has no profile", NULL},
    {"provider create --name x --type github --from-gcloud-adc", NULL, 2, "", "", "google-cloud and google-vertex-ai",
	NULL},
    {"provider create --name x --type google-cloud --from-gcloud-adc", NULL, 0,
	CREATE "ConfigureProviderRefresh RotateProviderCredential ", "Created provider x\n", "",
	"\"credential_key\":\"GCP_ADC_ACCESS_TOKEN\",\"strategy\":\"PROVIDER_CREDENTIAL_REFRESH_STRATEGY_OAUTH2_REFRESH_TOKEN\",\"material\":"
	"{\"client_id\":\"c\",\"client_secret\":\"" SECRET "\",\"refresh_token\":\"" SECRET
	"\"},\"secret_material_keys\":[\"client_secret\",\"refresh_token\"]"},
    {"provider create --name broken --type google-vertex-ai --from-gcloud-adc", NULL, 1,
	CREATE "ConfigureProviderRefresh RotateProviderCredential DeleteProvider ", "Created provider broken\n",
	"the token server refused it", "GOOGLE_VERTEX_AI_TOKEN"},
    /* update */
    {"provider update forge --credential A=" SECRET " --credential B=", NULL, 0, "UpdateProvider ",
	"Updated provider forge\n", "", "\"credentials\":{\"A\":\"" SECRET "\",\"B\":\"\"}},\"workspace\""},
    {"provider update forge --credential-expires-at A=2020-01-01T00:00:00Z --credential-expires-at B=0", NULL, 0,
	"UpdateProvider ", NULL, "", "\"credential_expires_at_ms\":{\"A\":1577836800000,\"B\":0}"},
    {"provider update forge --credential-expires-at A=tomorrow", NULL, 1, "", "",
	"--credential-expires-at A: a time is milliseconds", NULL},
    {"provider update forge --credential-expires-at A", NULL, 2, "", "", "it is KEY=VALUE", NULL},
    {"provider update forge", NULL, 2, "", "", "what is to change?", NULL},
    {"provider update hub --from-existing", NULL, 1, "GetProvider GetGatewayConfig ", "",
	"none of GITHUB_TOKEN, GH_TOKEN is set", NULL},
    {"provider update missing --from-existing", NULL, 1, "GetProvider ", "", "not found", NULL},
    /* get, list, delete */
    {"provider get forge", NULL, 0, "GetProvider ",
	"Name:          forge\nId:            id-1\nType:          forge\nCreated:       \nCredentials:   FORGE_TOKEN=REDACTED (expires 2020-01-01 00:00:00)\n"
	"Config:        URL=x\\x1b\n",
	"", NULL},
    {"provider get forge -o json", NULL, 0, NULL,
	"\"credential_keys\": [\n    \"FORGE_TOKEN\"\n  ],\n  \"config_keys\": [\n    \"URL\"\n  ],", "", NULL},
    {"provider get missing", NULL, 1, "GetProvider ", "", "not found", NULL},
    {"provider list", NULL, 0, "ListProviders ",
	"NAME   TYPE    CREDENTIAL_KEYS  CONFIG_KEYS\nforge  forge   1                1\nhub    github  1                1\n",
	"", "{\"limit\":100,\"offset\":0,\"workspace\":\"default\",\"all_workspaces\":false}"},
    {"provider list --names --all-workspaces", NULL, 0, NULL, "default/forge\ndefault/hub\n", "",
	"{\"limit\":100,\"offset\":0,\"all_workspaces\":true}"},
    {"provider list --offset 5", NULL, 0, NULL, "No providers found.\n", "", NULL},
    {"provider list -o yaml", NULL, 0, NULL, "type: github\n", "", NULL},
    {"provider delete hub missing used", NULL, 1, "DeleteProvider DeleteProvider DeleteProvider ",
	"Deleted provider hub\nProvider missing not found\n", "provider used: provider 'used' is attached to demo",
	NULL},
    {"provider delete", NULL, 2, "", "", "wants NAME...", NULL},
    /* profiles */
    {"provider list-profiles", NULL, 0, "ListProviderProfiles ",
	"agent:\nID      SCOPE      SOURCE  NAME   ENDPOINTS\ngithub  workspace  user    Forge  api.forge.test:443\n\nsource_control:\nID     SCOPE      SOURCE  NAME   ENDPOINTS\n",
	"", "\"workspace\":\"default\""},
    {"provider list-profiles --global -o json", NULL, 0, NULL, "\"category\": \"source_control\"", "",
	"{\"limit\":1000,\"workspace\":\"\"}"},
    {"provider profile export forge", NULL, 0, NULL, "id: forge\ndisplay_name: Forge\ncategory: source_control\n", "",
	NULL},
    {"provider profile export forge", NULL, 0, NULL, "binaries:\n- /usr/bin/curl\n", "", NULL},
    {"provider profile export nothing", NULL, 1, NULL, "", "not found", NULL},
    {"provider profile import -f -", PROFILE, 0, "ImportProviderProfiles ", "Imported profile mine\n", "",
	"{\"profiles\":[{\"profile\":{\"id\":\"mine\",\"category\":\"PROVIDER_PROFILE_CATEGORY_OTHER\",\"credentials\":[{\"name\":\"t\",\"env_vars\":[\"T\"]}]},\"source\":\"<stdin>\"}],\"workspace\":\"default\"}"},
    {"provider profile import -f - --global", PROFILE, 0, NULL, NULL, "", "\"workspace\":\"\""},
    {"provider profile import -f -", STORED, 1, "ImportProviderProfiles ", "a.yaml: error: id: is there already\n",
	"Nothing was imported.\n", NULL},
    {"provider profile import -f -", WRONG, 1, "", "<stdin>:1:5: error: id: 'Mine'", "", NULL},
    {"provider profile import", NULL, 2, "", "", "which file?", NULL},
    {"provider profile import -f /nonexistent", NULL, 1, "", "", "No such file", NULL},
    {"provider profile import --from /nonexistent", NULL, 1, "", "", "No such file", NULL},
    {"provider profile update forge -f -", PROFILE, 0, "GetProviderProfile UpdateProviderProfiles ",
	"Updated profile forge\n", "", "\"expected_resource_version\":9,\"id\":\"forge\""},
    {"provider profile update forge -f -", PROFILE "resource_version: 5\n", 0, "UpdateProviderProfiles ", NULL, "",
	"\"expected_resource_version\":5"},
    {"provider profile update forge", NULL, 2, "", "", "which file?", NULL},
    {"provider profile lint -", PROFILE, 0, "", "All checks passed\n", "", NULL},
    {"provider profile lint --offline -f -", PROFILE, 0, "", "All checks passed\n", "", NULL},
    {"provider profile lint -", WRONG, 1, "", "<stdin>:3:39: error: credentials[0].env_vars[1]: 'T' is named twice", "",
	NULL},
    {"provider profile lint - -o json", WRONG, 1, "",
	"    \"field\": \"credentials[0].env_vars[1]\",\n    \"line\": 3,\n", "", NULL},
    {"provider profile lint -", "a: [", 1, "", "<stdin>: error: line 2, column 1", "", NULL},
    {"provider profile lint - --server", PROFILE, 1, "LintProviderProfiles ", "a.yaml: error: id: is there already", "",
	NULL},
    {"provider profile lint -", "id: github\n", 0, "", "warning: id: is that of a built-in profile", "", NULL},
    {"provider profile delete forge", NULL, 0, "DeleteProviderProfile ", "Deleted profile forge\n", "", NULL},
    {"provider profile delete missing", NULL, 0, NULL, "Profile missing not found\n", "", NULL},
    /* refresh */
    {"provider refresh status forge", NULL, 0, "GetProviderRefreshStatus ",
	"FORGE_TOKEN  oauth2_refresh_token  error   2020-01-01 00:00:00              refused\\x1b[31m", "", NULL},
    {"provider refresh status hub", NULL, 0, NULL, "No credential of this provider is refreshed.\n", "", NULL},
    {"provider refresh status forge -o json", NULL, 0, NULL, "\"strategy\": \"oauth2_refresh_token\"", "", NULL},
    {"provider refresh configure forge --credential-key K --strategy aws-sts-assume-role --material role_arn=r --material secret=" SECRET
     " --secret-material-key secret "
     "--secret-material-env test_token --secret-material-env other=TEST_TOKEN --credential-expires-at 5",
	NULL, 0, "ConfigureProviderRefresh ", "Configured refresh of K of provider forge\n", "",
	"\"material\":{\"role_arn\":\"r\",\"secret\":\"" SECRET "\",\"test_token\":\"" SECRET "\",\"other\":\"" SECRET
	"\"},\"secret_material_keys\":[\"test_token\",\"other\",\"secret\"],\"expires_at_ms\":5"},
    {"provider refresh configure forge --strategy aws-sts-assume-role", NULL, 2, "", "", "--credential-key KEY", NULL},
    {"provider refresh configure forge --credential-key K --strategy guess", NULL, 2, "", "",
	"it is one of oauth2-refresh-token", NULL},
    {"provider refresh configure forge --credential-key K --strategy oauth2-refresh-token --material " SECRET, NULL, 2,
	"", "", "--material is KEY=VALUE", NULL},
    {"provider refresh configure forge --credential-key K --strategy oauth2-refresh-token --secret-material-env nothing",
	NULL, 1, "", "", "nothing: the variable nothing is not set here", NULL},
    {"provider refresh configure forge --credential-key K --strategy oauth2-refresh-token --secret-material-env client_secret=" SECRET,
	NULL, 1, "", "", "client_secret: the variable hush... (the rest", NULL},
    {"provider refresh configure forge --credential-key K --strategy oauth2-refresh-token --material a=1 --material a=2",
	NULL, 1, "", "", "material a is given twice", NULL},
    {"provider refresh rotate forge --credential-key K", NULL, 0, "RotateProviderCredential ",
	"Rotated K of provider forge\n", "", NULL},
    {"provider refresh rotate broken --credential-key K", NULL, 1, NULL, "", "refused it", NULL},
    {"provider refresh rotate forge", NULL, 2, "", "", "--credential-key KEY", NULL},
    {"provider refresh delete forge --credential-key K", NULL, 0, "DeleteProviderRefresh ",
	"Deleted refresh of K of provider forge\n", "", NULL},
    /* sandboxes */
    {"sandbox provider list demo", NULL, 0, "ListSandboxProviders ", "hub   github  1", "",
	"\"sandbox_name\":\"demo\""},
    {"sandbox provider attach demo forge", NULL, 0, "GetSandbox AttachSandboxProvider ",
	"Attached provider forge to sandbox demo\n", "Commands that start from now on",
	"\"sandbox_name\":\"demo\",\"provider_name\":\"forge\",\"expected_resource_version\":"},
    {"sandbox provider attach demo hub", NULL, 0, NULL, "Attached", "Warning: FORGE_TOKEN is withheld", NULL},
    {"sandbox provider attach demo used", NULL, 0, NULL, "Provider used is attached to sandbox demo already\n", "",
	NULL},
    {"sandbox provider attach demo taken", NULL, 1, NULL, "", "both deliver KEY", NULL},
    {"sandbox provider attach demo restless", NULL, 0,
	"GetSandbox AttachSandboxProvider GetSandbox AttachSandboxProvider GetSandbox AttachSandboxProvider ",
	"Attached", "Commands", NULL},
    {"sandbox provider attach demo broken", NULL, 1, NULL, "", "the sandbox has changed", NULL},
    {"sandbox provider attach missing forge", NULL, 1, "GetSandbox ", "", "sandbox not found", NULL},
    {"sandbox provider attach demo", NULL, 2, "", "", "wants NAME PROVIDER", NULL},
    {"sandbox provider detach demo forge", NULL, 0, NULL, "Detached provider forge from sandbox demo\n", "", NULL},
    {"sandbox provider detach demo missing", NULL, 0, NULL, "Provider missing is not attached to sandbox demo\n", "",
	NULL},
    {"sandbox create --name a --provider hub --provider hub --detach", NULL, 0,
	"GetProvider GetProvider CreateSandbox WatchSandbox ", NULL, NULL, "\"providers\":[\"hub\"]"},
    {"sandbox create --name a --provider unheard-of --detach", NULL, 1, "GetProvider ", "",
	"provider create --name unheard-of", NULL},
    {"sandbox create --name a --provider deepinfra --detach", NULL, 1, "GetProvider ", "",
	"missing required provider deepinfra: --auto-providers", NULL},
    {"sandbox create --name a --provider deepinfra --auto-providers --detach", NULL, 0,
	"GetProvider GetGatewayConfig CreateProvider CreateSandbox WatchSandbox ", NULL, NULL,
	"\"providers\":[\"deepinfra\"]"},
    {"sandbox create --name a --provider nvidia --auto-providers --detach", NULL, 0,
	"GetProvider GetGatewayConfig CreateSandbox WatchSandbox ", NULL, "Warning: no credentials for type nvidia",
	NULL},
    {"sandbox create --name a --detach -- /usr/bin/gh auth", NULL, 0,
	"GetGatewayConfig ListProviders CreateSandbox WatchSandbox ", NULL, NULL, "\"providers\":[\"hub\"]"},
    {"sandbox create --name a --detach --no-auto-providers -- gh", NULL, 0, "CreateSandbox WatchSandbox ", NULL, NULL,
	NULL},
    {"sandbox create --name a --detach -- claude", NULL, 0,
	"GetGatewayConfig ListProviders CreateSandbox WatchSandbox ", NULL, "There is no provider of type claude-code",
	NULL},
    {"sandbox create --name a --detach --env MY_TOKEN=" SECRET, NULL, 0, NULL, NULL,
	"Warning: --env MY_TOKEN looks like a secret", NULL},
    {"sandbox create --name a --detach --no-credential-warnings --env MY_TOKEN=" SECRET " -o json", NULL, 0, NULL, NULL,
	"", NULL},
    /* models */
    {"inference set --provider a --model x --provider b --model y", NULL, 0, "SetInferenceRoute ",
	"Inference route inference.local: provider a,b, model x,y (version 3)\nValidated Endpoints:\n  - https://m.test/v1/chat/completions (openai_chat_completions)\n",
	"",
	"{\"provider_name\":\"a,b\",\"model_id\":\"x,y\",\"route_name\":\"\",\"verify\":true,\"no_verify\":false,\"timeout_secs\":0,\"workspace\":\"default\"}"},
    {"inference set --provider a --model x --no-verify --system --timeout 5", NULL, 0, NULL,
	"Inference route sandbox-system:", "",
	"\"route_name\":\"sandbox-system\",\"verify\":false,\"no_verify\":true,\"timeout_secs\":5"},
    {"inference set --provider a --model x --provider b", NULL, 2, "", "", "as many of both", NULL},
    {"inference set --provider a,b --model x", NULL, 2, "", "", "several times", NULL},
    {"inference set --provider a", NULL, 2, "", "", "--model MODEL", NULL},
    {"inference set --provider a --model broken", NULL, 1, NULL, "", "failed to verify inference endpoint", NULL},
    {"inference set --provider a --model x --timeout 3601", NULL, 2, "", "", "--timeout", NULL},
    {"inference update --model z", NULL, 0, "GetInferenceRoute SetInferenceRoute ", NULL, "",
	"\"provider_name\":\"a,b\",\"model_id\":\"z\",\"route_name\":\"\",\"verify\":true,\"no_verify\":false,\"timeout_secs\":7"},
    {"inference update --system --model z", NULL, 1, "GetInferenceRoute ", "", "not configured", NULL},
    {"inference get", NULL, 0, "GetInferenceRoute GetInferenceRoute ",
	"inference.local\n  Provider: a\n  Model:    x\n  Provider: b\n  Model:    y\n  Timeout:  7 s\n  Version:  3\nsandbox-system\n  Not configured\n",
	"", NULL},
    {"inference get --system -o json", NULL, 0, "GetInferenceRoute ", "\"configured\": false", "", NULL},
    {"inference delete", NULL, 0, "DeleteInferenceRoute ", "Deleted inference route inference.local\n", "", NULL},
    {"inference delete --system", NULL, 0, NULL, "Inference route sandbox-system is not configured\n", "", NULL},
    /* completion */
    {"__complete -- sandbox provider attach demo ''", NULL, 0, "ListProviders ", "forge\tforge\nhub\tgithub\n", "",
	NULL},
    {"__complete -- sandbox provider attach ''", NULL, 0, "ListSandboxes ", NULL, "", NULL},
    {"__complete -- provider get h", NULL, 0, "ListProviders ", "hub\tgithub\n", "", NULL},
    {"__complete -- provider profile export f", NULL, 0, "ListProviderProfiles ", "forge\tForge\n", "", NULL},
    {"__complete -- provider profile delete ''", NULL, 0, "ListProviderProfiles ", "forge\tForge\n", "", NULL},
    {"__complete -- provider refresh configure x --strategy aws", NULL, 0, "", "aws-sts-assume-role\n", "", NULL},
};

static bool
differs(const char *got, const char *wanted)
{
	if (wanted == NULL)
		return false;
	return wanted[0] == '\0' ? got[0] != '\0' : strstr(got, wanted) == NULL;
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
		    (cases[i].asked != NULL && differs(fake.log->text, cases[i].asked)) ||
		    strstr(run.out, SECRET) != NULL || strstr(run.err, SECRET) != NULL)
			fail_msg("case %zu: %s\ncode %d, not %d\nout: %s\nerr: %s\ncalls: %s", i, cases[i].command,
			    run.code, cases[i].code, run.out, run.err, fake.log->text);
	}
}

/* What is written out is read again as the same message. */
static void
test_round_trip(void **state)
{
	auto_arena struct arena arena = {.max_bytes = 32u << 20};
	struct provider_profiles profiles;

	(void)state;
	assert_int_equal(provider_builtins(&arena, &profiles, NULL), OK);
	for (size_t i = 0; i < profiles.count; i++)
		for (int yaml = 0; yaml < 2; yaml++) {
			struct profile_findings findings = {.arena = &arena};
			Openshell__V1__ProviderProfile *again;
			struct span before, after;
			struct why why = {0};
			size_t length;
			auto_free char *text = NULL;
			FILE *to = open_memstream(&text, &length);

			profiles.items[i]->source = NULL; /* never stands in a file */
			if (yaml)
				yaml_print(to, profile_json(profiles.items[i], false));
			else
				json_print(to, profile_json(profiles.items[i], false));
			fclose(to);
			if (provider_profile_read((struct span){text, length}, "again", &findings, &again, &why) != OK)
				fail_msg("%s\n%s", text, why.text);
			assert_int_equal(protobuf_write(&profiles.items[i]->base, &arena, &before, NULL), OK);
			assert_int_equal(protobuf_write(&again->base, &arena, &after, NULL), OK);
			if (!span_equal(before, after) &&
			    !(profiles.items[i]->discovery != NULL && profiles.items[i]->discovery->n_credentials == 0))
				fail_msg("not the same: %s", text);
		}
}

static void
test_times(void **state)
{
	static const struct {
		const char *text;
		enum err want;
		int64_t ms;
	} times[] = {{"0", OK, 0}, {"1577836800000", OK, 1577836800000}, {"2020-01-01T00:00:00Z", OK, 1577836800000},
	    {"2020-01-01T02:00:00.250+02:00", OK, 1577836800250}, {"2019-12-31T19:00:00-05:00", OK, 1577836800000},
	    {"2020-01-01", ERR_SYNTAX, 0}, {"2020-01-01T00:00:00", ERR_SYNTAX, 0},
	    {"2020-13-01T00:00:00Z", ERR_SYNTAX, 0}, {"2020-01-01T00:00:00Zx", ERR_SYNTAX, 0},
	    {"2020-01-01T00:00:00+2", ERR_SYNTAX, 0}, {"2020-01-01T00:00:00+24:00", ERR_SYNTAX, 0},
	    {"-1", ERR_SYNTAX, 0}, {"", ERR_SYNTAX, 0}, {"01", ERR_SYNTAX, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		int64_t ms = -7;

		if (time_read(span_of_text(times[i].text), &ms, NULL) != times[i].want)
			fail_msg("%s", times[i].text);
		assert_true(ms == (times[i].want == OK ? times[i].ms : -7));
	}
}

/* A machine with some credentials, and none of those of whoever runs the test. */
static void
environment_set(void)
{
	static const char *const away[] = {
	    "NVIDIA_API_KEY", "GITHUB_TOKEN", "GH_TOKEN", "NOT_SET_AT_ALL", "ANTHROPIC_API_KEY", "CLAUDE_API_KEY"};
	char path[128];
	FILE *file;

	for (size_t i = 0; i < COUNT(away); i++)
		unsetenv(away[i]);
	setenv("TEST_TOKEN", SECRET, 1);
	setenv("TEST_BLANK", " \t", 1);
	setenv("DEEPINFRA_API_KEY", SECRET, 1);
	setenv("FORGE_TOKEN", SECRET, 1);
	snprintf(path, sizeof(path), "%s/adc.json", run_directory());
	if ((file = fopen(path, "w")) == NULL)
		abort();
	fprintf(file,
	    "{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"%s\",\"refresh_token\":\"%s\"}",
	    SECRET, SECRET);
	fclose(file);
	setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_cases),
	};
	int failed;

	if (argc < 2)
		return 2;
	fake_start(&fake);
	run_setup(argv[1], fake.endpoint);
	environment_set();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	run_teardown();
	fake_stop(&fake);
	return failed;
}
