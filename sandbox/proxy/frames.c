/* Frames: heads are read as they pass (RFC 6455, 5.2). */
#include "sandbox/proxy/frames.h"

#define CLOSE 8

/* How long the head is, as far as can be seen. */
static size_t
head_length(const struct frames *frames)
{
	size_t length = 2;

	if (frames->head_n < 2)
		return length;
	length += (frames->head[1] & 0x7f) == 126 ? 2 : (frames->head[1] & 0x7f) == 127 ? 8 : 0;
	return length + ((frames->head[1] & 0x80) != 0 ? 4 : 0);
}

static uint64_t
payload_length(const struct frames *frames)
{
	size_t bytes = (frames->head[1] & 0x7f) == 126 ? 2 : (frames->head[1] & 0x7f) == 127 ? 8 : 0;
	uint64_t length = 0;

	if (bytes == 0)
		return frames->head[1] & 0x7f;
	for (size_t i = 0; i < bytes; i++)
		length = length << 8 | frames->head[2 + i];
	return length;
}

void
frames_pass(struct frames *frames, struct span bytes)
{
	for (size_t i = 0; i < bytes.length;) {
		uint64_t n = bytes.length - i;

		if (frames->left > 0) {
			n = n < frames->left ? n : frames->left;
			frames->left -= n;
			i += (size_t)n;
			continue;
		}
		frames->head[frames->head_n++] = (uint8_t)bytes.at[i++];
		if (frames->head_n < head_length(frames))
			continue;
		frames->left = payload_length(frames);
		frames->closed |= (frames->head[0] & 0x0f) == CLOSE;
		frames->head_n = 0;
	}
}

bool
frames_between(const struct frames *frames)
{
	return frames->head_n == 0 && frames->left == 0 && !frames->closed;
}
