/* Following a sandbox: its changes, log lines and events, until the caller has seen enough. */
#ifndef CLIENTS_SDK_WATCH_H
#define CLIENTS_SDK_WATCH_H

#include "clients/sdk/calls.h"

/* What to do after an event. */
enum watch_next {
	WATCH_ON,     /* wait for more; the idle time goes on */
	WATCH_RENEW,  /* the same, and the idle time begins anew */
	WATCH_DONE,   /* it ended as wished */
	WATCH_FAILED, /* it ended otherwise: why is set */
};

struct watching {
	const Openshell__V1__WatchSandboxRequest *request;
	uint64_t idle_ms; /* 0: without end */
	enum watch_next (*event)(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why);
	void *self;
	const int *interrupted; /* a signal's number ends the watch; NULL: none does */
};

/*
 * Watch until event says so.
 *
 * errors  what event said with WATCH_FAILED; ERR_TIMEOUT idle too long; ERR_CANCELLED interrupted;
 * ERR_NOT_FOUND the stream ended: the sandbox is gone; the gateway's own
 */
enum err watch_sandbox(struct connection *connection, const struct watching *watching, struct why *why) must_check;

#endif
