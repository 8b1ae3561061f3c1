/* Texts of the doors: ssh's command lines and configuration, addresses, forwards' files and processes, tokens. */
#include <string.h>

#include "tests/unit/test.h"

#include "clients/cli/forward_record.h"
#include "clients/cli/listener.h"
#include "clients/cli/ssh_command.h"
#include "clients/cli/ssh_session.h"
#include "common/base/clean.h"

#define ID "11111111-2222-4333-8444-555555555555"

static const struct {
	const char *word, *quoted;
} words[] = {
    {"/usr/bin/openshell", "/usr/bin/openshell"},
    {"https://127.0.0.1:17670", "https://127.0.0.1:17670"},
    {"", "''"},
    {"a b", "'a b'"},
    {"a'b", "'a'\\''b'"},
    {"$(id)", "'$(id)'"},
    {"50%h", "'50%%h'"}, /* ssh puts the host there otherwise */
    {"a;b", "'a;b'"},
    {"a\nb", "'a\nb'"},
};

static void
test_quoted(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++)
		assert_string_equal(ssh_quoted(&arena, words[i].word), words[i].quoted);
}

static const struct gateway stored = {.name = "dev", .endpoint = "https://127.0.0.1:17670", .stored = true};
static const struct gateway bare = {.name = "http://h:1", .endpoint = "http://h:1"};

static void
test_proxy(void **state)
{
	auto_arena struct arena arena = {0};
	struct ssh_plan plan = {
	    .program = "/a b/openshell", .gateway = &stored, .workspace = "w", .sandbox = "demo", .sandbox_id = ID};
	const char *list[SSH_WORDS_MAX];
	size_t n;

	(void)state;
	assert_string_equal(ssh_proxy_by_name(&arena, &plan),
	    "'/a b/openshell' ssh-proxy --gateway-name dev --name demo --workspace w");
	assert_string_equal(ssh_proxy_by_token(&arena, &plan),
	    "'/a b/openshell' ssh-proxy --gateway https://127.0.0.1:17670 --gateway-name dev --sandbox-id " ID);
	plan.gateway = &bare;
	plan.insecure = true;
	assert_string_equal(ssh_proxy_by_name(&arena, &plan),
	    "'/a b/openshell' ssh-proxy --gateway http://h:1 --gateway-insecure --name demo --workspace w");
	n = ssh_words(&arena, &plan, "ERROR", list);
	assert_in_range(n, 10, SSH_WORDS_MAX - 16); /* room for what the callers add */
	assert_string_equal(list[0], "ssh");
	for (size_t i = 0; i < n; i++)
		assert_null(strstr(list[i], "token"));
	plan.program = "/usr/bin/openshell";
	assert_non_null(strstr(ssh_host_block(&arena, &plan), "Host openshell-demo.w\n    User sandbox\n"));
}

#define BLOCK "Host a\n    User x\n"

static const struct {
	const char *text, *alias, *block, *want;
} configs[] = {
    {"", "a", BLOCK, BLOCK},
    {"", "a", NULL, ""},
    {BLOCK, "a", BLOCK, BLOCK},
    {"Host a\n    User old\nHost b\n    User y\n", "a", BLOCK, "Host b\n    User y\n" BLOCK},
    {"Host a\n    User old\nHost b\n    User y\n", "a", NULL, "Host b\n    User y\n"},
    {"Host ab\n    User y\n", "a", NULL, "Host ab\n    User y\n"}, /* another name that begins alike */
    {"Host a b\n    User y\n", "a", NULL, "Host a b\n    User y\n"},
    {"Host a\n    User old\nMatch all\n    User y\n", "a", NULL, "Match all\n    User y\n"},
    {"# mine\nHost a\n    User old", "a", BLOCK, "# mine\n" BLOCK},
};

static void
test_config_put(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(configs); i++)
		assert_string_equal(
		    ssh_config_put(&arena, span_of_text(configs[i].text), configs[i].alias, configs[i].block),
		    configs[i].want);
}

static void
test_config_include(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	assert_string_equal(ssh_config_include(&arena, SPAN(""), "/c/ssh_config"), "Include \"/c/ssh_config\"\n");
	assert_string_equal(
	    ssh_config_include(&arena, SPAN("Host x\n"), "/c/ssh_config"), "Include \"/c/ssh_config\"\n\nHost x\n");
	assert_null(ssh_config_include(&arena, SPAN("# a\nInclude \"/c/ssh_config\"\n\nHost x\n"), "/c/ssh_config"));
	assert_non_null(ssh_config_include(&arena, SPAN("Include \"/c/ssh_config2\"\n"), "/c/ssh_config"));
}

