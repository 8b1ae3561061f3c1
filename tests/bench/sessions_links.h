/* Links of simulated sandboxes, as many in one process as its descriptors allow. */
#ifndef TESTS_BENCH_SESSIONS_LINKS_H
#define TESTS_BENCH_SESSIONS_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"

#define LINKS_MAX 4000 /* of one process: four descriptors each */

/* The number of a simulated sandbox is its id. */
struct id links_id(uint32_t number);

/* Play the links of sandboxes first, first + 1, ... at the relay of this endpoint and key, until killed. */
void __attribute__((noreturn)) links_play(const char *endpoint, const uint8_t relay[32], uint32_t first, size_t count);

#endif
