/* TLS: the two contexts of OpenSSL with all their settings, and the sessions that are kept for the world's servers. */
#include "sandbox/proxy/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy/destination.h"
#include "sandbox/proxy/anchors.h"
#include "sandbox/proxy/ca.h"
#include "sandbox/proxy/openssl.h"

#define SESSIONS_MAX   64
#define SECURITY_LEVEL 2 /* 112 bits */
#define GROUPS	       "X25519:P-256:P-384"
#define AGENT_CIPHERS  "ECDHE+AESGCM:ECDHE+CHACHA20" /* of TLS 1.2: what HTTP/2 allows (RFC 9113, 9.2.2) */
#define AGENT_ALPN     "\x02h2\x08http/1.1"
#define KEY_BYTES      300

/* What we know of one SSL. */
struct about {
	bool name_must_match, mismatch;
	char *asked; /* agent: the server name of a mismatch */
	char key[];	 /* agent: the host; upstream: host, port and ALPN of its sessions */
};

struct session {
	char *key;
	SSL_SESSION *session;
};

struct tls {
	SSL_CTX *agent, *upstream;
	struct ca *ca;
	struct anchors *anchors;
	struct session sessions[SESSIONS_MAX];
};

static int about_index = -1;

static enum err
refused(struct why *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return fail(why, ERR_INVALID, "%s: %s", what, reason == NULL ? "refused" : reason);
}

static void
about_free(void *parent, void *about, CRYPTO_EX_DATA *data, int index, long argument, void *pointer)
{
	struct about *own = about;

	(void)parent, (void)data, (void)index, (void)argument, (void)pointer;
	if (own != NULL)
		free(own->asked);
	free(own);
}

static struct about *
about_new(SSL *ssl, const char *key)
{
	size_t length = strlen(key) + 1;
	struct about *about = calloc(1, sizeof(*about) + length);

	if (about == NULL || SSL_set_ex_data(ssl, about_index, about) != 1)
		abort();
	memcpy(about->key, key, length);
	return about;
}

static SSL_CTX *
context_new(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set1_groups_list(context, GROUPS) != 1)
		abort();
	SSL_CTX_set_security_level(context, SECURITY_LEVEL);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_read_ahead(context, 1);
	return context;
}

/* ---- towards the agent ---- */