static const struct {
	const char *text;
	uint16_t low;
	enum err want;
	const char *host;
	uint16_t port;
} addresses[] = {
    {"8080", 1, OK, "127.0.0.1", 8080},
    {"65535", 1, OK, "127.0.0.1", 65535},
    {"65536", 1, ERR_SYNTAX, NULL, 0},
    {"0", 1, ERR_SYNTAX, NULL, 0},
    {"0", 0, OK, "127.0.0.1", 0},
    {"0.0.0.0:0", 0, OK, "0.0.0.0", 0},
    {"0.0.0.0:80", 1, OK, "0.0.0.0", 80},
    {"*:80", 1, OK, "0.0.0.0", 80},
    {"localhost:80", 1, OK, "127.0.0.1", 80},
    {"[::1]:80", 1, OK, "::1", 80},
    {"::1:80", 1, ERR_SYNTAX, NULL, 0}, /* which colon is the port's? */
    {"[::1]", 1, ERR_SYNTAX, NULL, 0},
    {"[::g]:80", 1, ERR_SYNTAX, NULL, 0},
    {"[127.0.0.1:80", 1, ERR_SYNTAX, NULL, 0},
    {"256.0.0.1:80", 1, ERR_SYNTAX, NULL, 0},
    {"example.org:80", 1, ERR_SYNTAX, NULL, 0},
    {":80", 1, ERR_SYNTAX, NULL, 0},
    {"127.0.0.1:", 1, ERR_SYNTAX, NULL, 0},
    {"80 ", 1, ERR_SYNTAX, NULL, 0},
    {"-1", 1, ERR_SYNTAX, NULL, 0},
    {"", 1, ERR_SYNTAX, NULL, 0},
    {"1111111111111111111111111111111111111111111111111111111111111111111111:80", 1, ERR_SYNTAX, NULL, 0},
};

static void
test_listener(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct listener_address out = {.host = "untouched", .port = 7};
		struct why why = {0};

		if (listener_parse(span_of_text(addresses[i].text), addresses[i].low, &out, &why) != addresses[i].want)
			fail_msg("\"%s\": %s", addresses[i].text, why.text);
		if (addresses[i].want != OK) {
			assert_string_equal(out.host, "untouched");
			assert_true(why.text[0] != '\0');
			continue;
		}
		assert_string_equal(out.host, addresses[i].host);
		assert_int_equal(out.port, addresses[i].port);
	}
}

static const struct {
	const char *file;
	bool want;
	const char *sandbox;
	uint16_t port;
} files[] = {
    {"demo-8080.pid", true, "demo", 8080},
    {"my-box-1.pid", true, "my-box", 1},
    {"demo-65535.pid", true, "demo", 65535},
    {"demo-65536.pid", false, NULL, 0},
    {"demo-0.pid", false, NULL, 0},
    {"demo-.pid", false, NULL, 0},
    {"-80.pid", false, NULL, 0},
    {"demo.pid", false, NULL, 0},
    {"demo-80", false, NULL, 0},
    {".pid", false, NULL, 0},
    {"", false, NULL, 0},
};

static void
test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct span sandbox = SPAN_NONE;
		uint16_t port = 0;

		assert_int_equal(forward_name_read(span_of_text(files[i].file), &sandbox, &port), files[i].want);
		if (!files[i].want)
			continue;
		assert_true(span_is(sandbox, files[i].sandbox));
		assert_int_equal(port, files[i].port);
	}
}

static const struct {
	const char *text;
	enum err want;
	int pid;
	const char *id, *bind;
} records[] = {
    {"123\t" ID "\t127.0.0.1\n", OK, 123, ID, "127.0.0.1"},
    {"123\t" ID "\t::1", OK, 123, ID, "::1"},
    {"123\n", OK, 123, NULL, "127.0.0.1"}, /* from long ago: its process is never believed */
    {"123", OK, 123, NULL, "127.0.0.1"},
    {"1\t" ID "\t127.0.0.1", ERR_SYNTAX, 0, NULL, NULL}, /* init is no forward */
    {"0", ERR_SYNTAX, 0, NULL, NULL},
    {"-5", ERR_SYNTAX, 0, NULL, NULL},
    {"2147483648", ERR_SYNTAX, 0, NULL, NULL},
    {"x\t" ID, ERR_SYNTAX, 0, NULL, NULL},
    {"", ERR_SYNTAX, 0, NULL, NULL},
};

