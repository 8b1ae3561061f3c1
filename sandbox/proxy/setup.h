/* Set-up: what the supervisor hands to the proxy. */
#ifndef SANDBOX_PROXY_SETUP_H
#define SANDBOX_PROXY_SETUP_H

#include "common/bus/peer.h"

handler proxy_setup, proxy_listen, proxy_names, channel_give;

#endif
