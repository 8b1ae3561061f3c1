/* The link at work: its beginning and end, and who hears of a peer that comes or goes. */
#ifndef LINK_SERVE_H
#define LINK_SERVE_H

#include "sandbox/link/link.h"

/* Fill in an empty link that serves on loop; the caller opens its bus. */
void link_init(struct link *link, struct loop *loop);

/* End all commands, forget what was kept, wipe the keys; then the bus may end. */
void link_done(struct link *link);

#endif