static void
test_records(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++) {
		struct forward_record out = {0};

		assert_int_equal(
		    forward_record_read(span_of_text(records[i].text), &arena, &out, NULL), records[i].want);
		if (records[i].want != OK)
			continue;
		assert_int_equal(out.pid, records[i].pid);
		assert_string_equal(out.bind, records[i].bind);
		assert_int_equal(out.sandbox_id == NULL, records[i].id == NULL);
		if (records[i].id != NULL)
			assert_string_equal(out.sandbox_id, records[i].id);
	}
}

#define PROXY "-o\0ProxyCommand=/bin/openshell ssh-proxy --sandbox-id " ID "\0"

static const struct {
	struct span cmdline;
	bool want;
} processes[] = {
    {SPAN("ssh\0" PROXY "-N\0-L\000127.0.0.1:8080:127.0.0.1:8080\0sandbox\0"), true},
    {SPAN("/usr/bin/ssh\0" PROXY "-L\0[::1]:8080:127.0.0.1:8080\0"), true},
    {SPAN("ssh\0" PROXY "-L\000127.0.0.1:18080:127.0.0.1:18080\0"), false},
    {SPAN("ssh\0" PROXY "-L\000127.0.0.1:8080:127.0.0.1:80\0"), false},
    {SPAN("ssh\0-o\0ProxyCommand=x ssh-proxy --sandbox-id 22\0-L\000127.0.0.1:8080:127.0.0.1:8080\0"), false},
    {SPAN("ssh\0-L\000127.0.0.1:8080:127.0.0.1:8080\0" ID "\0"), false}, /* an ssh of the user's */
    {SPAN("sshd\0" PROXY "-L\000127.0.0.1:8080:127.0.0.1:8080\0"), false},
    {SPAN("vi\0ssh\0" PROXY "-L\000127.0.0.1:8080:127.0.0.1:8080\0"), false},
    {SPAN("ssh\0"), false},
    {SPAN(""), false},
};

static void
test_processes(void **state)
{
	auto_arena struct arena arena = {0};
	struct forward_record record = {.sandbox = "demo", .port = 8080, .sandbox_id = ID, .bind = "127.0.0.1"};

	(void)state;
	for (size_t i = 0; i < COUNT(processes); i++)
		if (forward_is(processes[i].cmdline, &record) != processes[i].want)
			fail_msg("case %zu", i);
	assert_string_equal(forward_spec(&arena, &record), "127.0.0.1:8080:127.0.0.1:8080");
	record.bind = "::1";
	assert_string_equal(forward_spec(&arena, &record), "[::1]:8080:127.0.0.1:8080");
	record.sandbox_id = NULL;
	assert_false(forward_is(processes[0].cmdline, &record));
}

static const struct {
	const char *id, *token, *host, *scheme;
	uint32_t port;
	enum err want;
} sessions[] = {
    {ID, "a.B-9_~+/=", "127.0.0.1", "http", 1, OK},
    {ID, "t", "[::1]", "https", 65535, OK},
    {ID, "t", "host", "https", 65536, ERR_PROTOCOL},
    {ID, "t", "host", "https", 0, ERR_PROTOCOL},
    {ID, "t", "host", "ssh", 1, ERR_PROTOCOL},
    {ID, "t", "host", NULL, 1, ERR_PROTOCOL},
    {ID, "t", "", "http", 1, ERR_PROTOCOL},
    {ID, "t", "a b", "http", 1, ERR_PROTOCOL},
    {ID, "", "host", "http", 1, ERR_PROTOCOL},
    {ID, NULL, "host", "http", 1, ERR_PROTOCOL},
    {ID, "t;id", "host", "http", 1, ERR_PROTOCOL},
    {ID, "t\n", "host", "http", 1, ERR_PROTOCOL},
    {"other", "t", "host", "http", 1, ERR_PROTOCOL},
    {NULL, "t", "host", "http", 1, ERR_PROTOCOL},
};

static void
test_sessions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sessions); i++) {
		Openshell__V1__CreateSshSessionResponse answer = OPENSHELL__V1__CREATE_SSH_SESSION_RESPONSE__INIT;

		answer.sandbox_id = (char *)(uintptr_t)sessions[i].id;
		answer.token = (char *)(uintptr_t)sessions[i].token;
		answer.gateway_host = (char *)(uintptr_t)sessions[i].host;
		answer.gateway_scheme = (char *)(uintptr_t)sessions[i].scheme;
		answer.has_gateway_port = true;
		answer.gateway_port = sessions[i].port;
		if (ssh_session_check(&answer, ID, NULL) != sessions[i].want)
			fail_msg("case %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_quoted),
	    cmocka_unit_test(test_proxy),
	    cmocka_unit_test(test_config_put),
	    cmocka_unit_test(test_config_include),
	    cmocka_unit_test(test_listener),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_processes),
	    cmocka_unit_test(test_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
