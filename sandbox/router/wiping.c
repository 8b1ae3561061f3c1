/*
 * Wiping: every block of memory that is given back in this process is wiped first, whoever had it: OpenSSL, nghttp2, the
 * bus, ourselves. So nothing that held a secret outlives its use (glibc, "Replacing malloc": its own are still there).
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

#if OWN_ALLOCATOR

void __libc_free(void *block);
void *__libc_malloc(size_t size);

void
free(void *block)
{
	int error = errno;

	if (block != NULL)
		explicit_bzero(block, malloc_usable_size(block));
	__libc_free(block);
	errno = error;
}

/* A block that moves leaves nothing behind, and one that shrinks keeps its place. */
void *
realloc(void *block, size_t size)
{
	size_t old = block == NULL ? 0 : malloc_usable_size(block);
	void *moved;

	if (block != NULL && size > 0 && size <= old && size >= old / 2)
		return block;
	if (size == 0 && block != NULL) {
		free(block);
		return NULL;
	}
	if ((moved = __libc_malloc(size)) == NULL)
		return NULL;
	memcpy(moved, block == NULL ? moved : block, old < size ? old : size);
	free(block);
	return moved;
}

#endif
