/*
 * Connections of simulated links, each with a CURVE key of its own, all of a process over one context of libzmq: a context
 * for each, as common/bus/curve.h has it, would be two threads and ten descriptors a link. Four descriptors each.
 */
#ifndef TESTS_BENCH_SESSIONS_WIRE_H
#define TESTS_BENCH_SESSIONS_WIRE_H

#include "common/base/list.h"
#include "common/bus/peer.h"

struct wire {
	void *zmq, *monitor;
	struct watch watch, monitor_watch;
	struct list dirty; /* in the list of those that may have something for us */
	struct peer *peer;
};

/* The context for so many, served by this loop; once for the process. */
void *wires_begin(struct loop *loop, size_t count);

/* Dial the relay at this endpoint, known by its key, with a fresh key: the peer, which redials. The process ends where it cannot. */
struct peer *wire_open(
    struct wire *wire, struct bus *bus, void *context, const char *endpoint, const uint8_t relay[32]);

/* There is nothing to measure any more: say why, and end. */
void __attribute__((noreturn)) give_up(const char *what, const char *words);

#endif
