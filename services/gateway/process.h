/* Processes: one child that is started, waited for until it serves, and started again with backoff when it dies. */
#ifndef GATEWAY_PROCESS_H
#define GATEWAY_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/os/child.h"
#include "common/os/loop.h"

#define PROCESS_WORDS_BYTES 400

enum process_state {
	PROCESS_OFF,	  /* not started yet, or ended after it was asked to */
	PROCESS_STARTING, /* runs, does not serve yet */
	PROCESS_UP,	  /* serves */
	PROCESS_WAITING,  /* died; is started again when its delay is over */
	PROCESS_STOPPING, /* was asked to end */
};

const char *process_state_name(enum process_state state);

/* How long to wait before the next start. All zero at first. */
struct backoff {
	uint32_t delay_ms;
	bool died_before;
};

/*
 * A process died after running for ran_ms: at once the first time, then 100 ms doubling to 800 ms while it dies within
 * 10 s, from the beginning again when it ran for 30 s.
 */
uint32_t backoff_next(struct backoff *backoff, uint64_t ran_ms);

/* One of our children. Its owner fills in the upper part and leaves the rest zero. */
struct process {
	const char *name;
	struct child_plan plan; /* argv, descriptors, ids; with ready_number it gets the pipe there */
	int ready_number;	/* descriptor on which it says "ready"; 0: it is asked by serves() */
	bool (*serves)(void *serves_self, pid_t pid); /* asked every 10 ms while it starts */
	void (*prepare)(void *serves_self);	      /* before each start; may be NULL */
	void *serves_self;
	uint32_t start_limit_ms; /* to serve in; it is killed then */
	int stop_signal;
	struct loop *loop;
	void (*changed)(void *self, struct process *process); /* its state is another now */
	void *self;

	enum process_state state;
	struct child child;
	bool keep;  /* served once: start it again when it dies */
	bool again; /* was asked to end so that it starts again */
	uint32_t restarts;
	uint64_t started_ms; /* clock_ms of the last start */
	int64_t since_ms;    /* wall clock of the last change of state */
	struct backoff backoff;
	struct timer timer; /* until the next start, the start's limit, or the kill after stop */
	struct timer asking;
	int ready_fd;
	struct watch ready_watch;
	char said[PROCESS_WORDS_BYTES]; /* what it wrote on the pipe, or why it could not be started */
	size_t said_length;
};

/* Start it. An error is told through changed() as well as by PROCESS_OFF or PROCESS_WAITING. */
void process_start(struct process *process);

/*
 * Ask it to end with a signal (0: its stop_signal); it is killed after limit_ms. changed() follows when it has ended. One
 * that does not run is PROCESS_OFF at once, without a word.
 */
void process_stop(struct process *process, int signal, uint32_t limit_ms);

/* Ask it to end and start it again at once; one that does not serve is about to be started, or given up, anyway. */
void process_again(struct process *process, uint32_t limit_ms);

/* Kill it now, wait and release everything. */
void process_end(struct process *process);

#endif
