/* Secrets: bytes with no formatter, wiped when they are freed. */
#ifndef COMMON_BASE_SECRET_H
#define COMMON_BASE_SECRET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A key of 32 bytes: CURVE, box, MAC, claim or token. */
struct secret {
	uint8_t bytes[32];
};

static inline void
secret_wipe(struct secret *secret)
{
	explicit_bzero(secret, sizeof(*secret));
}

#define auto_secret __attribute__((cleanup(secret_wipe)))

#endif
