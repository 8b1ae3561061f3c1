/* Channels: a link over a SOCK_SEQPACKET pair, with descriptors; the bus inside a sandbox. No ZeroMQ, no threads. */
#ifndef COMMON_BUS_CHANNEL_H
#define COMMON_BUS_CHANNEL_H

#include "common/bus/peer.h"

#define CHANNEL_CONNECTS_BYTES 8192u /* of policyd_setup's memory: the connects that wait for policyd */

/* of link_setup's memory: the lines that wait for the gateway, and what was taken of whom */
#define CHANNEL_SPOOL_BYTES ((1u << 20) + (64u << 10) + 4096u)

/* A connected pair for a parent and the child it starts; close-on-exec, non-blocking. */
enum err channel_pair(int *ours, int *theirs, struct why *why) must_check;

/*
 * Speak with the process at the other end of fd (taken over). The peer is up at once: a channel has no hello, both
 * ends are of one release. Its end means that the other process is gone.
 *
 * role    of the other side
 * out     owned by the bus until it is down
 */
enum err channel_open(
    struct bus *bus, enum role role, const char *name, int fd, struct peer **out, struct why *why) must_check;

/*
 * Turn the loop until the process at the other end has said what we are here for, for 10 s at most; whoever starts waits so
 * before it enters its jail.
 *
 * told    set by the handler of that message
 * unsaid  words for the reason: what it did not say
 * errors  ERR_TIMEOUT it did not, or went
 */
enum err channel_await(
    struct loop *loop, const struct peer *peer, const bool *told, const char *unsaid, struct why *why) must_check;

#endif
