/* Deterministic automata, made from a tree of steps by following sets of places. */
#ifndef COMMON_POLICY_DFA_H
#define COMMON_POLICY_DFA_H

#include "common/policy/comb.h"
#include "common/policy/trie.h"

/* Where one state leads: the cell base + class of the comb if that is its own, else rest. */
struct dfa_state {
	uint32_t base, rest;
	uint32_t accept, accept_n; /* groups that match when the text ends here */
	bool still;		   /* no byte leads away */
};

/* State 0 is dead, state 1 the start. */
struct dfa {
	uint8_t class_of[256];
	struct dfa_state *states;
	struct comb comb;
	uint32_t *accepts;
	uint32_t states_n, accepts_n;
};

/*
 * Make one.
 *
 * returns false: it would be out of proportion to the tree, or scratch is too small; nothing was made
 * errors  ERR_LIMIT in *r: keep's ceiling
 */
bool dfa_make(const struct trie *trie, const struct byte_sets *sets, struct arena *scratch, struct arena *keep,
    struct dfa *out, enum err *r);

/* How many states at most dfa_make tries to make. */
size_t dfa_states_max(const struct trie *trie);

void dfa_run(const struct dfa *dfa, struct span text, uint64_t *groups);

#endif
