/* The texts of /proc: a process names itself, and may name itself after the rest of the line. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "sandbox/policyd/proc_text.h"

#define TAIL " 40 40 34816 40 4194560 100 0 0 0 1 2 3 4 20 0 7 0 12345 1000 200"

static const struct {
	const char *text;
	enum err want;
	struct proc_stat stat;
} stats[] = {
    {"42 (sleep) S 7" TAIL, OK, {42, 7, 'S', 7}},
    {"42 (a b) c) R 7" TAIL, OK, {42, 7, 'R', 7}},
    {"42 () Z 0" TAIL, OK, {42, 0, 'Z', 7}},
    {"42 () Z 1) S 7" TAIL, OK, {42, 7, 'S', 7}},	 /* named ") Z 1" */
    {"42 (x\n9 (y) R 1) S 7" TAIL, OK, {42, 7, 'S', 7}}, /* and a line of its own */
    {"4294967295 (x) S 4294967295" TAIL, OK, {UINT32_MAX, UINT32_MAX, 'S', 7}},
    {"4294967296 (x) S 7" TAIL, ERR_SYNTAX, {0}},
    {"42 (x) S 4294967296" TAIL, ERR_SYNTAX, {0}},
    {"42 (x) S -1" TAIL, ERR_SYNTAX, {0}},
    {"42 (x) SS 7" TAIL, ERR_SYNTAX, {0}},
    {"42 (x)S 7" TAIL, ERR_SYNTAX, {0}},
    {"42 (x)", ERR_SYNTAX, {0}},
    {"42 (x) ", ERR_SYNTAX, {0}},
    {"42 (x) S 7 40 40", ERR_SYNTAX, {0}},
    {"(x) S 7" TAIL, ERR_SYNTAX, {0}},
    {" (x) S 7" TAIL, ERR_SYNTAX, {0}},
    {"42 x) S (7" TAIL, ERR_SYNTAX, {0}},
    {"42 x S 7" TAIL, ERR_SYNTAX, {0}},
    {"", ERR_SYNTAX, {0}},
};

static void
test_stat(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(stats); i++) {
		struct proc_stat got = {1, 2, 'q', 3};
		struct why why = {0};
		enum err r = proc_stat_parse(span_of_text(stats[i].text), &got, &why);

		if (r != stats[i].want)
			fail_msg("%s: %s", stats[i].text, err_name(r));
		assert_int_equal(got.pid, r == OK ? stats[i].stat.pid : 1);
		assert_int_equal(got.parent, r == OK ? stats[i].stat.parent : 2);
		assert_int_equal(got.state, r == OK ? stats[i].stat.state : 'q');
		assert_int_equal(got.threads, r == OK ? stats[i].stat.threads : 3);
		assert_true(r == OK || why.text[0] != '\0');
	}
}

static const struct {
	const char *text;
	enum err want;
	struct proc_fdinfo info;
} infos[] = {
    {"pos:\t0\nflags:\t02000002\nmnt_id:\t10\nino:\t6625499\n", OK, {10, 6625499}},
    {"mnt_id:\t0\nino:\t18446744073709551615\n", OK, {0, UINT64_MAX}},
    {"mnt_id:\t10\nino:\t5\neventfd-count: 3\nino:\t7\n", OK, {10, 5}}, /* what the driver adds comes behind */
    {"mnt_id:\t10\nino:\t18446744073709551616\n", ERR_SYNTAX, {0}},
    {"mnt_id:\t10\nino:\t\n", ERR_SYNTAX, {0}},
    {"mnt_id:\t10\nino:\t5 6\n", ERR_SYNTAX, {0}},
    {"mnt_id:\t-1\nino:\t5\n", ERR_SYNTAX, {0}},
    {"pos:\t0\nflags:\t02\nmnt_id:\t10\n", ERR_SYNTAX, {0}}, /* before Linux 5.14 */
    {"ino:\t5\n", ERR_SYNTAX, {0}},
    {" mnt_id:\t1\n ino:\t5\n", ERR_SYNTAX, {0}},
    {"", ERR_SYNTAX, {0}},
};

static void
test_fdinfo(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(infos); i++) {
		struct proc_fdinfo got = {1, 2};
		struct why why = {0};
		enum err r = proc_fdinfo_parse(span_of_text(infos[i].text), &got, &why);

		if (r != infos[i].want)
			fail_msg("%s: %s", infos[i].text, err_name(r));
		assert_true(got.mount == (r == OK ? infos[i].info.mount : 1));
		assert_true(got.inode == (r == OK ? infos[i].info.inode : 2));
		assert_true(r == OK || why.text[0] != '\0');
	}
}

static const struct {
	const char *text;
	enum err want;
	uint32_t pid;
} statuses[] = {
    {"Name:\ta\nPid:\t90\nNSpid:\t90\t7\nNSpgid:\t90\t7\n", OK, 7},
    {"NSpid:\t90\n", OK, 90},
    {"NSpid:\t90\t8\t4294967295", OK, UINT32_MAX},
    {"Name:\tx\\nNSpid:\t1\nNSpid:\t90\t7\n", OK, 7}, /* the kernel escapes what a name holds */
    {"NSpid:\t90\t4294967296\n", ERR_SYNTAX, 0},
    {"NSpid:\t90\t0\n", ERR_SYNTAX, 0},
    {"NSpid:\t90 7\n", ERR_SYNTAX, 0},
    {"NSpid:\t\n", ERR_SYNTAX, 0},
    {"NSpid:", ERR_SYNTAX, 0},
    {"Pid:\t90\n", ERR_SYNTAX, 0},
    {"", ERR_SYNTAX, 0},
};

static void
test_inner_pid(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		uint32_t got = 77;
		struct why why = {0};
		enum err r = proc_inner_pid_parse(span_of_text(statuses[i].text), &got, &why);

		if (r != statuses[i].want)
			fail_msg("%s: %s", statuses[i].text, err_name(r));
		assert_int_equal(got, r == OK ? statuses[i].pid : 77);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stat),
	    cmocka_unit_test(test_fdinfo),
	    cmocka_unit_test(test_inner_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
