/* The vault: the secrets of one revision, opened, in locked memory; found by token, or by a backend's name. */
#ifndef ROUTER_VAULT_H
#define ROUTER_VAULT_H

#include "common/base/secret.h"
#include "common/bus/message.h"
#include "common/policy/reach.h"

#define VAULT_CHUNKS_MAX 256
#define VAULT_BYTES_MAX	 (64u << 20) /* of all boxes */

struct vault_entry {
	const struct msg_secret_entry *secret; /* in the vault */
	bool compiled;			       /* at its first use: */
	struct reach reach;
};

struct grant;

struct vault_key {
	struct span key;
	struct vault_entry *entry; /* NULL: empty place */
};

/* Secrets that are used by the name of their key, and stand in no request themselves. */
enum { VAULT_ACCESS_KEY, VAULT_SECRET_KEY, VAULT_SESSION_TOKEN, VAULT_SIGNERS };

struct vault {
	uint64_t revision;
	uint16_t chunks, got;
	uint8_t *room[VAULT_CHUNKS_MAX]; /* of sodium_malloc: what the boxes held */
	size_t bytes;
	struct arena memory; /* lists; holds no secret */
	struct msg_bundle bundle[VAULT_CHUNKS_MAX];
	struct vault_entry *entries;
	size_t entries_n, tokens_n;
	struct vault_entry *signers[VAULT_SIGNERS]; /* what signs for AWS; NULL: not there */
	struct vault_entry **granting;		    /* entries with a token grant */
	size_t granting_n;
	struct msg_binding *granted; /* all their bindings, as the proxy is told */
	size_t granted_n;
	struct grant *grants;	  /* grant.c: tokens that were had; NULL: none yet */
	struct vault_key *places; /* a power of two of them */
	size_t places_n;
};

struct vault *vault_new(uint64_t revision, uint16_t chunks);
void vault_free(struct vault *vault); /* wiped; NULL does nothing */

/*
 * Open the next box of it. It counts only when the box says the same of itself: sandbox, epoch, revision and place.
 *
 * errors  ERR_DENIED not from credentials for this router and start; ERR_PROTOCOL not the chunk that follows; ERR_LIMIT
 */
enum err vault_add(struct vault *vault, const struct msg_secrets_push *push, const uint8_t credentials_key[32],
    const struct secret *box_key, struct why *why) must_check;

/* All chunks are in it: make it searchable. ERR_INVALID a token or name that stands for two secrets. */
enum err vault_close(struct vault *vault, struct why *why) must_check;

/* Does one of the entry's bindings cover this host (lower case), port and path, as reach_covers has them? */
bool vault_covers(struct vault_entry *entry, struct span host, uint16_t port, struct span path);

/* The secret that a token of an agent's stands for; NULL: none. */
struct vault_entry *vault_token(const struct vault *vault, struct span token);

/* The entry whose token grant names this host (lower case), port and path most exactly; NULL: none does. */
struct vault_entry *vault_granting(const struct vault *vault, struct span host, uint16_t port, struct span path);

/* The secret of an inference backend, which has no token; NULL: none. */
struct vault_entry *vault_backend(const struct vault *vault, struct span slot);

#endif
