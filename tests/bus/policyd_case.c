/* What the tests of policyd begin with: begun and ended around each test. */
#include "tests/bus/policyd_case.h"

#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"

struct stage stage;
char reason[600];

static const char *program, *puppet;

const char policy[] = "version: 1\n"
		      "network_policies:\n"
		      "  pol:\n"
		      "    endpoints: [{host: any.acme.test, port: 443}]\n"
		      "    binaries:\n"
		      "      - {path: $/git}\n"
		      "      - {path: $/python3}\n"
		      "      - {path: \"$/agents/**\"}\n";

void
load(const char *yaml)
{
	struct outcome outcome;

	if (stage_load(&stage, yaml, &outcome) != OK)
		fail_msg("policy_load: %s", outcome.why.text);
	outcome_done(&outcome);
}

int
setup(void **unused)
{
	static const char *const names[] = {"git", "python3.11", "python3.12", "curl", "ls"};
	char path[128], target[128];

	(void)unused;
	stage_open(&stage, program, puppet);
	for (size_t i = 0; i < COUNT(names); i++)
		stage_program(&stage, names[i], i);
	assert_int_equal(mkdir(stage_path(&stage, "agents", path), 0755), 0);
	assert_int_equal(chmod(path, 0755), 0);
	stage_program(&stage, "agents/agent", 9);
	assert_int_equal(symlink(stage_path(&stage, "python3.11", target), stage_path(&stage, "python3", path)), 0);
	stage_policyd(&stage, false);
	load(policy);
	return 0;
}

int
teardown(void **unused)
{
	(void)unused;
	stage_close(&stage);
	return 0;
}

bool
case_begin(int argc, char **argv)
{
	if (argc < 3)
		return false;
	program = argv[1];
	puppet = argv[2];
	signal(SIGPIPE, SIG_IGN);
	box_enter(argv, puppet, argc > 3);
	return true;
}

/* ---- what is asked ---- */

const char *
judge(struct accepted *accepted)
{
	static char code[64];
	struct outcome outcome;
	const struct msg_connection_judged *out = &outcome.msg.connection_judged;
	bool allowed;

	stage_judge(&stage, accepted, &outcome);
	allowed = out->allowed;
	snprintf(code, sizeof(code), SPAN_FORMAT, SPAN_ARGS(out->code));
	assert_true(allowed || out->reason.length > 0);
	snprintf(reason, sizeof(reason), SPAN_FORMAT, SPAN_ARGS(out->reason));
	outcome_done(&outcome);
	return allowed ? NULL : code;
}

int
connected(const char *name, struct accepted *accepted)
{
	int fd = puppet_new(&stage, 0, name);

	puppet_connect(&stage, fd);
	stage_accept(&stage, accepted);
	return fd;
}

void
exec_as(int fd, const char *name)
{
	char words[192], path[128];

	snprintf(words, sizeof(words), "exec %s", stage_path(&stage, name, path));
	puppet_must(fd, words, -1);
}

bool
name_known(const char *name)
{
	struct msg m = {.id = NAME_JUDGE, .name_judge = {.name = span_of_text(name)}};
	struct outcome outcome;
	bool known;

	ask(&outcome, stage.proxy.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	known = outcome.msg.name_judged.known;
	outcome_done(&outcome);
	return known;
}
