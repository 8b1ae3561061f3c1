/* HTTP/2 by hand: frames built from a readable notation, however wrong, and what comes back read into words. */
#ifndef TESTS_H2_WIRE_H
#define TESTS_H2_WIRE_H

#include "tests/unit/proxy/world.h"

enum {
	DATA,
	HEADERS,
	PRIORITY,
	RST_STREAM,
	SETTINGS,
	PUSH_PROMISE,
	PING,
	GOAWAY,
	WINDOW_UPDATE,
	CONTINUATION,
	UNKNOWN = 0xbb
};
enum { ES = 1, ACK = 1, EH = 4, PADDED = 8, WITH_PRIORITY = 32, UNDEFINED_FLAGS = 0xc2 };

#define RESERVED 0x80000000u /* the bit in front of a stream's number */

/* One step of a script. */
enum step_kind {
	STEP_END,
	STEP_BYTES,
	STEP_FRAME,
	STEP_FIELDS,
	STEP_START,
	STEP_WAIT,
	STEP_OTHER,
	STEP_TIMES,
	STEP_CLOSE
};

struct step {
	enum step_kind kind;
	uint8_t type, flags;
	uint32_t stream;
	const char *at; /* payload; NULL with n: so many x. Fields: lines "name: value\n" */
	size_t n, says; /* says: the length in the frame's head, when it is another */
};

#define TEXT_N(text) .at = (text), .n = sizeof(text) - 1

/* clang-format off */
#define BYTES(text)			  {.kind = STEP_BYTES, TEXT_N(text)}
#define FRAME(type_, flags_, id, text)	  {.kind = STEP_FRAME, .type = (type_), .flags = (flags_), .stream = (id), TEXT_N(text)}
#define FILL(type_, flags_, id, length)	  {.kind = STEP_FRAME, .type = (type_), .flags = (flags_), .stream = (id), .n = (length)}
#define SAYING(length, type_, flags_, id) {.kind = STEP_FRAME, .type = (type_), .flags = (flags_), .stream = (id), .says = (length)}
#define HEAD(id, flags_, lines)		  {.kind = STEP_FIELDS, .type = HEADERS, .flags = EH | (flags_), .stream = (id), TEXT_N(lines)}
#define PART(id, flags_, lines)		  {.kind = STEP_FIELDS, .type = HEADERS, .flags = (flags_), .stream = (id), TEXT_N(lines)}
#define MORE(id, flags_, lines)		  {.kind = STEP_FIELDS, .type = CONTINUATION, .flags = (flags_), .stream = (id), TEXT_N(lines)}
#define SETTING(text)			  FRAME(SETTINGS, 0, 0, text)
#define START				  {.kind = STEP_START} /* stream 1 is opened: a POST by the agent, 200 by the server */
#define WAIT(words)			  {.kind = STEP_WAIT, .at = (words)} /* until they were seen at this end */
#define OTHER				  {.kind = STEP_OTHER} /* what follows is done at the other end, and back */
#define TIMES(times)			  {.kind = STEP_TIMES, .n = (times)} /* the next step, so many times */
#define CLOSE				  {.kind = STEP_CLOSE}
/* clang-format on */

/* The far end of a leg. */
struct wire {
	struct peer_end *end;
	bool server, preface; /* the client's preface is still to come */
	nghttp2_hd_inflater *inflater;
	struct bytes block;
	uint32_t block_stream;
	uint8_t block_flags;
	size_t data, longest; /* bytes of DATA that came; longest frame */
	char words[65536];
	struct text
	    log; /* a line a frame: "HEADERS 1 ES :status=200 x=y", "GOAWAY 1 PROTOCOL_ERROR", "PING ack 12345678" */
};

void wire_open(struct wire *wire, struct peer_end *end, bool server);
void wire_close(struct wire *wire);

/* Read what came into words. */
void wire_read(struct wire *wire);

/* Send one frame or bytes. */
void wire_step(struct wire *wire, const struct step *step);

/* Number of the last stream whose head came. */
uint32_t wire_last(const struct wire *wire);

#endif
