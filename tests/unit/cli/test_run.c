/* The program against a gateway that writes down what it is asked: call orders, texts, exit codes. */
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/span.h"
#include "tests/unit/cli/fake.h"
#include "tests/unit/cli/run.h"
#include "tests/unit/run.h"

#include <cmocka.h> /* after ours: it has a macro called fail */

static struct fake fake;
static struct run run;
static const char *program;

/* The names of the calls so far, with a space behind each. */
static const char *
calls(void)
{
	static char names[4096];
	struct span rest = {fake.log->text, fake.log->length};

	names[0] = '\0';
	while (rest.length > 0) {
		struct span line = span_cut(&rest, '\n'), name = span_cut(&line, ' ');

		if (!span_is(name, "cancelled")) /* a stream that was left, sooner or later */
			snprintf(
			    names + strlen(names), sizeof(names) - strlen(names), "%.*s ", (int)name.length, name.at);
	}
	return names;
}

/* Each: command line, exit code, calls in order, what stdout, stderr and the requests hold (NULL: anything).
 */
static const struct {
	const char *command;
	int code;
	const char *calls, *out, *err, *asked;
} cases[] = {
    {"status", 0, "Health GetGatewayInfo ", "Status: Connected\n", NULL, NULL},
    {"status", 0, "Health GetGatewayInfo ", "Authentication: Not required (plaintext)", NULL, NULL},
    {"status", 0, "Health GetGatewayInfo ", "Version: 9.9.9", NULL, NULL},
    {"whoami", 0, "GetCurrentUser ", "Subject: dev", NULL, NULL},
    {"whoami", 0, "GetCurrentUser ", "Roles: openshell-user, openshell-admin", NULL, NULL},
    {"gateway info", 0, "GetGatewayInfo ", "Driver: here (local 1.2)", NULL, NULL},
    {"sandbox list", 0, "ListSandboxes ",
	"NAME         CREATED              PHASE\n"
	"demo         2026-01-02 03:04:05  Ready\n"
	"longer-name  2026-01-02 03:04:05  Stopped\n",
	"", "{\"limit\":100,\"offset\":0,\"workspace\":\"default\",\"all_workspaces\":false}"},
    {"sb list --names", 0, "ListSandboxes ", "demo\nlonger-name\n", "", NULL},
    {"sandbox list --names --all-workspaces", 0, "ListSandboxes ", "default/demo\n", "",
	"{\"limit\":100,\"offset\":0,\"all_workspaces\":true}"},
    {"sandbox list --ids --limit 3 --offset=2", 0, "ListSandboxes ", "11111111-2222", "", "\"limit\":3,\"offset\":2"},
    {"--workspace w sandbox list --selector a=b", 0, "ListSandboxes ", NULL, "",
	"\"label_selector\":\"a=b\",\"workspace\":\"w\""},
    {"sandbox list --selector none=here", 0, "ListSandboxes ", "No sandboxes found.\n", "", NULL},
    {"sandbox get demo", 0, "GetSandbox GetSandboxConfig ", "Phase: Ready\n", "", NULL},
    {"sandbox get demo", 0, "GetSandbox GetSandboxConfig ", "Labels: team=blue\\x1b[31m\n", "", NULL},
    {"sandbox get demo", 0, "GetSandbox GetSandboxConfig ", "  filesystem_policy:\n    include_workdir: true\n", "",
	NULL},
    {"sandbox get broken", 0, "GetSandbox GetSandboxConfig ", "Phase: Error\n", "", NULL},
    {"sandbox get weak", 0, "GetSandbox GetSandboxConfig ", "  seccomp            Partial: an older kernel\n", "",
	NULL},
    {"sandbox get demo --policy-only", 0, "GetSandbox GetSandboxConfig ",
	"version: 1\nfilesystem_policy:\n  include_workdir: true\n  read_only:\n  - /usr\n  - \"/a b: c\"\n", "", NULL},
    {"sandbox get missing", 1, "GetSandbox ", "", "sandbox not found", NULL},
    {"sandbox delete one two", 0, "DeleteSandbox DeleteSandbox ", "Deleted sandbox one\nDeleted sandbox two\n", "",
	NULL},
    {"sandbox delete gone", 0, "DeleteSandbox ", "Sandbox gone not found\n", "", NULL},
    {"sandbox delete missing one", 1, "DeleteSandbox DeleteSandbox ", "Deleted sandbox one\n", "sandbox not found",
	NULL},
    {"sandbox delete --all", 0, "ListSandboxes DeleteSandbox DeleteSandbox ",
	"Deleted sandbox demo\nDeleted sandbox longer-name\n", "", "\"limit\":1000"},
    {"sandbox stop demo", 0, "StopSandbox WatchSandbox ", "Stopped sandbox demo\n", "", "\"follow_status\":true"},
    {"sandbox stop at-once", 0, "StopSandbox ", "Stopped sandbox at-once\n", "", NULL},
    {"sandbox start demo", 0, "StartSandbox WatchSandbox ", "Started sandbox demo\n", "", NULL},
    {"sandbox start broken", 1, "StartSandbox WatchSandbox ", "",
	"Error: sandbox broken: WallAbsent: no user namespaces\\x1b[2J\n", NULL},
    {"sandbox stop missing", 1, "StopSandbox ", "", "sandbox not found", NULL},
    {"logs demo -n 7 --source all --source sandbox --level warn", 0, "GetSandbox GetSandboxLogs ",
	"[1234.567] [sandbox] [INFO ] [supervisor] walls\\nup ant=2 zebra=1\n", "",
	"\"lines\":7,\"sources\":[\"sandbox\"],\"min_level\":\"WARN\""},
    {"logs demo -o json", 0, "GetSandbox GetSandboxLogs ",
	"{\"timestamp_ms\":1234567,\"source\":\"sandbox\",\"level\":\"INFO\",\"target\":\"supervisor\","
	"\"message\":\"walls\\nup\",\"fields\":{\"zebra\":\"1\",\"ant\":\"2\"}}\n",
	"", NULL},
    {"logs demo --tail --output json", 0, "GetSandbox WatchSandbox ",
	"{\"timestamp_ms\":1234567,\"source\":\"sandbox\",\"level\":\"INFO\",", "", NULL},
    {"lg demo --tail", 0, "GetSandbox WatchSandbox ",
	"[1234.567] [sandbox] [INFO ] [supervisor] walls\\nup ant=2 zebra=1\n", "",
	"\"follow_logs\":true,\"log_tail_lines\":200"},
    {"sandbox create --name demo", 0, "CreateSandbox WatchSandbox ", "Created sandbox: demo\n", "",
	"CreateSandbox {\"spec\":{\"tty\":false},\"name\":\"demo\",\"workspace\":\"default\"}"},
    {"sandbox create", 0, "CreateSandbox WatchSandbox ", "Created sandbox: made-up\n", "",
	"WatchSandbox "
	"{\"id\":\"11111111-2222-4333-8444-555555555555\",\"follow_status\":true,\"follow_logs\":true,"
	"\"follow_events\":true,\"log_tail_lines\":200,\"event_tail\":50,\"stop_on_terminal\":false,"
	"\"log_sources\":[\"gateway\"]}"},
    {"sandbox create --cpu 500m --memory 1Gi", 0, "CreateSandbox WatchSandbox ", NULL, "",
	"\"template\":{\"resources\":{\"fields\":{\"limits\":{\"struct_value\":{\"fields\":{"
	"\"cpu\":{\"string_value\":\"500m\"},\"memory\":{\"string_value\":\"1Gi\"}}}}}}}"},
    {"sandbox create --env A=1 --env B= --env A=2 --label x=y --tty -- sh -c 'echo hi'", 0,
	"CreateSandbox WatchSandbox ", NULL, "",
	"{\"environment\":{\"A\":\"2\",\"B\":\"\"},\"command\":[\"sh\",\"-c\",\"echo hi\"],\"tty\":true}"},
    {"sandbox create --from base", 0, "CreateSandbox WatchSandbox ", NULL, "",
	"\"image\":\"ghcr.io/nvidia/openshell-community/sandboxes/base:latest\""},
    {"sandbox create --from debian:12", 0, "CreateSandbox WatchSandbox ", NULL, "", "\"image\":\"debian:12\""},
    {"sandbox create --from ./nothing", 1, "", "", "no such file", NULL},
    {"sandbox create --policy /nonexistent.yaml", 1, "", "", "policy file: /nonexistent.yaml: No such file", NULL},
    {"sandbox create --name taken", 1, "CreateSandbox ", "", "sandbox 'taken' already exists: choose another --name",
	NULL},
    {"sandbox create --name broken", 1, "CreateSandbox WatchSandbox ", "Created sandbox: broken\n",
	"Error: sandbox broken: WallAbsent: no user namespaces\\x1b[2J\n", NULL},
    {"sandbox create --name lost", 1, "CreateSandbox WatchSandbox ", NULL, "Error: sandbox lost: the sandbox is gone",
	NULL},
    {"sandbox create --name flaky", 0, "CreateSandbox WatchSandbox WatchSandbox ", "Created sandbox: flaky\n", "",
	NULL},
    {"sandbox create --name weak --detach", 0, "CreateSandbox WatchSandbox ", NULL,
	"Note: not fully enforced here: seccomp (Partial: an older kernel)\n", NULL},
    {"sandbox create --name ended --no-keep", 2, "", "", "--no-keep wants a command after --", NULL},
    {"sandbox create --name ended --no-keep -- false", 3,
	"CreateSandbox WatchSandbox CreateSshSession RevokeSshSession WatchSandbox DeleteSandbox ",
	"Created sandbox: ended\nDeleted sandbox ended\n", NULL, NULL},
    {"sandbox create --name broken --no-keep -- true", 1, "CreateSandbox WatchSandbox DeleteSandbox ", NULL,
	"WallAbsent", NULL},
    {"sandbox exec -n demo -- exit 0", 0, "GetSandbox ExecSandbox ", "", "", NULL},
    {"sandbox exec -n demo exit 7", 7, "GetSandbox ExecSandbox ", "", "", NULL},
    {"sandbox exec -n demo -- exit 137", 137, "GetSandbox ExecSandbox ", "", "", NULL},
    {"sandbox exec -n demo --timeout 5 --workdir /w --env A=b exit 124 --name x", 124, "GetSandbox ExecSandbox ", "",
	"",
	"\"command\":[\"exit\",\"124\",\"--name\",\"x\"],\"workdir\":\"/w\",\"environment\":{\"A\":\"b\"},"
	"\"timeout_seconds\":5}"},
    {"sandbox exec -n demo -- noexit", 1, "GetSandbox ExecSandbox ", "", "without an exit code", NULL},
    {"sandbox exec -n demo -- lost", 1, "GetSandbox ExecSandbox ", "", "sandbox demo: relay lost", NULL},
    {"sandbox exec -n starting -- true", 1, "GetSandbox ", "", "sandbox is not ready: it is in phase Provisioning",
	NULL},
    {"sandbox exec -n asleep -- true", 1, "GetSandbox ", "",
	"it is in phase Stopped; `openshell sandbox start asleep` starts it\n", NULL},
    {"sandbox exec -n missing -- true", 1, "GetSandbox ", "", "sandbox not found", NULL},
    {"sandbox exec -n demo --tty -- exit 0", 0, "GetSandbox ExecSandbox ", "", "", "\"tty\":true"},
    {"__complete -- sandbox delete de", 0, "ListSandboxes ", "demo\tReady\n", "", "\"limit\":200"},
    {"__complete -- sandbox exec -n ''", 0, "ListSandboxes ", "demo\tReady\nlonger-name\tStopped\n", "", NULL},
    {"__complete -- sandbox cr", 0, "", "create\t", "", NULL},
    {"__complete -- sandbox create --no-k", 0, "", "--no-keep\t", "", NULL},
    {"__complete -- sandbox create --policy ''", 0, "", ":files\n", "", NULL},
    {"__complete -- sandbox list -o j", 0, "", "json\n", "", NULL},
    {"__complete -- sandbox list --output = j", 0, "", "json\n", "", NULL},
    {"__complete -- sandbox list --output =", 0, "", "table\nyaml\njson\n", "", NULL},
    {"__complete -- completions f", 0, "", "fish\n", "", NULL},
    {"forward list -o json", 0, "", "[]\n", "", NULL},
    {"__complete -- forward stop ''", 0, "", "", "", NULL},
    {"sandbox provider", 2, "", "", "`openshell sandbox provider COMMAND --help` tells about one command.\n", NULL},
    {"provider refresh", 2, "", "", "`openshell provider refresh COMMAND --help` tells about one command.\n", NULL},
    {"provider refresh --help", 0, "", "`openshell provider refresh COMMAND --help` tells about one command.\n", "",
	NULL},
    {"provider", 0, "", "`openshell provider COMMAND --help` tells about one command.\n", "", NULL},
    {"__complete -- sandbox exec -n demo -- ls --he", 0, "", "", "", NULL},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		fake_clear(&fake);
		run_cli(&run, cases[i].command, NULL, 0);
		if (run.code != cases[i].code || strcmp(calls(), cases[i].calls) != 0 ||
		    (cases[i].out != NULL && strstr(run.out, cases[i].out) == NULL) ||
		    (cases[i].out != NULL && cases[i].out[0] == '\0' && run.out_length > 0) ||
		    (cases[i].err != NULL && strstr(run.err, cases[i].err) == NULL) ||
		    (cases[i].err != NULL && cases[i].err[0] == '\0' && run.err_length > 0) ||
		    (cases[i].asked != NULL && strstr(fake.log->text, cases[i].asked) == NULL))
			fail_msg("case %zu: %s\ncode %d, not %d\nout: %s\nerr: %s\ncalls: %s", i, cases[i].command,
			    run.code, cases[i].code, run.out, run.err, fake.log->text);
	}
}

