/* Requests: what a client asks for, each answered once. */
#ifndef SSHD_REQUEST_H
#define SSHD_REQUEST_H

#include "sandbox/sshd/sshd.h"

/* Answer it, now or later; the message is taken over. */
void request_take(struct sshd *sshd, ssh_message message);

#endif
