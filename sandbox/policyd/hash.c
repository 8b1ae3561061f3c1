/* Hashes of executables. A small file is read at once; a large one in pieces, so that nobody else waits for it. */
#include "sandbox/policyd/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"

#define PIECE_BYTES (64u << 10)
#define TURN_BYTES  (256u << 10) /* about a millisecond */
#define READING_MAX 64

/* What makes a file the same file with the same bytes. The agent cannot set ctime. */
struct fingerprint {
	uint64_t device, inode;
	int64_t size, mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct known {
	struct list link;
	struct fingerprint of;
	enum err r; /* OK, or why it has none */
	uint8_t hash[HASH_BYTES];
};

struct reading {
	struct list link;
	struct fingerprint of;
	int fd;
	crypto_hash_sha256_state state;
};

static struct fingerprint
fingerprint_of(const struct stat *st)
{
	return (struct fingerprint){.device = st->st_dev,
	    .inode = st->st_ino,
	    .size = st->st_size,
	    .mtime_s = st->st_mtim.tv_sec,
	    .mtime_ns = st->st_mtim.tv_nsec,
	    .ctime_s = st->st_ctim.tv_sec,
	    .ctime_ns = st->st_ctim.tv_nsec};
}

static bool
same(const struct fingerprint *a, const struct fingerprint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0; /* no padding: seven of eight bytes */
}

static struct known *
known_find(struct hashes *hashes, const struct fingerprint *of)
{
	struct known *known;

	list_each(known, &hashes->known, struct known, link)
		if (same(&known->of, of)) {
			list_remove(&known->link);
			list_append(hashes->known.next, &known->link); /* in front again */
			return known;
		}
	return NULL;
}

static void
known_drop(struct hashes *hashes, struct known *known)
{
	list_remove(&known->link);
	hashes->known_n--;
	free(known);
}

static void
known_add(struct hashes *hashes, const struct fingerprint *of, enum err r, const uint8_t hash[HASH_BYTES])
{
	struct known *known = calloc(1, sizeof(*known));

	if (known == NULL)
		abort();
	known->of = *of;
	known->r = r;
	if (r == OK)
		memcpy(known->hash, hash, HASH_BYTES);
	if (hashes->known_n == HASHES_MAX)
		known_drop(hashes, list_item(hashes->known.prev, struct known, link));
	list_append(hashes->known.next, &known->link); /* in front */
	hashes->known_n++;
}

/* Up to so many bytes more. OK: it is read to its end; ERR_MORE there is more; ERR_CONFLICT it changed meanwhile. */
static enum err
read_on(struct hashes *hashes, struct reading *reading, size_t bytes, uint8_t hash[HASH_BYTES], struct why *why)
{
	char piece[PIECE_BYTES];
	struct fingerprint now;
	struct stat st;
	ssize_t n = 1;

	for (size_t done = 0; done < bytes && (n = read(reading->fd, piece, sizeof(piece))) > 0; done += (size_t)n) {
		crypto_hash_sha256_update(&reading->state, (const unsigned char *)piece, (size_t)n);
		hashes->bytes += (uint64_t)n;
	}
	if (n < 0)
		return fail_errno(why, ERR_DENIED, "read the executable");
	if (n > 0)
		return ERR_MORE;
	if (fstat(reading->fd, &st) < 0)
		return fail_errno(why, ERR_DENIED, "look at the executable");
	now = fingerprint_of(&st);
	if (!same(&now, &reading->of))
		return fail(why, ERR_CONFLICT, "the executable changed while it was read");
	crypto_hash_sha256_final(&reading->state, hash);
	hashes->files++;
	return OK;
}

static void
reading_free(struct hashes *hashes, struct reading *reading)
{
	list_remove(&reading->link);
	hashes->reading_n--;
	close(reading->fd);
	free(reading);
}

/* Each has its turn, so that a small one does not wait for a large one. What changed meanwhile is not known: who asks again finds another fingerprint. */
static void
turn(void *self)
{
	struct hashes *hashes = self;
	struct reading *reading = list_item(hashes->reading.next, struct reading, link);
	uint8_t hash[HASH_BYTES];
	struct why why;
	enum err r = read_on(hashes, reading, TURN_BYTES, hash, &why);

	if (r != ERR_MORE) {
		if (r != ERR_CONFLICT)
			known_add(hashes, &reading->of, r, hash);
		reading_free(hashes, reading);
	} else {
		list_remove(&reading->link);
		list_append(&hashes->reading, &reading->link);
	}
	if (!list_empty(&hashes->reading))
		loop_timer_set(hashes->loop, &hashes->timer, 0, turn, hashes);
	if (r != ERR_MORE)
		hashes->finished(hashes->self);
}

/* /proc/PID/exe opened is the very file, whatever its path leads to now. */
static enum err
open_exe(int dir, const struct fingerprint *of, int *out, struct why *why)
{
	auto_fd int fd = openat(dir, "exe", O_RDONLY | O_CLOEXEC);
	struct fingerprint now;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(
		    why, errno == ENOENT || errno == ESRCH ? ERR_NOT_FOUND : ERR_DENIED, "open the executable");
	now = fingerprint_of(&st);
	if (now.device != of->device || now.inode != of->inode)
		return fail(why, ERR_NOT_FOUND, "it executes another file meanwhile");
	if (!same(&now, of))
		return fail(why, ERR_NOT_FOUND, "the executable is being changed");
	*out = fd_take(&fd);
	return OK;
}

static bool
being_read(struct hashes *hashes, const struct fingerprint *of)
{
	struct reading *reading;

	list_each(reading, &hashes->reading, struct reading, link)
		if (same(&reading->of, of))
			return true;
	return false;
}

static enum err
start(struct hashes *hashes, int dir, const struct fingerprint *of, uint8_t out[HASH_BYTES], struct why *why)
{
	struct reading *reading;
	int fd = -1;
	enum err r;

	if (hashes->reading_n == READING_MAX)
		return fail(why, ERR_LIMIT, "%d executables are being read", READING_MAX);
	if ((r = open_exe(dir, of, &fd, why)) != OK)
		return r;
	if ((reading = calloc(1, sizeof(*reading))) == NULL)
		abort();
	reading->of = *of;
	reading->fd = fd;
	crypto_hash_sha256_init(&reading->state);
	list_append(&hashes->reading, &reading->link);
	hashes->reading_n++;
	if ((r = read_on(hashes, reading, TURN_BYTES, out, why)) == ERR_MORE) {
		if (hashes->reading_n == 1)
			loop_timer_set(hashes->loop, &hashes->timer, 0, turn, hashes);
		return r;
	}
	if (r == OK)
		known_add(hashes, of, OK, out);
	reading_free(hashes, reading);
	return r == ERR_CONFLICT ? ERR_NOT_FOUND : r;
}

enum err
hash_of(struct hashes *hashes, int dir, const struct stat *file, uint8_t out[HASH_BYTES], struct why *why)
{
	struct fingerprint of = fingerprint_of(file);
	struct known *known = known_find(hashes, &of);

	if (known != NULL && known->r != OK)
		return fail(why, known->r, "the executable could not be read");
	if (known != NULL) {
		memcpy(out, known->hash, HASH_BYTES);
		return OK;
	}
	if (!S_ISREG(file->st_mode) || (uint64_t)file->st_size > HASH_FILE_MAX_BYTES)
		return fail(why, ERR_LIMIT, "the executable is no file of at most %llu bytes", HASH_FILE_MAX_BYTES);
	if (being_read(hashes, &of))
		return ERR_MORE;
	return start(hashes, dir, &of, out, why);
}

void
hashes_init(struct hashes *hashes, struct loop *loop, void (*finished)(void *self), void *self)
{
	*hashes = (struct hashes){.loop = loop, .finished = finished, .self = self};
	list_init(&hashes->known);
	list_init(&hashes->reading);
}

void
hashes_done(struct hashes *hashes)
{
	struct reading *reading;
	struct known *known;

	if (hashes->loop == NULL)
		return;
	loop_timer_stop(hashes->loop, &hashes->timer);
	list_each(reading, &hashes->reading, struct reading, link)
		reading_free(hashes, reading);
	list_each(known, &hashes->known, struct known, link)
		known_drop(hashes, known);
}
