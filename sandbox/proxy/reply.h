/* Replies to the agent over HTTP/1.1 that end its connection: whole, in one write, on a leg that has nothing to send. */
#ifndef SANDBOX_PROXY_REPLY_H
#define SANDBOX_PROXY_REPLY_H

#include "common/base/span.h"
#include "common/leg/leg.h"

/* Without a body. */
void reply_empty(struct leg *leg, unsigned status);

/* text/plain. */
void reply_text(struct leg *leg, unsigned status, const char *text);

/* application/json: {"error", "detail", "reason"}; an empty reason is left out. */
void reply_error(struct leg *leg, unsigned status, const char *error, struct span detail, struct span reason);

#endif
