/* Forwards: a lane with a TCP socket of the agent's network behind it (RFC 4254, 7). */
#ifndef SSHD_FORWARD_H
#define SSHD_FORWARD_H

#include "sandbox/sshd/lane.h"

#define ADDRESS_BYTES 65 /* of a listener, as the client writes it */

/*
 * A client wants to reach host:port, which must be loopback. The open message (taken over) is answered when the socket
 * is connected, or cannot be.
 */
void forward_open(struct sshd *sshd, ssh_message open, struct span host, uint16_t port);

/*
 * A connection (taken over) came to a listener from a port of the agent's: ask the client for a channel.
 *
 * address, port  of the listener, in the client's own words
 */
void forward_back(struct sshd *sshd, int fd, uint16_t from_port, const char *address, uint16_t port);

#endif
