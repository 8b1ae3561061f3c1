/* The event loop: epoll, a heap of timers, a signalfd. */
#include "common/os/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/clock.h"

#define BATCH	    64
#define VAIN_MAX    10 /* one wish in a thousand is still tried */
#define SIGNALS_MAX 64

struct loop {
	int epoll_fd, signal_fd;
	bool stopping;
	struct epoll_event batch[BATCH]; /* being served: loop_remove blanks what it takes away */
	int batch_count;
	struct timer **heap;
	size_t heap_count, heap_room;
	struct idle *idle;
	uint32_t expect_us; /* look for so long before sleeping */
	unsigned vain;	    /* how often that found nothing, one after the other */
	unsigned pass_over; /* so many wishes */
	struct watch signal_watch;
	sigset_t signals;
	struct {
		void (*got)(void *self, int number);
		void *self;
	} on_signal[SIGNALS_MAX + 1];
};

enum err
loop_new(struct loop **out, struct why *why)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		abort();
	loop->signal_fd = -1;
	sigemptyset(&loop->signals);
	if ((loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) {
		free(loop);
		return fail_errno(why, ERR_SYSTEM, "epoll_create1");
	}
	*out = loop;
	return OK;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	close(loop->epoll_fd);
	free(loop->heap);
	free(loop);
}

enum err
loop_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, void (*ready)(void *self, uint32_t events),
    void *self, struct why *why)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	assert(!watch->active);
	*watch = (struct watch){.fd = fd, .events = events, .ready = ready, .self = self};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return fail_errno(why, ERR_SYSTEM, "watch descriptor %d", fd);
	watch->active = true;
	return OK;
}

void
loop_change(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	assert(watch->active);
	if (watch->events == events)
		return;
	watch->events = events;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		abort();
}

void
loop_remove(struct loop *loop, struct watch *watch)
{
	if (!watch->active)
		return;
	watch->active = false;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = 0; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

static void
heap_put(struct loop *loop, size_t place, struct timer *timer)
{
	loop->heap[place - 1] = timer;
	timer->place = place;
}

static void
heap_up(struct loop *loop, size_t place)
{
	struct timer *timer = loop->heap[place - 1];

	for (; place > 1 && loop->heap[place / 2 - 1]->at_ms > timer->at_ms; place /= 2)
		heap_put(loop, place, loop->heap[place / 2 - 1]);
	heap_put(loop, place, timer);
}

static void
heap_down(struct loop *loop, size_t place)
{
	struct timer *timer = loop->heap[place - 1];

	for (size_t child; (child = place * 2) <= loop->heap_count; place = child) {
		if (child < loop->heap_count && loop->heap[child]->at_ms < loop->heap[child - 1]->at_ms)
			child++;
		if (loop->heap[child - 1]->at_ms >= timer->at_ms)
			break;
		heap_put(loop, place, loop->heap[child - 1]);
	}
	heap_put(loop, place, timer);
}

void
loop_timer_stop(struct loop *loop, struct timer *timer)
{
	size_t place = timer->place;
	struct timer *last;

	if (place == 0)
		return;
	timer->place = 0;
	last = loop->heap[--loop->heap_count];
	if (last == timer)
		return;
	heap_put(loop, place, last);
	heap_up(loop, place);
	heap_down(loop, last->place);
}

void
loop_timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms, void (*fired)(void *), void *self)
{
	loop_timer_stop(loop, timer);
	if (loop->heap_count == loop->heap_room) {
		loop->heap_room = loop->heap_room == 0 ? 16 : loop->heap_room * 2;
		if ((loop->heap = reallocarray(loop->heap, loop->heap_room, sizeof(*loop->heap))) == NULL)
			abort();
	}
	timer->at_ms = clock_ms() + delay_ms;
	timer->fired = fired;
	timer->self = self;
	heap_put(loop, ++loop->heap_count, timer);
	heap_up(loop, timer->place);
}

void
loop_idle(struct loop *loop, struct idle *idle, bool (*work)(void *), void *self)
{
	*idle = (struct idle){.work = work, .self = self, .next = loop->idle};
	loop->idle = idle;
}

void
loop_idle_remove(struct loop *loop, struct idle *idle)
{
	for (struct idle **at = &loop->idle; *at != NULL; at = &(*at)->next)
		if (*at == idle) {
			*at = idle->next;
			return;
		}
}

