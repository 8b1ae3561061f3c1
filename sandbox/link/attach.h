/* Attaching: SSH servers take part in the main process for their clients: see attach.c. */
#ifndef LINK_ATTACH_H
#define LINK_ATTACH_H

#include "sandbox/link/main_io.h"

#define ATTACHED_MAX 64

/* There is more in the ring, or the main process has ended: to each as far as its credit reaches. */
void attach_serve(struct main_io *io);

/* An SSH server is gone. */
void attach_peer_down(struct link *link, const struct peer *peer);

/* There is another main process, or none; without a word. */
void attach_end_all(struct main_io *io);

handler main_attach;

#endif
