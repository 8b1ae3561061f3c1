/* Streams: byte channels across links with credit; a receiver grants bytes, a sender never sends more than granted. */
#ifndef COMMON_BUS_STREAM_H
#define COMMON_BUS_STREAM_H

#include "common/bus/peer.h"

#define STREAM_WINDOW_BYTES (256u << 10) /* credit that a receiver keeps open for one channel */
#define STREAM_CHUNK_BYTES  (64u << 10)	 /* most bytes of one stream_data; at most what bus.def allows */
#define STREAM_OUTPUT_BYTES                                                                                            \
	((1u << 20) + (64u << 10)) /* of main_stdio's memory: the newest 1 MiB and link's notes on it */

/* The sending end of one channel of a stream. */
struct stream_out {
	struct peer *peer; /* borrowed; the owner drops the stream when the peer goes down */
	uint64_t stream;
	uint8_t channel;
	bool ended;
	uint64_t sent, limit; /* offset of the next byte; first offset not granted */
};

/* The receiving end. */
struct stream_in {
	struct peer *peer;
	uint64_t stream;
	uint8_t channel;
	bool ended;		     /* stream_end came and all bytes before it */
	uint64_t got, used, granted; /* bytes received; bytes the owner is done with; limit last told */
	uint32_t window_bytes;
};

void stream_out_init(struct stream_out *out, struct peer *peer, uint64_t stream, uint8_t channel);

/* How many bytes may be sent now; 0: wait for a grant (stream_granted says so). */
size_t stream_room(const struct stream_out *out);

/* Send length <= stream_room(out) bytes. ERR_UNAVAILABLE when the peer is away. */
enum err stream_send(struct stream_out *out, const void *bytes, size_t length, struct why *why) must_check;

/* Say that nothing follows; once. */
enum err stream_finish(struct stream_out *out, struct why *why) must_check;

/* A grant came for this channel. ERR_PROTOCOL when it goes back. */
enum err stream_granted(struct stream_out *out, const struct msg_stream_grant *m, struct why *why) must_check;

/* Begin to receive: grants the first window at once. */
enum err stream_in_open(struct stream_in *in, struct peer *peer, uint64_t stream, uint8_t channel,
    uint32_t window_bytes, struct why *why) must_check;

/* Data came. ERR_PROTOCOL: not the next offset, beyond the credit, or after the end. The owner now holds the bytes. */
enum err stream_take(struct stream_in *in, const struct msg_stream_data *m, struct why *why) must_check;

/* The owner is done with length bytes: grants more when half the window is free. */
enum err stream_used(struct stream_in *in, size_t length, struct why *why) must_check;

/* The end came. ERR_PROTOCOL when its offset is not what was received. */
enum err stream_ended(struct stream_in *in, const struct msg_stream_end *m, struct why *why) must_check;

#endif
