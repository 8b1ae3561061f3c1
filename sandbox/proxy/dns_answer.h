/* What a question is answered with, however it came. */
#ifndef SANDBOX_PROXY_DNS_ANSWER_H
#define SANDBOX_PROXY_DNS_ANSWER_H

#include "common/wire/dns.h"
#include "sandbox/proxy/connection.h"

/* A question on its way to policyd; zero it first. */
struct dns_asked {
	struct proxy *proxy;
	struct dns_query query;
	uint64_t call;								      /* to policyd, or 0 */
	struct peer *peer;							      /* whom it went to */
	void (*answer)(struct dns_asked *asked, const uint8_t *bytes, size_t length); /* may free it */
};

/*
 * Judge the name and answer; answer runs once, later or now (length 0: drop it), unless dns_forget came before.
 *
 * message  one message
 */
void dns_ask(struct dns_asked *asked, struct proxy *proxy, struct span message,
    void (*answer)(struct dns_asked *asked, const uint8_t *bytes, size_t length));
void dns_forget(struct dns_asked *asked);

#endif
