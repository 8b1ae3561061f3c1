/* Set-up: where to connect and as whom, said once by the supervisor. */
#ifndef LINK_SETUP_H
#define LINK_SETUP_H

#include "sandbox/link/link.h"

handler link_setup;

#endif
