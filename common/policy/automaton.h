/* Automata: many globs compiled together, so that one pass over a text tells every one that matches. */
#ifndef COMMON_POLICY_AUTOMATON_H
#define COMMON_POLICY_AUTOMATON_H

#include "common/policy/trie.h"

struct automaton;

/*
 * Compile the branches. As many as fit go into one deterministic automaton; where it would grow out of proportion they
 * are parted in two, and a branch that grows so all alone is walked with one bit for each of its places.
 *
 * branches  are put in another order; not kept
 * keep      holds out, for ever
 * out       NULL for no branches: nothing matches
 * errors    ERR_LIMIT keep's ceiling, or too much work
 */
enum err automaton_new(struct automaton_branch *branches, uint32_t n, const struct byte_sets *sets, struct arena *keep,
    struct automaton **out, struct why *why) must_check;

/* Set the bit of each group that matches the text, which has no NUL. Time grows with the text alone. */
void automaton_run(const struct automaton *automaton, struct span text, uint64_t *groups);

/* How many machines it is, and how many states they have together: for tests and benches. */
void automaton_size(const struct automaton *automaton, size_t *machines, size_t *states);

#endif
