/* policyd: which program made a connection, by its socket, its process and its file. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/bus/policyd_case.h"

/* ---- who it is ---- */

static void
test_allowed_and_not(void **unused)
{
	struct accepted git, curl;
	struct outcome outcome;
	char path[128];
	int a = connected("git", &git), b = connected("curl", &curl);

	(void)unused;
	stage_judge(&stage, &git, &outcome);
	assert_true(outcome.msg.connection_judged.allowed);
	assert_true(span_is(outcome.msg.connection_judged.binary, stage_path(&stage, "git", path)));
	assert_int_equal(outcome.msg.connection_judged.pid, 2);		/* as the agent counts; the spawner is 1 */
	assert_int_equal(outcome.msg.connection_judged.ancestors_n, 0); /* the spawner is none */
	assert_true(span_is(outcome.msg.connection_judged.policy, "pol"));
	assert_true(outcome.msg.connection_judged.generation > 1);
	outcome_done(&outcome);
	stage_judge(&stage, &curl, &outcome);
	assert_false(outcome.msg.connection_judged.allowed);
	assert_true(span_is(outcome.msg.connection_judged.code, "binary"));
	assert_true(span_is(outcome.msg.connection_judged.binary, stage_path(&stage, "curl", path)));
	outcome_done(&outcome);
	git.question.connection_judge.port = 444;
	assert_refused(&git, "no_endpoint");
	accepted_close(&git);
	accepted_close(&curl);
	close(a);
	close(b);
}

/* 42: what an agent starts may what the agent may; the launcher of all, the spawner, lends nothing. */
static void
test_ancestors(void **unused)
{
	struct accepted accepted;
	struct outcome outcome;
	char path[128];
	int agent = puppet_new(&stage, 0, "agents/agent"), shell = puppet_new(&stage, agent, "curl");
	int ls = puppet_new(&stage, shell, "ls");

	(void)unused;
	puppet_connect(&stage, ls);
	stage_accept(&stage, &accepted);
	stage_judge(&stage, &accepted, &outcome);
	assert_true(outcome.msg.connection_judged.allowed);
	assert_int_equal(outcome.msg.connection_judged.ancestors_n, 2);
	assert_true(span_is(outcome.msg.connection_judged.ancestors[0], stage_path(&stage, "curl", path)));
	assert_true(span_is(outcome.msg.connection_judged.ancestors[1], stage_path(&stage, "agents/agent", path)));
	outcome_done(&outcome);
	accepted_close(&accepted);
	close(agent);
	close(shell);
	close(ls);
}

static void
test_mapped_addresses(void **unused)
{
	struct accepted accepted;
	char words[32];
	int fd = puppet_new(&stage, 0, "git");
	static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	(void)unused;
	snprintf(words, sizeof(words), "mapped %u", stage.port);
	puppet_must(fd, words, -1);
	stage_accept(&stage, &accepted);
	assert_allowed(&accepted);
	/* and as a listener of both families would tell it */
	for (int i = 0; i < 2; i++) {
		uint8_t *at = i == 0 ? accepted.client : accepted.server;

		memmove(at + 12, at, 4);
		memcpy(at, prefix, 12);
	}
	accepted.question.connection_judge.client.length = accepted.question.connection_judge.server.length = 16;
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
}

/* The notification names the thread; the owner that is found is its process. */
static void
test_connected_by_a_thread(void **unused)
{
	struct accepted accepted;
	char words[32];
	int fd = puppet_new(&stage, 0, "git");

	(void)unused;
	snprintf(words, sizeof(words), "thread %u", stage.port);
	puppet_must(fd, words, -1);
	stage_accept(&stage, &accepted);
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
}

static void
test_ipv6(void **unused)
{
	struct accepted accepted;
	char words[32];
	int fd = puppet_new(&stage, 0, "git");

	(void)unused;
	snprintf(words, sizeof(words), "six %u", stage.port);
	puppet_must(fd, words, -1);
	stage_accept(&stage, &accepted);
	assert_int_equal(accepted.question.connection_judge.client.length, 16);
	assert_allowed(&accepted);
	accepted.question.connection_judge.client_port ^= 1; /* another socket's end */
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(fd);
}

/* 227, 228 */
static void
test_symlinks_are_read_at_load(void **unused)
{
	char path[128], target[128];
	struct accepted first, second;
	int a = connected("python3.11", &first), b;

	(void)unused;
	assert_allowed(&first);
	unlink(stage_path(&stage, "python3", path));
	assert_int_equal(symlink(stage_path(&stage, "python3.12", target), path), 0);
	b = connected("python3.12", &second);
	assert_refused(&second, "binary");
	load(policy);
	assert_allowed(&second);
	accepted_close(&first);
	accepted_close(&second);
	close(a);
	close(b);
}

