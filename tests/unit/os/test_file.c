/* Files as a whole: put, replaced, sealed; and what is there when it fails. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"
#include "common/os/remove.h"

static char directory[64];

static int
setup(void **unused)
{
	(void)unused;
	snprintf(directory, sizeof(directory), "/tmp/openshell-file-XXXXXX");
	return mkdtemp(directory) == NULL;
}

static int
teardown(void **unused)
{
	struct why why;

	(void)unused;
	return tree_remove_whole(AT_FDCWD, directory, &why) != OK;
}

static const char *
at(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
assert_holds(const char *name, const char *want)
{
	auto_fd int fd = open(at(name), O_RDONLY | O_CLOEXEC);
	char text[64] = {0};

	assert_true(fd >= 0);
	assert_int_equal(read(fd, text, sizeof(text) - 1), (ssize_t)strlen(want));
	assert_string_equal(text, want);
}

static void
test_put(void **unused)
{
	struct why why = {0};

	(void)unused;
	assert_int_equal(file_put(at("none"), "text", &why), ERR_SYSTEM); /* makes none */
	assert_non_null(strstr(why.text, at("none")));
	assert_int_equal(access(at("none"), F_OK), -1);
	assert_int_equal(file_replace(at("old"), 0600, SPAN("old words"), false, &why), OK);
	assert_int_equal(file_put(at("old"), "new", &why), OK);
	assert_holds("old", "new words"); /* nothing is cut: the kernel's files know no length */
	assert_int_equal(file_put(directory, "text", &why), ERR_SYSTEM);
}

static void
test_replace(void **unused)
{
	struct why why = {0};
	struct stat st;

	(void)unused;
	for (int lasting = 0; lasting < 2; lasting++) {
		auto_fd int reader = -1;
		char text[8] = {0};

		assert_int_equal(file_replace(at("file"), 0600, SPAN("first"), lasting, &why), OK);
		reader = open(at("file"), O_RDONLY | O_CLOEXEC);
		assert_int_equal(file_replace(at("file"), 0644, SPAN("second"), lasting, &why), OK);
		assert_int_equal(read(reader, text, sizeof(text)), 5); /* who read the old one still does */
		assert_string_equal(text, "first");
		assert_holds("file", "second");
		assert_int_equal(stat(at("file"), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0644);
	}
	assert_int_equal(file_replace(at("file"), 0644, SPAN(""), true, &why), OK);
	assert_holds("file", "");
}

/* A failure leaves neither half a file nor the one beside it. */
static void
test_replace_fails(void **unused)
{
	char name[PATH_MAX + 1];
	struct why why = {0};

	(void)unused;
	memset(name, 'n', sizeof(name));
	name[PATH_MAX - 7] = '\0';
	assert_int_equal(file_replace(name, 0600, SPAN("x"), false, &why), ERR_RANGE);
	assert_int_equal(file_replace(at("no/such"), 0600, SPAN("x"), false, &why), ERR_SYSTEM);
	assert_int_equal(mkdir(at("taken"), 0700), 0);
	assert_int_equal(file_replace(at("taken"), 0600, SPAN("x"), true, &why), ERR_SYSTEM);
	assert_non_null(strstr(why.text, "taken"));
	assert_int_equal(rmdir(at("taken")), 0);
	assert_int_equal(rmdir(directory), 0); /* so nothing is left in it */
	assert_int_equal(mkdir(directory, 0700), 0);
}

static void
test_sealed(void **unused)
{
	auto_fd int fd = -1;
	struct why why = {0};
	char text[8] = {0};

	(void)unused;
	assert_int_equal(memfd_sealed("test", SPAN("bytes"), &fd, &why), OK);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "bytes");
	assert_int_equal(pwrite(fd, "B", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_put, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_replace_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_sealed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
