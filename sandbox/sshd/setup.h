/* Set-up: what the supervisor hands to this process at its start. */
#ifndef SSHD_SETUP_H
#define SSHD_SETUP_H

#include "sandbox/sshd/sshd.h"

handler ssh_setup;

#endif
