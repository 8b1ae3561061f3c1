/* Output that comes from link for a lane: what the client has not taken is kept, within the credit that link has. */
#ifndef SSHD_COMING_H
#define SSHD_COMING_H

#include "common/bus/stream.h"
#include "sandbox/sshd/lane_flow.h"

/* One output of the main process. Zero at first; in is opened by its owner. */
struct coming {
	struct stream_in in;
	char *bytes;
	size_t at, n;
};

/* Bytes came: they are kept until coming_pour. ERR_PROTOCOL as stream_take. */
enum err coming_take(struct coming *coming, const struct msg_stream_data *m, struct why *why) must_check;

/* Write what came, as far as the client takes it; credit follows. Errors as stream_used. */
enum err coming_pour(struct coming *coming, struct lane *lane, enum lane_output output, struct why *why) must_check;

void coming_done(struct coming *coming);

#endif
