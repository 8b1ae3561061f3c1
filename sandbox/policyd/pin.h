/* Pins: the hash that an executable's path had when it was first used; another one under the same path is refused. */
#ifndef SANDBOX_POLICYD_PIN_H
#define SANDBOX_POLICYD_PIN_H

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/span.h"
#include "sandbox/policyd/hash.h"

#define PINS_MAX    8192 /* they are never forgotten: past it, what is new is refused */
#define PIN_BUCKETS 256

struct pins {
	struct list buckets[PIN_BUCKETS];
	size_t n;
};

void pins_init(struct pins *pins);
void pins_done(struct pins *pins);

/*
 * Is this what the path was pinned to? A path that is not pinned yet is.
 *
 * unlinked  the file has no name any more: it must have been pinned before (S9)
 * errors    ERR_CONFLICT another hash; ERR_DENIED unlinked and never pinned; ERR_LIMIT PINS_MAX are kept
 */
enum err pin_check(
    struct pins *pins, struct span path, const uint8_t hash[HASH_BYTES], bool unlinked, struct why *why) must_check;

#endif
