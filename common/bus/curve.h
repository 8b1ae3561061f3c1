/* CURVE links: ZeroMQ sockets whose peers are known by their CURVE keys (ZMTP 3.1, ZAP 1.0 = RFC 27 of ZeroMQ). */
#ifndef COMMON_BUS_CURVE_H
#define COMMON_BUS_CURVE_H

#include "common/bus/peer.h"

#define ENDPOINT_BYTES 256

/* A known key: who it is. */
struct roster_entry {
	enum role role;
	char name[PEER_NAME_BYTES];
	uint8_t key[32];
};

struct curve;

/*
 * Take up ZeroMQ for this process: makes its threads, so the jail must have been entered. The ZAP handler is there
 * before any socket is bound.
 *
 * secret  own CURVE secret key (X25519); copied
 * roster  copied; keys that are not in it are refused, except on sockets bound for strangers
 */
enum err curve_new(struct curve **out, struct bus *bus, const struct secret *secret, const struct roster_entry *roster,
    size_t roster_n, struct why *why) must_check;
void curve_free(struct curve *curve);

/* The X25519 public key of a secret key. */
void curve_public(const struct secret *secret, uint8_t key[32]);

/* A fresh pair. */
void curve_keypair(struct secret *secret, uint8_t key[32]);

/*
 * Serve at an endpoint (ipc://, tcp://).
 *
 * strangers  any key may connect and is ROLE_STRANGER until peer_enrol; otherwise only keys of the roster
 * errors     ERR_SYSTEM: address in use, permission, path too long (107 bytes)
 */
enum err curve_bind(struct curve *curve, const char *endpoint, bool strangers, struct why *why) must_check;

/* Dial a server of the roster (role, name); its peer exists from now on, is up after its welcome, and redials. */
enum err curve_connect(struct curve *curve, const char *endpoint, enum role role, const char *name, struct peer **out,
    struct why *why) must_check;

/* Dial a server that is not in the roster, by its key (a sandbox's relay). */
enum err curve_connect_key(struct curve *curve, const char *endpoint, enum role role, const char *name,
    const uint8_t key[32], struct peer **out, struct why *why) must_check;

/* A stranger has proved which sandbox it is: from now on ROLE_LINK. */
void peer_enrol(struct peer *peer, struct id sandbox, uint32_t epoch);

#endif
