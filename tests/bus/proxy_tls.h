/* TLS as the test of the proxy speaks it: a client and a server, step by step over non-blocking sockets. */
#ifndef TESTS_BUS_PROXY_TLS_H
#define TESTS_BUS_PROXY_TLS_H

#include <stdbool.h>

#include "common/base/err.h"

struct ssl_st;
struct ssl_ctx_st;

struct tls_client {
	struct ssl_ctx_st *context;
	struct ssl_st *ssl;
	int fd;
	bool open, heard_finished;
	char failure[256]; /* in OpenSSL's words; empty: none */
	char alpn[16];
};

/* An authority of the world's: its PEM. */
void tls_test_begin(char **ca_pem);

/* trust: PEM of whom to believe; verify: the name that the certificate must have; sni: what the hello names. */
void tls_client_begin(
    struct tls_client *client, int fd, const char *trust, const char *verify, const char *sni, const char *alpn);

/* A server of the world, whose certificate has this name. */
void tls_server_begin(struct tls_client *server, int fd, const char *name);

/* One step of the handshake: OK it is open, ERR_MORE, or failure says why not. */
enum err tls_client_step(struct tls_client *client);
void tls_say(struct tls_client *client, const char *text);
void tls_expect(struct tls_client *client, const char *text, void (*wait)(int fd));
void tls_client_end(struct tls_client *client);

#endif
