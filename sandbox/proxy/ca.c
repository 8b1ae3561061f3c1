/* The authority: OpenSSL's X.509 writing, and the cache of leaves. */
#include "sandbox/proxy/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/policy/destination.h"
#include "common/leg/openssl.h"

#define LEAVES_MAX   256
#define DAY_S	     86400L
#define CA_DAYS	     3650
#define LEAF_DAYS    90
#define LEAF_RENEW_S (30 * DAY_S)
#define NAME_BYTES   64 /* of a common name (RFC 5280, ub-common-name) */
#define CA_NAME	     "OpenShell Sandbox CA"

struct leaf {
	char host[256]; /* empty: free */
	X509 *certificate;
	time_t made;
	uint64_t used;
};

struct ca {
	EVP_PKEY *key;
	X509 *certificate;
	EVP_PKEY *leaf_key;
	uint64_t uses;
	struct leaf leaves[LEAVES_MAX];
};

static enum err
refused(struct why *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return fail(why, ERR_INVALID, "%s: %s", what, reason == NULL ? "refused" : reason);
}

static bool
extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&context);
	if ((extension = X509V3_EXT_conf_nid(NULL, &context, nid, value)) == NULL)
		return false;
	ok = X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

static bool
serial_set(X509 *certificate)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and always as long */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
	BN_free(number);
	return ok;
}

static X509 *
certificate_new(const char *name, EVP_PKEY *key, X509 *issuer, int days)
{
	X509 *certificate = X509_new();

	if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 && serial_set(certificate) &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY_S) != NULL &&
	    X509_NAME_add_entry_by_txt(
		X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(certificate, X509_get_subject_name(issuer == NULL ? certificate : issuer)) == 1 &&
	    X509_set_pubkey(certificate, key) == 1)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static enum err
ca_sign_itself(struct ca *ca, struct why *why)
{
	X509 *own = ca->certificate = certificate_new(CA_NAME, ca->key, NULL, CA_DAYS);

	if (own == NULL || !extension_add(own, own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    !extension_add(own, own, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !extension_add(own, own, NID_subject_key_identifier, "hash") || X509_sign(own, ca->key, EVP_sha256()) == 0)
		return refused(why, "CA certificate");
	return OK;
}

static struct ca *
ca_empty(void)
{
	struct ca *ca = calloc(1, sizeof(*ca));

	if (ca == NULL || (ca->leaf_key = EVP_EC_gen("P-256")) == NULL)
		abort();
	return ca;
}

enum err
ca_new(struct ca **out, struct why *why)
{
	struct ca *ca = ca_empty();
	enum err r;

	if ((ca->key = EVP_EC_gen("P-256")) == NULL)
		r = refused(why, "CA key");
	else
		r = ca_sign_itself(ca, why);
	if (r != OK)
		ca_free(ca);
	else
		*out = ca;
	return r;
}

enum err
ca_load(struct span key_der, struct span pem, struct ca **out, struct why *why)
{
	const unsigned char *at = (const unsigned char *)key_der.at;
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.length);
	struct ca *ca = ca_empty();

	ca->key = d2i_AutoPrivateKey(NULL, &at, (long)key_der.length);
	ca->certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (ca->key != NULL && ca->certificate != NULL && X509_check_private_key(ca->certificate, ca->key) == 1) {
		*out = ca;
		return OK;
	}
	ca_free(ca);
	return refused(why, "CA key and certificate");
}

void
ca_free(struct ca *ca)
{
	if (ca == NULL)
		return;
	for (size_t i = 0; i < LEAVES_MAX; i++)
		X509_free(ca->leaves[i].certificate);
	EVP_PKEY_free(ca->key);
	EVP_PKEY_free(ca->leaf_key);
	X509_free(ca->certificate);
	free(ca);
}

size_t
ca_key(const struct ca *ca, unsigned char **out)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(ca->key);
	int length;

	*out = NULL;
	if (info == NULL || (length = i2d_PKCS8_PRIV_KEY_INFO(info, out)) <= 0)
		abort();
	PKCS8_PRIV_KEY_INFO_free(info);
	return (size_t)length;
}

size_t
ca_pem(const struct ca *ca, char **out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes;
	long length;

	if (bio == NULL || PEM_write_bio_X509(bio, ca->certificate) != 1 ||
	    (length = BIO_get_mem_data(bio, &bytes)) <= 0 || (*out = OPENSSL_memdup(bytes, (size_t)length)) == NULL)
		abort();
	BIO_free(bio);
	return (size_t)length;
}

/* ---- leaves ---- */

static enum err
leaf_make(struct ca *ca, const char *host, X509 **out, struct why *why)
{
	struct address address;
	char alternative[300];
	X509 *leaf =
	    certificate_new(strlen(host) <= NAME_BYTES ? host : "OpenShell", ca->leaf_key, ca->certificate, LEAF_DAYS);

	snprintf(alternative, sizeof(alternative), "%s:%s", address_parse(span_of_text(host), &address) ? "IP" : "DNS",
	    host);
	if (leaf != NULL && extension_add(leaf, ca->certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	    extension_add(leaf, ca->certificate, NID_key_usage, "critical,digitalSignature") &&
	    extension_add(leaf, ca->certificate, NID_ext_key_usage, "serverAuth") &&
	    extension_add(leaf, ca->certificate, NID_subject_key_identifier, "hash") &&
	    extension_add(leaf, ca->certificate, NID_authority_key_identifier, "keyid:always") &&
	    extension_add(leaf, ca->certificate, NID_subject_alt_name, alternative) &&
	    X509_sign(leaf, ca->key, EVP_sha256()) != 0) {
		*out = leaf;
		return OK;
	}
	X509_free(leaf);
	return refused(why, "certificate for the agent");
}

/* The leaf of that host, or the place for it. */
static struct leaf *
leaf_place(struct ca *ca, const char *host)
{
	struct leaf *place = &ca->leaves[0];

	for (size_t i = 0; i < LEAVES_MAX; i++) {
		struct leaf *leaf = &ca->leaves[i];

		if (leaf->certificate != NULL && strcasecmp(leaf->host, host) == 0)
			return leaf;
		if (leaf->used < place->used)
			place = leaf;
	}
	X509_free(place->certificate);
	place->certificate = NULL;
	return place;
}

enum err
ca_leaf(struct ca *ca, const char *host, X509 **out, struct why *why)
{
	struct leaf *leaf = leaf_place(ca, host);
	time_t now = time(NULL);
	enum err r;

	if (leaf->certificate != NULL && (now < leaf->made || now - leaf->made > LEAF_RENEW_S)) {
		X509_free(leaf->certificate);
		leaf->certificate = NULL;
	}
	if (leaf->certificate == NULL) {
		if ((r = leaf_make(ca, host, &leaf->certificate, why)) != OK)
			return r;
		leaf->made = now;
		snprintf(leaf->host, sizeof(leaf->host), "%s", host);
	}
	leaf->used = ++ca->uses;
	*out = leaf->certificate;
	return OK;
}

EVP_PKEY *
ca_leaf_key(const struct ca *ca)
{
	return ca->leaf_key;
}
