/* PKI: the certificates that a gateway makes at its first start, and the files by which clients of this machine find it. */
#ifndef GATEWAY_PKI_H
#define GATEWAY_PKI_H

#include "services/gateway/config.h"

/*
 * See that ca.crt, ca.key, server/tls.crt, server/tls.key, client/tls.crt and client/tls.key are in tls_dir: make them
 * all (EC P-256) when the directory has none, and the server's certificate anew when it lacks a name of server_sans
 * or ends within 30 days. Does nothing with certificates of one's own, or without TLS.
 *
 * errors  ERR_STATE some are there and some are not: nothing is made or changed; ERR_SYSTEM
 */
enum err pki_prepare(const struct config *config, struct why *why) must_check;

/* A sentence when a certificate of one's own (tls_cert) has expired, which is no reason not to start; else "". */
void pki_own_note(const struct config *config, char *note, size_t note_size);

/* Can the client's files be put where clients look? Makes the directory; with certificates of one's own there are none. */
enum err pki_client_dir(const struct config *config, struct why *why) must_check;

/*
 * Put metadata.json, mtls/ and active_gateway where clients look, unless a gateway elsewhere has the name.
 *
 * note    gets a sentence when the name was left to another gateway, or taken from one of this machine, else ""
 */
enum err pki_register(const struct config *config, char *note, size_t note_size, struct why *why) must_check;

/* Is this entry of our name someone else's? Ours names a loopback address. */
bool pki_entry_foreign(const char *metadata);

#endif
