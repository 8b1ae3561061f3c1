/* The settings reader: every kind of row at its edges, and what is said of a mistake. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/service/service.h"

#include <cmocka.h>

struct config {
	char name[8];
	uint16_t port;
	bool flag;
	enum log_level level;
	struct secret key;
	struct setting_texts list;
};

static const struct setting rows[] = {
    TEXT_SETTING(config, name, 1, 7, "none", "a name"),
    NUMBER_SETTING(config, port, 1, 65535, "17", "a port"),
    FLAG_SETTING(config, flag, "true", "a flag"),
    WORD_SETTING(config, level, setting_log_levels, "warning", "a level"),
    KEY_SETTING(config, key, "a key"),
    TEXTS_SETTING(config, list, 0, 2, "a list"),
    {0},
};

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const struct {
	const char *text;
	enum err want;
	const char *says;
} cases[] = {
    {"name: seven77\nport: 65535\nflag: false\nlevel: debug\nkey: " HEX64 "\nlist: [a, b]\n", OK, ""},
    {"", OK, ""},
    {"name: eight888\n", ERR_INVALID, "f: line 1, column 7: name: the text has 8 bytes, 1 to 7 are allowed"},
    {"name: ''\n", ERR_INVALID, "f: line 1, column 7: name: the text has 0 bytes"},
    {"port: 0\n", ERR_RANGE, "f: line 1, column 7: port: 0 is not within 1 to 65535"},
    {"\nport: 65536\n", ERR_RANGE, "f: line 2, column 7: port: 65536 is not within 1 to 65535"},
    {"port: many\n", ERR_INVALID, "f: line 1, column 7: port: \"many\" is not a number from 1 to 65535"},
    {"port: '17'\n", ERR_INVALID, "f: line 1, column 7: port: a quoted text where a number from 1 to 65535"},
    {"port:\n", ERR_INVALID, "f: line 1, column 6: port: nothing where a number"},
    {"port: [1]\n", ERR_INVALID, "f: line 1, column 7: port: a list where a number from 1 to 65535 is wanted"},
    {"flag: yes\n", ERR_INVALID, "f: line 1, column 7: flag: \"yes\" is neither true nor false"},
    {"level: loud\n", ERR_INVALID, "f: line 1, column 8: level: \"loud\" is not error, warning, info or debug"},
    {"key: 00\n", ERR_INVALID, "f: line 1, column 6: key: not 64 hex digits"},
    {"list: [a, b, c]\n", ERR_INVALID, "f: line 1, column 7: list: more than 2 texts"},
    {"list: [a, {b: c}]\n", ERR_INVALID, "f: line 1, column 7: list: a list of texts is wanted, not a map"},
    {"list: a\n", ERR_INVALID, "f: line 1, column 7: list: a text where a list of 0 to 2 texts is wanted"},
    {"colour: red\n", ERR_INVALID, "f: line 1, column 1: there is no setting \"colour\""},
    {"- a\n", ERR_INVALID, "f: line 1, column 1: lines of \"key: value\" are wanted"},
    {"port: 1\nport: 2\n", ERR_SYNTAX, "f: line 2, column 1: \"port\" is there twice"},
};

static void
test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config config;
		const struct settings tables[] = {{rows, &config}};
		struct why why = {""};
		enum err r;

		settings_initial(tables, 1);
		r = settings_read("f", span_of_text(cases[i].text), tables, 1, &why);
		if (r != cases[i].want || strncmp(why.text, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s%s: %s", cases[i].text, err_name(r), why.text);
	}
}

static void
test_values(void **state)
{
	struct config config;
	const struct settings tables[] = {{rows, &config}};
	struct why why;

	(void)state;
	settings_initial(tables, 1);
	assert_string_equal(config.name, "none");
	assert_int_equal(config.port, 17);
	assert_true(config.flag);
	assert_int_equal(config.level, LOG_LEVEL_WARNING);
	assert_int_equal(settings_complete(tables, 1, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "key is missing"));
	assert_int_equal(settings_read("f", span_of_text(cases[0].text), tables, 1, &why), OK);
	assert_string_equal(config.name, "seven77");
	assert_int_equal(config.port, 65535);
	assert_false(config.flag);
	assert_int_equal(config.level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.key.bytes[1], 0x11);
	assert_int_equal(config.list.count, 2);
	assert_string_equal(config.list.at[1], "b");
	assert_int_equal(settings_complete(tables, 1, &why), OK);
	assert_int_equal(setting_set(setting_find(rows, SPAN("list")), &config, SPAN("x,y"), &why), OK);
	assert_string_equal(config.list.at[0], "x");
	assert_int_equal(setting_set(setting_find(rows, SPAN("list")), &config, SPAN("x,,y"), &why), ERR_INVALID);
	assert_int_equal(setting_set(setting_find(rows, SPAN("port")), &config, SPAN("-1"), &why), ERR_INVALID);
}

/* A service as its parent starts it: settings on a sealed memfd, a pipe to say ready on. */
static void
test_service(void **state)
{
	static const char yaml[] = "process: relay\nrun_dir: /tmp\nready_fd: 9\nbus_secret: " HEX64 "\nroster:\n"
				   " - {role: state, name: state, key: " HEX64 ", endpoint: 'ipc:///state/bus'}\n"
				   " - {role: api, name: api, key: " HEX64 "}\nport: 18\nkey: " HEX64 "\n";
	char *argv[] = {(char[]){"relay"}, (char[]){"--foreground"}, (char[]){"--settings-fd"}, (char[]){"8"}, NULL};
	struct service_config service;
	struct config config;
	struct why why = {""};
	char said[16] = {0};
	int pipe_fds[2], fd = memfd_create("settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_true(fd >= 0 && pipe(pipe_fds) == 0);
	assert_int_equal(write(fd, yaml, sizeof(yaml) - 1), sizeof(yaml) - 1);
	assert_int_equal(dup2(fd, 8), 8);
	assert_int_equal(dup2(pipe_fds[1], 9), 9);
	assert_int_equal(service_load(&service, rows, &config, 4, argv, &why), OK);
	assert_string_equal(service.process, "relay");
	assert_int_equal(service.roster.count, 2);
	assert_int_equal(service.roster.at[0].role, ROLE_STATE);
	assert_string_equal(service.roster.at[0].endpoint, "ipc:///state/bus");
	assert_string_equal(service.roster.at[1].endpoint, "");
	assert_int_equal(config.port, 18);
	service_ready(&service);
	service_failed(&service, &why); /* once is enough */
	assert_int_equal(read(pipe_fds[0], said, sizeof(said) - 1), 6);
	assert_string_equal(said, "ready\n");
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(fd);
	close(8);
}

static void
test_service_refuses(void **state)
{
	static const struct {
		const char *roster, *says;
	} wrong[] = {
	    {"roster: x", "roster: a list of peers is wanted"},
	    {"roster: [x]", "roster: peer in line 1: each entry is a map"},
	    {"roster: [{role: king, name: a, key: " HEX64 "}]", "roster: peer in line 1: role: no such role"},
	    {"roster: [{role: api, name: a}]", "roster: peer in line 1: key: a text is wanted"},
	    {"roster: [{role: api, name: a, key: " HEX64 ", endpoint: 'http://x'}]",
		"roster: peer in line 1: endpoint"},
	    {"roster: [{role: api, name: a, key: " HEX64 ", colour: red}]", "roster: peer in line 1: there is no"},
	    {"process: x", "the setting run_dir is missing"},
	};
	char *argv[] = {(char[]){"relay"}, (char[]){"--settings-fd"}, (char[]){"8"}, NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct service_config service;
		struct config config;
		struct why why = {""};
		int fd = memfd_create("settings", MFD_CLOEXEC);

		assert_int_equal(dup2(fd, 8), 8);
		assert_true(write(fd, wrong[i].roster, strlen(wrong[i].roster)) > 0);
		assert_int_not_equal(service_load(&service, rows, &config, 3, argv, &why), OK);
		if (strstr(why.text, wrong[i].says) == NULL)
			fail_msg("%s: %s", wrong[i].roster, why.text);
		close(fd);
		close(8);
	}
	argv[2] = (char[]){"2"};
	assert_int_not_equal(
	    service_load(&(struct service_config){0}, rows, &(struct config){0}, 3, argv, &(struct why){""}), OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_service),
	    cmocka_unit_test(test_service_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
