/* Loopback: the only addresses that forwards go to and listen on. */
#ifndef SSHD_LOOPBACK_H
#define SSHD_LOOPBACK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/base/span.h"

/* Is it a name of this sandbox's own loopback? six: the name can be nothing but IPv6. */
bool loopback_name(struct span host, bool *six);

/* Its address with this port; returns how long it is. */
socklen_t loopback_address(bool six, uint16_t port, struct sockaddr_storage *out);

#endif
