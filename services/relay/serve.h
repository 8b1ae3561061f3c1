/* The relay at work: its beginning and end, and who hears of a peer that comes or goes. */
#ifndef RELAY_SERVE_H
#define RELAY_SERVE_H

#include "services/relay/relay.h"

/* Fill in an empty relay that serves on loop; the bus is joined by the caller. */
void relay_init(struct relay *relay, struct loop *loop);

/* End all sessions, callers and what passes between them and free what they hold; then the bus may end. */
void relay_done(struct relay *relay);

#endif
