/* The loop: what is ready is served, in time, and taking away inside a callback is safe. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/os/loop.h"

static struct loop *loop;
static char trace[64];
static size_t traced;

static void
note(char what)
{
	assert_true(traced < sizeof(trace) - 1);
	trace[traced++] = what;
	trace[traced] = '\0';
}

static int
setup(void **unused)
{
	struct why why;

	(void)unused;
	traced = 0;
	trace[0] = '\0';
	assert_int_equal(loop_new(&loop, &why), OK);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	loop_free(loop);
	return 0;
}

struct end {
	struct watch watch;
	struct end *other; /* to take away when this one is served */
	int fd;
	char name;
};

static void
end_ready(void *self, uint32_t events)
{
	struct end *end = self;
	char byte;

	(void)events;
	note(end->name);
	assert_int_equal(read(end->fd, &byte, 1), 1);
	if (end->other != NULL)
		loop_remove(loop, &end->other->watch);
}

static int
end_open(struct end *end, char name, struct end *other)
{
	struct why why;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	*end = (struct end){.fd = fds[0], .name = name, .other = other};
	assert_int_equal(loop_add(loop, &end->watch, fds[0], EPOLLIN, end_ready, end, &why), OK);
	return fds[1];
}

static void
end_close(struct end *end, int write_fd)
{
	loop_remove(loop, &end->watch);
	close(end->fd);
	close(write_fd);
}

static void
serves_what_is_ready(void **unused)
{
	struct why why;
	struct end a;
	int to_a = end_open(&a, 'a', NULL);

	(void)unused;
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_string_equal(trace, "");
	assert_int_equal(write(to_a, "12", 2), 2);
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_int_equal(loop_turn(loop, 0, &why), OK); /* level-triggered: the second byte */
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_string_equal(trace, "aa");
	end_close(&a, to_a);
}

static void
what_is_taken_away_is_not_served(void **unused)
{
	struct why why;
	struct end a, b;
	int to_a = end_open(&a, 'a', &b), to_b = end_open(&b, 'b', &a);

	(void)unused;
	/* Both are in one batch; whichever comes first takes the other away. */
	assert_int_equal(write(to_a, "1", 1), 1);
	assert_int_equal(write(to_b, "1", 1), 1);
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_int_equal(traced, 1);
	end_close(&a, to_a);
	end_close(&b, to_b);
}

static void
refuses_what_cannot_be_watched(void **unused)
{
	struct watch watch = {0};
	struct why why = {0};

	(void)unused;
	assert_int_equal(loop_add(loop, &watch, -1, EPOLLIN, end_ready, NULL, &why), ERR_SYSTEM);
	assert_false(watch.active);
	assert_true(why.text[0] != '\0');
	loop_remove(loop, &watch);
}

struct tick {
	struct timer timer;
	char name;
	struct tick *stops;
	bool again;
};

static void
tick_fired(void *self)
{
	struct tick *tick = self;

	note(tick->name);
	if (tick->stops != NULL)
		loop_timer_stop(loop, &tick->stops->timer);
	if (tick->again)
		loop_timer_set(loop, &tick->timer, 0, tick_fired, tick);
}

static void
timers_fire_in_order(void **unused)
{
	struct tick ticks[5] = {{.name = 'c'}, {.name = 'a'}, {.name = 'e'}, {.name = 'b'}, {.name = 'd'}};
	const uint64_t delays[5] = {3, 1, 5, 2, 4};
	struct why why;
	uint64_t began = clock_ms();

	(void)unused;
	for (size_t i = 0; i < 5; i++)
		loop_timer_set(loop, &ticks[i].timer, delays[i], tick_fired, &ticks[i]);
	while (traced < 5)
		assert_int_equal(loop_turn(loop, -1, &why), OK);
	assert_string_equal(trace, "abcde");
	assert_true(clock_ms() - began >= 5);
}

static void
a_stopped_timer_does_not_fire(void **unused)
{
	struct tick b = {.name = 'b'}, a = {.name = 'a', .stops = &b}, c = {.name = 'c'};
	struct why why;

	(void)unused;
	loop_timer_set(loop, &a.timer, 0, tick_fired, &a);
	loop_timer_set(loop, &b.timer, 1, tick_fired, &b);
	loop_timer_set(loop, &c.timer, 2, tick_fired, &c);
	loop_timer_set(loop, &c.timer, 3, tick_fired, &c); /* set again: fires once */
	while (traced < 2)
		assert_int_equal(loop_turn(loop, -1, &why), OK);
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_string_equal(trace, "ac");
	loop_timer_stop(loop, &b.timer);
	assert_int_equal(b.timer.place, 0);
}

