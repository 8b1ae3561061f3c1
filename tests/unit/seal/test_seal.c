/* Seals: what is sealed opens for its own reader alone, and a changed byte anywhere is seen. */
#include "tests/unit/test.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/seal/bundle_box.h"
#include "common/seal/ring.h"
#include "common/seal/sealed.h"
#include "common/seal/stored.h"

static uint8_t broker_key[32], broker_secret[32], other_key[32], other_secret[32];
static char long_text[SECRET_VALUE_MAX + 1]; /* of the letter a */
static const struct id provider = {{1, 2, 3}}, stranger = {{1, 2, 4}};

/* ---- sealed secrets ---- */

static const struct {
	size_t key, value;
	enum err want;
} sizes[] = {
    {1, 0, OK},
    {7, 32, OK},
    {SECRET_KEY_MAX, SECRET_VALUE_MAX, OK},
    {0, 32, ERR_RANGE},
    {SECRET_KEY_MAX + 1, 32, ERR_RANGE},
    {7, SECRET_VALUE_MAX + 1, ERR_RANGE},
};

static void
sealed_sizes(void **unused)
{
	static uint8_t box[SEALED_BYTES_MAX], room[SEALED_BYTES_MAX];
	struct sealed out;
	struct why why;

	(void)unused;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct span key = span_of_bytes(long_text, sizes[i].key),
			    value = span_of_bytes(long_text, sizes[i].value);

		assert_int_equal(sealed_make(broker_key, provider, key, value, box, &why), sizes[i].want);
		if (sizes[i].want != OK)
			continue;
		assert_int_equal(sealed_open(span_of_bytes(box, SEALED_BYTES(key.length, value.length)), broker_key,
				     broker_secret, room, &out, &why),
		    OK);
		assert_true(
		    id_equal(out.provider, provider) && span_equal(out.key, key) && span_equal(out.value, value));
	}
	assert_int_equal(sealed_make((uint8_t[32]){0}, provider, SPAN("K"), SPAN("v"), box, &why), ERR_INVALID);
}

/* Clear texts that sealed_make would never write. */
static const struct {
	const char *name;
	const char *bytes; /* behind the provider */
	size_t length;
	enum err want;
} clears[] = {
    {"a key and a value", "\0\1Kv", 4, OK},
    {"a key alone", "\0\1K", 3, OK},
    {"no key", "\0\0v", 3, ERR_SYNTAX},
    {"a key longer than all", "\0\3Kv", 4, ERR_SYNTAX},
    {"a key over the most", "\1\1Kv", 4, ERR_SYNTAX},
    {"a NUL in the key", "\0\2K\0v", 5, ERR_SYNTAX},
    {"a key not UTF-8", "\0\1\xff", 3, ERR_SYNTAX},
    {"half a length", "\0", 1, ERR_RANGE},
};

static void
sealed_clears(void **unused)
{
	static uint8_t box[128], room[128], clear[64];
	struct why why;

	(void)unused;
	for (size_t i = 0; i < COUNT(clears); i++) {
		struct sealed out = {.key = SPAN("untouched")};

		memcpy(clear + 16, clears[i].bytes, clears[i].length);
		crypto_box_seal(box, clear, 16 + clears[i].length, broker_key);
		if (sealed_open(span_of_bytes(box, 48 + 16 + clears[i].length), broker_key, broker_secret, room, &out,
			&why) != clears[i].want)
			fail_msg("%s: %s", clears[i].name, why.text);
		if (clears[i].want == OK)
			continue;
		assert_true(span_is(out.key, "untouched"));
		assert_true(clears[i].want == ERR_RANGE || sodium_is_zero(room, 16 + clears[i].length));
	}
}

static void
sealed_changed(void **unused)
{
	static uint8_t box[SEALED_BYTES(1, 5)], room[sizeof(box)];
	struct sealed out;
	struct why why;

	(void)unused;
	assert_int_equal(sealed_make(broker_key, provider, SPAN("K"), SPAN("value"), box, &why), OK);
	assert_int_equal(
	    sealed_open(span_of_bytes(box, sizeof(box)), other_key, other_secret, room, &out, &why), ERR_DENIED);
	for (size_t i = 0; i < sizeof(box); i++) {
		box[i] ^= 1;
		assert_int_equal(
		    sealed_open(span_of_bytes(box, sizeof(box)), broker_key, broker_secret, room, &out, &why),
		    ERR_DENIED);
		box[i] ^= 1;
	}
	assert_int_equal(
	    sealed_open(span_of_bytes(box, sizeof(box) - 1), broker_key, broker_secret, room, &out, &why), ERR_DENIED);
}

