/* Arenas: chunks that double up to 64 KiB, larger pieces alone. */
#include "common/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_FIRST_BYTES 256u /* there are thousands of arenas with little in them: one a connection */
#define CHUNK_MAX_BYTES	  65536u
#define ALIGN_BYTES	  16u

struct arena_chunk {
	struct arena_chunk *older;
	size_t size, used;
	_Alignas(ALIGN_BYTES) char bytes[];
};

static struct arena_chunk *
chunk_add(struct arena *arena, size_t need)
{
	size_t size = arena->chunk == NULL ? CHUNK_FIRST_BYTES : arena->chunk->size * 2;
	struct arena_chunk *chunk;

	if (size > CHUNK_MAX_BYTES)
		size = CHUNK_MAX_BYTES;
	if (size < need)
		size = need;
	if ((chunk = malloc(sizeof(*chunk) + size)) == NULL)
		abort();
	*chunk = (struct arena_chunk){.older = arena->chunk, .size = size};
	arena->chunk = chunk;
	return chunk;
}

void *
arena_alloc(struct arena *arena, size_t bytes)
{
	size_t max = arena->max_bytes == 0 ? ARENA_DEFAULT_BYTES : arena->max_bytes;
	struct arena_chunk *chunk = arena->chunk;
	void *at;

	if (bytes > max || max - bytes < arena->used_bytes)
		return NULL;
	bytes = (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
	if (chunk == NULL || chunk->size - chunk->used < bytes)
		chunk = chunk_add(arena, bytes);
	at = chunk->bytes + chunk->used;
	chunk->used += bytes;
	arena->used_bytes += bytes;
	memset(at, 0, bytes);
	return at;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return arena_alloc(arena, bytes);
}

char *
arena_text(struct arena *arena, struct span bytes)
{
	char *copy = bytes.length == SIZE_MAX ? NULL : arena_alloc(arena, bytes.length + 1);

	if (copy != NULL && bytes.length > 0)
		memcpy(copy, bytes.at, bytes.length);
	return copy;
}

enum err
arena_span(struct arena *arena, struct span bytes, struct span *out)
{
	char *copy = arena_text(arena, bytes);

	if (copy == NULL)
		return ERR_LIMIT;
	*out = (struct span){copy, bytes.length};
	return OK;
}

char *
arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || (text = arena_alloc(arena, (size_t)n + 1)) == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

void
arena_reset(struct arena *arena)
{
	for (struct arena_chunk *older; arena->chunk != NULL; arena->chunk = older) {
		older = arena->chunk->older;
		explicit_bzero(arena->chunk->bytes, arena->chunk->used);
		free(arena->chunk);
	}
	arena->used_bytes = 0;
}
