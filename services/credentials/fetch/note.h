/* Noting: what a refresh brought, or that it brought nothing, goes into the ledger before anybody is told. */
#ifndef CREDENTIALS_FETCH_NOTE_H
#define CREDENTIALS_FETCH_NOTE_H

#include "services/credentials/fetch/jobs.h"

/*
 * Note how a job went, if it says whose ledger entry that is. An answer with new material is sealed, is on the disk when this
 * returns, and is told as that box alone: done is changed to it. Without a ledger, or where that takes no more, it is told all the same.
 *
 * r       of the job
 * returns r; ERR_LIMIT, ERR_INVALID it cannot be sealed
 */
enum err note_answer(struct fetch *fetch, enum err r, struct msg *done, struct why *why) must_check;

#endif
