/* The main process's descriptors: its output is drained and its newest part kept, its input is held open. */
#ifndef LINK_MAIN_IO_H
#define LINK_MAIN_IO_H

#include "sandbox/link/link.h"

#define MAIN_RING_BYTES (1u << 20)

/* Read kept output, standard output and error in the order they came; see ring_copy. 0 when there is no main
 * process. */
size_t main_io_read(const struct main_io *io, uint64_t *offset, char *to, size_t size);

void main_io_free(struct main_io *io); /* NULL does nothing */

handler main_stdio;

#endif
