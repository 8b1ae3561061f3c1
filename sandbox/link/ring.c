/* A ring: memory mapped once, touched as it fills. */
#include "sandbox/link/ring.h"

#include <string.h>
#include <sys/mman.h>

enum err
ring_open(struct ring *ring, size_t size, struct why *why)
{
	void *at =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return fail_errno(why, ERR_SYSTEM, "%zu bytes for output", size);
	*ring = (struct ring){.at = at, .size = size};
	return OK;
}

void
ring_done(struct ring *ring)
{
	if (ring->at != NULL)
		munmap(ring->at, ring->size);
	*ring = (struct ring){0};
}

void
ring_put(struct ring *ring, const void *bytes, size_t length)
{
	const char *from = bytes;

	while (length > 0) {
		size_t place = (size_t)(ring->end % ring->size);
		size_t n = length < ring->size - place ? length : ring->size - place;

		memcpy(ring->at + place, from, n);
		from += n;
		length -= n;
		ring->end += n;
	}
}

size_t
ring_copy(const struct ring *ring, uint64_t *offset, char *to, size_t size)
{
	uint64_t oldest = ring->end > ring->size ? ring->end - ring->size : 0;
	size_t done = 0;

	if (*offset < oldest)
		*offset = oldest;
	while (done < size && *offset < ring->end) {
		size_t place = (size_t)(*offset % ring->size), n = ring->size - place;

		n = n > ring->end - *offset ? (size_t)(ring->end - *offset) : n;
		n = n > size - done ? size - done : n;
		memcpy(to + done, ring->at + place, n);
		done += n;
		*offset += n;
	}
	return done;
}
