/* Removing trees: all that is in them, nothing that they point to, in pieces. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/remove.h"

#define TOO_DEEP 3000 /* past PATH_MAX and any stack of descriptors */

static char path[64];
static int top;

static int
setup(void **unused)
{
	(void)unused;
	snprintf(path, sizeof(path), "/tmp/openshell-remove-XXXXXX");
	assert_non_null(mkdtemp(path));
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(top >= 0);
	assert_int_equal(mkdirat(top, "tree", 0700), 0);
	assert_int_equal(mkdirat(top, "kept", 0700), 0);
	close(openat(top, "kept/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return 0;
}

/* What is beside the tree must have been left alone. */
static int
teardown(void **unused)
{
	struct why why;

	(void)unused;
	assert_int_equal(faccessat(top, "tree", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(top, "kept/file", F_OK, 0), 0);
	assert_int_equal(tree_remove(top, "kept", 10, &why), OK);
	close(top);
	return rmdir(path);
}

/* How many calls it takes. */
static int
remove_all(unsigned at_once)
{
	struct why why = {0};
	int calls = 1;
	enum err r;

	while ((r = tree_remove(top, "tree", at_once, &why)) == ERR_MORE)
		calls++;
	if (r != OK)
		fail_msg("%s", why.text);
	return calls;
}

static void
nothing_is_fine(void **unused)
{
	struct why why;

	(void)unused;
	assert_int_equal(remove_all(1), 1);
	assert_int_equal(tree_remove(top, "tree", 1, &why), OK);
}

static void
all_kinds(void **unused)
{
	(void)unused;
	assert_int_equal(mkdirat(top, "tree/shut", 0700), 0);
	close(openat(top, "tree/shut/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0));
	assert_int_equal(fchmodat(top, "tree/shut", 0, 0), 0);
	assert_int_equal(mkfifoat(top, "tree/fifo", 0), 0);
	assert_int_equal(symlinkat("../kept", top, "tree/link"), 0);
	assert_int_equal(symlinkat("/nowhere", top, "tree/dangling"), 0);
	assert_int_equal(mkdirat(top, "tree/.hidden", 0700), 0);
	assert_int_equal(fchmodat(top, "tree", 0100, 0), 0);
	assert_int_equal(remove_all(100), 1);
}

static void
in_pieces(void **unused)
{
	char name[64];

	(void)unused;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "tree/%d", i);
		close(openat(top, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	assert_true(remove_all(10) >= 10);
}

static void
too_deep(void **unused)
{
	int fd = openat(top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)unused;
	for (int i = 0; i < TOO_DEEP; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	remove_all(512);
}

static void
a_link_is_not_a_tree(void **unused)
{
	struct why why = {0};

	(void)unused;
	assert_int_equal(unlinkat(top, "tree", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("kept", top, "tree"), 0);
	assert_int_not_equal(tree_remove(top, "tree", 10, &why), OK);
	assert_int_equal(unlinkat(top, "tree", 0), 0);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(nothing_is_fine), CASE(all_kinds), CASE(in_pieces), CASE(too_deep), CASE(a_link_is_not_a_tree)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
