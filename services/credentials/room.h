/* Rooms: memory for secrets in clear, for as long as one message is served. Locked, in no core image, wiped. */
#ifndef CREDENTIALS_ROOM_H
#define CREDENTIALS_ROOM_H

#include <stddef.h>
#include <stdint.h>

/* All zero: none. */
struct room {
	uint8_t *at;
	size_t used, size;
};

/* Memory of that size from the kernel; locked where RLIMIT_MEMLOCK lets it be. Running out of memory aborts. */
void room_open(struct room *room, size_t size);

/* The next bytes of it, zero. Asking for more than is there is a mistake of ours: it aborts. */
uint8_t *room_take(struct room *room, size_t bytes);

/* Wipe and give back; may be done twice. */
void room_close(struct room *room);

#define auto_room __attribute__((cleanup(room_close)))

#endif
