/* Control groups: where they are made, in hierarchies that are plain directories here. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/driver-local/cgroup.h"
#include "common/os/remove.h"

static char mounts[64];

static void
directory(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", mounts, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void
file(const char *name, const char *text)
{
	char path[256];
	auto_fd int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", mounts, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int
setup(void **unused)
{
	(void)unused;
	snprintf(mounts, sizeof(mounts), "/tmp/openshell-cgroup-XXXXXX");
	return mkdtemp(mounts) == NULL;
}

static int
teardown(void **unused)
{
	struct why why;

	(void)unused;
	return tree_remove(AT_FDCWD, mounts, 1000, &why);
}

static const char *
within(const struct cgroup_places *places, enum controller controller)
{
	const char *dir = places->at[controller].dir;

	return dir[0] == '\0' ? "" : dir + strlen(mounts);
}

static void
version_1(void **unused)
{
	struct cgroup_places places;

	(void)unused;
	directory("pids");
	directory("memory");
	directory("memory/mine");
	directory("cpu,cpuacct");
	cgroup_find(
	    &places, SPAN("9:pids:/\n4:memory:/mine\n3:cpu,cpuacct:/of/another/namespace\n0::/\n"), mounts, "label");
	assert_string_equal(within(&places, CONTROLLER_PIDS), "/pids");
	assert_string_equal(within(&places, CONTROLLER_MEMORY), "/memory/mine");
	assert_string_equal(within(&places, CONTROLLER_CPU), "/cpu,cpuacct");
	assert_false(places.at[CONTROLLER_CPU].unified);
}

static void
version_2(void **unused)
{
	struct cgroup_places places;

	(void)unused;
	directory("user");
	file("user/cgroup.controllers", "cpu pids\n");
	file("user/cgroup.subtree_control", "pids\n");
	cgroup_find(&places, SPAN("0::/user\n"), mounts, "label");
	assert_string_equal(within(&places, CONTROLLER_PIDS), "/user");
	assert_true(places.at[CONTROLLER_PIDS].unified);
	assert_string_equal(within(&places, CONTROLLER_CPU), "/user"); /* switched on now */
	assert_string_equal(within(&places, CONTROLLER_MEMORY), "");
	assert_non_null(strstr(places.at[CONTROLLER_MEMORY].why, "not delegated"));
}

static void
nowhere(void **unused)
{
	static const char *const texts[] = {"", "\n", ":::", "1:pids", "1:pidsx:/\n", "::/\n"};
	struct cgroup_places places;

	(void)unused;
	for (size_t i = 0; i < COUNT(texts); i++) {
		cgroup_find(&places, span_of_text(texts[i]), mounts, "label");
		for (int j = 0; j < CONTROLLER_COUNT; j++) {
			assert_string_equal(within(&places, (enum controller)j), "");
			assert_true(places.at[j].why[0] != '\0');
		}
	}
}

static void
says_what_each_wall_is(void **unused)
{
	struct cgroup_places places;
	struct cgroup_limits limits = {.pids = 10};
	struct cgroups groups;
	struct cgroup_walls walls;
	struct why why;
	int unified;

	(void)unused;
	directory("pids");
	cgroup_find(&places, SPAN("1:pids:/\n"), mounts, "label");
	cgroup_make(&places, "id", &limits, &groups, &walls);
	/* A plain directory has no pids.max. */
	assert_string_equal(walls.text[CONTROLLER_PIDS], "cgroup_pids=absent: No such file or directory");
	assert_string_equal(walls.text[CONTROLLER_MEMORY], "cgroup_memory=absent: no limit is set");
	file("pids/label-id/pids.max", "");
	cgroup_make(&places, "id", &limits, &groups, &walls);
	assert_string_equal(walls.text[CONTROLLER_PIDS], "cgroup_pids=enforced");
	assert_int_equal(cgroup_enter(&groups, &unified, &why), ERR_SYSTEM); /* no tasks */
	file("pids/label-id/tasks", "");
	assert_int_equal(cgroup_enter(&groups, &unified, &why), OK);
	assert_int_equal(unified, -1);
	groups.unified[CONTROLLER_PIDS] = true; /* version 2: the child is born into it */
	assert_int_equal(cgroup_enter(&groups, &unified, &why), OK);
	assert_true(unified >= 0);
	close(unified);
	assert_int_equal(cgroup_remove(&places, "nothing", &why), OK);
}

static bool
keep_the_others(void *self, struct span id)
{
	(void)self;
	return !span_is(id, "left");
}

static void
collects_its_own(void **unused)
{
	struct cgroup_places places;
	char path[256];

	(void)unused;
	directory("pids");
	directory("pids/label-left");
	directory("pids/label-known");
	directory("pids/other-left");
	cgroup_find(&places, SPAN("1:pids:/\n"), mounts, "label");
	cgroup_collect(&places, keep_the_others, NULL);
	snprintf(path, sizeof(path), "%s/pids/label-left", mounts);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/pids/label-known", mounts);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/pids/other-left", mounts);
	assert_int_equal(access(path, F_OK), 0);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(version_1), CASE(version_2), CASE(nowhere), CASE(says_what_each_wall_is), CASE(collects_its_own)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
