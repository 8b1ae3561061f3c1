/* Reconciling: every pair of what should be and what is, and that following the table always comes to rest. */
#include "tests/unit/test.h"

#include "common/base/clean.h"
#include "services/driver-local/reconcile.h"

static const struct {
	enum want want;
	enum have have;
	enum action action;
} cases[] = {
    {WANT_UNKNOWN, HAVE_RUNNING, ACTION_WAIT}, /* adopted; the list has not come yet */
    {WANT_UNKNOWN, HAVE_KEPT, ACTION_WAIT},
    {WANT_RUNNING, HAVE_NOTHING, ACTION_START},
    {WANT_RUNNING, HAVE_KEPT, ACTION_START},
    {WANT_RUNNING, HAVE_CHANGING, ACTION_WAIT}, /* never a second one beside it */
    {WANT_RUNNING, HAVE_RUNNING, ACTION_REPORT_RUNNING},
    {WANT_RUNNING, HAVE_OTHER, ACTION_KILL},
    {WANT_RUNNING, HAVE_ENDING, ACTION_WAIT},
    {WANT_RUNNING, HAVE_ENDED, ACTION_REPORT_ENDED}, /* an epoch runs once */
    {WANT_RUNNING, HAVE_FAILED, ACTION_REPORT_FAILED},
    {WANT_STOPPED, HAVE_NOTHING, ACTION_REPORT_ENDED},
    {WANT_STOPPED, HAVE_KEPT, ACTION_REPORT_ENDED},
    {WANT_STOPPED, HAVE_CHANGING, ACTION_WAIT},
    {WANT_STOPPED, HAVE_RUNNING, ACTION_TERMINATE},
    {WANT_STOPPED, HAVE_OTHER, ACTION_TERMINATE},
    {WANT_STOPPED, HAVE_ENDING, ACTION_WAIT},
    {WANT_STOPPED, HAVE_ENDED, ACTION_REPORT_ENDED},
    {WANT_STOPPED, HAVE_FAILED, ACTION_REPORT_ENDED},
    {WANT_DELETED, HAVE_NOTHING, ACTION_REPORT_GONE},
    {WANT_DELETED, HAVE_KEPT, ACTION_REMOVE},
    {WANT_DELETED, HAVE_CHANGING, ACTION_WAIT},
    {WANT_DELETED, HAVE_RUNNING, ACTION_KILL},
    {WANT_DELETED, HAVE_OTHER, ACTION_KILL},
    {WANT_DELETED, HAVE_ENDING, ACTION_KILL},
    {WANT_DELETED, HAVE_ENDED, ACTION_REMOVE},
    {WANT_DELETED, HAVE_FAILED, ACTION_REMOVE},
};

static void
does_what_the_table_says(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(reconcile(cases[i].want, cases[i].have), cases[i].action);
}

/* What each step leads to. */
static enum have
after(enum action action, enum have have)
{
	switch (action) {
	case ACTION_START:
		return HAVE_RUNNING;
	case ACTION_TERMINATE:
	case ACTION_KILL:
		/* What ended was of another epoch: the wanted one has not run. */
		return have == HAVE_OTHER ? HAVE_KEPT : HAVE_ENDED;
	case ACTION_REMOVE:
		return HAVE_NOTHING;
	default:
		return have;
	}
}

static void
comes_to_rest_with_a_report(void **unused)
{
	(void)unused;
	for (int want = WANT_RUNNING; want < WANT_COUNT; want++)
		for (int from = 0; from < HAVE_COUNT; from++) {
			enum have have = (enum have)from;
			int steps = 0;

			if (have == HAVE_CHANGING || have == HAVE_ENDING)
				continue; /* comes back as something else */
			while (reconcile((enum want)want, have) < ACTION_REPORT_RUNNING && steps++ < 4)
				have = after(reconcile((enum want)want, have), have);
			assert_true(steps < 4);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(does_what_the_table_says),
	    cmocka_unit_test(comes_to_rest_with_a_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
