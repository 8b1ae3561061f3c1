/*
 * passage: a stream of bytes between one owner in api and the inside of a sandbox, through the relay: a command's
 * channels (exec_start) or a door's (door_open). Nothing is buffered beyond the credit: 8 KiB for each channel, and
 * 16 MiB shared by those that have taken much.
 */
#ifndef API_PASSAGE_H
#define API_PASSAGE_H

#include "services/api/api.h"

#define PASSAGE_WINDOW_BYTES (512u << 10) /* most credit of one channel */

struct passage;

/* What a door leads to; door_open's kind. */
enum door { DOOR_SSH = 1, DOOR_TCP = 2 };

/*
 * What the owner hears, never from inside a call of its own but passage_read. In each it may call passage_leave. Any
 * but data and over may be NULL.
 */
struct passage_owner {
	/* The command runs, the door is open. */
	void (*opened)(void *self);
	/* Bytes of channel 1 or 2. false: no room for them now; they are kept, and come again after passage_read. */
	bool (*data)(void *self, uint8_t channel, struct span bytes);
	/* No more bytes come on that channel. */
	void (*ended)(void *self, uint8_t channel);
	/* There is credit again on channel 0 or 3. */
	void (*room)(void *self, uint8_t channel);
	/*
	 * It is over, and all bytes were taken; the passage is gone. r OK: the command exited with exit_code, or both
	 * ways of the door have ended. Else why: before opened the error of whoever refused it (ERR_UNAVAILABLE no
	 * session within 15 s, relay away; ERR_TIMEOUT the sandbox is silent; ERR_LIMIT), after it ERR_UNAVAILABLE:
	 * lost.
	 */
	void (*over)(void *self, enum err r, uint16_t exit_code, const struct why *why);
};

/*
 * Open one. A sandbox whose session is away is waited for, 15 s.
 *
 * open    exec_start without its stream; what it points to lives until opened, over or passage_leave
 * owner   borrowed for good; self is handed to it
 */
struct passage *passage_open(
    struct api *api, const struct msg_exec_start *open, const struct passage_owner *owner, void *self);

/* The same for a door: channel 0 flows in, 1 out. host and port of a DOOR_TCP alone; host (at most 64 bytes) is copied.
 */
struct passage *passage_door(struct api *api, struct id sandbox, enum door door, struct span host, uint16_t port,
    const struct passage_owner *owner, void *self);

/* Write on channel 0 or 3 as much as there is credit for: how many bytes were taken. The owner keeps the rest until
 * room. */
size_t passage_write(struct passage *passage, uint8_t channel, struct span bytes);
size_t passage_room(const struct passage *passage, uint8_t channel); /* 0 before opened; else at most one message's */

/* Nothing more is written on that channel: EOF inside. */
void passage_end(struct passage *passage, uint8_t channel);

/* The owner has room again: what was kept comes now; may end with over. */
void passage_read(struct passage *passage);

/* The owner goes, and hears nothing more: a command is killed, a door closed. */
void passage_leave(struct passage *passage);

/* Queue little to the owner's caller beyond what the passage itself keeps. */
void passage_set_queue(struct rpc_call *call);

/* The relay is away: all passages through it end. */
void passage_peer_down(struct api *api, const struct peer *peer);

handler passage_data, passage_grant, passage_ended, passage_exited, passage_closed;

#endif
