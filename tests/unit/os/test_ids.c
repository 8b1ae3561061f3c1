/* Ids of user namespaces: which numbers a map has, and a namespace that has one. */
#include "tests/unit/test.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/ids.h"

static void
test_maps(void **unused)
{
	static const struct {
		const char *map;
		uint32_t id;
		bool want;
	} cases[] = {
	    {"         0     200000      65536\n", 0, true},
	    {"         0     200000      65536\n", 65535, true},
	    {"         0     200000      65536\n", 65536, false}, /* one past the last */
	    {"         0       1000          1\n", 0, true},
	    {"         0       1000          1\n", 1, false},
	    {"      1000       1000          1\n", 999, false}, /* one before the first */
	    {"      1000       1000          1\n", 1000, true},
	    {"0 1000 1\n1 100000 64303\n", 64303, true}, /* the second line counts too */
	    {"0 1000 1\n1 100000 64303\n", 64304, false},
	    {"0 0 4294967295\n", 4294967294u, true},
	    {"0 0 4294967295\n", 4294967295u, false}, /* no id at all */
	    {"4294967294 0 2\n", 0, false},	      /* does not wrap round */
	    {"", 0, false},
	    {"words\n", 0, false},
	    {"0 1000\n", 0, false},
	};
	char path[] = "/tmp/openshell-ids-XXXXXX";
	int fd = mkstemp(path);

	(void)unused;
	assert_true(fd >= 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, cases[i].map, strlen(cases[i].map), 0), (ssize_t)strlen(cases[i].map));
		if (id_mapped_in(path, cases[i].id) != cases[i].want)
			fail_msg("%u in \"%s\"", cases[i].id, cases[i].map);
	}
	close(fd);
	unlink(path);
	assert_false(id_mapped_in(path, 0));
	assert_true(id_mapped(geteuid()));
}

/* Exit 0: as asked; 1: not; 2: this system has no user namespaces for us. */
static int
inside(int dumpable)
{
	struct why why = {0};

	if (prctl(PR_SET_DUMPABLE, dumpable) < 0)
		return 1;
	if (ids_enter(CLONE_NEWNS, 12, 34, &why) != OK)
		return strstr(why.text, "refuses user namespaces") != NULL ? 2 : 1;
	return geteuid() == 12 && getegid() == 34 && id_mapped_in("/proc/self/uid_map", 12) &&
		       !id_mapped_in("/proc/self/uid_map", 0) && id_mapped_in("/proc/self/gid_map", 34) &&
		       !id_mapped(12) && prctl(PR_GET_DUMPABLE) == dumpable
		   ? 0
		   : 1;
}

static void
test_enter(void **unused)
{
	(void)unused;
	for (int dumpable = 0; dumpable < 2; dumpable++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(inside(dumpable));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status == 2 << 8)
			skip();
		assert_int_equal(status, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_maps),
	    cmocka_unit_test(test_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
