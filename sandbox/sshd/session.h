/* The session: libssh at work on the connection, turned by our loop. */
#ifndef SSHD_SESSION_H
#define SSHD_SESSION_H

#include "sandbox/sshd/sshd.h"

/* Speak SSH on the connection of ssh_setup; the host key is wiped. When it is over the loop stops. */
enum err session_begin(struct sshd *sshd, struct why *why) must_check;

/* Everything behind the connection is told that it is over. */
void session_end(struct sshd *sshd);

#endif
