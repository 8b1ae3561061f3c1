/* PKI: an authority, a server and a client certificate (RFC 5280), made with OpenSSL and written whole or not at all. */
#include "services/gateway/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/os/file.h"
#include "common/os/remove.h"
#include "services/gateway/file.h"
#include "services/gateway/ssl.h"

#define YEAR_S	   (365L * 24 * 3600)
#define RENEW_S	   (30L * 24 * 3600)
#define PEM_BYTES  16384
#define SANS_BYTES 8192

/* Names every server certificate has, as clients and sandboxes may write the gateway's host. */
static const char *const default_sans[] = {"openshell", "openshell.openshell.svc",
    "openshell.openshell.svc.cluster.local", "localhost", "openshell.localhost", "*.openshell.localhost",
    "host.docker.internal", "host.containers.internal", "127.0.0.1", "::1"};

static const struct {
	const char *name;
	mode_t mode;
} files[] = {
    {"ca.crt", 0644},
    {"ca.key", 0600},
    {"server/tls.crt", 0644},
    {"server/tls.key", 0600},
    {"client/tls.crt", 0644},
    {"client/tls.key", 0600},
};

static void
free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void
free_cert(X509 **cert)
{
	X509_free(*cert);
}

static void
free_bio(BIO **bio)
{
	BIO_free(*bio);
}

#define auto_key  __attribute__((cleanup(free_key)))
#define auto_cert __attribute__((cleanup(free_cert)))
#define auto_bio  __attribute__((cleanup(free_bio)))

static enum err
fail_ssl(struct why *why, const char *step)
{
	char words[160] = "no reason given";
	unsigned long code = ERR_get_error();

	if (code != 0)
		ERR_error_string_n(code, words, sizeof(words));
	ERR_clear_error();
	return fail(why, ERR_SYSTEM, "%s: %s", step, words);
}

/* What a certificate says of its holder. */
struct subject {
	const char *common_name;
	const char *units[2];					 /* OU: the roles of a client */
	const char *usage, *extended_usage, *constraints, *sans; /* in OpenSSL's notation; NULL: without */
};

static bool
subject_set(X509 *cert, const struct subject *subject)
{
	X509_NAME *name = X509_get_subject_name(cert);

	if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"openshell", -1, -1, 0) != 1)
		return false;
	for (size_t i = 0; i < COUNT(subject->units) && subject->units[i] != NULL; i++)
		if (X509_NAME_add_entry_by_txt(
			name, "OU", MBSTRING_UTF8, (const unsigned char *)subject->units[i], -1, -1, 0) != 1)
			return false;
	return X509_NAME_add_entry_by_txt(
		   name, "CN", MBSTRING_UTF8, (const unsigned char *)subject->common_name, -1, -1, 0) == 1;
}

static bool
extension_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool added;

	if (value == NULL)
		return true;
	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	if ((extension = X509V3_EXT_conf_nid(NULL, &context, nid, value)) == NULL)
		return false;
	added = X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

/* Random and positive, 16 bytes (RFC 5280, section 4.1.2.2). */
static bool
serial_set(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *number;
	bool set;

	random_bytes(bytes, sizeof(bytes));
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	if ((number = BN_bin2bn(bytes, sizeof(bytes), NULL)) == NULL)
		return false;
	set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return set;
}

