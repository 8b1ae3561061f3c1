/* Globs: the one pattern language of hosts, paths, binaries and names (policy-and-proxy 4.2), read into steps. */
#ifndef COMMON_POLICY_GLOB_H
#define COMMON_POLICY_GLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define GLOB_MAX_BYTES 4096 /* of a pattern */

/* Which delimiter, and how it is read. */
enum glob_kind {
	GLOB_NAME,  /* '.': query values, GraphQL and MCP names */
	GLOB_FREE,  /* none: what denies is read so as well (S2) */
	GLOB_PATH,  /* '/': request paths, binaries */
	GLOB_ROUTE, /* '/', but * and ? cross it, and a last slash and ** cover the directory itself (4.3) */
	GLOB_HOST,  /* '.', ASCII case folded, ** is one label or more */
};

/* Does it match itself alone? A host is a pattern only with '*' in it (4.1). */
bool glob_literal(struct span text, enum glob_kind kind);

/*
 * Can it be read?
 *
 * errors  ERR_INVALID what is wrong with it and where; ERR_LIMIT past the bounds above
 */
enum err glob_check(struct span text, enum glob_kind kind, struct why *why) must_check;

/*
 * Is there a text that both match? What cannot be read overlaps everything. Hosts without '*' and other literal texts
 * are compared as texts; an empty host overlaps every host, an empty path every path.
 *
 * kind  GLOB_HOST, GLOB_PATH or GLOB_ROUTE
 */
bool glob_overlap(struct span a, struct span b, enum glob_kind kind);

/* A set of bytes. */
struct byte_set {
	uint64_t words[4];
};

#define BYTE_SETS_MAX  1024
#define BYTE_SETS_NONE 256 /* number of the empty set, once a pattern was compiled */

/* Sets by number: below 256 that byte alone, from 256 on at[number - 256]. */
struct byte_sets {
	struct byte_set at[BYTE_SETS_MAX];
	uint32_t n;
};

bool byte_sets_has(const struct byte_sets *sets, uint32_t number, uint8_t byte);

/* One place in a pattern and what leads on from it. */
struct glob_step {
	uint32_t on;   /* a byte of this set leads to the next step */
	uint32_t stay; /* a byte of this set stays here */
	uint32_t skip; /* without a byte: 1 the next step as well, 2 the next and the one after it */
};

/* A pattern without braces; behind its last step the text must end. */
struct glob_branch {
	struct glob_step *steps;
	uint32_t n;
};

struct glob {
	struct glob_branch *branches;
	uint32_t n;
};

/*
 * Read a pattern.
 *
 * arena   holds out and what reading needs
 * sets    where the sets of its steps are; grows
 * errors  as glob_check; ERR_LIMIT also the arena or sets
 */
enum err glob_compile(struct span text, enum glob_kind kind, struct arena *arena, struct byte_sets *sets,
    struct glob *out, struct why *why) must_check;

#endif
