/* The decision vectors as rows. */
#include "tests/unit/policy/vectors.h"

#include <stdio.h>

struct span
file_read(struct arena *arena, const char *dir, const char *name)
{
	const char *path = arena_format(arena, "%s/%s", dir, name);
	FILE *file = path == NULL ? NULL : fopen(path, "re");
	char *text = arena_alloc(arena, 1u << 20);
	size_t n = file == NULL || text == NULL ? 0 : fread(text, 1, 1u << 20, file);

	if (file != NULL)
		fclose(file);
	return n == 0 ? SPAN_NONE : (struct span){text, n};
}

size_t
pieces(struct span text, char sep, struct span *out, size_t room)
{
	size_t n = 0, at;
	bool more = text.length > 0;

	while (more && n < room) {
		more = span_find(text, sep, &at);
		out[n++] = span_cut(&text, sep);
	}
	return n;
}

size_t
vectors_read(const char *dir, struct arena *arena, struct vector rows[VECTORS_MAX])
{
	struct span rest = file_read(arena, dir, "vectors.tsv");
	size_t n = 0;

	while (rest.length > 0 && n < VECTORS_MAX) {
		struct span line = span_cut(&rest, '\n');

		if (line.length == 0 || line.at[0] < '0' || line.at[0] > '9')
			continue;
		if (pieces(line, '\t', rows[n].column, COLUMNS) != COLUMNS)
			return 0;
		n++;
	}
	return n;
}