/* ---- records ---- */

static struct storage_key
key_of(uint8_t byte)
{
	struct storage_key key;

	memset(key.secret.bytes, byte, sizeof(key.secret.bytes));
	storage_key_name(&key);
	return key;
}

/* Made with hashlib.blake2b(b"storage key", key=b"\7" * 32, digest_size=32) of Python. */
static void
stored_name(void **unused)
{
	struct storage_key key = key_of(7);
	char hex[17];

	(void)unused;
	hex_write(key.name, sizeof(key.name), hex);
	assert_string_equal(hex, "e7ec26851a2267bf");
}

static void
stored_whole(void **unused)
{
	static uint8_t record[STORED_BYTES_MAX], again[STORED_BYTES_MAX], room[STORED_BYTES_MAX];
	struct storage_key old = key_of(1), new = key_of(2);
	struct stored_owner owner = {provider, SPAN("API_KEY")};
	uint8_t under[STORAGE_NAME_BYTES];
	enum stored_kind kind;
	struct span value;
	struct why why;

	(void)unused;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct span bytes = span_of_bytes(long_text, sizes[i].value);
		struct span key = span_of_bytes(long_text, sizes[i].key),
			    whole = {(char *)record, STORED_BYTES(bytes.length)};

		owner.key = key;
		assert_int_equal(stored_make(&old, &owner, STORED_HANDLE, bytes, record, &why), sizes[i].want);
		if (sizes[i].want != OK)
			continue;
		assert_int_equal(stored_under(whole, under, &why), OK);
		assert_memory_equal(under, old.name, sizeof(under));
		assert_int_equal(stored_open(&old, &owner, whole, room, &kind, &value, &why), OK);
		assert_true(kind == STORED_HANDLE && span_equal(value, bytes));
		assert_int_equal(stored_rewrap(&old, &new, &owner, whole, again, &why), OK);
		assert_int_equal(
		    stored_open(&old, &owner, span_of_bytes(again, whole.length), room, &kind, &value, &why),
		    ERR_STATE);
		assert_int_equal(
		    stored_open(&new, &owner, span_of_bytes(again, whole.length), room, &kind, &value, &why), OK);
		assert_true(kind == STORED_HANDLE && span_equal(value, bytes));
	}
}

static void
stored_others(void **unused)
{
	static uint8_t record[STORED_BYTES(5)], room[sizeof(record)], again[sizeof(record)];
	struct storage_key key = key_of(1), other = key_of(2), liar = other;
	struct span whole = {(char *)record, sizeof(record)}, value = SPAN("untouched");
	const struct stored_owner owner = {provider, SPAN("K")},
				  others[] = {{stranger, SPAN("K")}, {provider, SPAN("L")}, {provider, SPAN("KK")},
				      {provider, SPAN("k")}};
	enum stored_kind kind;
	struct why why;

	(void)unused;
	memcpy(liar.name, key.name, sizeof(liar.name)); /* another key that bears the name */
	assert_int_equal(stored_make(&key, &owner, STORED_VALUE, SPAN("value"), record, &why), OK);
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(stored_open(&key, &others[i], whole, room, &kind, &value, &why), ERR_DENIED);
		assert_int_equal(stored_rewrap(&key, &other, &others[i], whole, again, &why), ERR_DENIED);
	}
	assert_int_equal(stored_open(&other, &owner, whole, room, &kind, &value, &why), ERR_STATE);
	assert_int_equal(stored_open(&liar, &owner, whole, room, &kind, &value, &why), ERR_DENIED);
	for (size_t i = 0; i < sizeof(record); i++) {
		record[i] ^= 3;
		assert_int_not_equal(stored_open(&key, &owner, whole, room, &kind, &value, &why), OK);
		record[i] ^= 3;
	}
	assert_int_equal(
	    stored_open(&key, &owner, span_head(whole, STORED_OVERHEAD - 1), room, &kind, &value, &why), ERR_SYNTAX);
	assert_int_equal(
	    stored_open(&key, &owner, span_of_bytes(long_text, STORED_BYTES_MAX + 1), room, &kind, &value, &why),
	    ERR_SYNTAX);
	assert_true(span_is(value, "untouched"));
}

