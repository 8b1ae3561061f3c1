/* The life cycle, every row of it: what each event does in each phase. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "services/state/lifecycle.h"

#define P PHASE_PROVISIONING
#define R PHASE_READY
#define E PHASE_ERROR
#define D PHASE_DELETING
#define U PHASE_UNKNOWN
#define G PHASE_STOPPING
#define S PHASE_STOPPED
#define T PHASE_STARTING

enum { NOTHING = -1, REFUSED = -2, REMOVED = -3 };

/* For the phases in the order of enum phase (from 1): the phase after it, or one of the words above. */
static const struct {
	enum event event;
	int after[8];
} cases[] = {
    /*                     provisioning ready    error    deleting unknown  stopping stopped  starting */
    {EVENT_BEGUN, {P, NOTHING, NOTHING, NOTHING, U, NOTHING, NOTHING, T}},
    {EVENT_RUNNING, {P, NOTHING, NOTHING, NOTHING, U, NOTHING, NOTHING, T}},
    {EVENT_ENDED, {P, P, NOTHING, NOTHING, P, S, NOTHING, P}},
    {EVENT_ENDED_OFTEN, {E, E, NOTHING, NOTHING, E, NOTHING, NOTHING, E}},
    {EVENT_FAILED, {E, E, NOTHING, D, E, E, NOTHING, E}},
    {EVENT_GONE, {P, P, NOTHING, REMOVED, P, S, NOTHING, P}},
    {EVENT_GONE_OFTEN, {E, E, NOTHING, NOTHING, E, NOTHING, NOTHING, E}},
    {EVENT_SESSION_UP, {P, NOTHING, NOTHING, NOTHING, U, NOTHING, NOTHING, T}},
    {EVENT_SESSION_BACK, {R, NOTHING, NOTHING, NOTHING, R, NOTHING, NOTHING, R}},
    {EVENT_SESSION_DOWN, {P, P, NOTHING, NOTHING, U, NOTHING, NOTHING, T}},
    {EVENT_SESSION_LOST, {P, P, NOTHING, NOTHING, U, NOTHING, NOTHING, T}},
    {EVENT_READY, {R, R, NOTHING, NOTHING, R, NOTHING, NOTHING, R}},
    {EVENT_UNABLE, {E, E, NOTHING, NOTHING, E, NOTHING, NOTHING, E}},
    {EVENT_EXITED, {E, E, NOTHING, NOTHING, E, NOTHING, NOTHING, E}},
    {EVENT_STOP, {REFUSED, G, REFUSED, REFUSED, REFUSED, G, S, REFUSED}},
    {EVENT_START, {P, R, REFUSED, REFUSED, U, REFUSED, T, T}},
    {EVENT_DELETE, {D, D, D, D, D, D, D, D}},
};

static int
outcome(enum phase phase, enum event event)
{
	const struct step *step = lifecycle_step(phase, event);

	if (step == NULL)
		return NOTHING;
	if ((step->effects & EFFECT_REFUSE) != 0)
		return REFUSED;
	if ((step->effects & EFFECT_REMOVE) != 0)
		return REMOVED;
	return step->to == PHASE_NONE ? (int)phase : (int)step->to;
}

static void
each_event_in_each_phase(void **unused)
{
	(void)unused;
	assert_int_equal(COUNT(cases), EVENT_COUNT);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(cases[i].event, i);
		for (int phase = 1; phase < PHASE_COUNT; phase++)
			if (outcome((enum phase)phase, cases[i].event) != cases[i].after[phase - 1])
				fail_msg("event %zu in phase %s: %d, not %d", i, phase_name((enum phase)phase),
				    outcome((enum phase)phase, cases[i].event), cases[i].after[phase - 1]);
	}
}

/* What the schema demands too: a ready sandbox says True, all others False, and a new epoch is only ever for running. */
static void
each_row_is_sound(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < lifecycle_n; i++) {
		const struct step *step = &lifecycle[i];
		bool used = false;

		for (int phase = 1; phase < PHASE_COUNT; phase++)
			used |= lifecycle_step((enum phase)phase, step->event) == step;
		assert_true(used); /* no row is hidden behind another */
		assert_true(step->to == PHASE_NONE || step->ready != NULL);
		if (step->ready != NULL) {
			assert_int_equal(strcmp(step->ready, "True") == 0, step->to == PHASE_READY);
			assert_true(strlen(step->reason) > 0 && strlen(step->reason) <= 64);
			assert_true(strlen(step->message) > 0);
		}
		if ((step->effects & (EFFECT_AGAIN | EFFECT_AFRESH)) != 0)
			assert_int_equal(lifecycle_want(step->to), WANT_RUNNING);
	}
}

static void
what_a_driver_should_do(void **unused)
{
	static const enum want wants[] = {
	    [P] = WANT_RUNNING,
	    [R] = WANT_RUNNING,
	    [E] = WANT_STOPPED,
	    [D] = WANT_DELETED,
	    [U] = WANT_RUNNING,
	    [G] = WANT_STOPPED,
	    [S] = WANT_STOPPED,
	    [T] = WANT_RUNNING,
	};

	(void)unused;
	for (int phase = 1; phase < PHASE_COUNT; phase++)
		assert_int_equal(lifecycle_want((enum phase)phase), wants[phase]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_event_in_each_phase),
	    cmocka_unit_test(each_row_is_sound),
	    cmocka_unit_test(what_a_driver_should_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
