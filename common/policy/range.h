/* Addresses and ranges of them: read strictly, and what is never reachable or not public (policy-and-proxy 7.1, S4, S5). */
#ifndef COMMON_POLICY_RANGE_H
#define COMMON_POLICY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

/* An address, IPv4 as 4 bytes, IPv6 as 16. */
struct address {
	uint8_t bytes[16];
	uint8_t length; /* 4 or 16 */
};

/* Strict dotted quad or RFC 4291 text, nothing else (S4); false: it is none. */
bool address_parse(struct span text, struct address *out);

/* Never reachable in any mode (7.1, S5), embedded IPv4 unwrapped. */
bool address_always_blocked(const struct address *address);

/* Always blocked, private, shared, documentation, benchmark... : not public. */
bool address_internal(const struct address *address);

/* All addresses of one family whose first bits are those of base. */
struct range {
	struct address base;
	uint8_t bits;
};

/* ADDRESS or ADDRESS/BITS; false: it is neither. */
bool range_parse(struct span text, struct range *out);

bool range_has(const struct range *range, const struct address *address);

/* Does it touch what is always blocked? Lone addresses of clouds inside a wider range do not count: they stay blocked. */
bool range_always_blocked(const struct range *range);

#endif
