/* Arenas: memory that one message, request or connection needs, with a ceiling, released all at once. */
#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

struct arena_chunk;

/* All zero is an empty arena with a ceiling of ARENA_DEFAULT_BYTES. */
struct arena {
	struct arena_chunk *chunk; /* newest first */
	size_t used_bytes;
	size_t max_bytes; /* 0: ARENA_DEFAULT_BYTES */
};

#define ARENA_DEFAULT_BYTES (4u << 20)

/*
 * Zeroed memory, aligned for any type, alive until arena_reset.
 *
 * returns NULL past the ceiling, for the caller to answer ERR_LIMIT; running out of memory aborts
 */
void *arena_alloc(struct arena *arena, size_t bytes);

/* The same for count items of size bytes; NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of the bytes with a NUL behind them; NULL past the ceiling. */
char *arena_text(struct arena *arena, struct span bytes);

/* A copy of the bytes as a span (also NUL-terminated); ERR_LIMIT past the ceiling. */
enum err arena_span(struct arena *arena, struct span bytes, struct span *out);

/* printf into the arena; NULL past the ceiling. */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Give everything back; the arena can be used again. */
void arena_reset(struct arena *arena);

#define auto_arena __attribute__((cleanup(arena_reset)))

#endif
