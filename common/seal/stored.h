/* Stored secrets: how one lies in the database, under a data key of its own that a storage key wraps. */
#ifndef COMMON_SEAL_STORED_H
#define COMMON_SEAL_STORED_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/base/secret.h"
#include "common/base/span.h"
#include "common/seal/sealed.h"

#define STORAGE_NAME_BYTES 8

/* A storage key and what records call it: the first 8 bytes of BLAKE2b keyed with it, over "storage key". */
struct storage_key {
	struct secret secret;
	uint8_t name[STORAGE_NAME_BYTES];
};

/* Fill in the name of a key whose secret is in place. */
void storage_key_name(struct storage_key *key);

/* What a record holds, its byte 9. */
enum stored_kind {
	STORED_VALUE = 1,  /* the secret itself */
	STORED_HANDLE = 2, /* where a secret store outside keeps it */
};

/*
 * A record: name of the storage key 8, version 1, kind 1, id of the record 16 (random), data key wrapped 72, value
 * sealed 40 and more; each part sealed by XChaCha20-Poly1305 with a nonce of 24 in front. Associated data of both:
 * a label, version, kind, id of the record, provider, key; so a record opens for its own provider and key alone.
 */
#define STORED_OVERHEAD	    (STORAGE_NAME_BYTES + 1 + 1 + 16 + 24 + 32 + 16 + 24 + 16)
#define STORED_BYTES(value) (STORED_OVERHEAD + (size_t)(value))
#define STORED_BYTES_MAX    STORED_BYTES(SECRET_VALUE_MAX)

/* Whose record it is: what the record is bound to. */
struct stored_owner {
	struct id provider;
	struct span key; /* 1 to SECRET_KEY_MAX bytes */
};

/*
 * Make a record.
 *
 * out     STORED_BYTES(value.length) bytes, the caller's
 * errors  ERR_RANGE key or value too long
 */
enum err stored_make(const struct storage_key *key, const struct stored_owner *owner, enum stored_kind kind,
    struct span value, uint8_t *out, struct why *why) must_check;

/* The name of the storage key that a record is under; ERR_SYNTAX, and out untouched, when it is no record. */
enum err stored_under(struct span record, uint8_t out[STORAGE_NAME_BYTES], struct why *why) must_check;

/* The part of a record that is the same under whatever storage key it is: its sealed value. Anything else is all of itself. Borrowed. */
struct span stored_lasting(struct span record);

/* Does it say that it holds a handle? To be believed once it is open. */
bool stored_says_handle(struct span record);

/*
 * Open a record.
 *
 * key     the one it names
 * room    record.length bytes that the caller wipes: the value goes there
 * out     value borrowed from room; both untouched unless OK
 * errors  ERR_SYNTAX it is no record; ERR_STATE it is under another key; ERR_DENIED it is not this owner's, or was changed
 */
enum err stored_open(const struct storage_key *key, const struct stored_owner *owner, struct span record, uint8_t *room,
    enum stored_kind *kind, struct span *value, struct why *why) must_check;

/*
 * Wrap its data key anew; the value is not opened.
 *
 * out     record.length bytes, the caller's
 * errors  as stored_open
 */
enum err stored_rewrap(const struct storage_key *from, const struct storage_key *to, const struct stored_owner *owner,
    struct span record, uint8_t *out, struct why *why) must_check;

#endif
