/*
 * The sum of a file: SHA-256 over the SHA-256 of each of its pieces of 1 MiB, so that a hole costs next to nothing, and
 * over its size. (Of what is here SHA-256 is the fastest by half: processors have instructions for it.)
 */
#ifndef COMMON_TRANSFER_SUM_H
#define COMMON_TRANSFER_SUM_H

#include <stddef.h>
#include <stdint.h>

#define SUM_BYTES	32
#define SUM_PIECE_BYTES (1u << 20)

struct sum_state {
	_Alignas(16) unsigned char bytes[128]; /* OpenSSL's SHA256_CTX */
};

struct sum {
	struct sum_state whole, piece;
	uint64_t size; /* bytes so far */
};

void sum_begin(struct sum *sum);
void sum_add(struct sum *sum, const void *bytes, size_t length);

/* So many bytes of zero. */
void sum_add_hole(struct sum *sum, uint64_t length);

/* The sum of what was added so far; more may be added. */
void sum_get(const struct sum *sum, uint8_t to[SUM_BYTES]);

/* A name for text in 16 hex digits: the beginning of its SHA-256. */
#define SUM_NAME_BYTES 17 /* with a NUL */
void sum_name(const void *text, size_t length, char to[SUM_NAME_BYTES]);

#endif
