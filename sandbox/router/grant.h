/* Grants: tokens that are had when a request needs one, each from a process of its own, and kept until shortly before they end. */
#ifndef ROUTER_GRANT_H
#define ROUTER_GRANT_H

#include "sandbox/router/errand.h"
#include "sandbox/router/vault.h"

#define GRANT_LIMIT_MS 30000 /* from the Workload API's socket to the token */
#define GRANTS_MAX     32    /* processes at one time */

/*
 * The token of the grant that errand->request wants: put in where it is known, else asked for; grants_send is called when it came.
 *
 * returns true: it is in the request; false: it is waited for, or the errand has failed
 */
bool grant_put(struct errand *errand);

/* Where errands go on whose token came. */
void grant_ready(struct errand *errand);

/* How long one is good to be used (providers 10): ttl_s of the profile, lifetime_s of the server; 0: not said. In milliseconds. */
uint64_t grant_keep_ms(uint32_t ttl_s, uint32_t lifetime_s);

/* Is it one (RFC 9110, 11.2: token68)? */
bool grant_token68(struct span token);

/* The vault is replaced: what it knows of tokens is wiped; processes that ask for one are ended. Errands that wait are left alone. */
void grants_free(struct vault *vault);

#endif
