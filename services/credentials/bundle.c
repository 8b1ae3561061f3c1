/* Bundles: a chunk's secrets lie in clear in one room, from their records to the box. */
#include "services/credentials/bundle.h"

#include "common/seal/bundle_box.h"
#include "services/credentials/claim.h"
#include "services/credentials/store.h"

static size_t
records_bytes(const struct msg_bundle_seal *in)
{
	size_t bytes = 0;

	for (size_t i = 0; i < in->items_n; i++)
		for (size_t j = 0; j < in->items[i].record_n; j++)
			bytes += in->items[i].record[j].record.length;
	return bytes;
}

static enum err
entry_open(const struct credentials *credentials, const struct msg_bundle_item *item, struct room *room,
    struct msg_secret_entry *out, struct why *why)
{
	struct span value = SPAN_NONE;
	enum stored_kind kind;
	enum err r;

	if (item->record_n > 0 &&
	    (r = record_open(credentials, item->provider_id, &item->record[0], room, &kind, &value, why)) != OK)
		return r;
	*out = (struct msg_secret_entry){.slot = item->slot,
	    .tokens = item->tokens,
	    .tokens_n = item->tokens_n,
	    .provider = item->provider,
	    .value = value,
	    .bindings = item->bindings,
	    .bindings_n = item->bindings_n,
	    .expires_ms = item->expires_ms,
	    .redact = item->redact,
	    .plain = item->plain};
	return OK;
}

static enum err
bundle_make(const struct credentials *credentials, const struct msg_bundle_seal *in, struct room *room,
    struct arena *arena, struct msg_bundle *out, struct why *why)
{
	struct msg_secret_entry *entries = arena_array(arena, in->items_n, sizeof(*entries));
	enum err r;

	if (entries == NULL)
		return fail(why, ERR_LIMIT, "no room for the entries");
	for (size_t i = 0; i < in->items_n; i++)
		if ((r = entry_open(credentials, &in->items[i], room, &entries[i], why)) != OK)
			return because(why, r, "entry %s", log_quote(in->items[i].slot));
	*out = (struct msg_bundle){.sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .revision = in->revision,
	    .chunk = in->chunk,
	    .chunks = in->chunks,
	    .entries = entries,
	    .entries_n = in->items_n};
	return OK;
}

static enum err
bundle_box(const struct credentials *credentials, const struct msg_bundle *bundle, struct span router_key,
    struct arena *arena, struct span *out, struct why *why)
{
	auto_room struct room room = {0};
	size_t size = bundle_clear_bytes(bundle), length = 0;
	uint8_t *box = arena_alloc(arena, size + BUNDLE_BOX_OVERHEAD);
	enum err r;

	if (box == NULL)
		return fail(why, ERR_LIMIT, "no room for a box of %zu bytes", size);
	room_open(&room, size);
	r = bundle_box_make(bundle, (const uint8_t *)router_key.at, &credentials->keys.box, room_take(&room, size), box,
	    &length, why);
	if (r == OK)
		*out = span_of_bytes(box, length);
	return r;
}

/*
 * Box stored secrets for a router whose key this start's claim vouches for, and for no other.
 *
 * in      bundle_seal, from state
 * out     bundle_sealed
 * errors  ERR_DENIED the key is not vouched for, or a record is not its provider's; ERR_STATE a record is under a key that
 *         the ring does not have; ERR_LIMIT the chunk is too long; ERR_INVALID router_key is no key
 */
enum err
bundle_seal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct credentials *credentials = self;
	const struct msg_bundle_seal *in = &m->bundle_seal;
	auto_room struct room room = {0};
	struct msg_bundle bundle;
	enum err r;

	if (!claim_vouches(credentials, in->sandbox, in->epoch, in->router_key, in->router_mac))
		return fail(why, ERR_DENIED, NOT_VOUCHED);
	room_open(&room, records_bytes(in));
	if ((r = bundle_make(credentials, in, &room, m->arena, &bundle, why)) != OK ||
	    (r = bundle_box(credentials, &bundle, in->router_key, m->arena, &answer->bundle_sealed.box, why)) != OK)
		return r;
	answer->id = BUNDLE_SEALED;
	return OK;
}