/* ---- the file ---- */

static void
use_once(const char *name)
{
	struct accepted accepted;
	int fd = connected(name, &accepted);

	assert_allowed(&accepted);
	puppet_must(fd, "end", -1);
	accepted_close(&accepted);
	close(fd);
}

/* 229: another file under the name of an allowed one that was used. */
static void
test_changed_file(void **unused)
{
	struct accepted accepted;
	struct heard *heard;
	char path[128], other[128];
	int fd;

	(void)unused;
	use_once("git");
	assert_int_equal(rename(stage_path(&stage, "curl", other), stage_path(&stage, "git", path)), 0);
	fd = connected("git", &accepted);
	assert_refused(&accepted, "integrity");
	heard = actor_hear(&stage.link, LOGS_ADD);
	while (strstr(heard->msg.logs_add.lines[0].message.at, "integrity") == NULL) { /* first the policy's own */
		heard_free(heard);
		heard = actor_hear(&stage.link, LOGS_ADD);
	}
	assert_true(span_is(heard->msg.logs_add.lines[0].level, "OCSF"));
	heard_free(heard);
	accepted_close(&accepted);
	close(fd);
}

/* 230: the same bytes with another time; and copied anew, in another inode. */
static void
test_touched_file(void **unused)
{
	char path[128];

	(void)unused;
	use_once("git");
	assert_int_equal(utimes(stage_path(&stage, "git", path), NULL), 0);
	use_once("git");
	assert_int_equal(unlink(path), 0);
	stage_program(&stage, "git", 0);
	use_once("git");
}

/* 231, S9 */
static void
test_unlinked_file(void **unused)
{
	struct accepted known, unknown;
	char path[128];
	int a, b;

	(void)unused;
	use_once("git");
	a = puppet_new(&stage, 0, "git");
	assert_int_equal(unlink(stage_path(&stage, "git", path)), 0);
	puppet_connect(&stage, a);
	stage_accept(&stage, &known);
	assert_allowed(&known);

	b = puppet_new(&stage, 0, "agents/agent");
	assert_int_equal(unlink(stage_path(&stage, "agents/agent", path)), 0);
	puppet_connect(&stage, b);
	stage_accept(&stage, &unknown);
	assert_refused(&unknown, "identity");
	accepted_close(&known);
	accepted_close(&unknown);
	close(a);
	close(b);
}

/* A file whose name really ends so is another one than the unlinked git. */
static void
test_deleted_in_the_name(void **unused)
{
	struct accepted accepted;
	int fd;

	(void)unused;
	stage_program(&stage, "git (deleted)", 3);
	fd = connected("git (deleted)", &accepted);
	assert_refused(&accepted, "binary");
	accepted_close(&accepted);
	close(fd);
}

static void
test_renamed_file(void **unused)
{
	struct accepted accepted;
	char from[128], to[128];
	int fd;

	(void)unused;
	assert_int_equal(rename(stage_path(&stage, "git", from), stage_path(&stage, "renamed", to)), 0);
	fd = connected("renamed", &accepted);
	assert_refused(&accepted, "binary");
	accepted_close(&accepted);
	close(fd);
}

/* Of 24 MB: read in pieces, while others are answered. */
static void
test_large_file(void **unused)
{
	struct accepted accepted, other;
	struct outcome outcome;
	int large, small;

	(void)unused;
	stage_program(&stage, "agents/large", 24u << 20);
	large = connected("agents/large", &accepted); /* connect waits for the hash */
	small = connected("git", &other);
	ask(&outcome, stage.proxy.peer, &accepted.question);
	assert_allowed(&other);
	outcome_wait(&outcome);
	assert_true(outcome.msg.connection_judged.allowed);
	outcome_done(&outcome);
	accepted_close(&accepted);
	accepted_close(&other);
	close(large);
	close(small);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_allowed_and_not),
	    TEST(test_ancestors),
	    TEST(test_mapped_addresses),
	    TEST(test_connected_by_a_thread),
	    TEST(test_ipv6),
	    TEST(test_symlinks_are_read_at_load),
	    TEST(test_changed_file),
	    TEST(test_touched_file),
	    TEST(test_unlinked_file),
	    TEST(test_deleted_in_the_name),
	    TEST(test_renamed_file),
	    TEST(test_large_file),
	};

	if (!case_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
