/* The tokens of a pattern, and its braces written out: {a,b}c is ac and bc. Apart, so that glob.c reads flat patterns. */
#ifndef COMMON_POLICY_BRACES_H
#define COMMON_POLICY_BRACES_H

#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define BRACES_BRANCHES_MAX 256 /* patterns that one may become */

/*
 * How many bytes belong together at this place: an escape, a class, or one byte.
 *
 * errors  ERR_INVALID an escape or a class that does not end
 */
enum err token_length(struct span text, size_t at, size_t *out, struct why *why) must_check;

/*
 * Write the braces out. Empty alternatives are dropped; none left stand for nothing.
 *
 * out     in the arena; out[0] to out[*n - 1]
 * errors  ERR_INVALID a brace without its other; ERR_LIMIT more than BRACES_BRANCHES_MAX, or the arena
 */
enum err braces_expand(
    struct span text, struct arena *arena, struct span **out, uint32_t *n, struct why *why) must_check;

#endif
