/* Masks: a secret that an answer would echo is covered with as many asterisks, also where it is cut by what was read. */
#ifndef ROUTER_MASK_H
#define ROUTER_MASK_H

#include "common/base/span.h"

#define MASK_VALUES_MAX 32
#define MASK_BYTES_MIN	6 /* a shorter value would cover ordinary words */

/* All zero: nothing is masked. */
struct mask {
	char *values[MASK_VALUES_MAX]; /* owned, wiped */
	size_t lengths[MASK_VALUES_MAX], n, longest;
};

/* One more value; too short ones, and more than fit, are left out: false. */
bool mask_add(struct mask *mask, struct span value);
void mask_done(struct mask *mask);

/*
 * Cover every value in these bytes, in place.
 *
 * returns how many of them, from the front, can go on: behind that a value may have begun
 */
size_t mask_cover(const struct mask *mask, char *bytes, size_t length);

#endif
