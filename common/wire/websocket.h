/* WebSocket frames (RFC 6455, 7692): a client's stream cut into pieces that are safe to judge; heads for our own. */
#ifndef COMMON_WIRE_WEBSOCKET_H
#define COMMON_WIRE_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

#define WEBSOCKET_TEXT_BYTES	(4u << 20)  /* of a text message; after inflation too */
#define WEBSOCKET_BINARY_BYTES	(16u << 20) /* of a binary frame */
#define WEBSOCKET_FRAGMENTS_MAX 4096	    /* frames of one message */
#define WEBSOCKET_HEAD_BYTES	14	    /* longest head of a frame */
#define WEBSOCKET_CONTROL_BYTES 125	    /* longest payload of a control frame */

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* RFC 6455, 7.4.1. */
enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL = 1002,
	WEBSOCKET_NOT_UTF8 = 1007,
	WEBSOCKET_POLICY = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_RESTART = 1012,
	WEBSOCKET_TRY_LATER = 1013,
};

/* Within a letter of UTF-8 that is cut by what was read: how many bytes are missing, between which the next one is. */
struct websocket_letter {
	uint8_t left, low, high;
};

/* The client's direction of one WebSocket. Zeroed, with deflate as the handshake agreed, before the first byte. */
struct websocket_reader {
	bool deflate; /* permessage-deflate is on: RSV1 may be set */
	/* the rest is websocket.c's */
	bool closed, failed;
	bool in_frame, fin; /* of the frame whose payload is being read */
	bool compressed;    /* of the message that is being read */
	uint8_t message;    /* its opcode; 0 none */
	uint32_t fragments; /* of it so far */
	uint64_t total;	    /* bytes that it was said to have so far */
	uint8_t mask[4];
	uint64_t left, passed; /* bytes of the frame's payload still to come, and given out */
	struct websocket_letter letter;
};

/* A piece of the stream: a whole control frame, or some bytes of a data message. */
struct websocket_piece {
	enum websocket_opcode opcode; /* of the message; never WEBSOCKET_CONTINUATION */
	bool compressed;	      /* the message is; inflate it when it is whole (websocket_inflate.h) */
	bool first, last;	      /* the message begins, ends with it; both of a control frame */
	struct span bytes;	      /* unmasked, within the caller's buffer; may be empty */
	uint16_t code;		      /* of WEBSOCKET_CLOSE: what it says; 1005 when it says nothing */
};

/*
 * Read the next piece of what a client sends: masked, minimal lengths, RSV1 only under permessage-deflate on a
 * message's first frame, control frames whole and short, fragments in order, uncompressed text and close reasons in
 * UTF-8, nothing after a close. The bytes are unmasked in place: pass each only once.
 *
 * used    how many bytes were taken; those must not be passed again. 0 with ERR_MORE
 * out     untouched unless OK
 * errors  ERR_MORE; anything else ends the connection, *code says which close code to send: ERR_PROTOCOL (1002, 1007),
 *         ERR_LIMIT (1009). The reader then fails for good
 */
enum err websocket_read(struct websocket_reader *reader, char *bytes, size_t length, size_t *used,
    struct websocket_piece *out, uint16_t *code, struct why *why) must_check;

/*
 * Write the head of a frame.
 *
 * mask    the client's key for it, random; NULL: a server's frame, unmasked
 * returns its length
 */
size_t websocket_head_write(enum websocket_opcode opcode, bool fin, bool compressed, uint64_t length,
    const uint8_t mask[4], uint8_t to[WEBSOCKET_HEAD_BYTES]);

/* Mask or unmask bytes in place, the first of which is number offset of its payload. */
void websocket_mask(char *bytes, size_t length, const uint8_t mask[4], uint64_t offset);

/* Is it UTF-8 (NUL is a letter)? For compressed messages, when they are inflated. */
bool websocket_utf8(struct span text);

/* A whole close frame; the reason is cut to 123 bytes at a letter's end. Returns its length, at most 131. */
#define WEBSOCKET_CLOSE_BYTES (6 + WEBSOCKET_CONTROL_BYTES)
size_t websocket_close_write(
    enum websocket_code code, struct span reason, const uint8_t mask[4], uint8_t to[WEBSOCKET_CLOSE_BYTES]);

#endif
