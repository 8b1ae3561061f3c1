/* Children of the gateway: the backoff's steps, readiness, death and a start that fails. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/gateway/process.h"

#include <cmocka.h>

static void
test_backoff(void **state)
{
	static const struct {
		uint64_t ran_ms;
		uint32_t want;
	} steps[] = {{5, 0}, {5, 100}, {5, 200}, {9999, 400}, {10000, 400}, {0, 800}, {0, 800}, {29999, 800},
	    {30000, 0}, {5, 100}};
	struct backoff backoff = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++)
		if (backoff_next(&backoff, steps[i].ran_ms) != steps[i].want)
			fail_msg("step %zu: %u ms", i, backoff.delay_ms);
}

/* What the process did, one letter a state. */
struct seen {
	char states[64];
	struct loop *loop;
	const char *until;
};

static void
changed(void *self, struct process *process)
{
	struct seen *seen = self;
	size_t n = strlen(seen->states);

	if (n < sizeof(seen->states) - 1)
		seen->states[n] = "osuwS"[process->state];
	if (strcmp(seen->states, seen->until) == 0)
		loop_stop(seen->loop);
}

static void
fixture(struct process *process, struct seen *seen, const char *const *argv)
{
	struct why why;

	*seen = (struct seen){.until = ""};
	assert_int_equal(loop_new(&seen->loop, &why), OK);
	*process = (struct process){.name = "test",
	    .ready_number = 5,
	    .start_limit_ms = 20000,
	    .stop_signal = SIGTERM,
	    .loop = seen->loop,
	    .changed = changed,
	    .self = seen,
	    .plan = {.path = argv[0], .argv = argv, .fds = {-1, -1, 2, -1, -1, -1}, .fds_count = 6}};
}

static void
run_until(struct seen *seen, const char *states)
{
	uint64_t end_ms = clock_ms() + 20000;
	struct why why;

	while (strcmp(seen->states, states) != 0) {
		if (clock_ms() > end_ms)
			fail_msg("\"%s\" instead of \"%s\"", seen->states, states);
		assert_int_equal(loop_turn(seen->loop, 100, &why), OK);
	}
}

/* o off, s starting, u up, w waiting, S stopping */
static void
test_life(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo ready >&5; exec sleep 1000", NULL};
	struct process process;
	struct seen seen;

	(void)state;
	fixture(&process, &seen, argv);
	process_start(&process);
	run_until(&seen, "su");
	child_kill(&process.child, SIGKILL);
	run_until(&seen, "suwsu"); /* at once the first time */
	assert_int_equal(process.restarts, 1);
	process_stop(&process, 0, 5000);
	run_until(&seen, "suwsuSo");
	process_end(&process);
	loop_free(seen.loop);
}

static void
test_failed(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo failed: no hat >&5; exit 3", NULL};
	const char *silent[] = {"/bin/sh", "-c", "exit 3", NULL}, *none[] = {"/nonexistent", NULL};
	struct process process;
	struct seen seen;

	(void)state;
	fixture(&process, &seen, argv);
	process_start(&process);
	run_until(&seen, "so"); /* one that never served is not started again */
	assert_string_equal(process.said, "failed: no hat");
	loop_free(seen.loop);
	fixture(&process, &seen, silent);
	process_start(&process);
	run_until(&seen, "so");
	assert_string_equal(process.said, "failed: it ended with code=3; the log says more");
	loop_free(seen.loop);
	fixture(&process, &seen, none);
	process_start(&process);
	run_until(&seen, "o");
	assert_non_null(strstr(process.said, "/nonexistent"));
	loop_free(seen.loop);
}

/* One that does not obey is killed, and one that never serves too. */
static void
test_deaf(void **state)
{
	const char *deaf[] = {"/bin/sh", "-c", "trap '' TERM; echo ready >&5; exec sleep 1000", NULL};
	const char *slow[] = {"/bin/sh", "-c", "exec sleep 1000", NULL};
	struct process process;
	struct seen seen;

	(void)state;
	fixture(&process, &seen, deaf);
	process_start(&process);
	run_until(&seen, "su");
	process_stop(&process, 0, 50);
	run_until(&seen, "suSo");
	loop_free(seen.loop);
	fixture(&process, &seen, slow);
	process.start_limit_ms = 50;
	process_start(&process);
	run_until(&seen, "so");
	assert_string_equal(process.said, "failed: it did not serve within 0 seconds; the log says more");
	process_end(&process);
	loop_free(seen.loop);
}

/* One that serves, and waits for something: its words stay. */
static void
test_but(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "echo ready: no database yet >&5; exec sleep 1000", NULL};
	const char *other[] = {"/bin/sh", "-c", "echo ready to go >&5; exit 0", NULL};
	struct process process;
	struct seen seen;

	(void)state;
	fixture(&process, &seen, argv);
	process_start(&process);
	run_until(&seen, "su");
	assert_string_equal(process.said, "ready: no database yet\n");
	process_stop(&process, 0, 5000);
	run_until(&seen, "suSo");
	process_end(&process);
	loop_free(seen.loop);
	fixture(&process, &seen, other);
	process_start(&process);
	run_until(&seen, "so");
	loop_free(seen.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_backoff),
	    cmocka_unit_test(test_life),
	    cmocka_unit_test(test_failed),
	    cmocka_unit_test(test_deaf),
	    cmocka_unit_test(test_but),
	};

	log_open("test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