/* The fields of the JSON answers: all of these and no other. */
static const struct {
	const char *command, *keys;
} shapes[] = {
    {"sandbox list -o json",
	"annotations created_at current_policy_version id labels name phase resource_version workspace "},
    {"sandbox create -o json",
	"annotations created_at current_policy_version id labels name phase resource_version workspace "},
    {"sandbox get demo -o json",
	"annotations conditions created_at current_policy_version id labels name phase policy policy_source providers "
	"resource_version revision workspace "},
    {"status -o json", "authentication gateway server status version "},
    {"gateway info -o json", "auth compute_drivers gateway server status version "},
    {"whoami -o json", "display_name identity_provider roles scopes subject "},
};

static void
test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		char keys[512] = "";
		json_t *json, *object, *value, *sorted;
		const char *key;
		char *text;

		run_cli(&run, shapes[i].command, NULL, 0);
		assert_int_equal(run.code, 0);
		json = json_loads(run.out, 0, NULL);
		assert_non_null(json);
		object = json_is_array(json) ? json_array_get(json, 0) : json;
		text = json_dumps(object, JSON_SORT_KEYS);
		sorted = json_loads(text, 0, NULL);
		json_object_foreach(sorted, key, value)
		    snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s ", key);
		assert_string_equal(keys, shapes[i].keys);
		free(text);
		json_decref(sorted);
		json_decref(json);
	}
}

