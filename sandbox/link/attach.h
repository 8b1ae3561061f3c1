/* Attaching: SSH servers take part in the main process for their clients: see attach.c. */
#ifndef LINK_ATTACH_H
#define LINK_ATTACH_H

#include "sandbox/link/link.h"

#define ATTACHED_MAX 64

/* An SSH server is gone. */
void attach_peer_down(struct link *link, const struct peer *peer);

handler main_attach;

#endif
