/* Combs: where a row fits, first come first served. */
#include "common/policy/comb.h"

#define FIT_TRIES 256 /* places tried before a row goes to the end */

/* The target of most classes, if one has most of them (Boyer and Moore). */
static uint32_t
row_majority(const uint32_t *row, uint32_t n)
{
	uint32_t best = 0, lead = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (lead == 0)
			best = row[i];
		lead = row[i] == best ? lead + 1 : lead - 1;
	}
	return best;
}

/* The classes of a row that lead elsewhere than the rest. */
struct exceptions {
	uint8_t class[256];
	uint32_t n;
};

static bool
row_fits(const struct comb *comb, const struct exceptions *exceptions, size_t base)
{
	for (uint32_t i = 0; i < exceptions->n; i++)
		if (comb->cells[base + exceptions->class[i]].owner != 0)
			return false;
	return true;
}

bool
comb_put(struct comb *comb, uint32_t owner, const uint32_t *row, uint32_t classes, uint32_t *base, uint32_t *rest,
    bool *still)
{
	size_t at = comb->n > FIT_TRIES ? comb->n - FIT_TRIES : 0;
	struct exceptions exceptions = {.n = 0};

	*rest = row_majority(row, classes);
	for (uint32_t class = 0; class < classes; class ++)
		if (row[class] != *rest)
			exceptions.class[exceptions.n++] = (uint8_t) class;
	while (!row_fits(comb, &exceptions, at))
		at++;
	if (at + 2 * (size_t)classes > comb->max)
		return false;
	*base = (uint32_t)at;
	*still = *rest == owner && exceptions.n == 0;
	for (uint32_t i = 0; i < exceptions.n; i++) {
		uint32_t class = exceptions.class[i];

		comb->cells[at + class] = (struct comb_cell){owner, row[class]};
		if (comb->n <= at + class)
			comb->n = (uint32_t)(at + class) + 1;
	}
	return true;
}
