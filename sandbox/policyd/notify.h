/* Notifications: each connect of the agent stops here until it is noted who called it (seccomp_unotify(2)). */
#ifndef SANDBOX_POLICYD_NOTIFY_H
#define SANDBOX_POLICYD_NOTIFY_H

#include <linux/seccomp.h>

#include "common/os/loop.h"
#include "sandbox/policyd/record.h"

#define PARKED_MAX 256

struct notify {
	struct loop *loop;
	struct identities *identities;
	struct records *records;
	uint64_t socket_mount;
	int fd; /* the listener; -1: none */
	struct watch watch;
	bool first_seen;
	struct {
		uint64_t id;
		pid_t pid;
		uint32_t descriptor;
	} parked[PARKED_MAX]; /* wait for a hash */
	size_t parked_n;
	uint64_t answered, unnoted; /* of those, without a record, for want of room or because it cannot be told who */
};

/*
 * Answer what the listener says from now on: always "go on", for the record is what counts.
 *
 * fd      taken over
 */
enum err notify_begin(struct notify *notify, int fd, struct why *why) must_check;

/* A hash is known: those who waited for one are looked at again. */
void notify_again(struct notify *notify);

void notify_end(struct notify *notify);

#endif
