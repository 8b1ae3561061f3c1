/* Lanes: the SSH channels of a connection, from their birth to their end. How bytes flow: lane_flow.h. */
#ifndef SSHD_LANE_H
#define SSHD_LANE_H

#include "sandbox/sshd/lane_flow.h"

/* A lane with nothing on either side; ERR_LIMIT: there are LANES_MAX. */
enum err lane_new(struct sshd *sshd, struct lane **out, struct why *why) must_check;

/* The channel that the client's side is, open or about to be. */
enum err lane_join(struct lane *lane, ssh_channel channel, struct why *why) must_check;

/* What is behind it from now on. */
void lane_begin(struct lane *lane, const struct lane_kind *kind, void *behind);

/* What was behind it goes by itself: no call of its kind follows, and what the client sends is dropped. */
void lane_forsake(struct lane *lane);

/* Free it, and close its channel if that is open. The kind is not told. */
void lane_free(struct lane *lane);

/* No more output follows. */
void lane_finish(struct lane *lane);

/* It is over, once all output is written: say the exit (of a command) and close. signal: 0, or what ended it. */
void lane_exit(struct lane *lane, int code, int signal);
void lane_close(struct lane *lane);

/* Before the loop sleeps: true if it did something that others may wait for. */
bool lanes_work(struct sshd *sshd);

/* The connection is over: all lanes go, and what is behind them is told. */
void lanes_end(struct sshd *sshd);

#endif
