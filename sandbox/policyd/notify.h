/* Notifications: each connect of the agent stops here until it is noted who called it (seccomp_unotify(2)). */
#ifndef SANDBOX_POLICYD_NOTIFY_H
#define SANDBOX_POLICYD_NOTIFY_H

#include <linux/seccomp.h>

#include "common/os/loop.h"
#include "sandbox/policyd/record.h"

#define PARKED_MAX 256

/* What outlives us, so that whoever waits for us is let go by the next one. */
struct stopped {
	uint64_t taken; /* number of the notification that was taken last; 0: none was */
	struct {
		uint64_t id;
		pid_t pid;
		uint32_t descriptor;
	} parked[PARKED_MAX]; /* wait for a hash; what lies behind parked_n is answered */
};

struct notify {
	struct loop *loop;
	struct identities *identities;
	struct records *records;
	uint64_t socket_mount;
	int fd; /* the listener; -1: none */
	struct watch watch;
	struct stopped *stopped;
	size_t parked_n;
	uint64_t answered, unnoted; /* of those, without a record, for want of room or because it cannot be told who */
};

/*
 * Answer what the listener says from now on: always "go on", for the record is what counts. Whom a policyd before us has
 * left waiting is let go at once, also where nobody else calls.
 *
 * fd      taken over
 * memory  memfd_fixed of CHANNEL_CONNECTS_BYTES, the same for each policyd; stays the caller's
 * errors  ERR_INVALID it is no such memory
 */
enum err notify_begin(struct notify *notify, int fd, int memory, struct why *why) must_check;

/* A hash is known: those who waited for one are looked at again. */
void notify_again(struct notify *notify);

void notify_end(struct notify *notify);

#endif