static int
alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
    unsigned offered_length, void *self)
{
	unsigned char *chosen;

	(void)ssl, (void)self;
	if (SSL_select_next_proto(&chosen, out_length, (const unsigned char *)AGENT_ALPN, sizeof(AGENT_ALPN) - 1, offered,
	    offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; /* the first bytes will tell */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool
same_name(const char *asked, const char *host)
{
	size_t length = strlen(asked);

	if (length > 0 && asked[length - 1] == '.')
		length--;
	return length == strlen(host) && strncasecmp(asked, host, length) == 0;
}

/* S31. */
static int
name_check(SSL *ssl, int *alert, void *self)
{
	struct about *about = SSL_get_ex_data(ssl, about_index);
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)self;
	if (asked == NULL || !about->name_must_match || same_name(asked, about->key))
		return SSL_TLSEXT_ERR_OK;
	about->mismatch = true;
	free(about->asked);
	about->asked = strdup(asked);
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *
agent_context(void)
{
	SSL_CTX *context = context_new(TLS_server_method());

	if (SSL_CTX_set_cipher_list(context, AGENT_CIPHERS) != 1)
		abort();
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_select_cb(context, alpn_choose, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, name_check);
	return context;
}

enum err
tls_agent(struct tls *tls, const char *host, bool name_must_match, SSL **out, struct why *why)
{
	X509 *leaf;
	SSL *ssl;
	enum err r;

	if ((r = ca_leaf(tls->ca, host, &leaf, why)) != OK)
		return r;
	if ((ssl = SSL_new(tls->agent)) == NULL)
		return refused(why, "TLS");
	about_new(ssl, host)->name_must_match = name_must_match;
	if (SSL_use_cert_and_key(ssl, leaf, ca_leaf_key(tls->ca), NULL, 1) != 1) {
		SSL_free(ssl);
		return refused(why, "TLS certificate");
	}
	SSL_set_accept_state(ssl);
	*out = ssl;
	return OK;
}

const char *
tls_agent_mismatch(const SSL *ssl)
{
	const struct about *about = SSL_get_ex_data(ssl, about_index);

	return about != NULL && about->mismatch && about->asked != NULL ? about->asked : "";
}

/* ---- towards the world ---- */

static struct session *
session_place(struct tls *tls, const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key != 0; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return &tls->sessions[hash % SESSIONS_MAX];
}

static void
session_forget(struct session *session)
{
	SSL_SESSION_free(session->session);
	free(session->key);
	*session = (struct session){0};
}

static int
session_keep(SSL *ssl, SSL_SESSION *given)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct about *about = SSL_get_ex_data(ssl, about_index);
	struct session *session = session_place(tls, about->key);

	session_forget(session);
	if ((session->key = strdup(about->key)) == NULL)
		abort();
	session->session = given;
	return 1; /* it is ours now */
}

static SSL_CTX *
upstream_context(struct tls *tls)
{
	SSL_CTX *context = context_new(TLS_client_method());

	SSL_CTX_set_cert_store(context, anchors_store(tls->anchors));
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, session_keep);
	SSL_CTX_set_app_data(context, tls);
	return context;
}

static bool
alpn_offer(SSL *ssl, const char *alpn)
{
	static const struct {
		const char *words, *wire;
		unsigned length;
	} rows[] = {{"h2,http/1.1", "\x02h2\x08http/1.1", 12}, {"http/1.1", "\x08http/1.1", 9}, {"h2", "\x02h2", 3}};

	for (size_t i = 0; alpn != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].words, alpn) == 0)
			return SSL_set_alpn_protos(ssl, (const unsigned char *)rows[i].wire, rows[i].length) == 0;
	return alpn == NULL;
}

static bool
host_verify(SSL *ssl, const char *host)
{
	struct address address;

	if (address_parse(span_of_text(host), &address)) /* SNI has no numbers (RFC 6066, section 3) */
		return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address.bytes, address.length) == 1;
	/* a name in the subject alone binds nobody (RFC 9525, 2) */
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

enum err
tls_upstream(struct tls *tls, const char *host, uint16_t port, const char *alpn, SSL **out, struct why *why)
{
	SSL *ssl = SSL_new(tls->upstream);
	struct session *session;
	char key[KEY_BYTES];

	if (ssl == NULL)
		return refused(why, "TLS");
	snprintf(key, sizeof(key), "%s:%u:%s", host, port, alpn == NULL ? "" : alpn);
	about_new(ssl, key);
	if (!alpn_offer(ssl, alpn) || !host_verify(ssl, host)) {
		SSL_free(ssl);
		return refused(why, "TLS");
	}
	session = session_place(tls, key);
	if (session->key != NULL && strcmp(session->key, key) == 0)
		SSL_set_session(ssl, session->session);
	SSL_set_connect_state(ssl);
	*out = ssl;
	return OK;
}

/* ---- both ---- */

struct tls *
tls_new(struct ca *ca, int anchors_fd)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (about_index < 0)
		about_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, about_free);
	if (tls == NULL || about_index < 0)
		abort();
	tls->ca = ca;
	tls->anchors = anchors_new(anchors_fd);
	tls->agent = agent_context();
	tls->upstream = upstream_context(tls);
	return tls;
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		session_forget(&tls->sessions[i]);
	SSL_CTX_free(tls->agent);
	SSL_CTX_free(tls->upstream);
	anchors_free(tls->anchors);
	ca_free(tls->ca);
	free(tls);
}
