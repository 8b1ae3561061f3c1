/* driver-local: all its state. */
#ifndef DRIVER_LOCAL_DRIVER_H
#define DRIVER_LOCAL_DRIVER_H

#include "common/base/id.h"
#include "common/base/list.h"
#include "common/bus/curve.h"
#include "common/os/child.h"
#include "common/os/loop.h"
#include "services/driver-local/cgroup.h"
#include "services/driver-local/config.h"
#include "services/driver-local/reconcile.h"
#include "services/driver-local/uids.h"

struct driver {
	struct config config;
	struct loop *loop;
	struct bus bus;
	struct curve *curve;
	struct peer *state; /* borrowed; NULL while it is away */
	struct list sandboxes;
	uint32_t count;
	struct cgroup_places places;
	struct uids uids;
	int boxes_dir; /* data_dir/boxes: one directory a sandbox */
	int lock_fd;   /* of data_dir: one driver at a time */
	int maker_fd;  /* the program that makes a box */
	struct timer rejoin;
	bool leaving;	     /* SIGUSR1: end all boxes, then stop */
	struct timer reaper; /* looks again for children that nobody watches */
};

/* What is to be told to state until it has been stored. */
struct observation {
	uint8_t what; /* OBSERVED_; 0: nothing */
	uint32_t epoch;
	char reason[65];
	char message[WHY_BYTES];
};

enum { OBSERVED_STARTING = 1, OBSERVED_RUNNING, OBSERVED_ENDED, OBSERVED_FAILED, OBSERVED_GONE };

enum phase {
	PHASE_NOTHING,
	PHASE_KEPT,
	PHASE_ASKING, /* for the ticket */
	PHASE_MAKING, /* the maker runs, or one that an earlier driver started */
	PHASE_RUNNING,
	PHASE_ENDING,	/* signalled */
	PHASE_CLEARING, /* dead; its control groups are being removed */
	PHASE_ENDED,
	PHASE_FAILED,
	PHASE_REMOVING,
};

struct sandbox {
	struct list link;
	struct driver *driver;
	struct id id;
	char name[20];
	/* wanted */
	enum want want;
	uint32_t epoch;
	uint32_t cpu_milli;
	uint64_t memory_bytes;
	bool listed; /* since the last join */
	/* there is */
	enum phase phase;
	enum phase after;      /* PHASE_CLEARING */
	uint32_t box_epoch;    /* of the last start, when there was one; the wanted one may be past it */
	char words[WHY_BYTES]; /* how it failed or ended */
	bool outdated;	       /* it runs programs of another release: it is ended, and state starts it anew */
	pid_t pid;
	int pidfd;
	struct watch pid_watch;
	uint64_t ticket; /* call */
	struct child maker;
	int report_fd; /* from the maker */
	struct watch report_watch;
	char report[WHY_BYTES];
	size_t report_length;
	uint64_t asked_us;  /* when the start began, for the log */
	struct timer timer; /* of the phase: patience, another try, the next piece of a removal */
	unsigned tries;
	/* told */
	struct observation observation;
	uint64_t telling; /* call */
	struct timer tell_again;
};

/* ---- driver.c ---- */

/* Open directories, take the lock, find control groups, adopt the boxes that run. Before the bus, after the jail. */
enum err driver_open(struct driver *driver, struct why *why) must_check;
void driver_close(struct driver *driver);

/* The sandbox with that id; NULL when there is none. */
struct sandbox *driver_find(struct driver *driver, struct id id);

/* A new one, of which nothing is known yet. */
struct sandbox *sandbox_new(struct driver *driver, struct id id);
void sandbox_free(struct sandbox *sandbox);

/* Children that nobody watches have ended: boxes that failed before they were one. */
void driver_reap(struct driver *driver);

/* End all boxes, then the loop. */
void driver_leave(struct driver *driver);

/* When leaving: stop the loop if no box is left. */
void driver_left(struct driver *driver);

/* ---- sandbox.c ---- */

/* Compare what is with what should be, and take the next step. */
void sandbox_reconcile(struct sandbox *sandbox);

/* Find out what there is of it: its record, its process. At the start of the driver, and after a maker has ended. */
void sandbox_adopt(struct sandbox *sandbox);

/* Nothing of its box runs (any more): remove its control groups, then be in that phase. */
void sandbox_clear(struct sandbox *sandbox, enum phase after);

/* A new phase; then reconcile. */
void sandbox_is(struct sandbox *sandbox, enum phase phase);

/* The start of box_epoch failed: recorded, told if it is still the wanted one, not tried again. */
void sandbox_failed(struct sandbox *sandbox, const struct why *why);

/* Open its directory; -1 with errno when there is none. */
int sandbox_dir(struct sandbox *sandbox);

/* Does a maker still work in that directory, of an earlier driver or of a start that failed? */
bool sandbox_being_made(int dir);

/* ---- report.c ---- */

/* Tell state until it has stored it; a later word replaces an earlier one. */
void report_set(struct sandbox *sandbox, uint8_t what, uint32_t epoch, const char *reason, const char *message);

/* Forget what was to be told (state will ask again). */
void report_drop(struct sandbox *sandbox);

/* ---- start.c ---- */

/* Make its directory, ask for a ticket, then for a box. */
void start_begin(struct sandbox *sandbox);

/* Stop asking for a ticket. */
void start_cancel(struct sandbox *sandbox);

/* ---- routes.c ---- */

extern const struct route routes[];

/* Tell state who this is; it then sends what should be. */
void driver_join(struct driver *driver);

#endif
