/* Bundles: a chunk's secrets lie in clear in one room, from their records to the box. */
#include "services/credentials/bundle.h"

#include "common/seal/bundle_box.h"
#include "services/credentials/claim.h"
#include "services/credentials/opening.h"
#include "services/credentials/room.h"

static struct msg_secret_entry
entry_of(const struct msg_bundle_item *item, struct span value)
{
	return (struct msg_secret_entry){.slot = item->slot,
	    .tokens = item->tokens,
	    .tokens_n = item->tokens_n,
	    .provider = item->provider,
	    .value = value,
	    .bindings = item->bindings,
	    .bindings_n = item->bindings_n,
	    .expires_ms = item->expires_ms,
	    .redact = item->redact,
	    .plain = item->plain,
	    .places = item->places,
	    .field = item->field,
	    .parameter = item->parameter,
	    .grant = item->grant,
	    .grant_n = item->grant_n};
}

static enum err
bundle_box(const struct root *root, const struct msg_bundle *bundle, struct span router_key, struct arena *arena,
    struct span *out, struct why *why)
{
	auto_room struct room room = {0};
	size_t size = bundle_clear_bytes(bundle), length = 0;
	uint8_t *box = arena_alloc(arena, size + BUNDLE_BOX_OVERHEAD);
	enum err r;

	if (box == NULL)
		return fail(why, ERR_LIMIT, "no room for a box of %zu bytes", size);
	room_open(&room, size);
	r = bundle_box_make(
	    bundle, (const uint8_t *)router_key.at, &root->box, room_take(&room, size), box, &length, why);
	if (r == OK)
		*out = span_of_bytes(box, length);
	return r;
}

/* The values are here: into the box with them. */
static enum err
bundle_opened(struct credentials *credentials, struct msg *m, const struct span *values, struct reply *reply,
    struct msg *answer, struct why *why)
{
	const struct msg_bundle_seal *in = &m->bundle_seal;
	struct msg_secret_entry entries[OPENED_MAX];
	const struct msg_bundle bundle = {.sandbox = in->sandbox,
	    .epoch = in->epoch,
	    .revision = in->revision,
	    .chunk = in->chunk,
	    .chunks = in->chunks,
	    .entries = entries,
	    .entries_n = in->items_n};
	const struct root *root = claim_root(credentials, in->sandbox, in->epoch, in->router_key, in->router_mac);
	enum err r;

	(void)reply;
	if (root == NULL)
		return fail(why, ERR_DENIED, NOT_VOUCHED);
	for (size_t i = 0; i < in->items_n; i++)
		entries[i] = entry_of(&in->items[i], values[i]);
	if ((r = bundle_box(root, &bundle, in->router_key, m->arena, &answer->bundle_sealed.box, why)) == OK)
		answer->id = BUNDLE_SEALED;
	return r;
}

/*
 * Box stored secrets for a router whose key this start's claim vouches for, and for no other.
 *
 * in      bundle_seal, from state
 * out     bundle_sealed
 * errors  ERR_DENIED the key is not vouched for, or a record is not its provider's; ERR_STATE a record is under a key that
 *         the ring does not have, or its value is not where the record says; ERR_UNAVAILABLE the secret store outside;
 *         ERR_LIMIT the chunk is too long; ERR_INVALID router_key is no key
 */
enum err
bundle_seal(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct credentials *credentials = self;
	const struct msg_bundle_seal *in = &m->bundle_seal;
	struct wanted wanted[OPENED_MAX];

	if (claim_root(credentials, in->sandbox, in->epoch, in->router_key, in->router_mac) == NULL)
		return fail(why, ERR_DENIED, NOT_VOUCHED);
	for (size_t i = 0; i < in->items_n; i++)
		wanted[i] = (struct wanted){
		    in->items[i].provider_id, in->items[i].record_n > 0 ? &in->items[i].record[0] : NULL};
	return records_open(credentials, m, wanted, in->items_n, bundle_opened, answer, why);
}
