/* Routes: which message goes where in the SSH server. */
#ifndef SSHD_ROUTES_H
#define SSHD_ROUTES_H

#include "common/bus/peer.h"

extern const struct route sshd_routes[];

#endif
