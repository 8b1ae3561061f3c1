/* A ring: memory mapped once, touched as it fills. */
#include "sandbox/link/ring.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANNEL_DEFAULT 1

enum err
ring_open(struct ring *ring, size_t size, int fd, struct why *why)
{
	size_t whole = RING_BYTES(size);
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *at;

	if (seals < 0 || fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "%zu bytes for output", whole);
	if ((size_t)st.st_size < whole || (seals & F_SEAL_SHRINK) == 0)
		return fail(why, ERR_INVALID, "the memory for output has %zu bytes, and %s", (size_t)st.st_size,
		    (seals & F_SEAL_SHRINK) == 0 ? "may lose some" : "too few");
	if ((at = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0)) == MAP_FAILED)
		return fail_errno(why, ERR_SYSTEM, "%zu bytes for output", whole);
	*ring = (struct ring){.head = at, .at = (char *)at + sizeof(struct ring_head), .size = size};
	return OK;
}

void
ring_done(struct ring *ring)
{
	if (ring->head != NULL)
		munmap(ring->head, RING_BYTES(ring->size));
	*ring = (struct ring){0};
}

/* The newest mark that is not behind offset, by its number; marks_n: none is remembered. */
static uint64_t
mark_of(const struct ring *ring, uint64_t offset)
{
	uint64_t n = ring->head->marks_n, first = n > RING_MARKS ? n - RING_MARKS : 0;

	for (uint64_t i = n; i > first; i--)
		if (ring->head->marks[(i - 1) % RING_MARKS].offset <= offset)
			return i - 1;
	return n;
}

static void
mark(struct ring *ring, uint8_t channel)
{
	struct ring_head *head = ring->head;

	if (ring_channel(ring, head->end) == channel)
		return;
	head->marks[head->marks_n % RING_MARKS] = (struct ring_mark){head->end, channel};
	head->marks_n++;
}

/* The end is moved last: what is cut short by our death was never there. */
void
ring_put(struct ring *ring, uint8_t channel, const void *bytes, size_t length)
{
	const char *from = bytes;

	if (length > 0)
		mark(ring, channel);
	while (length > 0) {
		size_t place = (size_t)(ring->head->end % ring->size);
		size_t n = length < ring->size - place ? length : ring->size - place;

		memcpy(ring->at + place, from, n);
		from += n;
		length -= n;
		ring->head->end += n;
	}
}

uint64_t
ring_oldest(const struct ring *ring)
{
	return ring->head->end > ring->size ? ring->head->end - ring->size : 0;
}

uint64_t
ring_end(const struct ring *ring)
{
	return ring->head->end;
}

uint8_t
ring_channel(const struct ring *ring, uint64_t offset)
{
	uint64_t i = mark_of(ring, offset);

	return i == ring->head->marks_n ? CHANNEL_DEFAULT : (uint8_t)ring->head->marks[i % RING_MARKS].channel;
}

/* Where the bytes of another channel begin, or the end. */
static uint64_t
run_end(const struct ring *ring, uint64_t offset)
{
	const struct ring_head *head = ring->head;
	uint64_t i = mark_of(ring, offset), next = i == head->marks_n ? 0 : i + 1;

	if (i == head->marks_n && head->marks_n > RING_MARKS)
		next = head->marks_n - RING_MARKS; /* the oldest that is remembered */
	if (next >= head->marks_n || head->marks[next % RING_MARKS].offset <= offset)
		return head->end;
	return head->marks[next % RING_MARKS].offset < head->end ? head->marks[next % RING_MARKS].offset : head->end;
}

size_t
ring_copy(const struct ring *ring, uint64_t *offset, char *to, size_t size)
{
	size_t done = 0;
	uint64_t end;

	if (*offset < ring_oldest(ring))
		*offset = ring_oldest(ring);
	end = run_end(ring, *offset);
	while (done < size && *offset < end) {
		size_t place = (size_t)(*offset % ring->size), n = ring->size - place;

		n = n > end - *offset ? (size_t)(end - *offset) : n;
		n = n > size - done ? size - done : n;
		memcpy(to + done, ring->at + place, n);
		done += n;
		*offset += n;
	}
	return done;
}
