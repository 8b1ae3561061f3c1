/* One gateway as a client knows it: the grammar of names and endpoints. */
#include "clients/sdk/entry.h"

#include "common/base/clean.h"
#include "common/base/text.h"

enum err
gateway_name_check(struct span name, struct why *why)
{
	if (name.length == 0 || name.length > 255)
		return fail(why, ERR_INVALID, "a gateway's name has 1 to 255 bytes");
	if (span_is(name, ".") || span_is(name, ".."))
		return fail(why, ERR_INVALID, "\"" SPAN_FORMAT "\" cannot name a gateway", SPAN_ARGS(name));
	for (size_t i = 0; i < name.length; i++)
		if (name.at[i] == '/' || (unsigned char)name.at[i] < 0x20 || name.at[i] == 0x7f)
			return fail(why, ERR_INVALID, "a gateway's name holds no slash and no control byte");
	return OK;
}

/* Cut the scheme off; false when it is neither http nor https. */
static bool
scheme_cut(struct span *endpoint)
{
	static const struct span schemes[] = {SPAN("https://"), SPAN("http://")};

	for (size_t i = 0; i < COUNT(schemes); i++)
		if (span_starts(*endpoint, schemes[i])) {
			*endpoint = span_tail(*endpoint, schemes[i].length);
			return true;
		}
	return false;
}

/* Split host[:port] or [v6][:port]; *port is empty when there is none. */
static bool
host_split(struct span authority, struct span *host, struct span *port)
{
	size_t at;

	*port = SPAN_NONE;
	if (authority.length > 0 && authority.at[0] == '[') {
		if (!span_find(authority, ']', &at))
			return false;
		*host = (struct span){authority.at + 1, at - 1};
		authority = span_tail(authority, at + 1);
		if (authority.length > 0 && authority.at[0] != ':')
			return false;
		*port = span_tail(authority, 1);
		return authority.length != 1 && host->length > 0;
	}
	*host = authority;
	if (span_find(authority, ':', &at)) {
		*host = span_head(authority, at);
		*port = span_tail(authority, at + 1);
		if (port->length == 0)
			return false;
	}
	return host->length > 0;
}

enum err
gateway_endpoint_check(struct span endpoint, struct why *why)
{
	struct span rest = endpoint, host, port;
	uint64_t number;
	enum err r;

	if (!scheme_cut(&rest))
		return fail(why, ERR_INVALID, "an endpoint begins with https:// or http://");
	if (rest.length > 0 && rest.at[rest.length - 1] == '/')
		rest.length--;
	if (!host_split(rest, &host, &port) || host.length > 253)
		return fail(why, ERR_INVALID, "an endpoint is https://HOST:PORT");
	if (!span_only(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%"))
		return fail(why, ERR_INVALID, "an endpoint is https://HOST:PORT, with no path and no user");
	if (port.length > 0 && (r = number_parse(port, 1, UINT16_MAX, &number, why)) != OK)
		return because(why, ERR_INVALID, "port");
	return OK;
}

struct span
gateway_host(const char *endpoint)
{
	struct span rest = span_of_text(endpoint), host, port;

	if (!scheme_cut(&rest))
		return SPAN_NONE;
	if (rest.length > 0 && rest.at[rest.length - 1] == '/')
		rest.length--;
	return host_split(rest, &host, &port) ? host : SPAN_NONE;
}

bool
gateway_host_loopback(struct span host)
{
	return span_is(host, "localhost") || span_is(host, "::1") ||
	       (span_starts(host, SPAN("127.")) && span_only(host, "0123456789."));
}
