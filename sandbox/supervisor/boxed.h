/* Secrets, as the supervisor keeps them: sealed for the router, which alone can open them, and what goes with them in clear. */
#ifndef SANDBOX_SUPERVISOR_BOXED_H
#define SANDBOX_SUPERVISOR_BOXED_H

#include "common/os/loop.h"
#include "sandbox/supervisor/given.h"
#include "sandbox/supervisor/kept.h"

#define SECRETS_CHUNKS_MAX 256
#define SECRETS_BYTES_MAX  (64u << 20) /* of one revision */

/* The chunks of one revision, as they came. */
struct secrets_set {
	uint64_t revision; /* 0: none */
	uint16_t chunks, got;
	size_t bytes;
	struct given *chunk; /* as many as chunks */
};

/* What the gateway is told of a revision. */
struct secrets_report {
	uint64_t revision; /* 0: nothing to tell */
	bool loaded;
	struct why words;
};

struct secrets {
	struct kept router;
	bool possible;	 /* the bundle has a router */
	bool started;	 /* it was needed once */
	bool introduced; /* router and proxy have a channel, and the proxy knows what can be filled */
	bool said_waiting;
	struct secrets_set good;   /* in use */
	struct secrets_set trying; /* the router is asked */
	struct secrets_set next;   /* came whole since; the newest wins */
	struct secrets_set coming; /* not here whole */
	struct timer late;	   /* the router does not answer */
	struct arena memory;	   /* of good's first chunk: */
	struct span *environment;
	size_t environment_n;
	struct msg_inference_backend *backends;
	size_t backends_n;
	bool inference_told; /* the proxy was told of backends once */
	bool metadata_told;  /* and of a credential of Google's */
	struct secrets_report applied, refused;
};

#endif
