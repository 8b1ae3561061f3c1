/* TLS: everything we ask of OpenSSL but the moving of bytes, so that its settings can be read in one place. */
#include "common/rpc/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALPN	       "\x02h2\x08http/1.1"
#define CIPHERS	       "ECDHE+AESGCM:ECDHE+CHACHA20" /* of TLS 1.2: what HTTP/2 allows (RFC 9113, 9.2.2) */
#define SECURITY_LEVEL 2			     /* 112 bits: Debian says so in the file that we do not read */

static int
no_password(char *to, int size, int writing, void *self)
{
	(void)to, (void)size, (void)writing, (void)self; /* never ask a terminal */
	return 0;
}

static enum err
ssl_fail(struct why *why, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return fail(why, ERR_INVALID, "%s: %s", what, reason == NULL ? "refused" : reason);
}

static SSL_CTX *
context_new(const SSL_METHOD *method)
{
	SSL_CTX *context;

	/* No openssl.cnf: what is not ours to write must not change how we speak. No tidying at the end: the kernel does it. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
	ERR_clear_error();
	if ((context = SSL_CTX_new(method)) == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(context, CIPHERS) != 1)
		abort();
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	SSL_CTX_set_options(
	    context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_default_passwd_cb(context, no_password);
	return context;
}

/* The first certificate is ours, the others lead from it to a root. */
static enum err
certificate_use(SSL_CTX *context, const char *pem, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	enum err r = OK;

	if (certificate == NULL || SSL_CTX_use_certificate(context, certificate) != 1)
		r = ssl_fail(why, "certificate");
	X509_free(certificate);
	while (r == OK && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
			X509_free(certificate);
			r = ssl_fail(why, "certificate chain");
		}
	ERR_clear_error();
	BIO_free(bio);
	return r;
}

static enum err
key_use(SSL_CTX *context, const char *pem, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	enum err r = OK;

	if (key == NULL || SSL_CTX_use_PrivateKey(context, key) != 1)
		r = ssl_fail(why, "private key");
	EVP_PKEY_free(key);
	BIO_free(bio);
	return r;
}

static enum err
pair_use(SSL_CTX *context, const char *certificate_pem, const char *key_pem, struct why *why)
{
	enum err r;

	if (key_pem == NULL)
		return fail(why, ERR_INVALID, "a certificate without a private key");
	if ((r = certificate_use(context, certificate_pem, why)) != OK || (r = key_use(context, key_pem, why)) != OK)
		return r;
	return SSL_CTX_check_private_key(context) == 1 ? OK : ssl_fail(why, "certificate and private key");
}

/* Trust these and no others. */
static enum err
ca_use(SSL_CTX *context, const char *pem, bool announce, struct why *why)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	X509 *certificate;
	size_t n = 0;

	for (; (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL; n++) {
		X509_STORE_add_cert(store, certificate);
		if (announce)
			SSL_CTX_add_client_CA(context, certificate);
		X509_free(certificate);
	}
	BIO_free(bio);
	if (n == 0)
		return ssl_fail(why, "CA certificate");
	ERR_clear_error();
	return OK;
}

static int
alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
    unsigned offered_length, void *self)
{
	unsigned char *chosen;

	(void)ssl, (void)self;
	if (SSL_select_next_proto(&chosen, out_length, (const unsigned char *)ALPN, sizeof(ALPN) - 1, offered,
		offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; /* the first bytes will tell */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

enum err
tls_server_context(
    SSL_CTX **out, const char *certificate_pem, const char *key_pem, const char *client_ca_pem, struct why *why)
{
	SSL_CTX *context = context_new(TLS_server_method());
	enum err r = pair_use(context, certificate_pem, key_pem, why);

	if (r == OK && client_ca_pem != NULL) {
		r = ca_use(context, client_ca_pem, true, why);
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	SSL_CTX_set_alpn_select_cb(context, alpn_choose, NULL);
	if (r != OK) {
		SSL_CTX_free(context);
		return because(why, r, "TLS of the server");
	}
	*out = context;
	return OK;
}

enum err
tls_client_context(
    SSL_CTX **out, const char *ca_pem, const char *certificate_pem, const char *key_pem, bool insecure, struct why *why)
{
	SSL_CTX *context = context_new(TLS_client_method());
	enum err r = OK;

	if (certificate_pem != NULL)
		r = pair_use(context, certificate_pem, key_pem, why);
	if (r == OK && ca_pem != NULL)
		r = ca_use(context, ca_pem, false, why);
	else if (r == OK && !insecure && SSL_CTX_set_default_verify_paths(context) != 1)
		r = ssl_fail(why, "the system's certificates");
	SSL_CTX_set_verify(context, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x02h2", 3);
	if (r != OK) {
		SSL_CTX_free(context);
		return because(why, r, "TLS of the client");
	}
	*out = context;
	return OK;
}

SSL *
tls_server_session(SSL_CTX *context)
{
	SSL *ssl = SSL_new(context);

	if (ssl == NULL)
		abort();
	SSL_set_accept_state(ssl);
	return ssl;
}

enum err
tls_client_session(SSL **out, SSL_CTX *context, const char *host, struct why *why)
{
	struct in6_addr address;
	bool numeric = inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
	SSL *ssl = SSL_new(context);
	int ok;

	if (ssl == NULL)
		abort();
	SSL_set_connect_state(ssl);
	if (numeric) /* SNI has no numbers (RFC 6066, section 3) */
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	else
		ok = SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
	if (!ok) {
		SSL_free(ssl);
		return ssl_fail(why, "server name");
	}
	*out = ssl;
	return OK;
}

bool
tls_chose_h2(const SSL *ssl)
{
	const unsigned char *chosen;
	unsigned length;

	SSL_get0_alpn_selected(ssl, &chosen, &length);
	return length == 2 && memcmp(chosen, "h2", 2) == 0;
}

static struct span
name_entry(const X509_NAME *name, int nid, int *at, struct arena *arena)
{
	unsigned char *text;
	struct span copy = SPAN_NONE;
	int n;

	if ((*at = X509_NAME_get_index_by_NID(name, nid, *at)) < 0)
		return copy;
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, *at)));
	if (n < 0)
		return copy;
	if (!span_utf8(span_of_bytes(text, (size_t)n)) ||
	    arena_span(arena, span_of_bytes(text, (size_t)n), &copy) != OK)
		copy = SPAN_NONE;
	OPENSSL_free(text);
	return copy;
}

bool
tls_identity(const SSL *ssl, struct arena *arena, struct span *common_name, struct span *units, size_t units_max,
    size_t *units_n)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	const X509_NAME *name;
	int at = -1;

	*units_n = 0;
	if (certificate == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
		return false;
	name = X509_get_subject_name(certificate);
	*common_name = name_entry(name, NID_commonName, &at, arena);
	for (at = -1; *units_n < units_max;) {
		struct span unit = name_entry(name, NID_organizationalUnitName, &at, arena);

		if (at < 0)
			break;
		if (unit.length > 0)
			units[(*units_n)++] = unit;
	}
	ERR_clear_error();
	return true;
}

/* OpenSSL's reasons that people meet, in their words. */
static const char *
reason_words(unsigned long code)
{
	switch (ERR_GET_REASON(code)) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
		return "the other side does not speak TLS";
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "a client certificate is required";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return "the other side does not trust our certificate's CA";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
		return "the other side says that our certificate has expired";
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the other side closed the connection";
	default:
		return ERR_reason_error_string(code);
	}
}

void
tls_why(SSL *ssl, int r, struct why *why)
{
	int kind = SSL_get_error(ssl, r), system = errno;
	unsigned long code = ERR_get_error();
	long verify = SSL_get_verify_result(ssl);
	const char *words = code == 0 ? NULL : reason_words(code);

	ERR_clear_error();
	if (verify != X509_V_OK && ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		(void)fail(
		    why, ERR_UNAVAILABLE, "certificate verify failed (%s)", X509_verify_cert_error_string(verify));
	else if (words != NULL)
		(void)fail(why, ERR_UNAVAILABLE, "%s", words);
	else if (kind == SSL_ERROR_SYSCALL && system != 0)
		(void)fail(why, ERR_UNAVAILABLE, "%s", strerror(system));
	else
		(void)fail(why, ERR_UNAVAILABLE, "the other side closed the connection");
}
