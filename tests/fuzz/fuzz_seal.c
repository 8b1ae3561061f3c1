/* Openers of seals: any bytes as what came, and any bytes as what a true seal holds; then room is wiped unless OK. */
#include <assert.h>
#include <sodium.h>
#include <stdint.h>

#include "common/seal/bundle_box.h"
#include "common/seal/ring.h"
#include "common/seal/sealed.h"
#include "common/seal/stored.h"

#define BYTES_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t room[BYTES_MAX + 256], box[BYTES_MAX + 256];
static const uint8_t secret[32] = {1, 2, 3};

static void
sealed(const uint8_t *data, size_t size, const uint8_t key[32])
{
	struct sealed out;

	assert(sealed_open(span_of_bytes(data, size), key, secret, room, &out, NULL) != OK);
	crypto_box_seal(box, data, size, key);
	if (sealed_open(span_of_bytes(box, size + crypto_box_SEALBYTES), key, secret, room, &out, NULL) == OK)
		assert(18 + out.key.length + out.value.length == size);
}

static void
stored(const uint8_t *data, size_t size)
{
	struct storage_key key = {.secret = {{1}}};
	struct stored_owner owner = {.key = SPAN("K")};
	enum stored_kind kind;
	struct span value;

	assert(stored_open(&key, &owner, span_of_bytes(data, size), room, &kind, &value, NULL) != OK);
	assert(stored_rewrap(&key, &key, &owner, span_of_bytes(data, size), box, NULL) != OK);
}

static void
ring(const uint8_t *data, size_t size)
{
	struct secret master = {{1}};
	struct ring out;

	assert(ring_read(span_of_bytes(data, size), &master, &out, NULL) != OK);
}

static void
bundle(const uint8_t *data, size_t size, const uint8_t key[32])
{
	auto_arena struct arena arena = {.max_bytes = 1 << 20};
	static const uint8_t nonce[24];
	struct secret own = {{1, 2, 3}};
	struct msg_bundle out;

	assert(bundle_box_open(span_of_bytes(data, size), key, &own, room, &arena, &out, NULL) != OK);
	memcpy(box, nonce, sizeof(nonce));
	assert(crypto_box_easy(box + sizeof(nonce), data, size, nonce, key, secret) == 0);
	if (bundle_box_open(span_of_bytes(box, size + BUNDLE_BOX_OVERHEAD), key, &own, room, &arena, &out, NULL) == OK)
		assert(bundle_clear_bytes(&out) >= size);
	else
		assert(sodium_is_zero(room, size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t key[32];

	if (size > BYTES_MAX || sodium_init() < 0)
		return 0;
	crypto_scalarmult_base(key, secret);
	sealed(data, size, key);
	stored(data, size);
	ring(data, size);
	bundle(data, size, key);
	return 0;
}