/* ---- the ring ---- */

static void
ring_whole(void **unused)
{
	static uint8_t bytes[RING_BYTES_MAX];
	struct secret master = {{1}}, wrong = {{2}};
	struct ring ring = {0}, out = {.count = 99};
	struct storage_key newest, first;
	struct why why;

	(void)unused;
	for (size_t n = 1; n <= RING_KEYS_MAX; n++) {
		assert_int_equal(ring_add(&ring, &why), OK);
		assert_true(n == 1 || memcmp(newest.name, ring.keys[1].name, 8) == 0);
		newest = ring.keys[0];
		if (n == 1)
			first = newest;
		ring_write(&ring, &master, bytes);
		assert_int_equal(ring_read(span_of_bytes(bytes, RING_BYTES(n)), &master, &out, &why), OK);
		assert_memory_equal(&out, &ring, sizeof(ring));
	}
	assert_int_equal(ring_add(&ring, &why), ERR_LIMIT);
	assert_ptr_equal(ring_find(&ring, newest.name), &ring.keys[0]);
	assert_ptr_equal(ring_find(&ring, first.name), &ring.keys[RING_KEYS_MAX - 1]);
	ring_trim(&ring);
	assert_null(ring_find(&ring, first.name));
	assert_true(ring.count == 1 &&
		    sodium_is_zero((uint8_t *)&ring.keys[1], sizeof(ring) - sizeof(size_t) - sizeof(ring.keys[0])));
	ring_write(&ring, &master, bytes);
	out.count = 99;
	assert_int_equal(ring_read(span_of_bytes(bytes, RING_BYTES(1)), &wrong, &out, &why), ERR_DENIED);
	for (size_t i = 0; i < RING_BYTES(1); i++) {
		bytes[i] ^= 1;
		assert_int_not_equal(ring_read(span_of_bytes(bytes, RING_BYTES(1)), &master, &out, &why), OK);
		bytes[i] ^= 1;
	}
	for (size_t n = 0; n < RING_BYTES_MAX + 2; n++)
		assert_true(n == RING_BYTES(1) || ring_read(span_of_bytes(bytes, n), &master, &out, &why) != OK);
	assert_int_equal(out.count, 99);
}

/* ---- bundles ---- */

static struct span tokens[] = {{"v12_API_KEY", 11}, {"API_KEY", 7}};
static struct msg_binding bindings[] = {{SPAN("api.example.org"), 443, SPAN("/v1/**")}};
/* clang-format off */
static struct msg_secret_entry entries[] = {
    {.slot = {"API_KEY", 7}, .tokens = tokens, .tokens_n = 2, .provider = {"openai", 6}, .value = {"sk-1", 4},
	.bindings = bindings, .bindings_n = 1, .expires_ms = UINT64_MAX, .redact = true},
    {.slot = {"backend", 7}, .plain = true},
};
/* clang-format on */
/* clang-format off */
static const struct msg_bundle bundle = {
    .sandbox = {{9}}, .epoch = UINT32_MAX, .revision = UINT64_MAX, .chunk = 255, .chunks = 256, .entries = entries, .entries_n = 2};

