/* Time: the two clocks the house uses. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that never jumps (CLOCK_MONOTONIC): deadlines and measuring. */
uint64_t clock_ms(void);

/* The same in microseconds. */
uint64_t clock_us(void);

/* Milliseconds since 1970 (CLOCK_REALTIME): what is shown and stored. */
int64_t clock_wall_ms(void);

#endif
