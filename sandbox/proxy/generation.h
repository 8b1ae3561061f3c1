/* Generations: a policy was loaded, and what was admitted under an older one ends. */
#ifndef SANDBOX_PROXY_GENERATION_H
#define SANDBOX_PROXY_GENERATION_H

#include "common/bus/peer.h"

handler generation;

#endif
