/* The jail: what /proc says of a process in one, and what it can no longer do, as root and as an ordinary user. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/child.h"

#define ORDINARY_ID 65533 /* no account needed */
#define EVERY_JAIL                                                                                                     \
	"NoNewPrivs:\t1|Seccomp:\t2|CapInh:\t0000000000000000|CapAmb:\t0000000000000000|dumpable=0|descriptor_left=EBADF|"
#define NO_CAPS "CapPrm:\t0000000000000000|CapEff:\t0000000000000000|CapBnd:\t0000000000000000|"
#define NO_WAY_OUT                                                                                                     \
	"new_user_namespace=EPERM|mount=EPERM|ptrace=EPERM|become_root=EPERM|leave_root=EPERM|load_module=EPERM|io_uring=EPERM|"

enum who { ROOT = 1, ORDINARY = 2, ANYONE = 3 };

static const char *probe, *zmq;
static char directory[64];

static const struct {
	const char *name;
	enum who who;
	const char *arguments; /* separated by spaces; %s is the directory */
	const char *want;      /* separated by | */
} cases[] = {
    {"stdio alone, in an empty root", ANYONE, "uid=65500 promises=1",
	EVERY_JAIL NO_CAPS NO_WAY_OUT
	"list_root=EPERM|read_passwd=EPERM|write_root=EPERM|socket_inet=EPERM|socket_unix=EPERM|socket_netlink=EPERM|"
	"fork=EPERM|exec=EPERM|thread=EPERM|clone3=ENOSYS|kill_parent=EPERM|kill_self=ok|run_memory=EPERM|terminal=EPERM"},
    {"no promise is stdio", ANYONE, "uid=65500 promises=0", EVERY_JAIL NO_CAPS NO_WAY_OUT "socket_unix=EPERM"},
    {"another user", ROOT, "uid=65500 promises=1 root=%s",
	"Uid:\t65500\t65500\t65500\t65500|Gid:\t65500\t65500\t65500\t65500|Groups:\t \n|" NO_CAPS},
    {"a user stays who it is", ORDINARY, "uid=65500 promises=1 root=%s",
	"Uid:\t65533\t65533\t65533\t65533|Gid:\t65533\t65533\t65533\t65533|" NO_CAPS},
    {"an empty root has nothing in it", ANYONE, "uid=65500 promises=31 landlock=0",
	EVERY_JAIL NO_CAPS NO_WAY_OUT "list_root=ok|read_passwd=ENOENT|write_root=EROFS"},
    {"paths below its root", ANYONE, "uid=65500 promises=31 root=%s read=/r write=/w",
	EVERY_JAIL NO_CAPS NO_WAY_OUT
	"read_file=ok|write_read_only=EACCES|write_file=ok|write_root=EACCES|list_root=EACCES|"
	"read_passwd=ENOENT"},
    {"reading alone", ANYONE, "uid=65500 promises=11 root=%s read=/",
	"read_file=ok|write_file=EPERM|write_root=EPERM|list_root=ok"},
    {"internet sockets", ANYONE, "uid=65500 promises=3",
	"socket_inet=ok|socket_unix=EPERM|socket_netlink=EPERM|thread=EPERM"},
    {"unix sockets", ANYONE, "uid=65500 promises=5", "socket_inet=EPERM|socket_unix=ok|socket_netlink=EPERM"},
    {"the bus", ANYONE, "uid=65500 promises=9",
	NO_WAY_OUT
	"socket_inet=ok|socket_unix=ok|socket_netlink=EOPNOTSUPP|thread=ok|clone3=ENOSYS|fork=EPERM|run_memory=EPERM"},
    {"processes", ANYONE, "uid=65500 promises=41",
	NO_WAY_OUT "fork=ok|exec=ENOENT|kill_parent=EPERM|run_memory=ok|thread=ok"},
    {"signals", ROOT, "uid=0 caps=20 promises=81 root=/ landlock=0",
	"kill_parent=ok|fork=EPERM|CapEff:\t0000000000000020"},
    {"files from any place", ANYONE, "uid=65500 promises=1", "seek=ok|cut=ok"},
    {"a file that only grows", ANYONE, "uid=65500 promises=4001", "cut=EPERM"},
    {"who answers a listener reads from the beginning", ANYONE, "uid=65500 promises=1811 root=%s landlock=0",
	"seek=EPERM|read_file=ok"},
    {"terminals", ANYONE, "uid=65500 promises=201 root=/ landlock=0",
	"terminal=ENOTTY|type=EPERM|read_passwd=EPERM|list_root=EPERM|fork=EPERM"},
    {"a builder of sandboxes, as root", ROOT, "promises=1c9 root=/ landlock=0 caps=e1",
	EVERY_JAIL
	"CapPrm:\t00000000000000e1|CapEff:\t00000000000000e1|CapBnd:\t00000000000000e1|load_module=EPERM|io_uring=EPERM|"
	"mount=EPERM|leave_root=EPERM|fork=ok|new_user_namespace=ok"},
    {"a builder of sandboxes, as a user", ORDINARY, "promises=1c9 root=/ landlock=0 caps=e1",
	EVERY_JAIL
	"CapPrm:\t0000000000000000|CapEff:\t0000000000000000|become_root=EPERM|mount=EPERM|load_module=EPERM|"
	"new_user_namespace=ok"},
    {"no such root", ANYONE, "promises=1 root=%s/nothing",
	"refused probe: jail: root directory: %s/nothing: No such file"},
    {"no such path", ANYONE, "promises=1 root=%s read=/nothing",
	"refused probe: jail: landlock: /nothing: No such file"},
    {"root that stays, with nothing", ROOT, "uid=0 promises=1 root=%s",
	"Uid:\t0\t0\t0\t0|" NO_CAPS "become_root=EPERM"},
};

