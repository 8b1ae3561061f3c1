/*
 * Lanes: the SSH channels of a connection, and flow both ways. What lies behind one (a command, the main process, a socket)
 * is a lane_kind. Its calls come from libssh in the middle of a packet, so take and signal never speak to libssh;
 * the rest come from lanes_work.
 */
#ifndef SSHD_LANE_H
#define SSHD_LANE_H

#include <libssh/callbacks.h>

#include "sandbox/sshd/sshd.h"

#define LANE_CHUNK_BYTES (32u << 10) /* most bytes that are written at once */
#define TERM_BYTES	 64
#define HINT_BYTES	 201

struct lane;

enum lane_output { LANE_OUT, LANE_ERR, LANE_OUTPUTS };

/* What lies behind a lane. Any of them may be NULL. */
struct lane_kind {
	/* The client's bytes: how many are taken now. The rest is offered again after lane_offer. */
	size_t (*take)(struct lane *lane, struct span bytes);
	void (*ended)(struct lane *lane); /* the client sends no more, and all of it was taken */
	void (*room)(struct lane *lane);  /* the client takes bytes again; after lane_room was 0 */
	void (*signal)(struct lane *lane, int number);
	void (*resize)(struct lane *lane); /* columns and rows have changed */
	bool (*work)(struct lane *lane);   /* each turn instead of all above; true: it did something, or freed the lane */
	void (*gone)(struct lane *lane);   /* the client closed it or is gone: forget the lane */
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
	bool offered;	    /* somebody may take bytes again */
	bool ended, told;   /* the client's end: seen, passed on */
	bool closed;	    /* by the client */

	struct waiting {
		char *bytes;
		size_t n;
	} waiting[LANE_OUTPUTS]; /* output that libssh did not take at once */
	bool starved;	       /* kind->room is wanted */
	bool finish, finished; /* no more output: wanted, said */
	bool leave, left_it;   /* with this exit: wanted, said */
	bool exits;	       /* the exit below is said */
	int exit_code, exit_signal;

	/* What the client said before it asked for a command. */
	bool terminal, read_only;
	char term[TERM_BYTES], hint[HINT_BYTES];
	uint16_t columns, rows;
};

/* A lane with nothing on either side; ERR_LIMIT: there are LANES_MAX. */
enum err lane_new(struct sshd *sshd, struct lane **out, struct why *why) must_check;

/* The channel that the client's side is, open or about to be. */
enum err lane_join(struct lane *lane, ssh_channel channel, struct why *why) must_check;

/* What is behind it from now on. */
void lane_begin(struct lane *lane, const struct lane_kind *kind, void *behind);

/* What was behind it goes by itself: no call of its kind follows, and what the client sends is dropped. */
void lane_forsake(struct lane *lane);

/* Free it, and close its channel if that is open. The kind is not told. */
void lane_free(struct lane *lane);

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

/* No more output follows. */
void lane_finish(struct lane *lane);

/* It is over, once all output is written: say the exit (of a command) and close. signal: 0, or what ended it. */
void lane_exit(struct lane *lane, int code, int signal);
void lane_close(struct lane *lane);

/* Before the loop sleeps: true if it did something that others may wait for. */
bool lanes_work(struct sshd *sshd);

/* The connection is over: all lanes go, and what is behind them is told. */
void lanes_end(struct sshd *sshd);

#endif
