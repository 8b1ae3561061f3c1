/* Judging: what is asked of policyd. Without an answer nothing goes: away, late or confused are refusals. */
#ifndef SANDBOX_PROXY_JUDGE_H
#define SANDBOX_PROXY_JUDGE_H

#include "sandbox/proxy/proxy.h"

struct judge *judge_new(struct proxy *proxy);
void judge_free(struct judge *judge); /* who waits is told ERR_UNAVAILABLE */

/*
 * May the connection go to its host and port?
 *
 * then  later from the loop, once, unless the connection ends before: OK with connection->judged (in its memory,
 *       whether allowed or not), or why there is no answer. Answers of an older generation than is in force come as
 *       ERR_CONFLICT
 */
void judge_connection(
    struct connection *connection, void (*then)(struct connection *connection, enum err r, const struct why *why));

/* The connection ends: policyd forgets it. */
void judge_forget(struct connection *connection);

#endif
