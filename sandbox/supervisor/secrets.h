/* Secrets, as the supervisor keeps them: sealed for the router, which alone can open them, and what goes with them in clear. */
#ifndef SANDBOX_SUPERVISOR_SECRETS_H
#define SANDBOX_SUPERVISOR_SECRETS_H

#include "common/os/loop.h"
#include "sandbox/supervisor/given.h"
#include "sandbox/supervisor/kept.h"

#define SECRETS_CHUNKS_MAX 256
#define SECRETS_BYTES_MAX  (64u << 20) /* of one revision */

struct supervisor;

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
	bool possible; /* the bundle has a router */
	bool started;  /* it was needed once */
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
	struct secrets_report applied, refused;
};

void secrets_init(struct supervisor *s);
void secrets_stop(struct supervisor *s); /* nothing of the agent runs */
void secrets_begin(struct supervisor *s); /* enrolled: start what will be needed */
bool secrets_ready(struct supervisor *s); /* the agent may start; says once why it may not */
void secrets_report(struct supervisor *s); /* tell link about the last revisions */
void secrets_introduce(struct supervisor *s); /* router and proxy, where both are there */
void secrets_proxy_greeted(struct supervisor *s); /* a new proxy: it knows of no backends */
handler secrets_pushed, secrets_applied;

/* router.c: the process. */
void router_init(struct supervisor *s);
enum err router_start(struct supervisor *s, struct why *why) must_check;
void router_send(struct supervisor *s, const struct secrets_set *set);

#endif