static void
test_values(void **state)
{
	(void)state;
	run_cli(&run, "sandbox list -o json", NULL, 0);
	assert_non_null(
	    strstr(run.out, "  {\n    \"id\": \"11111111-2222-4333-8444-555555555555\",\n    \"name\": \"demo\","));
	assert_non_null(strstr(run.out, "\"team\": \"blue\\u001B[31m\""));
	assert_non_null(strstr(run.out, "\"created_at\": \"2026-01-02 03:04:05\",\n    \"phase\": \"Ready\""));
	run_cli(&run, "sandbox list -o yaml", NULL, 0);
	assert_non_null(strstr(run.out, "- id: \"11111111-2222-4333-8444-555555555555\"\n  name: demo\n"));
	run_cli(&run, "status -o json", NULL, 0);
	assert_non_null(strstr(run.out, "\"status\": \"connected\""));
	assert_non_null(strstr(run.out, "\"status\": \"not_required\",\n    \"mode\": \"plaintext\""));
}

/* A command's bytes come out as they are, on the stream they belong to. */
static void
test_bytes(void **state)
{
	(void)state;
	run_cli(&run, "sandbox exec -n demo -- bytes", NULL, 0);
	assert_int_equal(run.code, 0);
	assert_int_equal(run.out_length, 256);
	for (size_t i = 0; i < 256; i++)
		assert_int_equal((unsigned char)run.out[i], i);
	assert_string_equal(run.err, "\x1b[1mraw\x1b[0m\n");
	run_cli(&run, "sandbox exec -n demo -- cat", "a\0b\n", 4);
	assert_int_equal(run.out_length, 4);
	assert_memory_equal(run.out, "a\0b\n", 4);
}

