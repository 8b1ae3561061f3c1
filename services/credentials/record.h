/* Records of stored secrets, with the keys of the ring. */
#ifndef CREDENTIALS_RECORD_H
#define CREDENTIALS_RECORD_H

#include "common/seal/stored.h"
#include "services/credentials/credentials.h"
#include "services/credentials/room.h"

/* Make a record under the newest key, in the arena. ERR_LIMIT its ceiling; ERR_RANGE as stored_make. */
enum err record_make(const struct credentials *credentials, const struct stored_owner *owner, enum stored_kind kind,
    struct span value, struct arena *arena, struct msg_secret_record *out, struct why *why) must_check;

/*
 * Open a record.
 *
 * room    has record.length bytes left; the value is borrowed from there
 * errors  ERR_STATE it is under a key that the ring does not have; otherwise as stored_open
 */
enum err record_open(const struct credentials *credentials, struct id provider, const struct msg_secret_record *record,
    struct room *room, enum stored_kind *kind, struct span *value, struct why *why) must_check;

/* The storage key that a record names. ERR_SYNTAX it is no record; ERR_STATE the ring does not have that key. */
enum err record_key(const struct credentials *credentials, struct span record, const struct storage_key **out,
    struct why *why) must_check;

#endif
