/* TLS towards the world: the context of OpenSSL with all its settings, and the sessions that are kept. */
#include "common/leg/tls_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/leg/anchors.h"
#include "common/policy/destination.h"

#define SESSIONS_MAX   64
#define SECURITY_LEVEL 2 /* 112 bits */
#define GROUPS	       "X25519:P-256:P-384"
#define KEY_BYTES      300

struct session {
	char *key; /* host, port and offer */
	SSL_SESSION *session;
};

struct tls_client {
	SSL_CTX *context;
	struct anchors *anchors;
	struct session sessions[SESSIONS_MAX];
};

static int key_index = -1;

enum err
tls_refused(struct why *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return fail(why, ERR_INVALID, "%s: %s", what, reason == NULL ? "refused" : reason);
}

SSL_CTX *
tls_context_new(const SSL_METHOD *method)
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

static void
key_free(void *parent, void *key, CRYPTO_EX_DATA *data, int index, long argument, void *pointer)
{
	(void)parent, (void)data, (void)index, (void)argument, (void)pointer;
	free(key);
}

static struct session *
session_place(struct tls_client *client, const char *key)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *key != 0; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return &client->sessions[hash % SESSIONS_MAX];
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
	struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *key = SSL_get_ex_data(ssl, key_index);
	struct session *session = session_place(client, key);

	session_forget(session);
	if ((session->key = strdup(key)) == NULL)
		abort();
	session->session = given;
	return 1; /* it is ours now */
}

static SSL_CTX *
context_open(struct tls_client *client)
{
	SSL_CTX *context = tls_context_new(TLS_client_method());

	SSL_CTX_set_cert_store(context, anchors_store(client->anchors));
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, session_keep);
	SSL_CTX_set_app_data(context, client);
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
tls_client_open(
    struct tls_client *client, const char *host, uint16_t port, const char *alpn, SSL **out, struct why *why)
{
	SSL *ssl = SSL_new(client->context);
	struct session *session;
	char key[KEY_BYTES];

	if (ssl == NULL)
		return tls_refused(why, "TLS");
	snprintf(key, sizeof(key), "%s:%u:%s", host, port, alpn == NULL ? "" : alpn);
	if (SSL_set_ex_data(ssl, key_index, strdup(key)) != 1)
		abort();
	if (!alpn_offer(ssl, alpn) || !host_verify(ssl, host)) {
		SSL_free(ssl);
		return tls_refused(why, "TLS");
	}
	session = session_place(client, key);
	if (session->key != NULL && strcmp(session->key, key) == 0)
		SSL_set_session(ssl, session->session);
	SSL_set_connect_state(ssl);
	*out = ssl;
	return OK;
}

struct tls_client *
tls_client_new(int anchors_fd)
{
	struct tls_client *client = calloc(1, sizeof(*client));

	if (key_index < 0)
		key_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, key_free);
	if (client == NULL || key_index < 0)
		abort();
	client->anchors = anchors_new(anchors_fd);
	client->context = context_open(client);
	return client;
}

void
tls_client_free(struct tls_client *client)
{
	if (client == NULL)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		session_forget(&client->sessions[i]);
	SSL_CTX_free(client->context);
	anchors_free(client->anchors);
	free(client);
}
