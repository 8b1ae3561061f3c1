/* Requests by the router; without one they are refused, never sent another way. */
#include "sandbox/proxy/routed.h"

void
routed_send(struct exchange *exchange, const struct msg_route_open *open, const struct routed_watch *watch)
{
	struct refusal refusal = {.status = 503, .error = "credential_unavailable", .detail = SPAN("the router is away")};

	(void)open;
	if (watch == NULL || watch->failed == NULL ||
	    !watch->failed(exchange, SPAN("upstream_unreachable"), refusal.detail, false))
		exchange_refuse(exchange, &refusal);
}
