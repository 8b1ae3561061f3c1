/* Configuration on its way down. */
#ifndef RELAY_CONFIG_PUSH_H
#define RELAY_CONFIG_PUSH_H

#include "services/relay/session.h"

handler config_push, secrets_push;

#endif
