/* Frames of a WebSocket that passes unread: only where they end, so that a close frame can be put between them. */
#ifndef SANDBOX_PROXY_FRAMES_H
#define SANDBOX_PROXY_FRAMES_H

#include <stdint.h>

#include "common/base/span.h"

/* All zero: between frames. */
struct frames {
	uint8_t head[14];
	size_t head_n; /* of the frame's head, so far */
	uint64_t left; /* of its payload */
	bool closed;   /* a close frame has passed: nothing may follow it */
};

void frames_pass(struct frames *frames, struct span bytes);

/* May a frame be put in here? */
bool frames_between(const struct frames *frames);

#endif
