/* policyd: connections of several processes, those that hide who they are, and requests on them. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/bus/policyd_case.h"

#define MANY 400

/* ---- several owners ---- */

/* 234 */
static void
test_plain_fork(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child = puppet_new(&stage, fd, NULL);

	(void)unused;
	assert_refused(&accepted, "shared_socket");
	puppet_must(child, "close", -1);
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
	close(child);
}

/* 232: another program, allowed by itself. */
static void
test_fork_and_exec(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child = puppet_new(&stage, fd, "python3.11");

	(void)unused;
	assert_refused(&accepted, "shared_socket");
	puppet_must(child, "end", -1);
	accepted_close(&accepted);
	close(fd);
	close(child);
}

/* 233 */
static void
test_siblings(void **unused)
{
	struct accepted accepted;
	int parent = puppet_new(&stage, 0, "git"), one, two;

	(void)unused;
	puppet_must(parent, "make", -1);
	one = puppet_new(&stage, parent, NULL);
	two = puppet_new(&stage, parent, NULL);
	puppet_connect(&stage, one);
	stage_accept(&stage, &accepted);
	assert_refused(&accepted, "shared_socket"); /* the parent holds it too */
	puppet_must(parent, "close", -1);
	assert_allowed(&accepted);
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	puppet_must(two, "end", -1); /* one of them may leave */
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	accepted_close(&accepted);
	close(parent);
	close(one);
	close(two);
}

/* A process that keeps the socket in the table of one thread, where its own table no longer shows it. */
static void
test_hidden_in_a_thread(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child = puppet_new(&stage, fd, "curl");

	(void)unused;
	puppet_must(child, "hide", -1);
	assert_refused(&accepted, "shared_socket");
	accepted_close(&accepted);
	close(fd);
	close(child);
}

static void
pass(int from, int to)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	puppet_must(from, "give", pair[0]);
	puppet_must(to, "take", pair[1]);
	close(pair[0]);
	close(pair[1]);
}

/* ---- escapes ---- */

static void
test_descriptor_passed(void **unused)
{
	struct accepted accepted;
	int git = connected("git", &accepted), curl = puppet_new(&stage, 0, "curl");

	(void)unused;
	pass(git, curl);
	assert_refused(&accepted, "shared_socket");
	puppet_must(git, "close", -1); /* now the other one's alone: not who connected */
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(git);
	close(curl);
}

static void
test_connect_then_exec(void **unused)
{
	struct accepted first, second, third;
	int curl = connected("curl", &first), git = connected("git", &second), python = connected("python3.11", &third);

	(void)unused;
	exec_as(curl, "git"); /* an allowed one, which did not connect: who did counts */
	assert_refused(&first, "binary");
	exec_as(git, "curl");
	assert_refused(&second, "identity");
	exec_as(python, "git"); /* both are allowed, but one is not the other */
	assert_refused(&third, "identity");
	accepted_close(&third);
	close(python);
	accepted_close(&first);
	accepted_close(&second);
	close(curl);
	close(git);
}

/* Not dumpable: it is looked into all the same, and is one more owner. */
static void
test_undumpable_owner(void **unused)
{
	struct accepted accepted;
	int git = connected("git", &accepted), child = puppet_new(&stage, git, "curl");

	(void)unused;
	puppet_must(child, "undumpable", -1);
	assert_refused(&accepted, "shared_socket");
	puppet_must(child, "close", -1);
	assert_allowed(&accepted); /* what holds nothing spoils nothing */
	accepted_close(&accepted);
	close(git);
	close(child);
}

/* Nothing of it can be looked at, its descriptors neither: it may hold any socket. */
static void
test_opaque_process(void **unused)
{
	struct accepted accepted;
	char words[128];
	int git = connected("git", &accepted), child = puppet_new(&stage, 0, "curl");

	(void)unused;
	if (box_unreadable() == NULL)
		skip();
	assert_allowed(&accepted);
	snprintf(words, sizeof(words), "exec %s", box_unreadable());
	puppet_must(child, words, -1);
	assert_refused(&accepted, "identity");
	assert_non_null(strstr(reason, "cannot be looked into"));
	puppet_must(child, "end", -1);
	accepted_close(&accepted);
	close(git);
	close(child);
}

/* An executable that may be run and not read: who runs it cannot be told. */
static void
test_unreadable_owner(void **unused)
{
	struct accepted accepted;
	char path[128];
	int git = connected("git", &accepted), child;

	(void)unused;
	assert_int_equal(chmod(stage_path(&stage, "curl", path), 0111), 0);
	child = puppet_new(&stage, git, "curl");
	assert_refused(&accepted, "identity");
	puppet_must(child, "end", -1);
	accepted_close(&accepted);
	close(git);
	close(child);
}

