/* TLS: the sessions with the agent under the sandbox's own authority; those with the world are common/leg/tls_client.c's. */
#include "sandbox/proxy/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/leg/tls_client.h"
#include "sandbox/proxy/ca.h"

#define AGENT_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20" /* of TLS 1.2: what HTTP/2 allows (RFC 9113, 9.2.2) */
#define AGENT_ALPN    "\x02h2\x08http/1.1"

/* What we know of one SSL. */
struct about {
	bool name_must_match, mismatch;
	char *asked; /* the server name of a mismatch */
	char key[];  /* the host */
};

struct tls {
	SSL_CTX *agent;
	struct ca *ca;
	struct tls_client *client;
};

static int about_index = -1;

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

/* ---- towards the agent ---- */

static int
alpn_choose(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
    unsigned offered_length, void *self)
{
	unsigned char *chosen;

	(void)ssl, (void)self;
	if (SSL_select_next_proto(&chosen, out_length, (const unsigned char *)AGENT_ALPN, sizeof(AGENT_ALPN) - 1,
		offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
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
	SSL_CTX *context = tls_context_new(TLS_server_method());

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
		return tls_refused(why, "TLS");
	about_new(ssl, host)->name_must_match = name_must_match;
	if (SSL_use_cert_and_key(ssl, leaf, ca_leaf_key(tls->ca), NULL, 1) != 1) {
		SSL_free(ssl);
		return tls_refused(why, "TLS certificate");
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

enum err
tls_upstream(struct tls *tls, const char *host, uint16_t port, const char *alpn, SSL **out, struct why *why)
{
	return tls_client_open(tls->client, host, port, alpn, out, why);
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
	tls->client = tls_client_new(anchors_fd);
	tls->agent = agent_context();
	return tls;
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->agent);
	tls_client_free(tls->client);
	ca_free(tls->ca);
	free(tls);
}