/* Run a helper as root or as an ordinary user and read all it says. */
static int
run(const char *program, const char *const *argv, enum who who, char *said, size_t size)
{
	struct child_plan plan = {.path = program,
	    .argv = argv,
	    .uid = ORDINARY_ID,
	    .gid = ORDINARY_ID,
	    .set_ids = who == ORDINARY && geteuid() == 0,
	    .fds = {-1, -1, 2},
	    .fds_count = 3};
	struct child child;
	struct why why = {0};
	size_t used = 0;
	ssize_t n;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	plan.fds[1] = fds[1];
	if (child_start(&child, &plan, &why) != OK)
		fail_msg("%s", why.text);
	close(fds[1]);
	while ((n = read(fds[0], said + used, size - 1 - used)) > 0)
		used += (size_t)n;
	said[used] = '\0';
	close(fds[0]);
	return child_exit_code(child_wait(&child));
}

static bool
reachable(enum who who, const char *program)
{
	const char *argv[] = {program, NULL};
	struct child_plan plan = {
	    .path = program, .argv = argv, .uid = ORDINARY_ID, .gid = ORDINARY_ID, .set_ids = true};
	struct child child;

	if (who == ROOT || geteuid() != 0)
		return (who == ROOT) == (geteuid() == 0);
	if (child_start(&child, &plan, NULL) != OK)
		return false;
	child_wait(&child);
	return true;
}

static void
filled_in(const char *text, char *to, size_t size)
{
	const char *at = strstr(text, "%s");

	if (at == NULL)
		snprintf(to, size, "%s", text);
	else
		snprintf(to, size, "%.*s%s%s", (int)(at - text), text, directory, at + 2);
}

static void
check(size_t i, enum who who)
{
	char said[8192], arguments[512], wants[1024], *rest = arguments, *want;
	const char *argv[12] = {"jail_probe"};
	size_t n = 1;

	filled_in(cases[i].arguments, arguments, sizeof(arguments));
	filled_in(cases[i].want, wants, sizeof(wants));
	while (n < COUNT(argv) - 1 && (argv[n] = strsep(&rest, " ")) != NULL)
		n++;
	run(probe, argv, who, said, sizeof(said));
	for (rest = wants; (want = strsep(&rest, "|")) != NULL;)
		if (strstr(said, want) == NULL)
			fail_msg("%s, as %s: not \"%s\" in:\n%s", cases[i].name, who == ROOT ? "root" : "a user", want,
			    said);
}

static void
clean_up(void)
{
	static const char *const made[] = {"made", "r/made", "w/made", "w/bus"};
	char path[128];

	for (size_t i = 0; i < COUNT(made); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, made[i]);
		unlink(path);
	}
	unlink("/made");
}

static void
each_jail_holds(void **unused)
{
	static const enum who both[] = {ROOT, ORDINARY};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t j = 0; j < COUNT(both); j++)
			if ((cases[i].who & both[j]) != 0 && reachable(both[j], probe)) {
				check(i, both[j]);
				clean_up();
			}
}

static void
zmq_works_in_one(void **unused)
{
	const char *argv[] = {"jail_zmq", directory, "65500", NULL};
	static const enum who both[] = {ROOT, ORDINARY};
	char said[512];

	(void)unused;
	for (size_t j = 0; j < COUNT(both); j++) {
		if (!reachable(both[j], zmq))
			continue;
		run(zmq, argv, both[j], said, sizeof(said));
		assert_string_equal(said, "exchanged\n");
		clean_up();
	}
}

static void
make(const char *name, mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int
setup(void **unused)
{
	char path[128];

	(void)unused;
	snprintf(directory, sizeof(directory), "/tmp/openshell-jail-XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chmod(directory, 0755), 0);
	make("r", 0777);
	make("w", 0777);
	snprintf(path, sizeof(path), "%s/r/file", directory);
	close(open(path, O_WRONLY | O_CREAT, 0644));
	return 0;
}

static int
teardown(void **unused)
{
	static const char *const made[] = {"r/file", "r", "w", ""};
	char path[128];

	(void)unused;
	for (size_t i = 0; i < COUNT(made); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, made[i]);
		remove(path);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_jail_holds),
	    cmocka_unit_test(zmq_works_in_one),
	};

	assert_int_equal(argc, 3);
	probe = argv[1];
	zmq = argv[2];
	return cmocka_run_group_tests(tests, setup, teardown);
}
