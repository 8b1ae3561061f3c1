/* The host key: the seed, dressed as the one form of a key without a file that libssh reads. */
#include "sandbox/sshd/host_key.h"

#include <string.h>

#include "common/base/text.h"
#include "common/wire/base64.h"

/* A private key of PKCS #8 as far as the seed (RFC 8410, 7): version, algorithm 1.3.101.112, an octet string in another. */
static const uint8_t before_seed[] = {
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};

#define DER_BYTES (sizeof(before_seed) + sizeof(struct secret))

enum err
host_key_new(const struct secret *seed, ssh_key *out, struct why *why)
{
	uint8_t der[DER_BYTES];
	char letters[BASE64_BYTES(DER_BYTES)], pem[256];
	struct text text = TEXT_OF(pem);
	size_t n;
	int r;

	memcpy(der, before_seed, sizeof(before_seed));
	memcpy(der + sizeof(before_seed), seed->bytes, sizeof(seed->bytes));
	n = base64_write(span_of_bytes(der, sizeof(der)), letters);
	text_add(&text, "-----BEGIN PRIVATE KEY-----\n");
	text_add_span(&text, span_of_bytes(letters, n));
	text_add(&text, "\n-----END PRIVATE KEY-----\n");
	r = ssh_pki_import_privkey_base64(pem, NULL, NULL, NULL, out);
	explicit_bzero(der, sizeof(der));
	explicit_bzero(letters, sizeof(letters));
	explicit_bzero(pem, sizeof(pem));
	return r == SSH_OK ? OK : fail(why, ERR_SYSTEM, "libssh does not take the host key");
}
