/* The host key: the seed, dressed as the one form of a private key that libssh reads with its public half. */
#include "sandbox/sshd/host_key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/text.h"
#include "common/wire/base64.h"

/* A file of ssh-keygen as bytes (openssh PROTOCOL.key): an Ed25519 key without a passphrase has this many. */
#define KIND	   "ssh-ed25519"
#define FILE_BYTES 234
#define PAD_BYTES  8 /* the private half is filled to a multiple of it */

struct key_file {
	uint8_t bytes[FILE_BYTES];
	size_t n;
};

static void
add(struct key_file *file, const void *bytes, size_t length)
{
	assert(length <= sizeof(file->bytes) - file->n);
	memcpy(file->bytes + file->n, bytes, length);
	file->n += length;
}

static void
add_number(struct key_file *file, uint32_t number)
{
	const uint8_t bytes[] = {
	    (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

	add(file, bytes, sizeof(bytes));
}

static void
add_string(struct key_file *file, const void *bytes, size_t length)
{
	add_number(file, (uint32_t)length);
	add(file, bytes, length);
}

/* A string whose length is known when all of it is there. */
static size_t
begin_string(struct key_file *file)
{
	add_number(file, 0);
	return file->n;
}

static void
end_string(struct key_file *file, size_t begin)
{
	struct key_file at = {.n = begin - sizeof(uint32_t)};

	add_number(&at, (uint32_t)(file->n - begin));
	memcpy(file->bytes + begin - sizeof(uint32_t), at.bytes + begin - sizeof(uint32_t), sizeof(uint32_t));
}

static void
write_file(struct key_file *file, const uint8_t public[crypto_sign_PUBLICKEYBYTES],
    const uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
	size_t begin;

	add(file, "openssh-key-v1", sizeof("openssh-key-v1"));
	add_string(file, "none", 4); /* cipher, key derivation and its options */
	add_string(file, "none", 4);
	add_string(file, "", 0);
	add_number(file, 1);
	begin = begin_string(file);
	add_string(file, KIND, strlen(KIND));
	add_string(file, public, crypto_sign_PUBLICKEYBYTES);
	end_string(file, begin);
	begin = begin_string(file);
	add_number(file, 0); /* twice the same: nothing was decrypted wrongly */
	add_number(file, 0);
	add_string(file, KIND, strlen(KIND));
	add_string(file, public, crypto_sign_PUBLICKEYBYTES);
	add_string(file, secret, crypto_sign_SECRETKEYBYTES);
	add_string(file, "", 0); /* comment */
	for (uint8_t i = 1; (file->n - begin) % PAD_BYTES != 0; i++)
		add(file, &i, 1);
	end_string(file, begin);
}

enum err
host_key_new(const struct secret *seed, ssh_key *out, struct why *why)
{
	uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
	char letters[BASE64_BYTES(sizeof(((struct key_file *)0)->bytes))], pem[512];
	struct key_file file = {0};
	struct text text = TEXT_OF(pem);
	size_t n;
	int r;

	crypto_sign_seed_keypair(public, secret, seed->bytes);
	write_file(&file, public, secret);
	n = base64_write(span_of_bytes(file.bytes, file.n), letters);
	text_add(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	text_add_span(&text, span_of_bytes(letters, n));
	text_add(&text, "\n-----END OPENSSH PRIVATE KEY-----\n");
	assert(!text.cut);
	r = ssh_pki_import_privkey_base64(pem, NULL, NULL, NULL, out);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(&file, sizeof(file));
	explicit_bzero(letters, sizeof(letters));
	explicit_bzero(pem, sizeof(pem));
	return r == SSH_OK ? OK : fail(why, ERR_SYSTEM, "libssh does not take the host key");
}
