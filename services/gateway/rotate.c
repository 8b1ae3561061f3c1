/* Rotation: the ring gets a key, credentials starts again with it, state has its records sealed anew, the ring is trimmed. */
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

#define LOOK_EVERY_MS 100
#define POKE_EVERY_MS 10000 /* a gateway that was just starting did not heed the signal */
#define QUIET_MS      2000  /* longer than a write that was under way takes, so that none comes after the last look */

static const char *const progress_name = "keys/rotation";

/* "key=" at the beginning of what is left, and its value. */
static bool
word_take(struct span *rest, const char *key, struct span *value)
{
	struct span word = span_cut(rest, ' ');

	if (!span_starts(word, span_of_text(key)))
		return false;
	*value = span_tail(word, strlen(key));
	return true;
}

enum err
rotation_parse(struct span line, struct rotation *out, struct why *why)
{
	struct span rest = span_cut(&line, '\n'), newest, old, quiet;
	struct rotation rotation;
	enum err r;

	if (!word_take(&rest, "newest=", &newest) || !word_take(&rest, "old=", &old) ||
	    !word_take(&rest, "quiet_ms=", &quiet) || !hex_read(newest, rotation.newest, sizeof(rotation.newest)))
		return fail(why, ERR_SYNTAX, "not the progress of a rotation");
	if ((r = number_parse(old, 0, UINT64_MAX, &rotation.old, why)) != OK ||
	    (r = number_parse(quiet, 0, UINT64_MAX, &rotation.quiet_ms, why)) != OK)
		return fail(why, ERR_SYNTAX, "not the progress of a rotation");
	*out = rotation;
	return OK;
}

static enum err
look(const struct config *config, struct rotation *out, struct why *why)
{
	char line[128];
	size_t length;
	enum err r;

	if ((r = file_read(data_path(config, progress_name), line, sizeof(line), &length, why)) != OK)
		return r;
	return rotation_parse(span_of_bytes(line, length), out, why);
}

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
		bool seen = look(config, &now, NULL) == OK && memcmp(now.newest, newest, sizeof(now.newest)) == 0;

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

static enum err
key_add(const struct config *config, const struct secret *master, struct ring *ring, struct why *why)
{
	enum err r;

	if (ring->count > 1) {
		printf("Going on with a rotation that was interrupted.\n");
		return OK;
	}
	if ((r = ring_add(ring, why)) != OK)
		return r;
	return keys_ring_save(config, master, ring, why);
}

/* What an earlier credentials wrote must not count. */
static enum err
progress_forget(const struct config *config, struct why *why)
{
	if (truncate(data_path(config, progress_name), 0) < 0 && errno != ENOENT)
		return fail_errno(why, ERR_SYSTEM, "%s", data_path(config, progress_name));
	return OK;
}

static enum err
ring_rotate(const struct config *config, struct why *why)
{
	auto_secret struct secret master = {0};
	auto_ring struct ring ring = {0};
	enum err r;

	if ((r = keys_ring_load(config, &master, &ring, why)) != OK || (r = progress_forget(config, why)) != OK ||
	    (r = key_add(config, &master, &ring, why)) != OK || (r = wait_quiet(config, ring.keys[0].name, why)) != OK)
		return r;
	ring_trim(&ring);
	if ((r = keys_ring_save(config, &master, &ring, why)) != OK)
		return r;
	return poke(config, why); /* so that the older keys leave its memory, too */
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
	if ((r = ring_rotate(config, why)) == OK)
		printf("All stored secrets are sealed under a new storage key; the one before is gone.\n");
	return r;
}
