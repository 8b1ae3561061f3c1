/* The codec: messages to msgpack and back; strict, bounded, pure. Every byte that reaches a handler came through here. */
#ifndef COMMON_BUS_CODEC_H
#define COMMON_BUS_CODEC_H

#include "common/bus/message.h"

/* What kind of envelope: the first number of the array [kind, call, number, fields]. */
enum envelope_kind {
	ENVELOPE_REQUEST = 1, /* call > 0: will be answered once */
	ENVELOPE_ANSWER = 2,
	ENVELOPE_ERROR = 3, /* number is an enum err by name, fields are [name, words] */
	ENVELOPE_EVENT = 4, /* call = 0: nobody answers */
};

struct envelope {
	enum envelope_kind kind;
	uint64_t call;
	struct msg msg;	   /* request, answer, event */
	enum err error;	   /* error */
	struct span words; /* error */
	uint32_t release;  /* to be written: of the peer that reads it; 0: ours */
};

/*
 * Write an envelope as msgpack into *buffer (made larger where it must be, the caller frees), *length bytes.
 *
 * errors  ERR_RANGE a field is out of its bounds (what, which value, what is allowed); ERR_LIMIT over MSG_BYTES_MAX;
 *         ERR_STATE the reader's release does not know the message. Fields that it does not know are left out
 */
enum err envelope_encode(
    const struct envelope *envelope, char **buffer, size_t *room, size_t *length, struct why *why) must_check;

/*
 * Read one envelope. Text and bytes are borrowed from the span, lists are in the arena.
 *
 * release of the peer that wrote it: exactly the fields that it knows must be there; the others get the least they may hold
 * out     untouched on failure
 * errors  ERR_PROTOCOL malformed: truncated, unknown number, wrong type or count, out of bounds, not the shortest
 *         encoding, not UTF-8, bytes left over; ERR_LIMIT the arena's ceiling
 */
enum err envelope_decode(
    struct span bytes, uint32_t release, struct arena *arena, struct envelope *out, struct why *why) must_check;

/* A message alone (no envelope), as bootstrap travels: [number, fields]. The same rules, between equal releases. */
enum err msg_encode(const struct msg *msg, char **buffer, size_t *room, size_t *length, struct why *why) must_check;
enum err msg_decode(struct span bytes, struct arena *arena, struct msg *out, struct why *why) must_check;

#endif
