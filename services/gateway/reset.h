/* Reset: take away what a gateway made on this machine, and nothing else. */
#ifndef GATEWAY_RESET_H
#define GATEWAY_RESET_H

#include <stdbool.h>

#include "services/gateway/config.h"

/*
 * Remove the gateway's files in data_dir, the certificates in tls_dir, and the client's entry of its name. A directory is
 * removed when nothing else is in it; what is not ours stays and is named. No link is followed.
 *
 * yes     do not ask. Without it a person at a terminal is asked, and anyone else is refused
 * errors  ERR_STATE it runs, or sandboxes that it left running do; ERR_DENIED nobody said yes; ERR_SYSTEM
 */
enum err reset_run(const struct config *config, bool yes, struct why *why) must_check;

#endif
