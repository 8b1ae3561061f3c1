/* Providers: records, what is attached to which sandbox, and how secrets come to be stored and to be forgotten. */
#ifndef SERVICES_STATE_PROVIDERS_H
#define SERVICES_STATE_PROVIDERS_H

#include "services/state/keep.h"
#include "services/state/state.h"

#define PROVIDER_LISTED_BYTES_MAX 1500000u /* of one page */
#define EXPIRY_KEPT		  UINT64_MAX

/* ---- providers.c: read ---- */

/* A row as PROVIDER_COLUMNS gives it; texts are copied into the arena. ERR_LIMIT its ceiling. */
enum err provider_read(
    const struct rows *rows, int row, struct arena *arena, struct msg_provider_row *out, struct why *why) must_check;

/* One of them: which and what the statement says. ERR_NOT_FOUND "provider 'x' not found". */
enum err provider_load(struct state *state, struct id provider, struct arena *arena, struct msg_provider_row *out,
    struct why *why) must_check;

/* Its id, the row locked for key share, so that it stays while the transaction lasts. ERR_NOT_FOUND. */
enum err provider_hold(
    struct state *state, struct span workspace, struct span name, struct id *out, struct why *why) must_check;

/* The profile in force for a provider: as it is encoded, in the arena; empty: there is none. ERR_NOT_FOUND. */
enum err provider_profile_bytes(
    struct state *state, struct id provider, struct arena *arena, struct span *out, struct why *why) must_check;

/* ---- provider_create.c ---- */

/* "WORKSPACE/NAME", for the audit. */
const char *provider_object(struct arena *arena, struct span workspace, struct span name);

/* The row as it is now: what creating and changing answer. */
struct storing;
enum err provider_answer(struct storing *storing, struct msg *answer, struct why *why) must_check;

/* "12=KEY" as the statements write it. */
bool provider_key_cut(struct span text, uint64_t *number, struct span *key);

/* ---- storing.c: secrets that credentials is to make records of, and what is then written in one transaction ---- */

struct storing {
	struct state *state;
	struct kept kept;
	struct reply reply;
	struct id provider, attempt;
	const struct msg_sealed_secret *secrets; /* of the kept message */
	size_t secrets_n;
	const struct msg_secret_record *records; /* once they are there; in the order of secrets */
	const char *action;			 /* for the audit */
	struct span subject;
	const char *object;
	enum err (*check)(struct storing *storing, struct why *why); /* before credentials is asked; may be NULL */
	enum err (*work)(void *storing, struct why *why);	     /* within the transaction, records in hand */
	enum err (*answer)(struct storing *storing, struct msg *answer, struct why *why);
};

/*
 * Begin: answers the message by itself, later. What credentials makes is written in work's transaction or forgotten
 * again, also where this process dies in between.
 *
 * storing  state, provider, action, subject, check, work and answer are set; copied. The kept message is looked at by
 *          the others through storing->kept.m
 * pick     gives the kept message's secrets
 */
enum err storing_begin(const struct storing *storing, const struct msg *m, void (*pick)(struct storing *storing),
    struct why *why) must_check;

/* Within a transaction: one record in the place of the one before, which is forgotten. EXPIRY_KEPT: expires as that. */
enum err secret_save(struct state *state, struct id provider, struct span owner, const struct msg_secret_record *record,
    uint64_t expires_ms, struct why *why) must_check;

/* The same: remove it; no key: all of that owner. */
enum err secret_remove(
    struct state *state, struct id provider, struct span owner, struct span key, struct why *why) must_check;

/* ---- attach.c ---- */

/* Within the transaction that creates a sandbox: what its caller wants attached. ERR_STATE "provider 'x' not found". */
enum err attach_all(struct state *state, struct id sandbox, struct span workspace, const struct span *names, size_t n,
    struct why *why) must_check;

/* Within a transaction: the secrets of a sandbox changed; where it has none, nothing. */
enum err secrets_changed(struct state *state, struct id sandbox, bool minted, struct why *why) must_check;

/* The same for all that have this provider attached. */
enum err secrets_changed_of(struct state *state, struct id provider, bool minted, struct why *why) must_check;

handler provider_create, provider_get, provider_list, provider_update, provider_delete, provider_attach, providers_of;
handler profile_list, profile_store, profile_delete;
handler refresh_get, refresh_configure, refresh_rotate, refresh_delete;
handler keys_have;

#endif
