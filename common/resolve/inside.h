/* The inside of the resolver, for ask.c (questions), loop.c (c-ares' sockets) and setup.c. */
#ifndef COMMON_RESOLVE_INSIDE_H
#define COMMON_RESOLVE_INSIDE_H

#include <ares.h>

#include "common/resolve/resolve.h"
#include "common/base/slots.h"

struct host {
	struct address address;
	char *name;
};

/* One look-up. */
struct query {
	uint64_t number;
	struct resolver *resolver;
	struct timer timer; /* to tell it later */
	enum err r;
	struct why why;
	struct address addresses[RESOLVE_MAX];
	size_t n;
	bool asking; /* c-ares holds it */
	void (*done)(void *self, enum err r, const struct address *addresses, size_t n, const struct why *why);
	void *self;
};

/* A socket of c-ares. */
struct asked {
	struct asked *next;
	struct resolver *resolver;
	struct watch watch;
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	bool servers; /* there are some */
	struct timer timer;
	struct asked *sockets;
	struct slots queries;
	unsigned asking_n;
	bool ending;
	struct host *hosts;
	size_t hosts_n;
	struct address gateway; /* length 0: none */
};

/* c-ares has changed what it waits for: its time is ours. */
void resolve_timer_follow(struct resolver *resolver);

/* c-ares tells which sockets it wants to be watched (ares_sock_state_cb). */
void resolve_socket_state(void *self, ares_socket_t fd, int readable, int writable);

#endif
