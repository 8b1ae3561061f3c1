/* Signals by the names that SSH has for them (RFC 4254, 6.10). */
#ifndef SSHD_SIGNALS_H
#define SSHD_SIGNALS_H

#include "common/base/span.h"

/* The number of "TERM" and the like; 0: no signal that a client may send. */
int signal_number(struct span name);

/* The name of a number; NULL: it has none here. */
const char *signal_name(int number);

#endif