/* 8 MiB through a pipe whose reader is slower than the gateway. */
static void
test_slow_reader(void **state)
{
	char buffer[1000];
	size_t total = 0;
	ssize_t n;
	pid_t pid;
	int out;

	(void)state;
	pid = run_start("sandbox exec -n demo -- big 256", &out);
	while ((n = read(out, buffer, sizeof(buffer))) > 0)
		total += (size_t)n;
	close(out);
	assert_int_equal(run_wait(pid), 0);
	assert_int_equal(total, 256 * 32768);
}

/* A reader that goes away ends the command without a word. */
static void
test_reader_gone(void **state)
{
	char buffer[10];
	pid_t pid;
	int out;

	(void)state;
	fake_clear(&fake);
	pid = run_start("sandbox exec -n demo -- big 256", &out);
	assert_int_equal(read(out, buffer, sizeof(buffer)), sizeof(buffer));
	close(out);
	assert_int_equal(run_wait(pid), 128 + SIGPIPE);
}

/* Wait until the gateway has written down text; false after ten seconds. */
static bool
until(const char *text)
{
	uint64_t until_ms = clock_ms() + 10000;

	while (strstr(fake.log->text, text) == NULL && clock_ms() < until_ms)
		usleep(1000);
	return strstr(fake.log->text, text) != NULL;
}

