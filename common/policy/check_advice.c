/* Advice, for who checks a file before it is used: what may be written, and surprises. */
#include <string.h>
#include <strings.h>

#include "common/base/clean.h"
#include "common/policy/checking.h"

/* Read and kept; what acts by them is not built yet (docs/policy.md, "What has no effect yet"). */
static void
advise_credentials(const struct check *check)
{
	const Endpoint *endpoint = check->endpoint;
	const struct {
		const char *field;
		const void *at;
		bool set;
	} keys[] = {
	    {"credential_binding", endpoint->credential_binding, endpoint->credential_binding != NULL},
	    {"credential_signing", &endpoint->credential_signing, *text_or(endpoint->credential_signing) != '\0'},
	    {"websocket_credential_rewrite", &endpoint->websocket_credential_rewrite,
		endpoint->websocket_credential_rewrite},
	    {"request_body_credential_rewrite", &endpoint->request_body_credential_rewrite,
		endpoint->request_body_credential_rewrite},
	    {"allow_uninspected_credentials", &endpoint->allow_uninspected_credentials,
		endpoint->allow_uninspected_credentials},
	};

	for (size_t i = 0; i < COUNT(keys); i++)
		if (keys[i].set)
			check_warning(check, keys[i].at, keys[i].field, NULL,
			    "has no effect in this release: no credential is put into a request yet");
}

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
	advise_credentials(check);
}

void
policy_check_advise_middleware(const struct check *check)
{
	check_warning(check, NULL, "middleware", NULL,
	    "has no effect in this release: no middleware is run, and requests pass without it");
}
