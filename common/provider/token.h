/* What an agent writes in place of a secret: placeholders, and what makes one of them this credential's. */
#ifndef COMMON_PROVIDER_TOKEN_H
#define COMMON_PROVIDER_TOKEN_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define PROVIDER_HANDLE_BYTES 65 /* 64 hex digits and a NUL */
#define PROVIDER_BINDINGS_MAX 64 /* of one credential, as on the bus */

/* Where a credential may go: patterns as in a policy's endpoint. */
struct provider_binding {
	const char *host;
	uint16_t port;
	const char *path; /* "": all */
	bool redact;	  /* an answer that holds the credential is masked; says nothing about which it is */
};

/* Who a credential is: another one of these, another handle, and old placeholders of it resolve no more. */
struct provider_identity {
	const char *sandbox, *provider; /* ids as text */
	const char *key;
	const char *epoch; /* changes when refresh is configured or deleted; "" without refresh */
	const struct provider_binding *bindings;
	size_t bindings_count;
};

/* The stable handle (7.2): hex SHA-256 of the parts, each behind its length, endpoints sorted and each once. */
void provider_handle(const struct provider_identity *identity, char to[PROVIDER_HANDLE_BYTES]);

/* "v12_KEY" and "s<handle>_KEY": tokens as the router knows them; NULL past the arena's ceiling. */
char *provider_token_revision(struct arena *arena, uint64_t revision, const char *key);
char *provider_token_handle(struct arena *arena, const char *handle, const char *key);

/* "openshell:resolve:env:TOKEN" */
char *provider_placeholder(struct arena *arena, const char *token);

/* A number that changes when any of the parts does: the first 8 bytes of their SHA-256, each behind its length, never
 * 0. */
uint64_t provider_digest(const struct span *parts, size_t n);

#endif
