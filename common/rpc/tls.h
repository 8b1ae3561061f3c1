/* TLS: contexts from PEM texts, sessions, who the peer is, and OpenSSL's errors in words. */
#ifndef COMMON_RPC_TLS_H
#define COMMON_RPC_TLS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/rpc/openssl.h"

/*
 * What a server serves with: TLS 1.2 or newer, no session resumption, ALPN h2 and http/1.1.
 *
 * client_ca_pem  a client certificate of one of these is required; NULL: none is asked for
 * errors         ERR_INVALID which text is no certificate or key, or that they do not belong together
 */
enum err tls_server_context(SSL_CTX **out, const char *certificate_pem, const char *key_pem, const char *client_ca_pem,
    struct why *why) must_check;

/* What a client connects with; ca_pem NULL: the system's store; certificate_pem NULL: none of its own. */
enum err tls_client_context(SSL_CTX **out, const char *ca_pem, const char *certificate_pem, const char *key_pem,
    bool insecure, struct why *why) must_check;

/* One connection's session, not yet tied to a socket; the caller frees it. A client's checks the server's name. */
SSL *tls_server_session(SSL_CTX *context);
enum err tls_client_session(SSL **out, SSL_CTX *context, const char *host, struct why *why) must_check;

/* Was h2 chosen by ALPN? */
bool tls_chose_h2(const SSL *ssl);

/* CN and OUs of the verified peer certificate, copied into the arena; false when there was none. */
bool tls_identity(const SSL *ssl, struct arena *arena, struct span *common_name, struct span *units, size_t units_max,
    size_t *units_n);

/* Say why the last operation on ssl failed (return value r), and forget the library's own queue of errors. */
void tls_why(SSL *ssl, int r, struct why *why);

#endif