static void
interrupted(const char *command, const char *when, int number, const char *then)
{
	pid_t pid;
	int out;

	fake_clear(&fake);
	pid = run_start(command, &out);
	assert_true(until(when));
	kill(pid, number);
	assert_int_equal(run_wait(pid), 128 + number);
	close(out);
	if (!until(then))
		fail_msg("%s: no %s in:\n%s", command, then, fake.log->text);
}

/* An interrupt cancels the stream, so that the gateway ends the command; what is not kept is deleted. */
static void
test_interrupt(void **state)
{
	(void)state;
	interrupted("sandbox exec -n demo -- hang", "ExecSandbox", SIGINT, "cancelled");
	interrupted("sandbox exec -n demo -- hang", "ExecSandbox", SIGTERM, "cancelled");
	interrupted("sandbox create --name starting", "WatchSandbox", SIGINT, "cancelled");
	interrupted("sandbox create --name starting --no-keep -- true", "WatchSandbox", SIGINT, "DeleteSandbox");
}

static void
test_timeout(void **state)
{
	(void)state;
	setenv("OPENSHELL_PROVISION_TIMEOUT", "1", 1);
	run_cli(&run, "sandbox create --name starting", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "sandbox starting: no progress for 1 seconds"));
	setenv("OPENSHELL_PROVISION_TIMEOUT", "soon", 1);
	fake_clear(&fake);
	run_cli(&run, "sandbox create --name starting", NULL, 0);
	assert_int_equal(run.code, 2);
	assert_non_null(strstr(run.err, "OPENSHELL_PROVISION_TIMEOUT \"soon\""));
	unsetenv("OPENSHELL_PROVISION_TIMEOUT");
}

