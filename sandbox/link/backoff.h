/* Backing off: when to try again, and whether. */
#ifndef LINK_BACKOFF_H
#define LINK_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* The next delay after *delay_ms (0: none yet): 50 ms doubling to 2 s, each shortened by up to half at
 * random. */
uint32_t backoff_next(uint32_t *delay_ms);

/* Is a failure one that time mends? What state refuses for a reason of its own stays refused. */
bool backoff_helps(enum err r);

#endif
