/* Doors: byte streams to something that listens in a sandbox; see door.c. */
#ifndef RELAY_DOOR_H
#define RELAY_DOOR_H

#include "common/bus/peer.h"

handler door_open, door_closed;

#endif
