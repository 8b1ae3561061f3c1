/* TLS towards the world: sessions verified against the trust anchors for one host, taken up again where they were had before. */
#ifndef COMMON_LEG_TLS_CLIENT_H
#define COMMON_LEG_TLS_CLIENT_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/leg/openssl.h"

struct tls_client;

/* anchors_fd: a PEM file of trusted certificates, taken over; -1: nobody is trusted */
struct tls_client *tls_client_new(int anchors_fd);
void tls_client_free(struct tls_client *client); /* NULL does nothing */

/* A context with the settings that the house has for both sides; aborts where OpenSSL has no memory. */
SSL_CTX *tls_context_new(const SSL_METHOD *method);

/* What OpenSSL said last, as ERR_INVALID; its queue of errors is empty afterwards. */
enum err tls_refused(struct why *why, const char *what);

/*
 * The client's side of a session, to be verified for this host (a name or an address). One that was had with the same
 * host, port and offer is taken up again.
 *
 * alpn  "h2,http/1.1", "http/1.1", "h2" or NULL
 * out   for leg_handshake
 */
enum err tls_client_open(struct tls_client *client, const char *host, uint16_t port, const char *alpn, SSL **out,
    struct why *why) must_check;

#endif
