/* The event loop: one thread, descriptors, timers and signals, over epoll. */
#ifndef COMMON_OS_LOOP_H
#define COMMON_OS_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct loop;

/* A descriptor that is watched. Lives in its owner's struct; the loop borrows it from loop_add to loop_remove. */
struct watch {
	int fd;
	uint32_t events; /* EPOLLIN and the like */
	void (*ready)(void *self, uint32_t events);
	void *self;
	bool active;
};

/* A timer. Lives in its owner's struct, all zero at first; fires once for each loop_timer_set. */
struct timer {
	uint64_t at_ms; /* of clock_ms() */
	void (*fired)(void *self);
	void *self;
	size_t place; /* in the loop's heap, counted from 1; 0: not set */
};

/* Called before the loop sleeps, until none of them says that it did something. */
struct idle {
	bool (*work)(void *self); /* true: work was done, ask all again */
	void *self;
	struct idle *next;
};

/* ERR_SYSTEM when the kernel refuses. The caller owns the loop and frees it after everything that it watches. */
enum err loop_new(struct loop **out, struct why *why) must_check;
void loop_free(struct loop *loop);

/* Watch fd (not owned) for events, level-triggered; ready(self, events) runs for each readiness. */
enum err loop_add(struct loop *loop, struct watch *watch, int fd, uint32_t events,
    void (*ready)(void *self, uint32_t events), void *self, struct why *why) must_check;

/* Watch for other events; 0 waits for EPOLLERR and EPOLLHUP alone. */
void loop_change(struct loop *loop, struct watch *watch, uint32_t events);

/* Stop watching; safe inside any callback and when it is not watched. Call it before the descriptor is closed. */
void loop_remove(struct loop *loop, struct watch *watch);

/* (Re)start a timer to fire after delay_ms; 0 fires at the next turn. */
void loop_timer_set(struct loop *loop, struct timer *timer, uint64_t delay_ms, void (*fired)(void *), void *self);
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* Work that must be looked at before sleeping (a ZeroMQ socket after sends). */
void loop_idle(struct loop *loop, struct idle *idle, bool (*work)(void *), void *self);
void loop_idle_remove(struct loop *loop, struct idle *idle);

/*
 * An answer is due within us microseconds: the next wait looks for so long before it sleeps. For the other end of a
 * channel: to sleep and be woken takes as long as its answer. Where that was in vain (there is one core, or the other
 * end is busy), more and more of these wishes are passed over.
 */
void loop_expect(struct loop *loop, uint32_t us);

/*
 * Deliver a signal to got(self, number) inside the loop. The signal is blocked for this thread.
 * A child that is started through child_start gets it unblocked again.
 */
enum err loop_signal(
    struct loop *loop, int number, void (*got)(void *self, int number), void *self, struct why *why) must_check;

/* Serve until loop_stop. ERR_SYSTEM when epoll fails. */
enum err loop_run(struct loop *loop, struct why *why) must_check;

/* One turn: wait at most wait_ms (-1: until something happens) and serve what is ready. For clients and tests. */
enum err loop_turn(struct loop *loop, int wait_ms, struct why *why) must_check;

void loop_stop(struct loop *loop);

/* Has loop_stop been called? loop_turn then returns at once: who waits by turns must ask. */
bool loop_stopping(const struct loop *loop);

#endif
