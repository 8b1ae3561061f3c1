/* Tokens: the placeholders that can be filled now, as the router has told them; no value is known here. */
#ifndef SANDBOX_PROXY_TOKENS_H
#define SANDBOX_PROXY_TOKENS_H

#include "common/bus/peer.h"
#include "common/wire/placeholder.h"

struct proxy;
struct tokens;

/* NULL does nothing. */
void tokens_free(struct tokens *tokens);

/* For the scanner; holds as long as the proxy turns to no other message. */
struct placeholder_tokens tokens_of(const struct proxy *proxy);

/* Are there any? Where there are none nobody needs to look for them in a body. */
bool tokens_any(const struct proxy *proxy);

/* Does a request for there (lower case; canonical path as rules see it) get a token of its own, so that it goes by the router? */
bool tokens_granted(const struct proxy *proxy, struct span host, uint16_t port, struct span path);

/* From the router. */
handler slots;

#endif