/* 237 */
static void
test_owner_gone(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);

	(void)unused;
	puppet_must(fd, "end", -1);
	while (recv(accepted.fd, (char[1]){0}, 1, 0) > 0)
		;
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(fd);
}

/* 236, and any socket whose connect nobody saw. */
static void
test_without_a_record(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);

	(void)unused;
	stage_policyd_kill(&stage);
	stage_policyd(&stage, false);
	assert_refused(&accepted, "no_policy");
	load(policy);
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(fd);
}

/* ---- requests ---- */

static void
test_owner_changes_between_requests(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);

	(void)unused;
	assert_allowed(&accepted);
	for (int i = 0; i < 3; i++)
		assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	exec_as(fd, "python3.11"); /* allowed as well, but another */
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE);
	accepted_close(&accepted);
	close(fd);
}

static void
test_second_owner_between_requests(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child;
	uint64_t until = clock_ms() + PATIENCE_MS;
	unsigned what = ALLOW;

	(void)unused;
	assert_allowed(&accepted);
	child = puppet_new(&stage, fd, "curl");
	while (what == ALLOW && clock_ms() < until) /* seen at the next full look */
		what = stage_request(&stage, &accepted, "/");
	assert_int_equal(what, CLOSE);
	assert_true(clock_ms() < until - PATIENCE_MS + 2000);
	accepted_close(&accepted);
	close(fd);
	close(child);
}

/* Between fork and exec a child holds the socket for a moment; that moment must not cost the connection. */
static void
test_children_come_and_go(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);
	char words[64];
	unsigned asked = 0, closed = 0;

	(void)unused;
	assert_allowed(&accepted);
	assert_true(send(fd, "churn 600", sizeof("churn 600"), 0) > 0);
	while (recv(fd, words, sizeof(words), MSG_DONTWAIT) < 0) {
		closed += stage_request(&stage, &accepted, "/") == CLOSE;
		closed += judge(&accepted) != NULL;
		asked += 2;
	}
	assert_int_equal(strtol(words, NULL, 10), 0);
	if (closed * 50 >
	    asked) /* a look alone would refuse every third; a machine that is busy may let one in hundreds pass */
		fail_msg("%u of %u refused", closed, asked);
	accepted_close(&accepted);
	close(fd);
}

static void
test_many_at_once(void **unused)
{
	static struct accepted accepted[MANY];
	static struct outcome outcomes[MANY];
	char words[32];
	int fd = puppet_new(&stage, 0, "git");

	(void)unused;
	snprintf(words, sizeof(words), "many %d %u", MANY, stage.port);
	puppet_must(fd, words, -1);
	for (size_t i = 0; i < MANY; i++) {
		stage_accept(&stage, &accepted[i]);
		accepted[i].question.connection_judge.client.at = (const char *)accepted[i].client;
		accepted[i].question.connection_judge.server.at = (const char *)accepted[i].server;
	}
	for (size_t i = 0; i < MANY; i++)
		ask(&outcomes[i], stage.proxy.peer, &accepted[i].question);
	for (size_t i = 0; i < MANY; i++) {
		outcome_wait(&outcomes[i]);
		assert_int_equal(outcomes[i].r, OK);
		assert_true(outcomes[i].msg.connection_judged.allowed);
		outcome_done(&outcomes[i]);
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(stage_request(&stage, &accepted[i], "/"), ALLOW);
		accepted_close(&accepted[i]);
	}
	close(fd);
}

static void
test_connection_forgotten(void **unused)
{
	struct accepted accepted;
	struct msg end = {.id = CONNECTION_END};
	int fd = connected("git", &accepted);

	(void)unused;
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE); /* not admitted yet */
	assert_allowed(&accepted);
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	end.connection_end.connection = accepted.number;
	tell(stage.proxy.peer, &end);
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE);
	accepted_close(&accepted);
	close(fd);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_plain_fork),
	    TEST(test_fork_and_exec),
	    TEST(test_siblings),
	    TEST(test_hidden_in_a_thread),
	    TEST(test_descriptor_passed),
	    TEST(test_connect_then_exec),
	    TEST(test_undumpable_owner),
	    TEST(test_opaque_process),
	    TEST(test_unreadable_owner),
	    TEST(test_owner_gone),
	    TEST(test_without_a_record),
	    TEST(test_owner_changes_between_requests),
	    TEST(test_second_owner_between_requests),
	    TEST(test_children_come_and_go),
	    TEST(test_many_at_once),
	    TEST(test_connection_forgotten),
	};

	if (!case_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
