/* The router: all its state. The supervisor gives it boxes, the proxy judged requests; upstream is the world. */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "common/base/secret.h"
#include "common/bus/peer.h"
#include "common/leg/side.h"

#define ERRANDS_MAX   1024 /* requests under way */
#define UPSTREAMS_MAX 512  /* connections, idle ones too */

/* bus.state: what is served when. */
enum {
	ROUTER_WAITING = 1 << 0, /* for router_setup */
	ROUTER_RUNNING = 1 << 1,
};

struct vault;
struct tls_client;

/* What can be filled, on its way to the proxy; the newest set goes out when the one before is known there. */
struct telling {
	uint64_t call;	      /* the last message of it, not answered; 0: none */
	bool again;	      /* the set has changed since */
	struct reply channel; /* channel_give, answered when the proxy knows */
	bool applied_owed;    /* secrets_applied waits for it */
};

struct router {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor, *proxy; /* referenced; proxy: NULL while there is none */
	bool ready;			 /* router_setup came */
	struct id sandbox;
	uint32_t epoch;
	struct secret box_key;
	uint8_t credentials_key[32];
	struct tls_client *tls;
	struct vault *vault;  /* in use; NULL: no secrets yet */
	struct vault *coming; /* a revision that is not here whole */
	struct telling telling;
	unsigned fetches_n; /* processes that get a token: grant.c */

	struct list errands;
	unsigned errands_n;
	struct list waiting; /* errands without an upstream */
	struct list upstreams, dead;
	unsigned upstreams_n;
	struct sides sides;
};

#endif
