/* Admission: is the connection let in, and the event that says so. */
#ifndef SANDBOX_PROXY_ADMIT_H
#define SANDBOX_PROXY_ADMIT_H

#include "common/base/span.h"
#include "sandbox/proxy/connection.h"

/*
 * One event: "CONNECT allowed", "TRANSPARENT denied" and so on.
 *
 * engine  opa, ssrf or proxy
 */
void admit_tell(struct connection *connection, bool allowed, const char *engine, struct span code, struct span reason);

/* It is admitted and its way is open: one event, the first time. */
void admit_opened(struct connection *connection);

/* It was admitted, but there is no way to where it goes: one event. */
void admit_failed(struct connection *connection, struct span code, struct span reason);

/*
 * Ask policyd. A refusal is told as an event before then runs.
 *
 * then  once, later: OK admitted; ERR_DENIED refused, ERR_CONFLICT the policy changed meanwhile, anything else: no
 *       decision could be had. why says what the agent may know; it may be empty
 */
void admit(
    struct connection *connection, void (*then)(struct connection *connection, enum err r, const struct why *why));

/* The host as it is judged: lower case, at most 253 bytes; false when it does not fit. */
bool admit_host(struct connection *connection, struct span host, uint16_t port);

#endif
