/* Relative paths as parcels carry them: what is one, and the order in which a tree is walked. Opens nothing. */
#ifndef COMMON_TRANSFER_RELATIVE_H
#define COMMON_TRANSFER_RELATIVE_H

#include "common/base/err.h"
#include "common/base/span.h"

#define RELATIVE_MAX_BYTES 4095		      /* PATH_MAX less a NUL */
#define RELATIVE_MAX_DEPTH 128		      /* names in one */
#define RELATIVE_PART	   ".openshell-part-" /* how files begin that are not complete; no path may name one */

/*
 * Is it one that stays below where it begins: names of 1 to 255 bytes without NUL, none "." or "..", single slashes?
 *
 * errors  ERR_INVALID saying which rule it breaks
 */
enum err relative_check(struct span path, struct why *why) must_check;

/* < 0, 0, > 0: the order of a walk. A directory comes before what is in it, and that before its next sibling. */
int relative_order(struct span a, struct span b);

/* Is path below above, or the same? */
bool relative_within(struct span path, struct span above);

/* What is before the last slash (empty: nothing), and behind it. */
struct span relative_parent(struct span path);
struct span relative_base(struct span path);

#endif
