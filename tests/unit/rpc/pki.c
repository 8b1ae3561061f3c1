/* Certificates for tests. */
#include "tests/unit/rpc/pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct holder {
	X509 *certificate;
	EVP_PKEY *key;
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

static char *
text_of(BIO *bio)
{
	char *at, *copy;
	long n = BIO_get_mem_data(bio, &at);

	check((copy = strndup(at, (size_t)n)) != NULL);
	BIO_free(bio);
	return copy;
}

static char *
certificate_text(const struct holder *holder)
{
	BIO *bio = BIO_new(BIO_s_mem());

	check(PEM_write_bio_X509(bio, holder->certificate));
	return text_of(bio);
}

static char *
key_text(const struct holder *holder)
{
	BIO *bio = BIO_new(BIO_s_mem());

	check(PEM_write_bio_PrivateKey(bio, holder->key, NULL, NULL, 0, NULL, NULL));
	return text_of(bio);
}

static void
extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	check(made != NULL && X509_add_ext(certificate, made, -1));
	X509_EXTENSION_free(made);
}

static void
name_add(X509_NAME *name, const char *field, const char *value)
{
	check(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0));
}

/* issuer NULL: a CA that signs itself. */
static struct holder
holder_make(const char *common_name, const char *const *units, const struct holder *issuer, const char *names)
{
	static long serial = 1;
	struct holder holder = {X509_new(), EVP_EC_gen("P-256")};
	X509_NAME *subject = X509_get_subject_name(holder.certificate);

	X509_set_version(holder.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(holder.certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(holder.certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(holder.certificate), 3600);
	X509_set_pubkey(holder.certificate, holder.key);
	name_add(subject, "CN", common_name);
	for (; units != NULL && *units != NULL; units++)
		name_add(subject, "OU", *units);
	X509_set_issuer_name(holder.certificate, issuer == NULL ? subject : X509_get_subject_name(issuer->certificate));
	extension(holder.certificate, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "CA:FALSE");
	if (names != NULL)
		extension(holder.certificate, NID_subject_alt_name, names);
	check(X509_sign(holder.certificate, issuer == NULL ? holder.key : issuer->key, EVP_sha256()));
	return holder;
}

static void
holder_done(struct holder *holder)
{
	X509_free(holder->certificate);
	EVP_PKEY_free(holder->key);
}

void
pki_make(struct pki *pki)
{
	static const char *const units[] = {"admins", "users", NULL};
	struct holder ca = holder_make("test ca", NULL, NULL, NULL);
	struct holder other = holder_make("other ca", NULL, NULL, NULL);
	struct holder server = holder_make("gateway", NULL, &ca, "DNS:localhost,IP:127.0.0.1");
	struct holder client = holder_make("tester", units, &ca, NULL);
	struct holder stranger = holder_make("stranger", NULL, &other, NULL);

	*pki = (struct pki){
	    .ca = certificate_text(&ca),
	    .other_ca = certificate_text(&other),
	    .server = certificate_text(&server),
	    .server_key = key_text(&server),
	    .client = certificate_text(&client),
	    .client_key = key_text(&client),
	    .stranger = certificate_text(&stranger),
	    .stranger_key = key_text(&stranger),
	};
	holder_done(&ca);
	holder_done(&other);
	holder_done(&server);
	holder_done(&client);
	holder_done(&stranger);
}

void
pki_free(struct pki *pki)
{
	char *const all[] = {pki->ca, pki->other_ca, pki->server, pki->server_key, pki->client, pki->client_key,
	    pki->stranger, pki->stranger_key};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		free(all[i]);
}
