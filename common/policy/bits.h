/* One branch walked with one bit for each of its places: for those that no deterministic automaton can hold. */
#ifndef COMMON_POLICY_BITS_H
#define COMMON_POLICY_BITS_H

#include "common/policy/trie.h"

/* Masks over places, words each. */
struct bits {
	uint8_t class_of[256];
	uint64_t *on, *stay; /* for each class: the places it leads on from, and stays at */
	uint64_t *skip, *skip_two;
	uint32_t words, end, group;
};

/* ERR_LIMIT keep's ceiling. trie is of this branch alone. */
enum err bits_make(const struct automaton_branch *branch, const struct trie *trie, const struct byte_sets *sets,
    struct arena *keep, struct bits *out) must_check;

void bits_run(const struct bits *bits, struct span text, uint64_t *groups);

#endif
