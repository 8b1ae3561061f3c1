/* The stage of tests of state's providers: a Postgres, scripted peers, and one sandbox that runs. */
#ifndef TESTS_BUS_PROVIDERS_STAGE_H
#define TESTS_BUS_PROVIDERS_STAGE_H

#include "tests/bus/state_stage.h"

extern struct id box;  /* the sandbox "agent", once it is created */
extern char storage[]; /* the storage key that credentials uses, 8 letters */

/* Credentials: answer with records that name key and number, under the storage key of now; frees what was heard. */
void store(struct heard *heard, unsigned number);
void drops_answer(void);
struct msg_sealed_secret sealed(const char *key);

/* api: a question, a provider that is made with one credential, a question that is refused. */
struct msg creation(const char *name, const char *type, struct msg_sealed_secret *secrets, size_t n);
struct id made(const char *name, const char *type, const char *key);
void refused(const struct msg *m, enum err code, const char *words);

/* To or from "agent": did it change anything? warnings may be NULL. */
bool attach(const char *provider, bool detach, size_t *warnings);

bool text_in(const struct span *texts, size_t n, const char *prefix);

/* The box that credentials is asked for; the push that follows when it is answered; both, and its revision. */
struct heard *seal_asked(void);
struct heard *pushed(struct heard *asked);
uint64_t pushed_now(void);

/* The condition Secrets of the sandbox; the second waits for it. */
bool condition_now(const char *status, const char *reason);
void condition_is(const char *status, const char *reason);

#endif
