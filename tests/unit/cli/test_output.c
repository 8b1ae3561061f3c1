/* Tables, JSON, YAML: shapes, and that no foreign byte reaches the terminal as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/message_json.h"
#include "clients/cli/output.h"
#include "common/base/clean.h"
#include "openshell/openshell.pb-c.h"

#include <cmocka.h> /* after ours: it has a macro called fail */

static char *text;
static size_t length;

static FILE *
begin(void)
{
	free(text);
	text = NULL;
	return open_memstream(&text, &length);
}

static void
test_table(void **state)
{
	auto_arena struct arena arena = {0};
	struct table table = {.arena = &arena};
	FILE *to = begin();

	(void)state;
	table_row(&table, (const char *const[]){"NAME", "STATE", "NOTE"}, 3);
	table_row(&table, (const char *const[]){"a\x1b[31m", "\xc3\xa4\xc3\xb6", ""}, 3);
	table_row(&table, (const char *const[]){"b", NULL, "x"}, 3);
	table_print(to, &table, false);
	fclose(to);
	assert_string_equal(text, "NAME       STATE  NOTE\n"
				  "a\\x1b[31m  \xc3\xa4\xc3\xb6\n"
				  "b                 x\n");
}

static void
test_shown(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
	    {"plain \"quoted\" \\ text", "plain \"quoted\" \\ text"},
	    {"a\nb\tc", "a\\nb\\tc"},
	    {"\x1b]0;t\x07", "\\x1b]0;t\\x07"},
	    {"\x7f", "\\x7f"},
	    {"\xc2\x9b"
	     "31m",
		"\\xc2\\x9b31m"},		 /* C1 in UTF-8 */
	    {"\xff\xc3\xa4", "\\xff\\xc3\\xa4"}, /* not UTF-8: nothing above 7f passes */
	    {"\xe6\x97\xa5", "\xe6\x97\xa5"},
	    {"a\xe2\x80\xaegnp.exe", "a\\xe2\\x80\\xaegnp.exe"}, /* U+202E: read from right to left */
	    {"\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xd8\\x9c"},
	    {"\xe2\x80\xa8\xe2\x80\x8f", "\\xe2\\x80\\xa8\\xe2\\x80\\x8f"},
	    {"\xe2\x80\x8d\xe2\x80\x93\xe2\x81\xaa\xd8\x9d",
		"\xe2\x80\x8d\xe2\x80\x93\xe2\x81\xaa\xd8\x9d"}, /* a joiner, a dash */
	    {"", ""},
	};
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(shown(&arena, cases[i].from), cases[i].to);
	assert_string_equal(shown(&arena, NULL), "");
}

static void
test_yaml(void **state)
{
	static const struct {
		const char *json, *yaml;
	} cases[] = {
	    {"{\"a\":1,\"b\":{\"c\":[]},\"d\":{}}", "a: 1\nb:\n  c: []\nd: {}\n"},
	    {"[{\"a\":\"x\",\"b\":[1,2]},\"z\",\"y\"]", "- a: x\n  b:\n  - 1\n  - 2\n- z\n- \"y\"\n"},
	    {"[[1,2],[3]]", "-\n  - 1\n  - 2\n-\n  - 3\n"},
	    {"{\"a\":\"true\",\"b\":\"\",\"c\":\"1\",\"d\":\"- x\",\"e\":\"a: b\",\"f\":\"two words\"}",
		"a: \"true\"\nb: \"\"\nc: \"1\"\nd: \"- x\"\ne: \"a: b\"\nf: two words\n"},
	    {"{\"a b\":null,\"x:y\":false,\"*\":1.5}", "a b: null\n\"x:y\": false\n\"*\": 1.5\n"},
	    {"{\"a\":\"\\u001b[1m\\n\",\"b\":\"\\u0085\"}", "a: \"\\u001B[1m\\n\"\nb: \"\\u0085\"\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		FILE *to = begin();

		yaml_print(to, json_loads(cases[i].json, 0, NULL));
		fclose(to);
		if (strcmp(text, cases[i].yaml) != 0)
			fail_msg("case %zu:\n%s", i, text);
	}
}

static void
test_json(void **state)
{
	FILE *to = begin();

	(void)state;
	json_print(to, json_pack("{s:o,s:o}", "a", json_text("\xff\x1b"), "b", json_text("\xc2\x9b")));
	fclose(to);
	assert_string_equal(text, "{\n  \"a\": \"\\\\xff\\\\x1b\",\n  \"b\": \"\\u009B\"\n}\n");
}

static void
test_message(void **state)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	Openshell__V1__ExecSandboxRequest__EnvironmentEntry entry =
	    OPENSHELL__V1__EXEC_SANDBOX_REQUEST__ENVIRONMENT_ENTRY__INIT;
	Openshell__V1__ExecSandboxRequest__EnvironmentEntry *entries[] = {&entry};
	Openshell__V1__SandboxStreamEvent event = OPENSHELL__V1__SANDBOX_STREAM_EVENT__INIT;
	Openshell__V1__SandboxStatus status = OPENSHELL__V1__SANDBOX_STATUS__INIT;
	Openshell__V1__Sandbox sandbox = OPENSHELL__V1__SANDBOX__INIT;
	char *command[] = {(char *)"ls", (char *)"-l"}, *dumped;
	json_t *json;

	(void)state;
	request.command = command;
	request.n_command = 2;
	request.has_tty = request.tty = true;
	request.has_stdin = true;
	request.stdin.len = 5;
	entry.key = (char *)"K";
	entry.value = (char *)"V";
	request.environment = entries;
	request.n_environment = 1;
	json = message_json(&request.base);
	dumped = json_dumps(json, JSON_COMPACT);
	assert_string_equal(
	    dumped, "{\"command\":[\"ls\",\"-l\"],\"environment\":{\"K\":\"V\"},\"stdin\":5,\"tty\":true}");
	free(dumped);
	json_decref(json);
	event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX;
	event.sandbox = &sandbox;
	sandbox.status = &status;
	status.has_phase = true;
	status.phase = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY;
	json = message_json(&event.base);
	dumped = json_dumps(json, JSON_COMPACT);
	assert_string_equal(dumped, "{\"sandbox\":{\"status\":{\"phase\":\"SANDBOX_PHASE_READY\"}}}");
	free(dumped);
	json_decref(json);
}

static void
test_time(void **state)
{
	char to[TIME_BYTES];

	(void)state;
	assert_string_equal(time_text(0, to), "");
	assert_string_equal(time_text(1767323045999, to), "2026-01-02 03:04:05");
	assert_string_equal(time_text(-5, to), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_shown),
	    cmocka_unit_test(test_yaml), cmocka_unit_test(test_json), cmocka_unit_test(test_message),
	    cmocka_unit_test(test_time)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(text);
	return failed;
}
