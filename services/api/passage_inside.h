/* What the files of passage share: its state, and how its owner is told. */
#ifndef API_PASSAGE_INSIDE_H
#define API_PASSAGE_INSIDE_H

#include "common/bus/stream.h"
#include "services/api/passage.h"

struct passage {
	struct api *api;
	const struct passage_owner *owner; /* NULL: it left, or heard the end */
	void *self;
	struct numbered numbered;
	struct peer *relay; /* referenced */
	struct msg open;    /* exec_start or door_open; what it points to is the owner's, until running */
	char host[64];
	uint64_t question;  /* to the relay, not answered */
	struct timer again; /* asks again; then: ends what cannot go on */
	uint64_t give_up_ms, wait_ms;
	bool running, dead;
	unsigned busy;		  /* calls of ours on the stack: it is freed by the outermost */
	struct stream_out to[2];  /* channels 0 and 3 */
	struct stream_in from[2]; /* channels 1 and 2 */
	bool told[2];		  /* the owner knows of the end of 1 and 2 */
	struct list kept;	  /* bytes that the owner had no room for */
	uint64_t credit_bytes;	  /* its part of api.credit_bytes */
	bool exited;		  /* the command ended; the owner hears it after the last byte */
	uint16_t exit_code;
	struct why why; /* why it cannot go on: told by again */
};

static inline bool
passage_is_door(const struct passage *passage)
{
	return passage->open.id == DOOR_OPEN;
}

/* The owner's end of channel 0 or 3. */
static inline struct stream_out *
passage_to(struct passage *passage, uint8_t channel)
{
	return &passage->to[channel == 0 ? 0 : 1];
}

/* The command has exited, or both ways of the door have ended: the relay has forgotten it. */
static inline bool
passage_over_inside(const struct passage *passage)
{
	return passage_is_door(passage) ? passage->to[0].ended && passage->from[0].ended : passage->exited;
}

/* Around everything that may tell the owner something, who may leave then: after leave the passage may be gone. */
void passage_enter(struct passage *passage);
void passage_settle(struct passage *passage);

/* It is over: the owner hears it now. */
void passage_over(struct passage *passage, enum err r, uint16_t exit_code, const struct why *why);

/* Give up a stream whose rules were broken, or which cannot be written to; returns r. */
enum err passage_breach(struct passage *passage, enum err r, const struct why *why);

/* Signal the command, close the door: the relay is to forget it. */
void passage_stop(struct passage *passage);

/* So many bytes of that channel are gone: as many may come, or more, as far as all together may have. */
enum err passage_used(struct passage *passage, struct stream_in *in, size_t length, struct why *why) must_check;

/* passage_flow.c: tell the owner what has come, as far as it takes it. */
void passage_pump(struct passage *passage);
void passage_bring(struct passage *passage, uint8_t channel, struct span bytes);
void passage_drop(struct passage *passage); /* free what is kept */

#endif
