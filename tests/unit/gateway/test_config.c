/* The gateway's configuration: where a value comes from, what goes together, and that each setting is documented. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/gateway/config.h"

#include <cmocka.h>

#define WORDS_MAX 6

static char directory[64];

static enum err
load(struct config *config, const char *yaml, const char *const *words, struct why *why)
{
	char file[96], from[CONFIG_PATH_BYTES], *argv[WORDS_MAX + 2] = {0};
	struct invocation invocation;
	int argc = 0;
	FILE *to;

	snprintf(file, sizeof(file), "%s/gateway.yaml", directory);
	to = fopen(file, "we");
	assert_non_null(to);
	fputs(yaml, to);
	fclose(to);
	setenv("OPENSHELL_GATEWAY_CONFIG", file, 1);
	for (; argc < WORDS_MAX && words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	return config_load(config, &invocation, from, argc, argv, why);
}

static const struct {
	const char *yaml;
	const char *words[WORDS_MAX];
	enum err want;
	const char *says;
} cases[] = {
    {"port: 1\nbind_address: ::1\ndrivers: [local]\nserver_sans: [a.example, 10.0.0.1]\n", {0}, OK, ""},
    {"", {"--port", "65535", "--disable-tls", "--log-level=debug", NULL}, OK, ""},
    {"", {"--port", "65536"}, ERR_RANGE, "--port: 65536 is not within 1 to 65535"},
    {"", {"--port"}, ERR_INVALID, "--port needs a value"},
    {"", {"--prot", "1"}, ERR_INVALID, "there is no flag --prot"},
    {"", {"one", "two"}, ERR_INVALID, "unexpected word \"two\""},
    {"", {"-o", "xml"}, ERR_INVALID, "-o xml: json or table"},
    {"prot: 1\n", {0}, ERR_INVALID, "/gateway.yaml: line 1, column 1: there is no setting \"prot\""},
    {"port: 0\n", {0}, ERR_RANGE, "/gateway.yaml: line 1, column 7: port: 0 is not within"},
    {"bind_address: localhost\n", {0}, ERR_INVALID, "\"localhost\" is not a numeric address"},
    {"bind_address: 0.0.0.0\n", {0}, OK, ""}, /* with TLS */
    {"bind_address: 0.0.0.0\ndisable_tls: true\n", {0}, ERR_INVALID, "without TLS would let anyone in"},
    {"bind_address: 127.9.9.9\ndisable_tls: true\n", {0}, OK, ""},
    {"bind_address: 128.0.0.1\ndisable_tls: true\n", {0}, ERR_INVALID, "without TLS"},
    {"bind_address: \"::1\"\ndisable_tls: true\n", {0}, OK, ""},
    {"bind_address: \"::\"\ndisable_tls: true\n", {0}, ERR_INVALID, "without TLS"},
    {"drivers: [docker]\n", {0}, ERR_INVALID, "there is no driver \"docker\""},
    {"drivers: []\n", {0}, ERR_INVALID, "drivers: 0 texts, at least 1"},
    {"drivers: [local, local]\n", {0}, ERR_INVALID, "twice"},
    {"tls_cert: /x\n", {0}, ERR_INVALID, "go together"},
    {"tls_cert: /x\ntls_key: /y\ntls_client_ca: /z\n", {0}, OK, ""},
    {"tls_cert: /x\ntls_key: /y\ntls_client_ca: /z\ndisable_tls: true\n", {0}, ERR_INVALID, "exclude each other"},
    {"relay_endpoint: tcp://0.0.0.0:17671\n", {0}, OK, ""},
    {"relay_endpoint: tcp://0.0.0.0:17671\nrelay_endpoint_only: true\n", {0}, OK, ""},
    {"relay_endpoint_only: true\n", {0}, ERR_INVALID, "there is no relay_endpoint"},
    {"relay_endpoint: tcp://0.0.0.0:65536\n", {0}, ERR_RANGE, "relay_endpoint: port: 65536 is not within"},
    {"relay_endpoint: tcp://relay.example:17671\n", {0}, ERR_INVALID, "no numeric IPv4 address"},
    {"relay_endpoint: tcp://0.0.0.0\n", {0}, ERR_INVALID, "no numeric IPv4 address"},
    {"relay_endpoint: ipc:///x\n", {0}, ERR_INVALID, "is not tcp://ADDRESS:PORT"},
    {"sandbox_pids_max: 15\n", {0}, ERR_RANGE, "sandbox_pids_max: 15 is not within"},
    {"sandbox_memory_bytes: 536870912\nsandbox_cpu_milli: 500\nlog_days: 1\n", {0}, OK, ""},
    {"policy_validation_failure_mode: retain_last_valid\n", {0}, OK, ""},
    {"policy_validation_failure_mode: retain\n", {0}, ERR_INVALID, "policy_validation_failure_mode"},
    {"secret_store: vault\nsecret_store_address: https://v\nsecret_store_token_file: /t\n", {0}, OK, ""},
    {"secret_store: vault\n", {0}, ERR_INVALID, "needs secret_store_address and secret_store_token_file"},
    {"secret_store: vault\nsecret_store_address: https://v\nsecret_store_token_file: /t\nsecret_store_auth: none\n",
	{0}, ERR_INVALID, "secret_store_auth is"},
    {"secret_store: vault\nsecret_store_address: https://v\nsecret_store_token_file: /t\nsecret_store_auth: kubernetes\n",
	{0}, ERR_INVALID, "needs secret_store_role"},
    {"secret_store: kubernetes\nsecret_store_address: https://k\nsecret_store_token_file: /t\n", {0}, ERR_INVALID,
	"needs secret_store_namespace"},
    {"secret_store: consul\n", {0}, ERR_INVALID, "secret_store"},
    {"network_binary_identity: relaxed\n", {0}, OK, ""},
    {"network_binary_identity: none\n", {0}, ERR_INVALID, "network_binary_identity"},
    /* a company's proxy: what is there and wrong is never left out */
    {"https_proxy: http://proxy.test:3128\n", {0}, OK, ""},
    {"https_proxy: http://proxy.test:3128\nno_proxy: '*.corp.test,10.0.0.0/8:443'\nproxy_connect_by_hostname: true\n",
	{0}, OK, ""},
    {"https_proxy: \"\"\n", {0}, ERR_INVALID, "https_proxy"},
    {"", {"--https-proxy", "", NULL}, ERR_INVALID, "--https-proxy"},
    {"https_proxy: https://proxy.test:3128\n", {0}, ERR_INVALID, "https_proxy: it is not http://HOST:PORT"},
    {"https_proxy: http://proxy.test\n", {0}, ERR_INVALID, "https_proxy: its port is missing"},
    {"https_proxy: http://proxy.test:1\nno_proxy: \"\"\n", {0}, ERR_INVALID, "no_proxy"},
    {"https_proxy: http://proxy.test:1\nno_proxy: 'a.test,b*'\n", {0}, ERR_INVALID, "no_proxy: \"b*\" is neither"},
    {"no_proxy: '*'\n", {0}, ERR_INVALID, "no_proxy needs https_proxy"},
    {"proxy_auth_file: /etc/hostname\n", {0}, ERR_INVALID, "proxy_auth_file needs https_proxy"},
    {"proxy_auth_allow_insecure: true\n", {0}, ERR_INVALID, "proxy_auth_allow_insecure needs https_proxy"},
    {"proxy_connect_by_hostname: true\n", {0}, ERR_INVALID, "proxy_connect_by_hostname needs https_proxy"},
    {"https_proxy: http://proxy.test:1\nproxy_auth_file: /etc/hostname\n", {0}, ERR_INVALID,
	"needs proxy_auth_allow_insecure: true"},
    {"https_proxy: http://proxy.test:1\nproxy_auth_file: /etc/no-such-file\nproxy_auth_allow_insecure: true\n", {0},
	ERR_NOT_FOUND, "proxy_auth_file"},
    {"https_proxy: http://proxy.test:1\nproxy_auth_file: /etc/passwd\nproxy_auth_allow_insecure: true\n", {0},
	ERR_INVALID, "proxy_auth_file: byte "},
    {"gateway_name: ../x\n", {0}, ERR_INVALID, "gateway_name may hold"},
    {"data_dir: /0123456789012345678901234567890123456789012345678901234567890123456789012345\n", {0}, ERR_RANGE,
	"data_dir has 77 bytes, at most 76 fit"},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config config;
		struct why why = {""};
		enum err r = load(&config, cases[i].yaml, cases[i].words, &why);

		if (r != cases[i].want || strstr(why.text, cases[i].says) == NULL)
			fail_msg("%zu %s%s: %s", i, cases[i].yaml, err_name(r), why.text);
	}
}

