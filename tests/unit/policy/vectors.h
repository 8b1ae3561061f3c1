/* The decision vectors as rows: reading tests/vectors. */
#ifndef TESTS_UNIT_POLICY_VECTORS_H
#define TESTS_UNIT_POLICY_VECTORS_H

#include "common/base/arena.h"
#include "common/base/span.h"

enum { NUMBER, FRAGMENT, LAYER, HOST, PORT, BINARY, METHOD, TARGET, WITH, BODY, REFERENCE, OURS, WHY, COLUMNS };

#define VECTORS_MAX 400

struct vector {
	struct span column[COLUMNS];
};

/* All rows of DIR/vectors.tsv; 0: it cannot be read, or a row has another number of columns. */
size_t vectors_read(const char *dir, struct arena *arena, struct vector rows[VECTORS_MAX]);

/* A whole file; at NULL: it cannot be read. */
struct span file_read(struct arena *arena, const char *dir, const char *name);

/* The text cut at every sep, into at most room pieces; empty text is none. */
size_t pieces(struct span text, char sep, struct span *out, size_t room);

#endif
