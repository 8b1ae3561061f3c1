/* Uid ranges: each sandbox its own, also across a restart of the driver. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/driver-local/uids.h"

static const struct id a = {{1}}, b = {{2}}, c = {{3}}, d = {{4}};

static bool
only_b(void *self, struct id id)
{
	(void)self;
	return id_equal(id, b);
}

static void
open_again(struct uids *uids, const char *path)
{
	struct why why;

	uids_close(uids);
	assert_int_equal(uids_open(uids, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 3, &why), OK);
}

static void
each_its_own(void **unused)
{
	char path[] = "/tmp/openshell-uids-XXXXXX";
	struct uids uids = {0};
	struct why why = {0};
	uint32_t n;

	(void)unused;
	assert_non_null(mkdtemp(path));
	open_again(&uids, path);
	assert_int_equal(uids_take(&uids, a, &n, &why), OK);
	assert_int_equal(n, 0);
	assert_int_equal(uids_take(&uids, b, &n, &why), OK);
	assert_int_equal(n, 1);
	assert_int_equal(uids_take(&uids, a, &n, &why), OK); /* keeps it */
	assert_int_equal(n, 0);
	assert_int_equal(symlinkat("rubbish", uids.dir, "2"), 0);
	open_again(&uids, path); /* rubbish is gone, the rest is there */
	assert_int_equal(uids_take(&uids, c, &n, &why), OK);
	assert_int_equal(n, 2);
	assert_int_equal(uids_take(&uids, d, &n, &why), ERR_LIMIT);
	assert_int_equal(uids_take(&uids, b, &n, &why), OK);
	assert_int_equal(n, 1);
	uids_give(&uids, a);
	uids_give(&uids, a);
	assert_int_equal(uids_take(&uids, d, &n, &why), OK);
	assert_int_equal(n, 0);
	uids_collect(&uids, only_b, NULL);
	open_again(&uids, path);
	assert_int_equal(uids_take(&uids, c, &n, &why), OK);
	assert_int_equal(n, 0);
	uids_collect(&uids, only_b, NULL);
	uids_give(&uids, b);
	uids_close(&uids);
	assert_int_equal(rmdir(path), 0); /* nothing is left in it */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_its_own)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
