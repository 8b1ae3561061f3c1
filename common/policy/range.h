/* Ranges of addresses: how allowed_ips are read and compared. */
#ifndef COMMON_POLICY_RANGE_H
#define COMMON_POLICY_RANGE_H

#include "common/policy/destination.h"

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
