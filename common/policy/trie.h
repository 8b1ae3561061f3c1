/* A tree of glob steps: branches that begin alike share their first nodes. What an automaton is built from. */
#ifndef COMMON_POLICY_TRIE_H
#define COMMON_POLICY_TRIE_H

#include "common/policy/glob.h"

/* A branch of a glob, and the number that is told when it matches. */
struct automaton_branch {
	struct glob_branch branch;
	uint32_t group;
};

/* A place in some branches. Node 0 is the root, before every first step. */
struct trie_node {
	struct glob_step step;
	uint32_t first, next; /* child, sibling; 0: none */
	uint32_t group;	      /* plus one, where a branch ends here; 0: it does not */
};

struct trie {
	struct trie_node *nodes;
	uint32_t n;
};

/* Put the branches into one tree; ERR_LIMIT the arena. */
enum err trie_make(
    const struct automaton_branch *branches, uint32_t n, struct arena *arena, struct trie *out) must_check;

/* Bytes that no set of the tree tells apart have one class. Returns how many classes there are. */
uint32_t trie_classes(const struct trie *trie, const struct byte_sets *sets, uint8_t class_of[256]);

#endif