static void
bundle_whole(void **unused)
{
	auto_arena struct arena arena = {0};
	static uint8_t room[4096], box[4096];
	struct secret from, to;
	struct msg_bundle out;
	size_t length;
	struct why why;

	(void)unused;
	memcpy(from.bytes, broker_secret, 32);
	memcpy(to.bytes, other_secret, 32);
	assert_true(bundle_clear_bytes(&bundle) <= sizeof(room));
	assert_int_equal(bundle_box_make(&bundle, other_key, &from, room, box, &length, &why), OK);
	assert_true(length <= bundle_clear_bytes(&bundle) + BUNDLE_BOX_OVERHEAD);
	assert_true(sodium_is_zero(room, sizeof(room)));
	assert_null(memmem(box, length, "sk-1", 4));
	assert_int_equal(bundle_box_open(span_of_bytes(box, length), broker_key, &to, room, &arena, &out, &why), OK);
	assert_true(out.entries_n == 2 && out.revision == UINT64_MAX && out.epoch == UINT32_MAX && out.chunks == 256);
	assert_true(span_is(out.entries[0].value, "sk-1") && span_is(out.entries[0].tokens[0], "v12_API_KEY"));
	assert_true(out.entries[0].value.at >= (char *)room && out.entries[0].value.at < (char *)room + sizeof(room));
	assert_true(out.entries[1].plain && out.entries[1].value.length == 0);
	for (size_t i = 0; i < length; i++) {
		box[i] ^= 0x80;
		assert_int_equal(bundle_box_open(span_of_bytes(box, length), broker_key, &to, room, &arena, &out, &why),
		    ERR_DENIED);
		box[i] ^= 0x80;
	}
	assert_int_equal(bundle_box_open(span_of_bytes(box, length), other_key, &to, room, &arena, &out, &why), ERR_DENIED);
	assert_int_equal(bundle_box_open(span_of_bytes(box, length), broker_key, &from, room, &arena, &out, &why), ERR_DENIED);
	assert_int_equal(bundle_box_open(span_of_bytes(box, 39), broker_key, &to, room, &arena, &out, &why), ERR_DENIED);
	assert_int_equal(bundle_box_make(&bundle, (uint8_t[32]){0}, &from, room, box, &length, &why), ERR_INVALID);
}
/* clang-format on */

/* What credentials would never put into a box. */
static void
bundle_inside(void **unused)
{
	static const char *const insides[] = {"", "\xc1", "\x92\x03\x90" /* done */, "\x92\xcd\x0b\x01\x90"};
	auto_arena struct arena arena = {0};
	uint8_t box[64], room[64];
	struct msg_bundle out = {.epoch = 77};
	struct secret to;
	struct why why;

	(void)unused;
	memcpy(to.bytes, other_secret, 32);
	memset(box, 0, 24);
	for (size_t i = 0; i < COUNT(insides); i++) {
		size_t n = strlen(insides[i]);

		assert_int_equal(
		    crypto_box_easy(box + 24, (const uint8_t *)insides[i], n, box, other_key, broker_secret), 0);
		assert_int_equal(bundle_box_open(span_of_bytes(box, 40 + n), broker_key, &to, room, &arena, &out, &why),
		    ERR_PROTOCOL);
		assert_true(out.epoch == 77 && sodium_is_zero(room, n));
	}
}

static void
bundle_bounds(void **unused)
{
	static char large[70000];
	struct msg_secret_entry many[64] = {{.slot = SPAN_NONE}}, one = entries[0];
	struct msg_bundle big = bundle;
	auto_free uint8_t *room = malloc(BUNDLE_BOX_MAX * 2), *box = malloc(BUNDLE_BOX_MAX * 2);
	struct secret from;
	size_t length;
	struct why why;

	(void)unused;
	memcpy(from.bytes, broker_secret, 32);
	one.value = span_of_bytes(large, SECRET_VALUE_MAX + 1);
	big.entries = &one;
	big.entries_n = 1;
	assert_int_equal(bundle_box_make(&big, other_key, &from, room, box, &length, &why), ERR_RANGE);
	for (size_t i = 0; i < 64; i++) {
		many[i] = entries[0];
		many[i].value = span_of_bytes(large, SECRET_VALUE_MAX);
	}
	big.entries = many;
	big.entries_n = 64;
	assert_int_equal(bundle_box_make(&big, other_key, &from, room, box, &length, &why), ERR_LIMIT);
	big.entries_n = 63;
	assert_int_equal(bundle_box_make(&big, other_key, &from, room, box, &length, &why), OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sealed_sizes),
	    cmocka_unit_test(sealed_clears),
	    cmocka_unit_test(sealed_changed),
	    cmocka_unit_test(stored_name),
	    cmocka_unit_test(stored_whole),
	    cmocka_unit_test(stored_others),
	    cmocka_unit_test(ring_whole),
	    cmocka_unit_test(bundle_whole),
	    cmocka_unit_test(bundle_inside),
	    cmocka_unit_test(bundle_bounds),
	};

	assert_true(sodium_init() >= 0);
	crypto_box_keypair(broker_key, broker_secret);
	crypto_box_keypair(other_key, other_secret);
	memset(long_text, 'a', sizeof(long_text));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
