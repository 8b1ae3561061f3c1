/* Digests by OpenSSL. */
#include "common/wire/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

static const unsigned char *
bytes_of(struct span bytes)
{
	return (const unsigned char *)(bytes.length == 0 ? "" : bytes.at);
}

void
digest_sha1_base64(struct span bytes, char to[DIGEST_SHA1_BASE64_BYTES])
{
	unsigned char digest[SHA_DIGEST_LENGTH];

	assert(SHA1(bytes_of(bytes), bytes.length, digest) != NULL);
	EVP_EncodeBlock((unsigned char *)to, digest, sizeof(digest));
}

void
digest_sha256_hex(struct span bytes, char to[DIGEST_SHA256_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[SHA256_DIGEST_LENGTH];

	assert(SHA256(bytes_of(bytes), bytes.length, digest) != NULL);
	for (size_t i = 0; i < sizeof(digest); i++) {
		to[2 * i] = digits[digest[i] >> 4];
		to[2 * i + 1] = digits[digest[i] & 15];
	}
	to[2 * sizeof(digest)] = '\0';
}
