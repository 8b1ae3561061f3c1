/* Sizes: what comes on the channel of a terminal's size, four bytes each time: columns and rows, 16 bits each, big-endian. */
#ifndef LINK_SIZES_H
#define LINK_SIZES_H

#include "common/bus/stream.h"

struct sizes {
	struct stream_in in;
	uint8_t bytes[4];
	size_t n;
};

/* Grants a window at once. */
enum err sizes_open(struct sizes *sizes, struct peer *peer, uint64_t stream, struct why *why) must_check;

/* Give a terminal the sizes that came; fd -1: to none. ERR_PROTOCOL as stream_take. */
enum err sizes_take(struct sizes *sizes, const struct msg_stream_data *m, int fd, struct why *why) must_check;

/* One size, where it is one: 0 columns or rows leave it as it is. */
void size_set(int fd, uint16_t columns, uint16_t rows);

#endif
