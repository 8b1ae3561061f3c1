/* A name server: an IPv6 address with a port stands in brackets, for its own colons. */
#include "common/resolve/name_server.h"

#include "common/base/text.h"

#define DNS_PORT 53

/* The address, and what stands behind the colon after it. */
static bool
split(struct span text, struct span *address, struct span *port)
{
	size_t at;

	if (span_starts(text, SPAN("["))) {
		if (!span_find(text, ']', &at) || at + 1 >= text.length || text.at[at + 1] != ':')
			return false;
		*address = span_tail(span_head(text, at), 1);
		*port = span_tail(text, at + 2);
		return true;
	}
	if (!span_find(text, ':', &at))
		return false;
	*address = span_head(text, at);
	*port = span_tail(text, at + 1);
	return true;
}

enum err
name_server_parse(struct span text, struct name_server *out, struct why *why)
{
	struct name_server made = {.port = DNS_PORT};
	struct span address, port;
	uint64_t number;
	enum err r;

	if (!address_parse(text, &made.address)) {
		if (!split(text, &address, &port) || !address_parse(address, &made.address))
			return fail(why, ERR_SYNTAX, "not an address, address:port or [address]:port");
		if ((r = number_parse(port, 1, UINT16_MAX, &number, why)) != OK)
			return because(why, r, "port");
		made.port = (uint16_t)number;
	}
	*out = made;
	return OK;
}
