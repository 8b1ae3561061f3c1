/* The host key: one seed gives one key, and the one that the standard says. */
#include "tests/unit/test.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/text.h"
#include "common/wire/base64.h"
#include "sandbox/sshd/host_key.h"

/* RFC 8032, 7.1, tests 1 to 3: seed and public key. */
static const char *const vectors[][2] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"},
};

/* The public half as known_hosts has it: two strings, each with its length before it. */
static void
expect_public(ssh_key key, const char *hex)
{
	uint8_t want[4 + 11 + 4 + 32] = "\0\0\0\013ssh-ed25519\0\0\0\040";
	char letters[BASE64_BYTES(sizeof(want)) + 1] = "", *got;
	size_t n;

	assert_true(hex_read(span_of_text(hex), want + 19, 32));
	n = base64_write(span_of_bytes(want, sizeof(want)), letters);
	assert_int_equal(ssh_pki_export_pubkey_base64(key, &got), SSH_OK);
	assert_int_equal(strlen(got), n);
	assert_memory_equal(got, letters, n);
	ssh_string_free_char(got);
}

static void
the_key_of_a_seed(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct secret seed;
		ssh_key key = NULL;
		struct why why;

		assert_true(hex_read(span_of_text(vectors[i][0]), seed.bytes, sizeof(seed.bytes)));
		assert_int_equal(host_key_new(&seed, &key, &why), OK);
		assert_true(ssh_key_is_private(key));
		assert_int_equal(ssh_key_type(key), SSH_KEYTYPE_ED25519);
		expect_public(key, vectors[i][1]);
		ssh_key_free(key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_key_of_a_seed),
	};

	assert(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
