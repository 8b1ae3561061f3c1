/* Backing off: doubling delays with jitter, so that the sandboxes of a gateway that comes back do not come
 * all at once. */
#include "sandbox/link/backoff.h"

#include <sodium.h>

#define FIRST_MS 50
#define LAST_MS	 2000

uint32_t
backoff_next(uint32_t *delay_ms)
{
	uint32_t next = *delay_ms == 0 ? FIRST_MS : *delay_ms * 2;

	*delay_ms = next > LAST_MS ? LAST_MS : next;
	return *delay_ms - randombytes_uniform(*delay_ms / 2 + 1);
}

bool
backoff_helps(enum err r)
{
	return r == ERR_UNAVAILABLE || r == ERR_TIMEOUT || r == ERR_LIMIT || r == ERR_BUSY || r == ERR_INTERNAL ||
	       r == ERR_SYSTEM;
}
