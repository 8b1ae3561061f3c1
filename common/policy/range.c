/* Addresses: reading them strictly, and the tables of ranges that are never reachable or not public. */
#include "common/policy/range.h"

#include <arpa/inet.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define V4(a, b, c, d)                                                                                                 \
	{                                                                                                              \
		.bytes = {a, b, c, d}, .length = 4                                                                     \
	}
#define V6(...)                                                                                                        \
	{                                                                                                              \
		.bytes = {__VA_ARGS__}, .length = 16                                                                   \
	}

/* Never reachable (7.1, S5). single: one address that a range of the author's may lie around. */
static const struct {
	struct address base;
	uint8_t bits;
	bool single;
} blocked[] = {
    {V4(0, 0, 0, 0), 8, false},
    {V4(127, 0, 0, 0), 8, false},
    {V4(169, 254, 0, 0), 16, false},
    {V4(224, 0, 0, 0), 4, false},
    {V4(240, 0, 0, 0), 4, false},
    {V4(168, 63, 129, 16), 32, true},
    {V4(100, 100, 100, 200), 32, true},
    {V6(0), 127, false}, /* :: and ::1 */
    {V6(0xfe, 0x80), 10, false},
    {V6(0xfe, 0xc0), 10, false},
    {V6(0xff), 8, false},
    {V6(0x01), 64, false},
    {V6(0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54), 128, true},
};

/* Not public besides (7.1). */
static const struct range internal[] = {
    {V4(10, 0, 0, 0), 8},
    {V4(172, 16, 0, 0), 12},
    {V4(192, 168, 0, 0), 16},
    {V4(100, 64, 0, 0), 10},
    {V4(192, 0, 0, 0), 24},
    {V4(192, 0, 2, 0), 24},
    {V4(198, 18, 0, 0), 15},
    {V4(198, 51, 100, 0), 24},
    {V4(203, 0, 113, 0), 24},
    {V6(0xfc), 7},
};

/* Where IPv6 addresses carry IPv4 ones: from which bytes on; flip: every bit turned over (RFC 4380, 4). */
static const struct {
	struct range in;
	uint8_t at[4];
	bool flip;
} embedded[] = {
    {{V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 96}, {12, 13, 14, 15}, false},
    {{V6(0), 96}, {12, 13, 14, 15}, false},
    {{V6(0, 0x64, 0xff, 0x9b), 96}, {12, 13, 14, 15}, false},
    {{V6(0, 0x64, 0xff, 0x9b, 0, 1), 48}, {12, 13, 14, 15}, false},
    {{V6(0, 0x64, 0xff, 0x9b, 0, 1), 48}, {6, 7, 9, 10}, false}, /* RFC 6052, 2.2 */
    {{V6(0x20, 0x02), 16}, {2, 3, 4, 5}, false},
    {{V6(0x20, 0x01), 32}, {4, 5, 6, 7}, false},
    {{V6(0x20, 0x01), 32}, {12, 13, 14, 15}, true},
};

bool
address_parse(struct span text, struct address *out)
{
	struct address address = {0};
	char buffer[INET6_ADDRSTRLEN];

	if (!span_copy(text, buffer, sizeof(buffer)))
		return false;
	if (inet_pton(AF_INET, buffer, address.bytes) == 1)
		address.length = 4;
	else if (inet_pton(AF_INET6, buffer, address.bytes) == 1)
		address.length = 16;
	else
		return false;
	*out = address;
	return true;
}

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool
range_has(const struct range *range, const struct address *address)
{
	return range->base.length == address->length && bits_equal(range->base.bytes, address->bytes, range->bits);
}

bool
range_parse(struct span text, struct range *out)
{
	struct range range = {0};
	struct span rest = text, base = span_cut(&rest, '/');
	uint64_t bits;

	if (!address_parse(base, &range.base))
		return false;
	bits = range.base.length * 8u;
	if (base.length < text.length && number_parse(rest, 0, bits, &bits, NULL) != OK)
		return false;
	range.bits = (uint8_t)bits;
	*out = range;
	return true;
}

static bool
blocked_plain(const struct address *address)
{
	for (size_t i = 0; i < COUNT(blocked); i++)
		if (range_has(&(struct range){blocked[i].base, blocked[i].bits}, address))
			return true;
	return false;
}

static bool
internal_plain(const struct address *address)
{
	for (size_t i = 0; i < COUNT(internal); i++)
		if (range_has(&internal[i], address))
			return true;
	return blocked_plain(address);
}

/* Does it hold for the address, or for an IPv4 address in it? */
static bool
holds(bool (*plain)(const struct address *address), const struct address *address)
{
	for (size_t i = 0; i < COUNT(embedded); i++) {
		struct address inner = {.length = 4};

		if (!range_has(&embedded[i].in, address))
			continue;
		for (int k = 0; k < 4; k++)
			inner.bytes[k] = address->bytes[embedded[i].at[k]] ^ (embedded[i].flip ? 0xff : 0);
		if (plain(&inner))
			return true;
	}
	return plain(address);
}

bool
address_always_blocked(const struct address *address)
{
	return holds(blocked_plain, address);
}

bool
address_internal(const struct address *address)
{
	return holds(internal_plain, address);
}

/* A range of mapped addresses as the range of IPv4 that it means. */
static bool
range_unmap(const struct range *range, struct range *out)
{
	if (range->bits < 96 || !range_has(&embedded[0].in, &range->base))
		return false;
	*out = (struct range){.base = {.length = 4}, .bits = (uint8_t)(range->bits - 96)};
	memcpy(out->base.bytes, range->base.bytes + 12, 4);
	return true;
}

bool
range_always_blocked(const struct range *range)
{
	struct range plain = *range;

	if (address_always_blocked(&range->base))
		return true;
	range_unmap(range, &plain);
	for (size_t i = 0; i < COUNT(blocked); i++)
		if (!blocked[i].single && blocked[i].bits > plain.bits && range_has(&plain, &blocked[i].base))
			return true;
	return plain.base.length == 16 && plain.bits < 96 && range_has(&plain, &embedded[0].in.base);
}
