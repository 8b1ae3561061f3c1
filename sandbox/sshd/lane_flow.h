/*
 * The flow of a lane, which is an SSH channel: bytes in both directions, held to what the other side takes. What lies
 * behind one (a command, the main process, a socket) is a lane_kind. take and signal are called from libssh in the
 * middle of a packet, so they never speak to libssh; the rest are called from lanes_work.
 */
#ifndef SSHD_LANE_FLOW_H
#define SSHD_LANE_FLOW_H

#include <libssh/callbacks.h>

#include "sandbox/sshd/sshd.h"

#define LANE_CHUNK_BYTES (32u << 10) /* most bytes that are written at once */
#define TERM_BYTES	 64
#define HINT_BYTES	 201

struct lane;

enum lane_output { LANE_OUT, LANE_ERR, LANE_OUTPUTS };

/* What lies behind a lane. Any of them may be NULL. */
struct lane_kind {
	bool drains; /* what the client sent before it closed the channel is still wanted */
	/* The client's bytes: how many are taken now. The rest is offered again after lane_offer. */
	size_t (*take)(struct lane *lane, struct span bytes);
	void (*ended)(struct lane *lane); /* the client sends no more, and all of it was taken */
	void (*room)(struct lane *lane);  /* the client takes bytes again; after lane_room was 0 */
	void (*signal)(struct lane *lane, int number);
	void (*resize)(struct lane *lane); /* columns and rows have changed */
	bool (*work)(struct lane *lane); /* each turn instead of all above; true: it did something, or freed the lane */
	void (*gone)(struct lane *lane); /* the client closed it or is gone: forget the lane */
};

struct lane {
	struct sshd *sshd;
	struct list in_sshd;
	ssh_channel channel; /* NULL: not accepted yet */
	struct ssh_channel_callbacks_struct calls;
	const struct lane_kind *kind; /* NULL: nothing is behind it yet, or any more */
	void *behind;

	size_t left; /* bytes of the client that libssh holds */
	char *held;  /* bytes that were taken out of it before those */
	size_t held_at, held_n;
	bool offered;	  /* somebody may take bytes again */
	bool ended, told; /* the client's end: seen, passed on */
	bool closed;	  /* by the client */

	struct waiting {
		char *bytes;
		size_t n;
	} waiting[LANE_OUTPUTS]; /* output that libssh did not take at once */
	bool starved;		 /* kind->room is wanted */
	bool finish, finished;	 /* no more output: wanted, said */
	bool leave, left_it;	 /* with this exit: wanted, said */
	bool exits;		 /* the exit below is said */
	int exit_code, exit_signal;

	/* What the client said before it asked for a command. */
	bool terminal, read_only;
	char term[TERM_BYTES], hint[HINT_BYTES];
	uint16_t columns, rows;
};

/* More of the client's bytes can be taken: they are offered soon. */
void lane_offer(struct lane *lane);

/* How many bytes may be written now; 0: kind->room says when. */
size_t lane_room(struct lane *lane);

/* Write at most lane_room bytes. */
void lane_write(struct lane *lane, enum lane_output output, struct span bytes);

/* A few words for the client's standard error, written soon: at any time, also from take and signal. */
void lane_say(struct lane *lane, const char *words);

/* The same as a line of ours; a stranger's control bytes are escaped. */
void lane_say_line(struct lane *lane, struct span words);

/* ---- for lane.c ---- */

/* The client's bytes that libssh holds, those that were left before included: how many are taken now. */
size_t lane_got(struct lane *lane, struct span bytes);

/* Offer what is held, then what libssh holds; false: nobody takes it now. */
bool lane_pull(struct lane *lane);

/* Does any output wait? */
bool lane_waits(const struct lane *lane);

/* Write what waits, as far as the client takes it. */
void lane_flush(struct lane *lane);

void lane_flow_done(struct lane *lane);

#endif
