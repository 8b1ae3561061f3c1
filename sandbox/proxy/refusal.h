/* Refusals: what the agent reads when the proxy answers by itself (policy-and-proxy 8.1). Pure. */
#ifndef SANDBOX_PROXY_REFUSAL_H
#define SANDBOX_PROXY_REFUSAL_H

#include "common/base/span.h"
#include "common/base/text.h"

#define REFUSAL_BYTES 32768 /* of a body; what would be longer says the error alone */

struct refusal {
	unsigned status;
	const char *error;	 /* policy_denied, ssrf_denied, ... ; "" none: an empty body */
	struct span detail;	 /* in words */
	struct span reason;	 /* of refused connections; empty: left out */
	const char *detail_name; /* what detail is called; NULL: detail */
	bool rules;		 /* it was a rule's decision about a request: everything below */
	struct span policy, protocol, method, path;
	struct span host, binary; /* empty: left out */
	uint16_t port;
};

/* Words of a status line. */
const char *refusal_words(unsigned status);

/* The JSON body; text has room for REFUSAL_BYTES. */
void refusal_body(const struct refusal *refusal, struct text *text);

#endif
