/* Advice, for who checks a file before it is used: what may be written, and surprises. */
#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/checking.h"

void
policy_check_advise(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;

	if (check->protocol > ENDPOINT_TCP && check->protocol != ENDPOINT_SQL &&
	    *text_or(endpoint->enforcement) == '\0')
		check_warning(check, NULL, "enforcement", NULL,
		    "is missing, so what no rule allows is logged and let through; write enforce, or audit if that is "
		    "meant");
	if (strcasecmp(text_or(endpoint->host), "localhost") == 0)
		check_warning(check, &endpoint->host, "host", endpoint->host,
		    "cannot be reached: the addresses of this machine's loopback are always blocked");
}

void
policy_check_advise_middleware(const struct check *check)
{
	check_warning(check, NULL, "middleware", NULL,
	    "has no effect in this release: no middleware is run, and requests pass without it");
}