static void
signal_ready(void *self, uint32_t events)
{
	struct loop *loop = self;
	struct signalfd_siginfo info;

	(void)events;
	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo <= SIGNALS_MAX && loop->on_signal[info.ssi_signo].got != NULL)
			loop->on_signal[info.ssi_signo].got(loop->on_signal[info.ssi_signo].self, (int)info.ssi_signo);
}

enum err
loop_signal(struct loop *loop, int number, void (*got)(void *self, int number), void *self, struct why *why)
{
	int fd;

	assert(number > 0 && number <= SIGNALS_MAX);
	sigaddset(&loop->signals, number);
	loop->on_signal[number].got = got;
	loop->on_signal[number].self = self;
	if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) < 0)
		return fail_errno(why, ERR_SYSTEM, "sigprocmask");
	if ((fd = signalfd(loop->signal_fd, &loop->signals, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
		return fail_errno(why, ERR_SYSTEM, "signalfd");
	if (loop->signal_fd >= 0)
		return OK;
	loop->signal_fd = fd;
	return loop_add(loop, &loop->signal_watch, fd, EPOLLIN, signal_ready, loop, why);
}

/* Did any of them do something? */
static bool
idle_all(struct loop *loop)
{
	bool again = true, worked = false;

	while (again && !loop->stopping) {
		again = false;
		for (struct idle *idle = loop->idle; idle != NULL; idle = idle->next)
			again |= idle->work(idle->self);
		worked |= again;
	}
	return worked;
}

static int
wait_limit(struct loop *loop, int wait_ms)
{
	uint64_t now, left;

	if (loop->heap_count == 0)
		return wait_ms;
	now = clock_ms();
	left = loop->heap[0]->at_ms <= now ? 0 : loop->heap[0]->at_ms - now;
	if (wait_ms >= 0 && left > (uint64_t)wait_ms)
		return wait_ms;
	return left > 3600000 ? 3600000 : (int)left;
}

/* Only timers that were due when the turn began: one that sets itself again must not keep the loop from sleeping. */
static void
timers_serve(struct loop *loop)
{
	uint64_t now = clock_ms();

	for (size_t n = loop->heap_count; n > 0 && loop->heap_count > 0 && loop->heap[0]->at_ms <= now; n--) {
		struct timer *timer = loop->heap[0];

		loop_timer_stop(loop, timer);
		timer->fired(timer->self);
	}
}

void
loop_expect(struct loop *loop, uint32_t us)
{
	if (loop->pass_over > 0)
		loop->pass_over--;
	else
		loop->expect_us = us;
}

/* As epoll_wait; where something is expected, first without sleeping. */
static int
wait_events(struct loop *loop, int wait_ms)
{
	uint64_t until;
	int n;

	if (loop->expect_us == 0 || wait_ms == 0)
		return epoll_wait(loop->epoll_fd, loop->batch, BATCH, wait_ms);
	until = clock_us() + loop->expect_us;
	loop->expect_us = 0;
	do
		n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, 0);
	while (n == 0 && clock_us() < until);
	loop->vain = n != 0 ? 0 : loop->vain < VAIN_MAX ? loop->vain + 1 : VAIN_MAX;
	loop->pass_over = n != 0 ? 0 : 1u << loop->vain;
	return n != 0 ? n : epoll_wait(loop->epoll_fd, loop->batch, BATCH, wait_ms);
}

enum err
loop_turn(struct loop *loop, int wait_ms, struct why *why)
{
	int n;

	if (idle_all(loop))
		wait_ms = 0; /* something has happened: whoever waits for it looks again */
	if (loop->stopping)
		return OK;
	n = wait_events(loop, wait_limit(loop, wait_ms));
	if (n < 0 && errno != EINTR)
		return fail_errno(why, ERR_SYSTEM, "epoll_wait");
	loop->batch_count = n < 0 ? 0 : n;
	for (int i = 0; i < loop->batch_count; i++) {
		struct watch *watch = loop->batch[i].data.ptr;

		if (watch != NULL)
			watch->ready(watch->self, loop->batch[i].events);
	}
	loop->batch_count = 0;
	timers_serve(loop);
	return OK;
}

enum err
loop_run(struct loop *loop, struct why *why)
{
	enum err r = OK;

	while (r == OK && !loop->stopping)
		r = loop_turn(loop, -1, why);
	return r;
}

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

bool
loop_stopping(const struct loop *loop)
{
	return loop->stopping;
}
