/* OAuth 2.0: token requests of a fetch. */
#ifndef CREDENTIALS_FETCH_OAUTH_H
#define CREDENTIALS_FETCH_OAUTH_H

#include "common/https/oauth.h"
#include "services/credentials/fetch/jobs.h"

/* The scopes with blanks between them; empty when there are none. */
struct span scopes_text(struct fetch *fetch);

/* POST the form and make the answer of it; url empty: fallback. */
enum err oauth_ask(struct fetch *fetch, struct span fallback, struct span form, struct msg_fetch_done *out,
    struct why *why) must_check;

#endif
