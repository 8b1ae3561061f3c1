/* The SSH server: all its state. One connection, one supervisor (descriptor 3), one link. */
#ifndef SSHD_SSHD_H
#define SSHD_SSHD_H

#include <libssh/libssh.h>

#include "common/bus/peer.h"

/* bus.state: what is served when. */
enum {
	SSHD_WAITING = 1 << 0, /* for ssh_setup */
	SSHD_RUNNING = 1 << 1,
};

#define LANES_MAX	64
#define LISTENERS_MAX	16
#define WORKSPACE_BYTES 257

/* What ssh_setup said. */
struct setup {
	int connection, link; /* descriptors; -1: taken */
	struct secret host_key;
	char workspace[WORKSPACE_BYTES];
	bool bash;
};

struct sshd {
	struct loop *loop;
	struct bus bus;
	struct peer *supervisor, *link; /* borrowed from the bus; link is NULL when it is gone */
	struct setup setup;
	bool ready; /* ssh_setup came */

	/* session.c */
	ssh_session session;
	ssh_event event; /* polls the session's socket */
	int fd;		 /* a second descriptor of it, which the loop watches */
	struct watch watch;
	struct idle idle;
	struct timer grace, again;
	bool authenticated;
	bool over; /* nothing more is said on the connection */

	struct list lanes; /* lane.c */
	unsigned lanes_n;
	size_t held_bytes;	 /* by all of them, of what clients sent and nobody takes */
	struct list commands;	 /* command.c */
	struct list attachments; /* attach.c */
	struct list listeners;	 /* listen.c */
	unsigned listeners_n;
	uint64_t next; /* the next name of a command or attachment */
};

#endif
