/* TLS on both sides: the sandbox's own authority towards the agent, the trust anchors towards the world. */
#ifndef SANDBOX_PROXY_TLS_H
#define SANDBOX_PROXY_TLS_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/leg/openssl.h"

#define CA_KEY_BYTES 4096
#define CA_PEM_BYTES 16384

struct tls;
struct ca;
struct anchors;

/*
 * anchors_fd  a PEM file of trusted certificates, taken over; -1: nobody is trusted
 * ca          taken over
 */
struct tls *tls_new(struct ca *ca, int anchors_fd);
void tls_free(struct tls *tls);

/*
 * The server's side of a session with the agent, with a certificate for this host (a name or an address). ALPN: h2 and
 * http/1.1.
 *
 * name_must_match  a server name in the hello must be the host (S31); else the handshake ends in unrecognized_name
 */
enum err tls_agent(struct tls *tls, const char *host, bool name_must_match, SSL **out, struct why *why) must_check;

/* Did the handshake fail because of S31? The name that was asked for, or "". */
const char *tls_agent_mismatch(const SSL *ssl);

/*
 * The client's side of a session with the world, to be verified for this host. A session that was had with the same
 * host and port is taken up again.
 *
 * alpn  "h2,http/1.1", "http/1.1" or NULL
 */
enum err tls_upstream(
    struct tls *tls, const char *host, uint16_t port, const char *alpn, SSL **out, struct why *why) must_check;

#endif
