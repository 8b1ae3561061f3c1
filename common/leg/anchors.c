/* Anchors: hash of each subject and where its PEM text lies; what a chain asks for goes into OpenSSL's store and stays. */
#include "common/leg/anchors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/span.h"
#include "common/leg/openssl.h"

#define FILE_BYTES_MAX (8l << 20)
#define BEGIN	       "-----BEGIN CERTIFICATE-----"
#define END	       "-----END CERTIFICATE-----"

struct anchor {
	unsigned long subject;
	uint32_t at, length; /* of the PEM text; length 0: it is in the store already */
};

struct anchors {
	int fd; /* -1: none */
	bool indexed;
	struct anchor *all;
	size_t n;
};

static int store_index = -1;

struct anchors *
anchors_new(int fd)
{
	struct anchors *anchors = calloc(1, sizeof(*anchors));

	if (anchors == NULL)
		abort();
	anchors->fd = fd;
	return anchors;
}

void
anchors_free(struct anchors *anchors)
{
	if (anchors == NULL)
		return;
	clean_fd(&anchors->fd);
	free(anchors->all);
	free(anchors);
}

/* ---- the index ---- */

/* Step over one DER element; its content where inside is set. */
static bool
der_step(const unsigned char **at, const unsigned char *end, bool inside, int *tag)
{
	const unsigned char *content = *at;
	long length;
	int class;

	if ((ASN1_get_object(&content, &length, tag, &class, end - *at) & 0x80) != 0)
		return false;
	*at = inside ? content : content + length;
	return true;
}

/* The hash of the subject of a certificate: only the way to it is read (RFC 5280, 4.1). */
static bool
subject_hash(const unsigned char *der, size_t length, unsigned long *out)
{
	const unsigned char *at = der, *end = der + length;
	X509_NAME *name;
	int tag, ok;

	if (!der_step(&at, end, true, &tag) || !der_step(&at, end, true, &tag)) /* Certificate, TBSCertificate */
		return false;
	if (!der_step(&at, end, false, &tag) || (tag == 0 && !der_step(&at, end, false, &tag))) /* version, serial */
		return false;
	for (int i = 0; i < 3; i++) /* signature, issuer, validity */
		if (!der_step(&at, end, false, &tag))
			return false;
	if ((name = d2i_X509_NAME(NULL, &at, end - at)) == NULL)
		return false;
	*out = X509_NAME_hash_ex(name, NULL, NULL, &ok);
	X509_NAME_free(name);
	return ok == 1;
}

static bool
pem_hash(struct span pem, unsigned long *out)
{
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.length);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long length;
	bool ok = false;

	if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &length) == 1)
		ok = subject_hash(der, (size_t)length, out);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

static void
index_add(struct anchors *anchors, struct span pem, size_t at)
{
	struct anchor anchor = {.at = (uint32_t)at, .length = (uint32_t)pem.length};

	if (!pem_hash(pem, &anchor.subject))
		return;
	if ((anchors->n & (anchors->n - 1)) == 0 && /* a power of two, or none: full */
	    (anchors->all = reallocarray(anchors->all, anchors->n == 0 ? 1 : anchors->n * 2, sizeof(anchor))) == NULL)
		abort();
	anchors->all[anchors->n++] = anchor;
}

static void
index_text(struct anchors *anchors, const char *text)
{
	const char *begin = text, *end;

	while ((begin = strstr(begin, BEGIN)) != NULL && (end = strstr(begin, END)) != NULL) {
		end += sizeof(END) - 1;
		index_add(anchors, span_of_bytes(begin, (size_t)(end - begin)), (size_t)(begin - text));
		begin = end;
	}
}

static void
index_make(struct anchors *anchors)
{
	struct stat status;
	auto_free char *text = NULL;
	ssize_t got;

	anchors->indexed = true;
	if (anchors->fd < 0 || fstat(anchors->fd, &status) < 0 || status.st_size > FILE_BYTES_MAX)
		return;
	if ((text = malloc((size_t)status.st_size + 1)) == NULL)
		abort();
	got = pread(anchors->fd, text, (size_t)status.st_size, 0);
	text[got < 0 ? 0 : got] = 0;
	index_text(anchors, text);
}

/* ---- what a chain asks for ---- */

static void
load(struct anchors *anchors, struct anchor *anchor, X509_STORE *store)
{
	auto_free char *text = malloc(anchor->length);
	X509 *certificate = NULL;
	BIO *bio;

	if (text == NULL)
		abort();
	if (pread(anchors->fd, text, anchor->length, anchor->at) == (ssize_t)anchor->length &&
	    (bio = BIO_new_mem_buf(text, (int)anchor->length)) != NULL) {
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		BIO_free(bio);
	}
	if (certificate != NULL)
		X509_STORE_add_cert(store, certificate);
	X509_free(certificate);
	anchor->length = 0;
}

static void
need(X509_STORE_CTX *context, const X509_NAME *subject)
{
	X509_STORE *store = X509_STORE_CTX_get0_store(context);
	struct anchors *anchors = X509_STORE_get_ex_data(store, store_index);
	unsigned long hash = X509_NAME_hash_ex(subject, NULL, NULL, NULL);

	if (!anchors->indexed)
		index_make(anchors);
	for (size_t i = 0; i < anchors->n; i++)
		if (anchors->all[i].subject == hash && anchors->all[i].length != 0)
			load(anchors, &anchors->all[i], store);
}

static int
get_issuer(X509 **issuer, X509_STORE_CTX *context, X509 *certificate)
{
	need(context, X509_get_issuer_name(certificate));
	return X509_STORE_CTX_get1_issuer(issuer, context, certificate);
}

static STACK_OF(X509) * lookup(X509_STORE_CTX *context, const X509_NAME *subject)
{
	need(context, subject);
	return X509_STORE_CTX_get1_certs(context, subject);
}

X509_STORE *
anchors_store(struct anchors *anchors)
{
	X509_STORE *store = X509_STORE_new();

	if (store_index < 0)
		store_index = X509_STORE_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	if (store == NULL || store_index < 0 || X509_STORE_set_ex_data(store, store_index, anchors) != 1)
		abort();
	X509_STORE_set_get_issuer(store, get_issuer);
	X509_STORE_set_lookup_certs(store, lookup);
	return store;
}
