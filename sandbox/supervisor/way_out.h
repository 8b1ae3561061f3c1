/* The way out, as the supervisor keeps it: policyd and the proxy with what they are given, and what policyd decides by. */
#ifndef SANDBOX_SUPERVISOR_WAY_OUT_H
#define SANDBOX_SUPERVISOR_WAY_OUT_H

#include "sandbox/supervisor/given.h"
#include "sandbox/supervisor/hostfiles.h"
#include "sandbox/supervisor/kept.h"
#include "sandbox/supervisor/network.h"

#define WAY_FDS	      (NETWORK_FDS + 1) /* the listener of connects is the last */
#define WAY_NAMES_MAX 4096
#define CA_KEY_BYTES  4096
#define CA_BYTES      16384

/* The sandbox's own CA, made by the first proxy, handed to the next; never used here. */
struct ca {
	char key[CA_KEY_BYTES], certificate[CA_BYTES];
	size_t key_n, certificate_n; /* 0: not made yet */
};

struct way {
	bool possible; /* the bundle has the programs for it */
	bool open;     /* the agent's network has a way out: fds are there */
	bool tried;    /* the spawner has said whether there is one */
	bool listening;
	int fds[WAY_FDS];
	int anchors;
	int connects_fd; /* which connects wait for policyd: for the next one; not looked into here */
	struct kept policyd, proxy;
	struct ca ca;
	struct hostfiles files;
	char *names[WAY_NAMES_MAX]; /* "ADDRESS NAME", as proxies told them; oldest first */
	size_t names_n;
};

/* Each given is a config_push. */
struct config {
	struct given good;   /* loaded once: stays until a newer one is */
	struct given trying; /* policyd is being asked */
	struct given next;   /* came since; the newest wins */
	bool asking;	     /* a call is open */
	bool in_force;	     /* policyd, as it runs now, decides by good, or is closed */
	bool closed;	     /* a policy could not be loaded: nothing is allowed until one is */
	bool closed_since;   /* ... which came after the one that policyd is being asked about */
	uint64_t revision;   /* the newest that was given */
	bool owed;	     /* the report waits until nothing is allowed any more */
	bool told;	     /* there is a report of the newest: */
	bool loaded;
	uint32_t report_version;
	uint64_t report_revision;
	struct why words;
};

#endif
