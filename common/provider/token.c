/* Tokens and digests. */
#include "common/provider/token.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/wire/placeholder.h"

#define HANDLE_TAG "openshell-workload-credential-handle-v1"

/* Its length in 8 bytes, big-endian, then the part: no two lists of parts are one row of bytes. */
static void
part_add(crypto_hash_sha256_state *state, struct span part)
{
	unsigned char length[8];

	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)(part.length >> (8 * (sizeof(length) - 1 - i)));
	crypto_hash_sha256_update(state, length, sizeof(length));
	if (part.length > 0)
		crypto_hash_sha256_update(state, (const unsigned char *)part.at, part.length);
}

static int
compare(const struct provider_binding *a, const struct provider_binding *b)
{
	int order = strcmp(a->host, b->host);

	if (order == 0)
		order = (a->port > b->port) - (a->port < b->port);
	return order != 0 ? order : strcmp(a->path, b->path);
}

/* The bindings in order, each once; returns how many. */
static size_t
sort(const struct provider_identity *identity, const struct provider_binding *sorted[PROVIDER_BINDINGS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < identity->bindings_count && i < PROVIDER_BINDINGS_MAX; i++) {
		const struct provider_binding *binding = &identity->bindings[i];
		size_t at = 0;

		while (at < n && compare(sorted[at], binding) < 0)
			at++;
		if (at < n && compare(sorted[at], binding) == 0)
			continue;
		memmove(&sorted[at + 1], &sorted[at], (n - at) * sizeof(sorted[0]));
		sorted[at] = binding;
		n++;
	}
	return n;
}

void
provider_handle(const struct provider_identity *identity, char to[PROVIDER_HANDLE_BYTES])
{
	const struct provider_binding *sorted[PROVIDER_BINDINGS_MAX + 1];
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	size_t n = sort(identity, sorted);
	char port[8];

	crypto_hash_sha256_init(&state);
	part_add(&state, SPAN(HANDLE_TAG));
	part_add(&state, span_of_text(identity->sandbox));
	part_add(&state, span_of_text(identity->provider));
	part_add(&state, span_of_text(identity->key));
	part_add(&state, span_of_text(identity->epoch));
	for (size_t i = 0; i < n; i++) {
		snprintf(port, sizeof(port), "%u", sorted[i]->port);
		part_add(&state, span_of_text(sorted[i]->host));
		part_add(&state, span_of_text(port));
		part_add(&state, span_of_text(sorted[i]->path));
	}
	crypto_hash_sha256_final(&state, hash);
	hex_write(hash, sizeof(hash), to);
}

char *
provider_token_revision(struct arena *arena, uint64_t revision, const char *key)
{
	return arena_format(arena, "v%llu_%s", (unsigned long long)revision, key);
}

char *
provider_token_handle(struct arena *arena, const char *handle, const char *key)
{
	return arena_format(arena, "s%s_%s", handle, key);
}

char *
provider_placeholder(struct arena *arena, const char *token)
{
	return token == NULL ? NULL : arena_format(arena, PLACEHOLDER_MARK "%s", token);
}

uint64_t
provider_digest(const struct span *parts, size_t n)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;
	uint64_t digest = 0;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < n; i++)
		part_add(&state, parts[i]);
	crypto_hash_sha256_final(&state, hash);
	for (size_t i = 8; i-- > 0;)
		digest = digest << 8 | hash[i];
	return digest == 0 ? 1 : digest;
}
