/* services: which requests are a service's, and which of them may go on: by their host, and by whose page sends them. */
#include "services/api/service_inside.h"

static void
answer(struct rpc_call *call, int status, const char *words)
{
	rpc_http_answer(call, status, "text/plain; charset=utf-8", span_of_text(words));
}

/* The one field of that name; false: there are two, which nobody reads in one way. */
static bool
field_one(const struct rpc_call *call, const char *name, struct span *out)
{
	size_t n, found = 0;
	const struct rpc_field *fields = rpc_http_fields(call, &n);

	*out = SPAN_NONE;
	for (size_t i = 0; i < n; i++)
		if (span_is(fields[i].name, name)) {
			*out = fields[i].value;
			found++;
		}
	return found <= 1;
}

/* A person follows a link, or types an address: what is shown is the service alone. */
static bool
is_navigation(const struct rpc_call *call, const struct service_origin *from)
{
	struct span method = rpc_metadata(call, ":method");

	return (span_is(method, "GET") || span_is(method, "HEAD")) && from->origin.length == 0 &&
	       span_is(rpc_metadata(call, "sec-fetch-mode"), "navigate") &&
	       span_is(rpc_metadata(call, "sec-fetch-dest"), "document");
}

/*
 * The page must be the service's own: a browser's requests reach this machine, and carry its client certificate, whatever
 * page sends them, also one of another sandbox's service.
 */
static bool
page_allowed(const struct rpc_call *call)
{
	bool tls = rpc_caller(call)->tls;
	struct service_origin from;

	if (!field_one(call, "sec-fetch-site", &from.fetch_site) || !field_one(call, "origin", &from.origin) ||
	    !field_one(call, "referer", &from.referer))
		return false;
	return service_same_origin(&from, rpc_http_host(call), tls) || (tls && is_navigation(call, &from));
}

bool
services_claim(void *self, struct span host)
{
	const struct api *api = self;
	struct service_name name;
	struct why why;

	return service_host_parse(host, &api->services.domains, &name, &why) != ERR_NOT_FOUND;
}

void
services_http(void *self, struct rpc_call *call, struct span method, struct span path)
{
	struct api *api = self;
	struct service_name name;
	struct why why;
	enum err r = service_host_parse(rpc_http_host(call), &api->services.domains, &name, &why);

	(void)method, (void)path;
	if (r == ERR_NOT_FOUND) {
		rpc_http_answer(call, 404, "text/plain", SPAN("not found\n"));
	} else if (!page_allowed(call)) {
		answer(call, 403, "Cross-origin service request rejected");
	} else if (r != OK) {
		answer(call, 404, "Service endpoint not found");
	} else {
		target_find(exchange_new(api, call), &name);
	}
}
