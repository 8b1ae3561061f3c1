/* One branch walked with one bit for each of its places. */
#include "common/policy/bits.h"

#define WORDS_MAX (GLOB_MAX_BYTES * 2 / 64 + 1) /* a byte of a pattern is two places at most */

static void
bit_set(uint64_t *mask, uint32_t place)
{
	mask[place / 64] |= 1ull << (place % 64);
}

static void
class_masks(struct bits *bits, const struct glob_branch *branch, const struct byte_sets *sets, uint8_t byte)
{
	size_t row = (size_t)bits->class_of[byte] * bits->words;

	for (uint32_t i = 0; i < branch->n; i++) {
		if (byte_sets_has(sets, branch->steps[i].on, byte))
			bit_set(bits->on + row, i);
		if (byte_sets_has(sets, branch->steps[i].stay, byte))
			bit_set(bits->stay + row, i);
	}
}

enum err
bits_make(const struct automaton_branch *branch, const struct trie *trie, const struct byte_sets *sets,
    struct arena *keep, struct bits *out)
{
	struct bits bits = {.words = branch->branch.n / 64 + 1, .end = branch->branch.n, .group = branch->group};
	uint32_t classes = trie_classes(trie, sets, bits.class_of);

	bits.on = arena_array(keep, (size_t)classes * bits.words, sizeof(*bits.on));
	bits.stay = arena_array(keep, (size_t)classes * bits.words, sizeof(*bits.stay));
	bits.skip = arena_array(keep, bits.words, sizeof(*bits.skip));
	bits.skip_two = arena_array(keep, bits.words, sizeof(*bits.skip_two));
	if (bits.on == NULL || bits.stay == NULL || bits.skip == NULL || bits.skip_two == NULL ||
	    bits.words > WORDS_MAX)
		return ERR_LIMIT;
	for (unsigned byte = 1; byte < 256; byte++)
		class_masks(&bits, &branch->branch, sets, (uint8_t)byte);
	for (uint32_t i = 0; i < branch->branch.n; i++) {
		if (branch->branch.steps[i].skip >= 1)
			bit_set(bits.skip, i);
		if (branch->branch.steps[i].skip >= 2)
			bit_set(bits.skip_two, i);
	}
	*out = bits;
	return OK;
}

/* places |= (places & mask) << by; says whether that changed anything. */
static bool
spread(uint64_t *places, const uint64_t *mask, uint32_t words, unsigned by)
{
	uint64_t carry = 0, changed = 0;

	for (uint32_t i = 0; i < words; i++) {
		uint64_t moved = places[i] & mask[i], next = places[i] | moved << by | carry;

		carry = moved >> (64 - by);
		changed |= next ^ places[i];
		places[i] = next;
	}
	return changed != 0;
}

static void
skips_follow(const struct bits *bits, uint64_t *places)
{
	bool more = true;

	while (more) {
		more = spread(places, bits->skip, bits->words, 1);
		more = spread(places, bits->skip_two, bits->words, 2) || more;
	}
}

void
bits_run(const struct bits *bits, struct span text, uint64_t *groups)
{
	uint64_t places[WORDS_MAX] = {1};

	skips_follow(bits, places);
	for (size_t i = 0; i < text.length; i++) {
		size_t row = (size_t)bits->class_of[(uint8_t)text.at[i]] * bits->words;
		uint64_t carry = 0;

		for (uint32_t k = 0; k < bits->words; k++) {
			uint64_t moved = places[k] & bits->on[row + k];

			places[k] = (places[k] & bits->stay[row + k]) | moved << 1 | carry;
			carry = moved >> 63;
		}
		skips_follow(bits, places);
	}
	if (places[bits->end / 64] >> (bits->end % 64) & 1)
		groups[bits->group / 64] |= 1ull << (bits->group % 64);
}
