/* Secret stores outside: Vault and Kubernetes keep the values, the records hold sealed handles. One small interface. */
#ifndef CREDENTIALS_OUTSIDE_H
#define CREDENTIALS_OUTSIDE_H

#include "services/credentials/fetching.h"

/* Where a value is: "vault:ATTEMPT/NAME", in the record as STORED_HANDLE. */
#define HANDLE_BYTES 96
struct handle {
	char text[HANDLE_BYTES];
};

/* The handle of a credential, which state's attempt makes one of its kind: it can be found without its record. */
void handle_make(
    const struct credentials *credentials, struct id provider, struct span key, struct id attempt, struct handle *out);

/* Put a value there. errors and done as fetch_start. */
enum err outside_put(struct credentials *credentials, struct id provider, const struct handle *handle,
    struct span value, fetch_done *done, void *self, struct why *why) must_check;

/* Get it: done->values[0]. ERR_STATE the handle is another store's: the configuration has changed. */
enum err outside_get(
    struct credentials *credentials, struct span handle, fetch_done *done, void *self, struct why *why) must_check;

/* Drop one, or (handle empty) all of an attempt; what is not there is dropped. */
enum err outside_drop(struct credentials *credentials, struct span handle, struct id attempt, fetch_done *done,
    void *self, struct why *why) must_check;

#endif
