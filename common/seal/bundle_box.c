/* Bundle boxes: msgpack by the bus codec, in a crypto_box whose nonce stands in front. */
#include "common/seal/bundle_box.h"

#include <assert.h>
#include <sodium.h>

#include "common/bus/codec.h"

#define NONCE_BYTES crypto_box_NONCEBYTES
#define ITEM_BYTES  9 /* of the lead of anything, or a number */

_Static_assert(NONCE_BYTES + crypto_box_MACBYTES == BUNDLE_BOX_OVERHEAD, "sizes that bundle_box.h states");

static size_t
texts_bytes(const struct span *texts, size_t n)
{
	size_t bytes = ITEM_BYTES;

	for (size_t i = 0; i < n; i++)
		bytes += ITEM_BYTES + texts[i].length;
	return bytes;
}

static size_t
grant_bytes(const struct msg_token_grant *grant)
{
	size_t bytes = 10 * ITEM_BYTES + grant->url.length + grant->field.length + grant->svid_audience.length +
		       grant->assertion_type.length + grant->audience.length +
		       texts_bytes(grant->scopes, grant->scopes_n);

	for (size_t i = 0; i < grant->overrides_n; i++) {
		const struct msg_token_scope *scope = &grant->overrides[i];

		bytes += 6 * ITEM_BYTES + scope->host.length + scope->path.length + scope->audience.length +
			 texts_bytes(scope->scopes, scope->scopes_n);
	}
	return bytes;
}

static size_t
entry_bytes(const struct msg_secret_entry *entry)
{
	size_t bytes = 13 * ITEM_BYTES + entry->slot.length + entry->provider.length + entry->value.length +
		       texts_bytes(entry->tokens, entry->tokens_n) + entry->field.length + entry->parameter.length;

	for (size_t i = 0; i < entry->grant_n; i++)
		bytes += grant_bytes(&entry->grant[i]);
	for (size_t i = 0; i < entry->bindings_n; i++)
		bytes += 4 * ITEM_BYTES + entry->bindings[i].host.length + entry->bindings[i].path.length;
	return bytes;
}

size_t
bundle_clear_bytes(const struct msg_bundle *bundle)
{
	size_t bytes = 10 * ITEM_BYTES + sizeof(struct id);

	for (size_t i = 0; i < bundle->entries_n; i++)
		bytes += entry_bytes(&bundle->entries[i]);
	return bytes;
}

enum err
bundle_box_make(const struct msg_bundle *bundle, const uint8_t router_key[32], const struct secret *credentials_secret,
    uint8_t *room, uint8_t *out, size_t *length, struct why *why)
{
	struct msg msg = {.id = BUNDLE, .bundle = *bundle};
	size_t size = bundle_clear_bytes(bundle), clear = 0;
	char *buffer = (char *)room;
	int bad = 0;
	enum err r;

	if (size > BUNDLE_BOX_MAX - BUNDLE_BOX_OVERHEAD)
		return fail(why, ERR_LIMIT, "a bundle of about %zu bytes", size);
	r = msg_encode(&msg, &buffer, &(size_t){size}, &clear, why);
	assert(buffer == (char *)room); /* it was large enough: nothing was copied elsewhere */
	if (r == OK) {
		randombytes_buf(out, NONCE_BYTES);
		bad = crypto_box_easy(out + NONCE_BYTES, room, clear, out, router_key, credentials_secret->bytes);
		*length = clear + BUNDLE_BOX_OVERHEAD;
	}
	sodium_memzero(room, size);
	return bad == 0 ? r : fail(why, ERR_INVALID, "the router's key is no X25519 key");
}

static enum err
bundle_read(struct span clear, struct arena *arena, struct msg_bundle *out, struct why *why)
{
	struct msg msg;
	enum err r;

	if ((r = msg_decode(clear, arena, &msg, why)) != OK)
		return because(why, r, "a box of secrets");
	if (msg.id != BUNDLE)
		return fail(why, ERR_PROTOCOL, "a box of secrets holds another message");
	*out = msg.bundle;
	return OK;
}

enum err
bundle_box_open(struct span box, const uint8_t credentials_key[32], const struct secret *router_secret, uint8_t *room,
    struct arena *arena, struct msg_bundle *out, struct why *why)
{
	const uint8_t *at = (const uint8_t *)box.at;
	size_t length;
	enum err r;

	if (box.length < BUNDLE_BOX_OVERHEAD || box.length > BUNDLE_BOX_MAX)
		return fail(why, ERR_DENIED, "a box of secrets of %zu bytes", box.length);
	length = box.length - BUNDLE_BOX_OVERHEAD;
	if (crypto_box_open_easy(
		room, at + NONCE_BYTES, box.length - NONCE_BYTES, at, credentials_key, router_secret->bytes) != 0)
		r = fail(
		    why, ERR_DENIED, "a box of secrets that is not from credentials for this router, or was changed");
	else
		r = bundle_read(span_of_bytes(room, length), arena, out, why);
	if (r != OK)
		sodium_memzero(room, length);
	return r;
}