/* Flag above variable above file above default. */
static void
test_precedence(void **state)
{
	const char *none[] = {NULL}, *flag[] = {"--port=4", NULL};
	struct config config;
	struct why why;

	(void)state;
	assert_int_equal(load(&config, "", none, &why), OK);
	assert_int_equal(config.port, 17670);
	assert_string_equal(config.bind_address, "127.0.0.1");
	assert_int_equal(load(&config, "port: 2\n", none, &why), OK);
	assert_int_equal(config.port, 2);
	setenv("OPENSHELL_SERVER_PORT", "3", 1);
	assert_int_equal(load(&config, "port: 2\n", none, &why), OK);
	assert_int_equal(config.port, 3);
	assert_int_equal(load(&config, "port: 2\n", flag, &why), OK);
	assert_int_equal(config.port, 4);
	setenv("OPENSHELL_SERVER_PORT", "x", 1);
	assert_int_equal(load(&config, "", none, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "environment variable OPENSHELL_SERVER_PORT: \"x\" is not a number"));
	unsetenv("OPENSHELL_SERVER_PORT");
	setenv("OPENSHELL_DISABLE_TLS", "1", 1);
	assert_int_equal(load(&config, "", none, &why), OK);
	assert_true(config.disable_tls);
	unsetenv("OPENSHELL_DISABLE_TLS");
}

