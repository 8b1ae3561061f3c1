/* The main process's descriptors: its output is drained and its newest part kept, its input is held open. Who takes part in
 * it is in attach.c. */
#ifndef LINK_MAIN_IO_H
#define LINK_MAIN_IO_H

#include "sandbox/link/link.h"
#include "sandbox/link/ring.h"

#define MAIN_RING_BYTES (1u << 20)
#define MAIN_OUTPUTS	2

/* Who takes part in it, inside of what knows more about that. */
struct main_reader {
	struct list in_io;
	uint64_t offset; /* of what it reads next from the ring */
	void (*more)(
	    struct main_reader *reader); /* there is more in the ring, or the end is known; it may leave the list */
	void (*gone)(struct main_reader *reader); /* there is another main process, or none: it leaves the list */
};

/* One descriptor that is read. */
struct drain {
	struct main_io *io;
	struct watch watch;
	int fd; /* -1: ended */
	uint8_t channel;
};

struct main_io {
	struct link *link;
	struct ring ring;
	struct drain drains[MAIN_OUTPUTS];
	int in_fd; /* its standard input, or its terminal */
	bool tty;
	struct list readers; /* struct main_reader */
	unsigned readers_n;
	struct main_reader *owner;	/* who writes its standard input; NULL: nobody */
	bool paused;			/* its output is not read: the owner has not read what it would push out */
	const struct main_reader *seen; /* the owner when it was looked at last, where it was, and since when */
	uint64_t seen_offset, moved_ms;
	struct timer stall;
};

/* It has ended, and all that it wrote is in the ring. */
bool main_io_over(const struct main_io *io);

/* Its end is known: told to those who take part when all that it wrote has come. */
void main_io_exited(struct link *link, uint16_t exit_code);

/* A reader has read on, or has gone: output that waited for it is read again. */
void main_io_moved(struct main_io *io);

void main_io_free(struct main_io *io); /* NULL does nothing */

handler main_stdio;

#endif
