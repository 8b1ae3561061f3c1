/* Matchers: numbered groups of patterns of one use; texts are looked up in a table, globs run as one automaton. */
#ifndef COMMON_POLICY_MATCHER_H
#define COMMON_POLICY_MATCHER_H

#include "common/policy/automaton.h"
#include "common/policy/names.h"

/* What patterns are for: which of them are texts, and in which ways the others are read. */
enum matcher_use {
	MATCHER_HOST,	/* pattern with '*' only; case folded */
	MATCHER_BINARY, /* pattern with '*' only */
	MATCHER_PATH,
	MATCHER_ROUTE,
	MATCHER_VALUE,	/* query values and names */
	MATCHER_DENIED, /* the same where they deny: read twice (S2) */
	MATCHER_EXACT,	/* never a pattern */
};

/* A pattern and the group that it belongs to. */
struct matcher_pattern {
	struct span text; /* lower case for hosts */
	uint32_t group;
	enum matcher_use use;
};

/* Compiled; nothing changes it. */
struct matcher {
	struct names texts;
	const uint32_t *first; /* for each text where its groups begin in groups; one more at the end */
	const uint32_t *groups;
	struct automaton *automaton;
	uint32_t groups_n, words; /* words of 64 groups */
};

/*
 * Compile.
 *
 * groups_n  every group is below it
 * keep      holds out
 * errors    ERR_INVALID a pattern that cannot be read, named; ERR_LIMIT too much of it
 */
enum err matcher_new(const struct matcher_pattern *patterns, size_t n, uint32_t groups_n, struct arena *keep,
    struct matcher *out, struct why *why) must_check;

/* Set the bit of each group with a pattern that matches. A text with NUL matches nothing. */
void matcher_run(const struct matcher *matcher, struct span text, uint64_t *groups);

/* The bits for one text, zero but for what matches; NULL past the arena's ceiling. */
uint64_t *matcher_bits(const struct matcher *matcher, struct span text, struct arena *arena);

static inline bool
bit_get(const uint64_t *bits, uint32_t bit)
{
	return bits[bit / 64] >> (bit % 64) & 1;
}

#endif
