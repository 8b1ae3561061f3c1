/* Keys: the derivations are fixed by vectors, as what is sealed today must open after the next release. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "services/credentials/keys.h"

static struct keys keys;
static const struct id sandbox = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

static void
expect(const uint8_t bytes[32], const char *hex)
{
	char have[65];

	hex_write(bytes, 32, have);
	assert_string_equal(have, hex);
}

/* Made with hashlib.blake2b(digest_size=32, key=...) of Python. */
static void
vectors(void **unused)
{
	uint8_t router[32], mac[32];
	struct secret claim;

	(void)unused;
	for (uint8_t i = 0; i < 32; i++) {
		keys.roots[0].master.bytes[i] = i;
		router[i] = (uint8_t)(0xff - i);
	}
	root_derive(&keys.roots[0]);
	expect(keys.roots[0].box.bytes, "a46a19e4e39332439ffa64e609379b91b0cb01386ef997939e3d34daaf0958b7");
	root_claim(&keys.roots[0], sandbox, 0x01020304, &claim);
	expect(claim.bytes, "16a2fb4c6572a73d04cca5480378756bfe210b07d5ff6328cfe2a2c5a8acfc85");
	claim_mac(&claim, sandbox, 0x01020304, router, mac);
	expect(mac, "4ecc35e650b4f2811d485f29136113194a201927e28cf45e51d0de79586e994d");
	crypto_scalarmult_base(mac, keys.roots[0].box.bytes);
	assert_memory_equal(mac, keys.roots[0].box_public, 32);
	keys_done(&keys);
	for (size_t i = 0; i < sizeof(keys); i++)
		assert_int_equal(((uint8_t *)&keys)[i], 0);
}

static void
file_make(const char *path, const void *bytes, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, bytes, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
each_part_counts(void **unused)
{
	static const uint8_t router[32] = {1}, other[32] = {2};
	struct secret claim, changed;
	struct id stranger = sandbox;
	uint8_t mac[32], mac_changed[32];

	(void)unused;
	randombytes_buf(keys.roots[0].master.bytes, 32);
	stranger.bytes[15] ^= 0x80;
	root_claim(&keys.roots[0], sandbox, 1, &claim);
	root_claim(&keys.roots[0], sandbox, 2, &changed);
	assert_memory_not_equal(claim.bytes, changed.bytes, 32);
	root_claim(&keys.roots[0], stranger, 1, &changed);
	assert_memory_not_equal(claim.bytes, changed.bytes, 32);
	keys.roots[0].master.bytes[0] ^= 1;
	root_claim(&keys.roots[0], sandbox, 1, &changed);
	assert_memory_not_equal(claim.bytes, changed.bytes, 32);
	claim_mac(&claim, sandbox, 1, router, mac);
	claim_mac(&claim, sandbox, 2, router, mac_changed);
	assert_memory_not_equal(mac, mac_changed, 32);
	claim_mac(&claim, stranger, 1, router, mac_changed);
	assert_memory_not_equal(mac, mac_changed, 32);
	claim_mac(&claim, sandbox, 1, other, mac_changed);
	assert_memory_not_equal(mac, mac_changed, 32);
	claim_mac(&changed, sandbox, 1, router, mac_changed);
	assert_memory_not_equal(mac, mac_changed, 32);
}

/* What the files must be; the reading of one key is a matter of common/seal/key_file. */
static void
files(void **unused)
{
	static const struct {
		size_t length;
		mode_t mode;
		enum err want;
	} cases[] = {
	    {32, 0600, OK},
	    {32, 0400, OK},
	    {31, 0600, ERR_INVALID},
	    {33, 0600, ERR_INVALID},
	    {0, 0600, ERR_INVALID},
	    {32, 0604, ERR_INVALID},
	    {32, 0640, ERR_INVALID},
	};
	static const char bytes[33] = "0123456789abcdef0123456789abcdef";
	char directory[] = "/tmp/openshell-keys-XXXXXX", path[64], other[64];
	const struct ring_files from = {path, "", other}, in_directory = {directory, "", other};
	uint8_t ring_bytes[RING_BYTES_MAX];
	struct ring ring = {0};
	struct why why;

	(void)unused;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/key", directory);
	snprintf(other, sizeof(other), "%s/ring", directory);
	memcpy(keys.roots[0].master.bytes, bytes, 32);
	assert_int_equal(ring_add(&ring, &why), OK);
	ring_write(&ring, &keys.roots[0].master, ring_bytes);
	file_make(other, ring_bytes, RING_BYTES(1), 0400);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file_make(path, bytes, cases[i].length, cases[i].mode);
		assert_int_equal(keys_load(&keys, &from, &why), cases[i].want);
		if (cases[i].want == OK)
			assert_true(memcmp(keys.roots[0].master.bytes, bytes, 32) == 0 && keys.ring.count == 1);
		else
			assert_non_null(strstr(why.text, path));
		unlink(path);
	}
	assert_int_equal(keys_load(&keys, &from, &why), ERR_NOT_FOUND);
	file_make(path, bytes, 32, 0600);
	if (chown(path, 12345, (gid_t)-1) ==
	    0) { /* another user could read it, and put another there; without root: no such file */
		assert_int_equal(keys_load(&keys, &from, &why), ERR_INVALID);
		assert_non_null(strstr(why.text, "belongs to user 12345"));
	}
	unlink(path);
	assert_int_equal(keys_load(&keys, &in_directory, &why), ERR_INVALID);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(keys_load(&keys, &from, &why), ERR_SYSTEM); /* never through a symbolic link */
	unlink(path);
	file_make(path, "another key of thirty-two bytes.", 32, 0600);
	assert_int_equal(keys_load(&keys, &from, &why), ERR_DENIED);
	assert_non_null(strstr(why.text, "the master key is not the one"));
	unlink(other);
	file_make(other, bytes, 32, 0600);
	assert_int_equal(keys_load(&keys, &from, &why), ERR_SYNTAX);
	unlink(other);
	unlink(path);
	rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(each_part_counts),
	    cmocka_unit_test(files),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