/* issuer NULL: signed by itself. An hour is taken off the beginning for clocks that run behind. */
static enum err
cert_make(const struct subject *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, X509 **out, struct why *why)
{
	auto_cert X509 *cert = X509_new();
	X509 *by = issuer == NULL ? cert : issuer;

	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 || !serial_set(cert) ||
	    X509_gmtime_adj(X509_getm_notBefore(cert), -3600) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(cert), 10 * YEAR_S) == NULL || X509_set_pubkey(cert, key) != 1 ||
	    !subject_set(cert, subject) || X509_set_issuer_name(cert, X509_get_subject_name(by)) != 1)
		return fail_ssl(why, "make a certificate");
	if (!extension_add(cert, by, NID_basic_constraints, subject->constraints) ||
	    !extension_add(cert, by, NID_key_usage, subject->usage) ||
	    !extension_add(cert, by, NID_ext_key_usage, subject->extended_usage) ||
	    !extension_add(cert, by, NID_subject_alt_name, subject->sans) ||
	    !extension_add(cert, by, NID_subject_key_identifier, "hash") ||
	    !extension_add(cert, by, NID_authority_key_identifier, "keyid:always") ||
	    X509_sign(cert, issuer_key, EVP_sha256()) <= 0)
		return fail_ssl(why, "make a certificate");
	*out = cert;
	cert = NULL;
	return OK;
}