static void
test_paths(void **state)
{
	const char *none[] = {NULL}, *relative[] = {"--data-dir", "d", NULL};
	char here[256], want[512], endpoint[96];
	struct config config;
	struct why why;

	(void)state;
	setenv("XDG_STATE_HOME", "/state", 1);
	setenv("XDG_CONFIG_HOME", "/config", 1);
	assert_int_equal(load(&config, "", none, &why), OK);
	assert_string_equal(config.data_dir, geteuid() == 0 ? "/var/lib/openshell" : "/state/openshell/gateway");
	assert_string_equal(config.tls_dir, "/state/openshell/tls");
	assert_string_equal(config.client_dir, "/config/openshell");
	assert_int_equal(chdir("/tmp"), 0);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(load(&config, "bind_address: '::'\n", relative, &why), OK);
	snprintf(want, sizeof(want), "%s/d", here);
	assert_string_equal(config.data_dir, want);
	config_endpoint(&config, endpoint, sizeof(endpoint));
	assert_string_equal(endpoint, "https://[::1]:17670");
	snprintf(want, sizeof(want), "%s/d/x", here);
	assert_string_equal(data_path(&config, "x"), want);
}

/* docs/configuration.md holds the table that --settings-doc prints, row for row. */
static void
test_documented(void **state)
{
	static char page[65536], table[16384];
	FILE *from = fopen(DOCS "/configuration.md", "re"), *to = fmemopen(table, sizeof(table), "w");
	char *line, *rest = table;

	(void)state;
	assert_true(from != NULL && to != NULL);
	assert_true(fread(page, 1, sizeof(page) - 1, from) > 0);
	config_doc(to);
	fclose(to);
	fclose(from);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strstr(page, line) == NULL)
			fail_msg(
			    "docs/configuration.md lacks this line of openshell-gateway --settings-doc:\n%s", line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_precedence),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_documented),
	};
	char file[96];
	int r;

	snprintf(directory, sizeof(directory), "/tmp/test_config.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return EXIT_FAILURE;
	setenv("HOME", directory, 1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(file, sizeof(file), "%s/gateway.yaml", directory);
	unlink(file);
	rmdir(directory);
	return r;
}
