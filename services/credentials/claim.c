/* Claims: crypto_box for the driver that starts a sandbox, a comparison in constant time for the router that
 * enrols. */
#include "services/credentials/claim.h"

#include <sodium.h>

#include "common/base/log.h"

/*
 * The claim of an epoch, boxed for the driver that will put it into the bootstrap; state passes it and cannot
 * read it: the driver's key is known from the settings, so state cannot have it boxed for one of its own.
 *
 * in      claim_make, from state
 * out     claim_made
 * errors  ERR_DENIED box_key is not the driver's; ERR_INVALID that is no key (a point of small order)
 */
enum err
claim_make(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct credentials *credentials = self;
	const struct root *root = &credentials->keys.roots[0];
	const struct msg_claim_make *in = &m->claim_make;
	uint8_t *box = arena_alloc(m->arena, CLAIM_BOX_BYTES);
	auto_secret struct secret claim;

	if (!span_equal(in->box_key, span_of_bytes(credentials->config->driver_key, 32))) {
		log_warning("claim.stranger", "sandbox=%s epoch=%u", id_text(in->sandbox), in->epoch);
		return fail(why, ERR_DENIED, "a claim is boxed for the driver's key alone");
	}
	if (box == NULL)
		return fail(why, ERR_LIMIT, "no room for a claim");
	root_claim(root, in->sandbox, in->epoch, &claim);
	randombytes_buf(box, crypto_box_NONCEBYTES);
	if (crypto_box_easy(box + crypto_box_NONCEBYTES, claim.bytes, sizeof(claim.bytes), box,
		(const uint8_t *)in->box_key.at, root->box.bytes) != 0)
		return fail(why, ERR_INVALID, "box_key is not an X25519 key");
	answer->id = CLAIM_MADE;
	answer->claim_made.claim_box = span_of_bytes(box, CLAIM_BOX_BYTES);
	answer->claim_made.credentials_key = span_of_bytes(root->box_public, 32);
	return OK;
}

/*
 * Is this the router of that epoch? Only who was given the claim can have made the MAC.
 *
 * in      claim_check, from state
 * out     done
 * errors  ERR_DENIED the MAC is of another claim, sandbox, epoch or key
 */
enum err
claim_check(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct credentials *credentials = self;
	const struct msg_claim_check *in = &m->claim_check;

	if (claim_root(credentials, in->sandbox, in->epoch, in->router_key, in->router_mac) == NULL)
		return fail(why, ERR_DENIED, NOT_VOUCHED);
	answer->id = DONE;
	return OK;
}

static bool
root_vouches(const struct root *root, struct id sandbox, uint32_t epoch, struct span router_key, struct span router_mac)
{
	auto_secret struct secret claim, mac;

	root_claim(root, sandbox, epoch, &claim);
	claim_mac(&claim, sandbox, epoch, (const uint8_t *)router_key.at, mac.bytes);
	return sodium_memcmp(mac.bytes, router_mac.at, sizeof(mac.bytes)) == 0;
}

const struct root *
claim_root(const struct credentials *credentials, struct id sandbox, uint32_t epoch, struct span router_key,
    struct span router_mac)
{
	const struct keys *keys = &credentials->keys;

	for (size_t i = 0; i < keys->roots_n; i++)
		if (root_vouches(&keys->roots[i], sandbox, epoch, router_key, router_mac))
			return &keys->roots[i];
	log_warning("claim.refused", "sandbox=%s epoch=%u", id_text(sandbox), epoch);
	return NULL;
}
