/* Sums of files, by OpenSSL's plain SHA-256: it needs no provider and reads no configuration. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/transfer/sum.h"

#include <openssl/sha.h>
#include <string.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sum_state), "sum_state holds a SHA256_CTX");

static SHA256_CTX *
context(struct sum_state *state)
{
	return (SHA256_CTX *)(void *)state->bytes;
}

static void
piece_end(struct sum *sum)
{
	uint8_t digest[SUM_BYTES];

	SHA256_Final(digest, context(&sum->piece));
	SHA256_Update(context(&sum->whole), digest, sizeof(digest));
	SHA256_Init(context(&sum->piece));
}

void
sum_begin(struct sum *sum)
{
	*sum = (struct sum){0};
	SHA256_Init(context(&sum->whole));
	SHA256_Init(context(&sum->piece));
}

void
sum_add(struct sum *sum, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		size_t room = SUM_PIECE_BYTES - (size_t)(sum->size % SUM_PIECE_BYTES);
		size_t n = length < room ? length : room;

		SHA256_Update(context(&sum->piece), at, n);
		sum->size += n;
		at += n;
		length -= n;
		if (n == room)
			piece_end(sum);
	}
}

static void
zeros_add(struct sum *sum, size_t length)
{
	static const char zeros[4096];

	for (; length > 0; length -= length < sizeof(zeros) ? length : sizeof(zeros))
		sum_add(sum, zeros, length < sizeof(zeros) ? length : sizeof(zeros));
}

/* The digest of a whole piece of zeros, as sum_add would come to it. */
static void
zero_piece(uint8_t to[SUM_BYTES])
{
	static uint8_t kept[SUM_BYTES];
	static int known;
	static const char zeros[4096];
	SHA256_CTX context;

	if (!known) {
		SHA256_Init(&context);
		for (size_t i = 0; i < SUM_PIECE_BYTES / sizeof(zeros); i++)
			SHA256_Update(&context, zeros, sizeof(zeros));
		SHA256_Final(kept, &context);
		known = 1;
	}
	memcpy(to, kept, SUM_BYTES);
}

void
sum_add_hole(struct sum *sum, uint64_t length)
{
	uint64_t first = (SUM_PIECE_BYTES - sum->size % SUM_PIECE_BYTES) % SUM_PIECE_BYTES;
	uint8_t digest[SUM_BYTES];

	first = first < length ? first : length;
	zeros_add(sum, (size_t)first);
	zero_piece(digest);
	for (length -= first; length >= SUM_PIECE_BYTES; length -= SUM_PIECE_BYTES) {
		SHA256_Update(context(&sum->whole), digest, sizeof(digest));
		sum->size += SUM_PIECE_BYTES;
	}
	zeros_add(sum, (size_t)length);
}

void
sum_get(const struct sum *sum, uint8_t to[SUM_BYTES])
{
	struct sum copy = *sum;
	uint8_t size[8];

	if (sum->size % SUM_PIECE_BYTES != 0)
		piece_end(&copy);
	for (size_t i = 0; i < sizeof(size); i++)
		size[i] = (uint8_t)(sum->size >> (8 * (7 - i)));
	SHA256_Update(context(&copy.whole), size, sizeof(size));
	SHA256_Final(to, context(&copy.whole));
}

void
sum_name(const void *text, size_t length, char to[SUM_NAME_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SUM_BYTES];
	SHA256_CTX context;

	SHA256_Init(&context);
	SHA256_Update(&context, text, length);
	SHA256_Final(digest, &context);
	for (size_t i = 0; i < SUM_NAME_BYTES / 2; i++) {
		to[2 * i] = digits[digest[i] >> 4];
		to[2 * i + 1] = digits[digest[i] & 15];
	}
	to[SUM_NAME_BYTES - 1] = '\0';
}