static bool
is_address(const char *name)
{
	char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool
san_valid(const char *name)
{
	return is_address(name) ||
	       span_only(span_of_text(name), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*");
}

/* Each wanted name: the defaults, the person's own, the address we listen on. */
static enum err
sans_each(const struct config *config, bool (*each)(void *self, const char *name), void *self, struct why *why)
{
	for (size_t i = 0; i < COUNT(default_sans); i++)
		if (!each(self, default_sans[i]))
			return ERR_MORE;
	for (size_t i = 0; i < config->server_sans.count; i++) {
		if (!san_valid(config->server_sans.at[i]))
			return fail(why, ERR_INVALID, "server_sans: \"%s\" is neither a host name nor an address",
			    log_quote(span_of_text(config->server_sans.at[i])));
		if (!each(self, config->server_sans.at[i]))
			return ERR_MORE;
	}
	if (!config_loopback(config->bind_address) && strcmp(config->bind_address, "0.0.0.0") != 0 &&
	    strcmp(config->bind_address, "::") != 0 && !each(self, config->bind_address))
		return ERR_MORE;
	return OK;
}

static bool
san_write(void *self, const char *name)
{
	struct text *text = self;

	text_add(text, "%s%s:%s", text->length == 0 ? "" : ",", is_address(name) ? "IP" : "DNS", name);
	return !text->cut;
}

static bool
san_covered(void *self, const char *name)
{
	X509 *cert = self;

	return is_address(name) ? X509_check_ip_asc(cert, name, 0) == 1
				: X509_check_host(cert, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* A pair of PEM texts, key wiped when done with. */
struct pem {
	char bytes[PEM_BYTES];
	size_t length;
};

static enum err
bio_take(BIO *bio, struct pem *out, struct why *why)
{
	int n = BIO_read(bio, out->bytes, sizeof(out->bytes));

	if (n <= 0 || n == (int)sizeof(out->bytes))
		return fail_ssl(why, "write PEM");
	out->length = (size_t)n;
	return OK;
}

static enum err
cert_write(X509 *cert, const char *path, struct why *why)
{
	auto_bio BIO *bio = BIO_new(BIO_s_mem());
	struct pem pem;
	enum err r;

	if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1)
		return fail_ssl(why, "write PEM");
	if ((r = bio_take(bio, &pem, why)) != OK)
		return r;
	return file_replace(path, 0644, span_of_bytes(pem.bytes, pem.length), true, why);
}

static enum err
key_write(EVP_PKEY *key, const char *path, struct why *why)
{
	auto_bio BIO *bio = BIO_new(BIO_s_secmem());
	struct pem pem;
	enum err r;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return fail_ssl(why, "write PEM");
	if ((r = bio_take(bio, &pem, why)) == OK)
		r = file_replace(path, 0600, span_of_bytes(pem.bytes, pem.length), true, why);
	explicit_bzero(&pem, sizeof(pem));
	return r;
}

static enum err
pem_load(const char *path, X509 **cert, EVP_PKEY **key, struct why *why)
{
	auto_bio BIO *bio = BIO_new_file(path, "re");

	if (bio == NULL)
		return fail_ssl(why, path);
	if (cert != NULL && (*cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
		return fail_ssl(why, path);
	if (key != NULL && (*key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)) == NULL)
		return fail_ssl(why, path);
	return OK;
}

static const char *
join(const char *directory, const char *name, char to[PATH_BYTES])
{
	struct text text = {to, 0, PATH_BYTES, false};

	text_add(&text, "%s/%s", directory, name);
	return to;
}

static enum err
server_make(const struct config *config, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key, X509 **out, struct why *why)
{
	char sans[SANS_BYTES];
	struct text text = TEXT_OF(sans);
	const struct subject server = {.common_name = "openshell-gateway",
	    .constraints = "critical,CA:FALSE",
	    .usage = "critical,digitalSignature",
	    .extended_usage = "serverAuth",
	    .sans = sans};
	enum err r;

	if ((r = sans_each(config, san_write, &text, why)) != OK)
		return r == ERR_MORE ? fail(why, ERR_RANGE, "server_sans are too long") : r;
	return cert_make(&server, key, ca, ca_key, out, why);
}

/* Six files into an empty directory. */
static enum err
bundle_make(const struct config *config, const char *directory, struct why *why)
{
	static const struct subject authority = {.common_name = "openshell-ca",
	    .constraints = "critical,CA:TRUE,pathlen:0",
	    .usage = "critical,keyCertSign,cRLSign"};
	static const struct subject client = {.common_name = "openshell-client",
	    .units = {"openshell-user", "openshell-admin"},
	    .constraints = "critical,CA:FALSE",
	    .usage = "critical,digitalSignature",
	    .extended_usage = "clientAuth"};
	auto_key EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	auto_key EVP_PKEY *server_key = EVP_EC_gen("P-256");
	auto_key EVP_PKEY *client_key = EVP_EC_gen("P-256");
	auto_cert X509 *ca = NULL;
	auto_cert X509 *server_cert = NULL;
	auto_cert X509 *client_cert = NULL;
	char path[PATH_BYTES];
	enum err r;

	if (ca_key == NULL || server_key == NULL || client_key == NULL)
		return fail_ssl(why, "make a key");
	if ((r = cert_make(&authority, ca_key, NULL, ca_key, &ca, why)) != OK ||
	    (r = server_make(config, server_key, ca, ca_key, &server_cert, why)) != OK ||
	    (r = cert_make(&client, client_key, ca, ca_key, &client_cert, why)) != OK ||
	    (r = dir_make(join(directory, "server", path), 0700, why)) != OK ||
	    (r = dir_make(join(directory, "client", path), 0700, why)) != OK ||
	    (r = cert_write(ca, join(directory, "ca.crt", path), why)) != OK ||
	    (r = key_write(ca_key, join(directory, "ca.key", path), why)) != OK ||
	    (r = cert_write(server_cert, join(directory, "server/tls.crt", path), why)) != OK ||
	    (r = key_write(server_key, join(directory, "server/tls.key", path), why)) != OK ||
	    (r = cert_write(client_cert, join(directory, "client/tls.crt", path), why)) != OK)
		return r;
	return key_write(client_key, join(directory, "client/tls.key", path), why);
}

/* Beside, then renamed as a whole: half a set is never seen. */
static enum err
bundle_create(const struct config *config, struct why *why)
{
	char temporary[PATH_BYTES];
	enum err r;

	snprintf(temporary, sizeof(temporary), "%s.new", config->tls_dir);
	if ((r = tree_remove_whole(AT_FDCWD, temporary, why)) != OK || (r = dir_make(temporary, 0700, why)) != OK)
		return r;
	if ((r = bundle_make(config, temporary, why)) == OK) {
		rmdir(config->tls_dir); /* an empty one may be there */
		if (rename(temporary, config->tls_dir) < 0)
			r = fail_errno(why, ERR_SYSTEM, "make %s", config->tls_dir);
	}
	if (r != OK)
		dir_clear(temporary);
	return r;
}

static bool
ends_soon(X509 *cert)
{
	time_t limit = time(NULL) + RENEW_S;

	return X509_cmp_time(X509_get0_notAfter(cert), &limit) < 0;
}

/* The wanted names may have changed since it was made. */
static enum err
server_renew(const struct config *config, struct why *why)
{
	auto_cert X509 *ca = NULL;
	auto_cert X509 *old = NULL;
	auto_cert X509 *made = NULL;
	auto_key EVP_PKEY *ca_key = NULL;
	auto_key EVP_PKEY *key = NULL;
	char path[PATH_BYTES];
	enum err r;

	if ((r = pem_load(join(config->tls_dir, "server/tls.crt", path), &old, NULL, why)) != OK)
		return r;
	if ((r = sans_each(config, san_covered, old, why)) == OK && !ends_soon(old))
		return OK;
	if (r != OK && r != ERR_MORE)
		return r;
	if ((r = pem_load(join(config->tls_dir, "ca.crt", path), &ca, NULL, why)) != OK ||
	    (r = pem_load(join(config->tls_dir, "ca.key", path), NULL, &ca_key, why)) != OK ||
	    (r = pem_load(join(config->tls_dir, "server/tls.key", path), NULL, &key, why)) != OK ||
	    (r = server_make(config, key, ca, ca_key, &made, why)) != OK)
		return r;
	log_info("certificate.renew", "file=%s/server/tls.crt", config->tls_dir);
	return cert_write(made, join(config->tls_dir, "server/tls.crt", path), why);
}

static enum err
own_files_there(const struct config *config, struct why *why)
{
	const char *const paths[] = {config->tls_cert, config->tls_key, config->tls_client_ca};

	for (size_t i = 0; i < COUNT(paths); i++)
		if (access(paths[i], R_OK) < 0)
			return fail_errno(why, ERR_SYSTEM, "open %s", paths[i]);
	return OK;
}

void
pki_own_note(const struct config *config, char *note, size_t note_size)
{
	auto_cert X509 *cert = NULL;
	time_t now = time(NULL);
	struct why why;

	note[0] = '\0';
	if (config->tls_cert[0] != '\0' && pem_load(config->tls_cert, &cert, NULL, &why) == OK &&
	    X509_cmp_time(X509_get0_notAfter(cert), &now) < 0)
		snprintf(note, note_size, "tls_cert: the certificate %.200s has expired: clients refuse it",
		    config->tls_cert);
}

enum err
pki_prepare(const struct config *config, struct why *why)
{
	const char *there = NULL, *missing = NULL;
	char path[PATH_BYTES];
	enum err r;

	if (config->disable_tls)
		return OK;
	if (config->tls_cert[0] != '\0')
		return own_files_there(config, why);
	for (size_t i = 0; i < COUNT(files); i++)
		*(file_exists(join(config->tls_dir, files[i].name, path)) ? &there : &missing) = files[i].name;
	if (there != NULL && missing != NULL)
		return fail(why, ERR_STATE,
		    "%s has %s but not %s: restore it, or remove the directory to have new certificates made",
		    config->tls_dir, there, missing);
	if (missing == NULL)
		return server_renew(config, why);
	if ((r = dir_make(config->tls_dir, 0700, why)) != OK)
		return r;
	return bundle_create(config, why);
}

/* ---- the client's files ---- */

static enum err
file_copy(const char *from, const char *to, mode_t mode, struct why *why)
{
	char bytes[PEM_BYTES];
	size_t length;
	enum err r;

	if ((r = file_read(from, bytes, sizeof(bytes), &length, why)) == OK)
		r = file_replace(to, mode, span_of_bytes(bytes, length), true, why);
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

static enum err
mtls_copy(const struct config *config, const char *gateway, struct why *why)
{
	static const struct {
		const char *from, *to;
		mode_t mode;
	} copies[] = {{"ca.crt", "mtls/ca.crt", 0644}, {"client/tls.crt", "mtls/tls.crt", 0644},
	    {"client/tls.key", "mtls/tls.key", 0600}};
	char from[PATH_BYTES], to[2 * PATH_BYTES];
	enum err r;

	snprintf(to, sizeof(to), "%s/mtls", gateway);
	if ((r = dir_make(to, 0700, why)) != OK)
		return r;
	for (size_t i = 0; i < COUNT(copies) && r == OK; i++) {
		snprintf(to, sizeof(to), "%s/%s", gateway, copies[i].to);
		r = file_copy(join(config->tls_dir, copies[i].from, from), to, copies[i].mode, why);
	}
	return r;
}

bool
pki_entry_foreign(const char *metadata)
{
	char text[8192];
	struct why why;

	if (file_read(metadata, text, sizeof(text), NULL, &why) != OK)
		return false;
	return strstr(text, "://127.") == NULL && strstr(text, "://[::1]") == NULL &&
	       strstr(text, "://localhost") == NULL;
}

static enum err
metadata_write(const struct config *config, const char *path, struct why *why)
{
	char bytes[1024], endpoint[96];
	struct text text = TEXT_OF(bytes);

	config_endpoint(config, endpoint, sizeof(endpoint));
	text_add(&text,
	    "{\n  \"name\": \"%s\",\n  \"gateway_endpoint\": \"%s\",\n  \"is_remote\": false,\n"
	    "  \"gateway_port\": %u,\n  \"auth_mode\": \"%s\"\n}\n",
	    config->gateway_name, endpoint, config->port, config->disable_tls ? "plaintext" : "mtls");
	return file_replace(path, 0600, text_span(&text), true, why);
}

static enum err
active_write(const struct config *config, struct why *why)
{
	char path[PATH_BYTES], name[80];

	if (file_exists(join(config->client_dir, "active_gateway", path)))
		return OK;
	snprintf(name, sizeof(name), "%s\n", config->gateway_name);
	return file_replace(path, 0644, span_of_text(name), true, why);
}

/* Where does a client's entry of our name lead on this machine, if not here? */
static bool
entry_elsewhere(const struct config *config, const char *metadata)
{
	char text[8192], endpoint[96], quoted[100];
	struct why why;

	config_endpoint(config, endpoint, sizeof(endpoint));
	snprintf(quoted, sizeof(quoted), "\"%s\"", endpoint);
	return file_read(metadata, text, sizeof(text), NULL, &why) == OK && strstr(text, quoted) == NULL;
}

enum err
pki_client_dir(const struct config *config, struct why *why)
{
	enum err r;

	if (config->tls_cert[0] != '\0')
		return OK;
	if ((r = dir_make(config->client_dir, 0700, why)) == OK && access(config->client_dir, W_OK) < 0)
		r = fail_errno(why, ERR_SYSTEM, "write to %s", config->client_dir);
	return r == OK ? OK : because(why, r, "client_dir (--client-dir chooses another)");
}

enum err
pki_register(const struct config *config, char *note, size_t note_size, struct why *why)
{
	char gateway[PATH_BYTES], metadata[2 * PATH_BYTES];
	enum err r;

	note[0] = '\0';
	if (config->tls_cert[0] != '\0')
		return OK; /* we have no client certificate to give */
	snprintf(gateway, sizeof(gateway), "%s/gateways/%s", config->client_dir, config->gateway_name);
	snprintf(metadata, sizeof(metadata), "%s/metadata.json", gateway);
	if (pki_entry_foreign(metadata)) {
		snprintf(note, note_size, "the client entry \"%s\" belongs to another gateway and was left alone",
		    config->gateway_name);
		return OK;
	}
	if (entry_elsewhere(config, metadata))
		snprintf(note, note_size,
		    "the client entry \"%s\" led to another port, and leads here now: --gateway-name gives a second "
		    "gateway an entry of its own",
		    config->gateway_name);
	if ((r = dir_make(gateway, 0700, why)) != OK ||
	    (!config->disable_tls && (r = mtls_copy(config, gateway, why)) != OK) ||
	    (r = metadata_write(config, metadata, why)) != OK)
		return r;
	return active_write(config, why);
}