/* Gateway files, the sandbox that was used last, and a gateway that is not there. */
static void
test_gateways(void **state)
{
	char command[256];

	(void)state;
	unsetenv("OPENSHELL_GATEWAY_ENDPOINT");
	snprintf(command, sizeof(command), "gateway add %s --name fake", fake.endpoint);
	run_cli(&run, command, NULL, 0);
	assert_int_equal(run.code, 0);
	assert_non_null(strstr(run.err, "Added gateway fake"));
	assert_non_null(strstr(run.err, "It answers: version 9.9.9"));
	run_cli(&run, command, NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "gateway fake already exists"));
	run_cli(&run, "sandbox exec -- exit 0", NULL, 0);
	assert_int_equal(run.code, 2);
	assert_non_null(strstr(run.err, "which sandbox?"));
	run_cli(&run, "sandbox exec -n demo exit 0", NULL, 0);
	assert_int_equal(run.code, 0);
	run_cli(&run, "sandbox exec exit 5", NULL, 0);
	assert_int_equal(run.code, 5);
	assert_string_equal(run.err, "Using sandbox demo (used last)\n");
	run_cli(&run, "sandbox delete demo", NULL, 0);
	run_cli(&run, "sandbox exec exit 5", NULL, 0);
	assert_int_equal(run.code, 2);
	run_cli(&run, "gateway list -o json", NULL, 0);
	assert_non_null(strstr(run.out, "\"type\": \"local\",\n    \"source\": \"user\",\n    \"auth\": \"plaintext\","
					"\n    \"active\": true,"));
	run_cli(&run, "gateway add http://127.0.0.1:1 --name dead", NULL, 0);
	assert_int_equal(run.code, 0);
	assert_non_null(strstr(run.err, "Warning: it does not answer yet"));
	run_cli(&run, "status", NULL, 0);
	assert_int_equal(run.code, 0);
	assert_non_null(strstr(run.out, "Status: Disconnected"));
	run_cli(&run, "sandbox list", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "cannot reach gateway dead at http://127.0.0.1:1"));
	run_cli(&run, "gateway select fake", NULL, 0);
	assert_int_equal(run.code, 0);
	run_cli(&run, "gateway list", NULL, 0);
	assert_non_null(strstr(run.out, "* fake"));
	snprintf(command, sizeof(command), "%s/openshell/gateways/fake/oidc_token.json", run_directory());
	assert_int_equal(mkdir(command, 0700), 0); /* a log-in that cannot be read is not one that is not there */
	run_cli(&run, "sandbox list", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "oidc_token.json: not a regular file"));
	run_cli(&run, "gateway remove fake", NULL, 0);
	assert_int_equal(run.code, 0);
	run_cli(&run, "sandbox list", NULL, 0);
	assert_int_equal(run.code, 1);
	assert_non_null(strstr(run.err, "No gateway configured"));
	setenv("OPENSHELL_GATEWAY_ENDPOINT", fake.endpoint, 1);
}

/* A full disk is said, and the exit code is not 0. */
static void
test_full(void **state)
{
	char command[512];

	(void)state;
	snprintf(command, sizeof(command), "%s sandbox list >/dev/full 2>%s/err", program, run_directory());
	assert_int_equal(shell_run(command), 1);
	snprintf(command, sizeof(command), "%s sandbox exec -n demo -- bytes </dev/null >/dev/full 2>%s/err", program,
	    run_directory());
	assert_int_equal(shell_run(command), 1);
}

/* Bash really offers what the tables hold. */
static void
test_bash(void **state)
{
	char command[1024];

	(void)state;
	snprintf(command, sizeof(command),
	    "PATH=%.*s:$PATH bash --norc -c 'source <(openshell completions bash); COMP_WORDS=(openshell "
	    "sandbox cre); "
	    "COMP_CWORD=2; _openshell 2>/dev/null; test \"${COMPREPLY[*]}\" = create' </dev/null",
	    (int)(strrchr(program, '/') - program), program);
	assert_int_equal(shell_run(command), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_slow_reader),
	    cmocka_unit_test(test_reader_gone),
	    cmocka_unit_test(test_interrupt),
	    cmocka_unit_test(test_timeout),
	    cmocka_unit_test(test_gateways),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_bash),
	};
	int failed;

	if (argc != 2)
		return 2;
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	fake_start(&fake);
	run_setup(program, fake.endpoint);
	run_ssh("exit 0");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fake_stop(&fake);
	run_teardown();
	return failed;
}
