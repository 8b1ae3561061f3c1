/* Rooms: pages of their own, so that nothing of the heap's ways keeps a copy. */
#include "services/credentials/room.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void
room_open(struct room *room, size_t size)
{
	*room = (struct room){.size = size == 0 ? 1 : size};
	room->at = mmap(NULL, room->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room->at == MAP_FAILED)
		abort();
	(void)!madvise(room->at, room->size, MADV_DONTDUMP);
	(void)!mlock(room->at, room->size);
}

uint8_t *
room_take(struct room *room, size_t bytes)
{
	uint8_t *at = room->at + room->used;

	assert(bytes <= room->size - room->used);
	room->used += bytes;
	return at;
}

void
room_close(struct room *room)
{
	if (room->at == NULL)
		return;
	explicit_bzero(room->at, room->used);
	munmap(room->at, room->size);
	*room = (struct room){0};
}
