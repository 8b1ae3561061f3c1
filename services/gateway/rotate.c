/* Rotation: the ring gets a key and, where it is ours or a next one is given, another master key, credentials starts again with it, state has its records sealed anew, the ring is trimmed. */
#include "services/gateway/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "services/gateway/file.h"
#include "services/gateway/keys.h"
#include "services/gateway/lock.h"
#include "services/gateway/progress.h"

#define LOOK_EVERY_MS 100
#define POKE_EVERY_MS 10000 /* a gateway that was just starting did not heed the signal */
#define QUIET_MS      2000  /* longer than a write that was under way takes, so that none comes after the last look */

/* credentials starts again and reads the ring. */
static enum err
poke(const struct config *config, struct why *why)
{
	auto_fd int pidfd = -1;
	enum err r = lock_signal(config, SIGUSR2, &pidfd, why);

	if (r == OK && pidfd < 0)
		return fail(
		    why, ERR_UNAVAILABLE, "the gateway ended; nothing is lost: start it and run rotate-key again");
	return r;
}

static void
shown(uint64_t *last, uint64_t old)
{
	if (old == *last || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K");
	if (old > 0)
		fprintf(stderr, "%llu secrets to seal again", (unsigned long long)old);
	*last = old;
}

/* Until no record has been under an older key for a while. */
static enum err
wait_quiet(const struct config *config, const uint8_t newest[8], struct why *why)
{
	uint64_t poke_ms = 0, last = 0;
	struct rotation now;
	enum err r;

	for (;;) {
		bool seen =
		    rotation_look(config, &now, NULL) == OK && memcmp(now.newest, newest, sizeof(now.newest)) == 0;

		if (seen)
			shown(&last, now.old);
		if (seen && now.old == 0 && now.quiet_ms >= QUIET_MS)
			return OK;
		if (clock_ms() >= poke_ms) {
			if ((r = seen ? lock_signal(config, 0, NULL, why) : poke(config, why)) != OK)
				return r;
			poke_ms = clock_ms() + POKE_EVERY_MS;
		}
		poll(NULL, 0, LOOK_EVERY_MS);
	}
}

/* The next master key, where there is one: what was sealed or claimed with this one stays good until nobody needs it. */
static enum err
master_replace(const struct config *config, struct secret *master, struct ring *ring, bool *replaced, struct why *why)
{
	auto_secret struct secret next = {0};
	enum err r = keys_next_master(config, master, &next, why);

	*replaced = false;
	if (r == ERR_NOT_FOUND)
		return OK;
	if (r != OK || (r = keys_retire(config, master, ring, why)) != OK)
		return r;
	*master = next;
	*replaced = true;
	return OK;
}

/* One file, replaced at once, holds the new storage key and says which master key counts. */
static enum err
key_add(const struct config *config, struct secret *master, struct ring *ring, struct why *why)
{
	bool replaced;
	enum err r;

	if (ring->count > 1) {
		printf("Going on with a rotation that was interrupted.\n");
		return OK;
	}
	if ((r = master_replace(config, master, ring, &replaced, why)) != OK || (r = ring_add(ring, why)) != OK ||
	    (r = keys_ring_save(config, master, ring, why)) != OK)
		return r;
	return replaced ? keys_next_settle(config, master, why) : OK;
}

static enum err
ring_rotate(const struct config *config, struct ring *ring, struct why *why)
{
	auto_secret struct secret master = {0};
	enum err r;

	if ((r = keys_ring_load(config, &master, ring, why)) != OK || (r = key_add(config, &master, ring, why)) != OK ||
	    (r = rotation_forget(config, why)) != OK || (r = wait_quiet(config, ring->keys[0].name, why)) != OK)
		return r;
	ring_trim(ring);
	if ((r = keys_ring_save(config, &master, ring, why)) != OK)
		return r;
	return poke(config, why); /* so that the older keys leave its memory, too */
}

static void
done_say(const struct config *config, const struct ring *ring)
{
	printf("All stored secrets are sealed under a new storage key; the one before is gone.\n");
	if (ring->retired_n > 0)
		printf(
		    "The master key is a new one. %s kept, sealed, for the sandboxes that started with %s, and forgotten when\n"
		    "the gateway starts without such sandboxes. Back up the new one: the backup of the old one opens nothing\n"
		    "that is stored from here on.\n",
		    ring->retired_n == 1 ? "The one before is" : "Those before are",
		    ring->retired_n == 1 ? "it" : "them");
	if (config->master_key_file[0] != '\0' && config->master_key_next_file[0] == '\0')
		printf("The master key is yours and has stayed: to replace it, set master_key_next_file.\n");
	if (config->master_key_next_file[0] != '\0')
		printf("%s is the master key now: name it in master_key_file, and take master_key_next_file out.\n",
		    config->master_key_next_file);
}

/* The ring is replaced by a file of whoever runs this, which the gateway is to read: root's would shut out a user's gateway. */
static enum err
owner_check(int keys, struct why *why)
{
	struct stat st;

	if (fstat(keys, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "fstat");
	if (st.st_uid != geteuid())
		return fail(why, ERR_DENIED,
		    "the gateway's keys belong to user %u: run rotate-key as that user, as the gateway runs",
		    (unsigned)st.st_uid);
	return OK;
}

enum err
rotate_run(const struct config *config, struct why *why)
{
	auto_ring struct ring ring = {0};
	auto_fd int lock = -1;
	pid_t pid;
	enum err r;

	if ((r = lock_holder(config, &pid, why)) != OK)
		return r;
	if (pid == 0)
		return fail(why, ERR_STATE,
		    "no gateway is running with the data directory %s: start it first, as it seals its secrets again while it runs",
		    config->data_dir);
	if ((lock = open(data_path(config, "keys"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "open %s", data_path(config, "keys"));
	if ((r = owner_check(lock, why)) != OK)
		return r;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return fail(why, ERR_BUSY, "another rotate-key is running");
	if ((r = ring_rotate(config, &ring, why)) == OK)
		done_say(config, &ring);
	return r;
}
