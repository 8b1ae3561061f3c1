/* Children: started with what the plan says and no more, watched to their end. The child is this program again. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/child.h"

extern char **environ;

/* ---- as the child ---- */

static int
look_around(void)
{
	sigset_t set;
	char text[128] = "";
	int blocked = 0;

	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", fd);
	sigprocmask(SIG_SETMASK, NULL, &set);
	for (int i = 1; i < 65; i++)
		blocked += sigismember(&set, i) == 1;
	dprintf(3, "descriptors %s\nenvironment %s\nblocked %d\nsession %d\nids %u %u\n", text,
	    environ[0] == NULL ? "" : environ[0], blocked, getsid(0) == getpid(), getuid(), getgid());
	return read(0, text, 1) == 0 ? 0 : 9;
}

static int
as_child(const char *what)
{
	if (strcmp(what, "look") == 0)
		return look_around();
	if (strcmp(what, "wait") == 0)
		for (;;)
			pause();
	return (int)strtol(what, NULL, 10);
}

/* ---- as the parent ---- */

static char program[4096];

/* Start it with descriptor 3 as a pipe, read all that it says, wait: its status. */
static int
run(struct child_plan *plan, const char *what, char *said, size_t size)
{
	const char *argv[] = {"child", what, NULL};
	struct child child;
	struct why why = {0};
	int fds[2];
	size_t used = 0;
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	plan->path = program;
	plan->argv = argv;
	plan->fds[0] = plan->fds[1] = plan->fds[2] = -1;
	plan->fds[3] = fds[1];
	plan->fds_count = 4;
	if (child_start(&child, plan, &why) != OK)
		fail_msg("%s", why.text);
	close(fds[1]);
	while ((n = read(fds[0], said + used, size - 1 - used)) > 0)
		used += (size_t)n;
	said[used] = '\0';
	close(fds[0]);
	return child_wait(&child);
}

static void
has_what_the_plan_says_and_no_more(void **unused)
{
	char said[512];
	struct child_plan plan = {0};
	int other = open("/", O_PATH); /* not close-on-exec: must not leak in spite of that */
	sigset_t set, before;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	assert_int_equal(child_exit_code(run(&plan, "look", said, sizeof(said))), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(other);
	assert_non_null(strstr(said, "descriptors 0 1 2 3 \n"));
	assert_non_null(strstr(said, "environment \n"));
	assert_non_null(strstr(said, "blocked 0\n"));
	assert_non_null(strstr(said, "session 0\n"));
}

static void
may_have_a_session_an_environment_and_ids(void **unused)
{
	static const char *const environment[] = {"KEY=value", NULL};
	struct child_plan plan = {
	    .new_session = true, .envp = environment, .set_ids = geteuid() == 0, .uid = 65533, .gid = 65532};
	char said[512], ids[64];

	(void)unused;
	plan.exec_fd = open(program, O_RDONLY | O_CLOEXEC);
	run(&plan, "look", said, sizeof(said));
	close(plan.exec_fd);
	snprintf(ids, sizeof(ids), "ids %u %u\n", plan.set_ids ? 65533 : getuid(), plan.set_ids ? 65532 : getgid());
	assert_non_null(strstr(said, "environment KEY=value\n"));
	assert_non_null(strstr(said, "session 1\n"));
	assert_non_null(strstr(said, ids));
}

static void
exit_codes_are_a_shells(void **unused)
{
	static const struct {
		const char *what;
		int code;
	} cases[] = {{"0", 0}, {"1", 1}, {"255", 255}};
	struct child_plan plan = {0};
	char said[64];

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(child_exit_code(run(&plan, cases[i].what, said, sizeof(said))), cases[i].code);
	assert_int_equal(child_exit_code(SIGKILL), 128 + SIGKILL);
}

static void
says_that_it_could_not_start(void **unused)
{
	static const char *const argv[] = {"nothing", NULL};
	struct child_plan plan = {.path = "/nothing/here", .argv = argv};
	struct child child;
	struct why why = {0};

	(void)unused;
	assert_int_equal(child_start(&child, &plan, &why), ERR_SYSTEM);
	assert_string_equal(why.text, "start /nothing/here: exec: No such file or directory");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
	assert_int_equal(errno, ECHILD);
}

struct end {
	int times, status;
};

static void
has_ended(void *self, int status)
{
	struct end *end = self;

	end->times++;
	end->status = status;
}

static void
its_end_is_told_by_the_loop(void **unused)
{
	const char *argv[] = {"child", "wait", NULL};
	struct child_plan plan = {.path = program, .argv = argv};
	struct child child;
	struct loop *loop;
	struct end end = {0};
	struct why why;

	(void)unused;
	assert_int_equal(loop_new(&loop, &why), OK);
	assert_int_equal(child_start(&child, &plan, &why), OK);
	assert_int_equal(child_watch(&child, loop, has_ended, &end, &why), OK);
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_int_equal(end.times, 0);
	assert_true(child_kill(&child, SIGTERM));
	while (end.times == 0)
		assert_int_equal(loop_turn(loop, -1, &why), OK);
	assert_int_equal(child_exit_code(end.status), 128 + SIGTERM);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_false(child_kill(&child, SIGTERM));
	child_done(&child);
	loop_free(loop);
}

static void
dies_with_its_parent(void **unused)
{
	struct child_plan plan = {.path = program,
	    .argv = (const char *[]){"child", "wait", NULL},
	    .die_with_parent = true,
	    .fds = {-1, -1, -1, -1},
	    .fds_count = 4};
	struct why why;
	int fds[2];
	char byte;
	pid_t pid;

	(void)unused;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	if ((pid = fork()) == 0) {
		struct child child;

		plan.fds[3] = fds[1];
		_exit(child_start(&child, &plan, &why) == OK ? 0 : 1);
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(fds[0], &byte, 1), 0); /* the grandchild held the other end */
	close(fds[0]);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_what_the_plan_says_and_no_more),
	    cmocka_unit_test(may_have_a_session_an_environment_and_ids),
	    cmocka_unit_test(exit_codes_are_a_shells),
	    cmocka_unit_test(says_that_it_could_not_start),
	    cmocka_unit_test(its_end_is_told_by_the_loop),
	    cmocka_unit_test(dies_with_its_parent),
	};

	if (argc == 2)
		return as_child(argv[1]);
	assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
