/* The sandbox's own certificate authority: made once for each sandbox, given back to the proxies after the first. */
#ifndef SANDBOX_PROXY_CA_H
#define SANDBOX_PROXY_CA_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/leg/openssl.h"

struct ca;

/* A new one: ECDSA on P-256, "OpenShell Sandbox CA", for ten years, which no sandbox reaches. */
enum err ca_new(struct ca **out, struct why *why) must_check;

/* The one that was made before. ERR_INVALID: not a key and its certificate. */
enum err ca_load(struct span key_der, struct span pem, struct ca **out, struct why *why) must_check;
void ca_free(struct ca *ca);

/* PKCS#8 DER, and PEM; each malloc'ed, the caller frees. The key is a secret. */
size_t ca_key(const struct ca *ca, unsigned char **out);
size_t ca_pem(const struct ca *ca, char **out);

/*
 * A leaf for a host, signed by it, with the key that all leaves share: from a cache of 256, oldest use out first.
 *
 * host  a name, or an address in text
 * out   borrowed until the next call; take a reference
 */
enum err ca_leaf(struct ca *ca, const char *host, X509 **out, struct why *why) must_check;
EVP_PKEY *ca_leaf_key(const struct ca *ca);

#endif