static void
a_timer_that_sets_itself_again_lets_others_live(void **unused)
{
	struct tick a = {.name = 'a', .again = true};
	struct why why;

	(void)unused;
	loop_timer_set(loop, &a.timer, 0, tick_fired, &a);
	assert_int_equal(loop_turn(loop, -1, &why), OK);
	assert_string_equal(trace, "a");
	assert_int_equal(loop_turn(loop, -1, &why), OK);
	assert_string_equal(trace, "aa");
	loop_timer_stop(loop, &a.timer);
}

static void
got_signal(void *self, int number)
{
	(void)self;
	note(number == SIGUSR1 ? '1' : '2');
}

static void
signals_come_through_the_loop(void **unused)
{
	struct why why;

	(void)unused;
	assert_int_equal(loop_signal(loop, SIGUSR1, got_signal, NULL, &why), OK);
	assert_int_equal(loop_signal(loop, SIGUSR2, got_signal, NULL, &why), OK);
	assert_int_equal(raise(SIGUSR2), 0);
	assert_string_equal(trace, "");
	while (traced < 1)
		assert_int_equal(loop_turn(loop, -1, &why), OK);
	assert_string_equal(trace, "2");
}

static bool
two_more(void *self)
{
	int *left = self;

	if (*left == 0)
		return false;
	note('i');
	return --*left > 0;
}

static void
idle_work_is_done_before_sleeping(void **unused)
{
	struct idle idle;
	struct why why;
	int left = 2;

	(void)unused;
	loop_idle(loop, &idle, two_more, &left);
	assert_int_equal(loop_turn(loop, 0, &why), OK);
	assert_string_equal(trace, "ii");
}

static void
stop(void *self)
{
	loop_stop(self);
}

static void
runs_until_stopped(void **unused)
{
	struct timer timer = {0};
	struct why why;

	(void)unused;
	loop_timer_set(loop, &timer, 1, stop, loop);
	assert_int_equal(loop_run(loop, &why), OK);
}

/* In place of the C library's: how the loop waits, counted; hasty: nothing sleeps. */
static unsigned looks, sleeps;
static bool hasty;

int
epoll_wait(int fd, struct epoll_event *events, int most, int wait_ms)
{
	looks += wait_ms == 0;
	sleeps += wait_ms != 0;
	return epoll_pwait(fd, events, most, hasty ? 0 : wait_ms, NULL);
}

static void
turn_expecting(uint32_t us)
{
	struct why why;

	looks = sleeps = 0;
	loop_expect(loop, us);
	assert_int_equal(loop_turn(loop, -1, &why), OK);
}

static void
what_is_expected_is_looked_for(void **unused)
{
	struct end end;
	int fd = end_open(&end, 'a', NULL);

	(void)unused;
	hasty = true;
	turn_expecting(0);
	assert_int_equal(looks, 0);
	for (unsigned vain = 1; vain <= 3; vain++) {
		turn_expecting(1);
		assert_true(looks > 0);
		assert_int_equal(sleeps, 1);
		for (unsigned i = 0; i < 1u << vain; i++) { /* in vain, so the next ones are passed over */
			turn_expecting(1);
			assert_int_equal(looks, 0);
			assert_int_equal(sleeps, 1);
		}
	}
	for (int i = 0; i < 3; i++) { /* found, so the next one is not */
		assert_int_equal(write(fd, "x", 1), 1);
		turn_expecting(1);
		assert_int_equal(looks, 1);
		assert_int_equal(sleeps, 0);
	}
	assert_string_equal(trace, "aaa");
	hasty = false;
	loop_remove(loop, &end.watch);
	close(end.fd);
	close(fd);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(serves_what_is_ready),
	    CASE(what_is_taken_away_is_not_served),
	    CASE(refuses_what_cannot_be_watched),
	    CASE(timers_fire_in_order),
	    CASE(a_stopped_timer_does_not_fire),
	    CASE(a_timer_that_sets_itself_again_lets_others_live),
	    CASE(signals_come_through_the_loop),
	    CASE(idle_work_is_done_before_sleeping),
	    CASE(runs_until_stopped),
	    CASE(what_is_expected_is_looked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
