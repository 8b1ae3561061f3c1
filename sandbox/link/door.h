/* Doors: streams from the relay to something that listens in this sandbox: see door.c. */
#ifndef LINK_DOOR_H
#define LINK_DOOR_H

#include "sandbox/link/link.h"

#define DOORS_MAX 256

/* The relay is gone, and with it the callers. */
void door_end_all(struct link *link);

handler door_open;

#endif
