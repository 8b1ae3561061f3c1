/* Pumps: between descriptors and the channels of a stream, held to the credit of the reader. */
#ifndef LINK_PUMP_H
#define LINK_PUMP_H

#include "common/bus/stream.h"
#include "common/os/loop.h"

/* What a descriptor is, for the ways in which it ends. */
enum pump_kind {
	PUMP_PIPE,
	PUMP_TERMINAL, /* written: the end is told as the end-of-file character, as it cannot be half closed */
	PUMP_SOCKET,   /* written: the end is told by shutdown(2). Read: an error is one, and not the end */
	PUMP_HELD,     /* written: the end is not told, as others may write later */
};

/*
 * What the owner is told, from the loop: the stream cannot go on (r != OK: ERR_SYSTEM the descriptor is broken, others
 * what is read cannot be sent), or this pump has ended. It may free the pump.
 */
typedef void pump_done(void *self, enum err r);

/* From a descriptor to a channel. It is read only while there is credit: that is the back pressure. */
struct source {
	struct loop *loop;
	int fd; /* owned; -1: ended */
	enum pump_kind kind;
	struct watch watch;
	struct stream_out out;
	bool last;	 /* the command has ended: no more than what is in the pipe */
	size_t left;	 /* then: bytes at most */
	pump_done *done; /* called once, when the channel has ended */
	void *self;
};

/* Send from fd (taken over) as this channel; waits for credit. ERR_SYSTEM. */
enum err source_open(struct source *source, struct loop *loop, int fd, struct peer *peer, uint64_t stream,
    uint8_t channel, enum pump_kind kind, pump_done *done, void *self, struct why *why) must_check;

/* Credit came. */
enum err source_granted(struct source *source, const struct msg_stream_grant *m, struct why *why) must_check;

/* The command is gone: notice an end that waits for no credit. May call done at once. */
void source_exited(struct source *source);

/* It has been gone for a while, and somebody else may hold the pipe open: send what is in it and end. May
 * call done at once. */
void source_finish(struct source *source);

/* Close without a word. */
void source_close(struct source *source);

/* From a channel to a descriptor: grants a window, holds what the descriptor does not take yet. */
struct sink {
	struct loop *loop;
	int fd; /* owned; -1: closed: what still comes is dropped and granted again */
	struct watch watch;
	struct stream_in in;
	char *held; /* bytes that wait */
	size_t held_at, held_n, held_room;
	bool grown; /* its credit: GROWN_WINDOW_BYTES */
	enum pump_kind kind;
	pump_done *done; /* not from sink_take and sink_ended, whose caller can see it: fd is -1 */
	void *self;
};

enum err sink_open(struct sink *sink, struct loop *loop, int fd, struct peer *peer, uint64_t stream,
    enum pump_kind kind, pump_done *done, void *self, struct why *why) must_check;

/* Bytes came, or their end. ERR_PROTOCOL as stream_take and stream_ended. */
enum err sink_take(struct sink *sink, const struct msg_stream_data *m, struct why *why) must_check;
enum err sink_ended(struct sink *sink, const struct msg_stream_end *m, struct why *why) must_check;

void sink_close(struct sink *sink);

#endif
