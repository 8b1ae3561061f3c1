/* Listeners: ports of the agent's loopback whose connections a client wants (tcpip-forward, RFC 4254, 7.1). */
#ifndef SSHD_LISTEN_H
#define SSHD_LISTEN_H

#include "sandbox/sshd/sshd.h"

/*
 * Listen on loopback, whatever address the client names (as OpenSSH does without GatewayPorts). The request (taken
 * over) is answered when that is done, or cannot be. port 0: any; the answer says which.
 */
void listen_start(struct sshd *sshd, ssh_message request, const char *address, uint16_t port);

/* Stop listening there; false: nobody did. What was accepted goes on. */
bool listen_stop(struct sshd *sshd, const char *address, uint16_t port);

void listeners_end(struct sshd *sshd);

#endif
