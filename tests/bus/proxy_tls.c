/* TLS of the test's own; its authority and certificates are made by the proxy's own code, which has unit tests. */
#include "tests/unit/test.h"

#include "tests/bus/proxy_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/proxy/ca.h"
#include "common/leg/openssl.h"

static struct ca *authority;

void
tls_test_begin(char **ca_pem_out)
{
	struct why why;
	char *pem, *text;
	size_t length;

	assert_int_equal(ca_new(&authority, &why), OK);
	length = ca_pem(authority, &pem);
	text = calloc(1, length + 1);
	memcpy(text, pem, length);
	OPENSSL_free(pem);
	*ca_pem_out = text;
}

static void
begin(struct tls_client *client, int fd, const SSL_METHOD *method)
{
	*client = (struct tls_client){.context = SSL_CTX_new(method), .fd = fd};
	assert_non_null(client->context);
}

void
tls_client_begin(
    struct tls_client *client, int fd, const char *trust, const char *verify, const char *sni, const char *alpn)
{
	BIO *bio = BIO_new_mem_buf(trust, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	begin(client, fd, TLS_client_method());
	assert_non_null(certificate);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(client->context), certificate);
	X509_free(certificate);
	BIO_free(bio);
	SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
	client->ssl = SSL_new(client->context);
	assert_int_equal(SSL_set1_host(client->ssl, verify), 1);
	SSL_set_tlsext_host_name(client->ssl, sni);
	if (alpn != NULL && strcmp(alpn, "h2,http/1.1") == 0)
		SSL_set_alpn_protos(client->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12);
	else if (alpn != NULL)
		SSL_set_alpn_protos(client->ssl, (const unsigned char *)"\x08http/1.1", 9);
	SSL_set_fd(client->ssl, fd);
	SSL_set_connect_state(client->ssl);
}

void
tls_server_begin(struct tls_client *server, int fd, const char *name)
{
	struct why why;
	X509 *leaf;

	begin(server, fd, TLS_server_method());
	assert_int_equal(ca_leaf(authority, name, &leaf, &why), OK);
	assert_int_equal(SSL_CTX_use_cert_and_key(server->context, leaf, ca_leaf_key(authority), NULL, 1), 1);
	server->ssl = SSL_new(server->context);
	SSL_set_fd(server->ssl, fd);
	SSL_set_accept_state(server->ssl);
}

enum err
tls_client_step(struct tls_client *client)
{
	const unsigned char *alpn;
	unsigned length;
	int ok, error;

	if (client->open || client->failure[0] != 0)
		return client->open ? OK : ERR_INVALID;
	ERR_clear_error();
	if ((ok = SSL_do_handshake(client->ssl)) == 1) {
		client->open = client->heard_finished = true;
		SSL_get0_alpn_selected(client->ssl, &alpn, &length);
		snprintf(client->alpn, sizeof(client->alpn), "%.*s", (int)length, alpn);
		return OK;
	}
	error = SSL_get_error(client->ssl, ok);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return ERR_MORE;
	ERR_error_string_n(ERR_peek_error(), client->failure, sizeof(client->failure));
	ERR_clear_error(); /* the other end's calls would find it: the queue is the thread's */
	return ERR_INVALID;
}

void
tls_say(struct tls_client *client, const char *text)
{
	assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), strlen(text));
}

void
tls_expect(struct tls_client *client, const char *text, void (*wait)(int fd))
{
	char bytes[1024];
	size_t got = 0;

	while (got < strlen(text)) {
		int n;

		ERR_clear_error();
		n = SSL_read(client->ssl, bytes + got, (int)(strlen(text) - got));

		if (n > 0)
			got += (size_t)n;
		else if (SSL_get_error(client->ssl, n) == SSL_ERROR_WANT_READ)
			wait(client->fd);
		else
			fail_msg("TLS ended: %s", ERR_reason_error_string(ERR_peek_error()));
	}
	bytes[got] = 0;
	assert_string_equal(bytes, text);
}

void
tls_client_end(struct tls_client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	*client = (struct tls_client){0};
}
