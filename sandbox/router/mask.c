/* Masks: a search for each value, and for what may be the beginning of one at the end. */
#include "sandbox/router/mask.h"

#include <stdlib.h>

bool
mask_add(struct mask *mask, struct span value)
{
	if (value.length < MASK_BYTES_MIN || mask->n == MASK_VALUES_MAX)
		return false;
	for (size_t i = 0; i < mask->n; i++)
		if (span_equal(span_of_bytes(mask->values[i], mask->lengths[i]), value))
			return true;
	if ((mask->values[mask->n] = malloc(value.length)) == NULL)
		abort();
	memcpy(mask->values[mask->n], value.at, value.length);
	mask->lengths[mask->n++] = value.length;
	if (value.length > mask->longest)
		mask->longest = value.length;
	return true;
}

void
mask_done(struct mask *mask)
{
	for (size_t i = 0; i < mask->n; i++) {
		explicit_bzero(mask->values[i], mask->lengths[i]);
		free(mask->values[i]);
	}
	*mask = (struct mask){0};
}

static void
cover(char *bytes, size_t length, const char *value, size_t value_length)
{
	char *at = bytes, *end = bytes + length;

	while ((at = memmem(at, (size_t)(end - at), value, value_length)) != NULL) {
		memset(at, '*', value_length);
		at += value_length;
	}
}

/* May a value begin within the last bytes? Then how many of them. */
static size_t
begun(const char *bytes, size_t length, const char *value, size_t value_length)
{
	size_t most = length < value_length - 1 ? length : value_length - 1;

	for (size_t n = most; n > 0; n--)
		if (memcmp(bytes + length - n, value, n) == 0)
			return n;
	return 0;
}

size_t
mask_cover(const struct mask *mask, char *bytes, size_t length)
{
	size_t held = 0;

	for (size_t i = 0; i < mask->n; i++)
		cover(bytes, length, mask->values[i], mask->lengths[i]);
	for (size_t i = 0; i < mask->n; i++) {
		size_t n = begun(bytes, length, mask->values[i], mask->lengths[i]);

		if (n > held)
			held = n;
	}
	return length - held;
}
