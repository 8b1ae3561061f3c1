/* Addresses of servers, as profiles and settings write them. */
#include <arpa/inet.h>

#include "common/wire/http_target.h"
#include "common/https/https.h"

static bool
is_loopback(struct span host)
{
	struct in6_addr six;
	struct in_addr four;
	char name[256];

	if (!span_copy(host, name, sizeof(name)))
		return false;
	if (inet_pton(AF_INET, name, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	if (inet_pton(AF_INET6, name, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return span_is(host, "localhost");
}

/* Printable ASCII without what would end a line or a word of the request. */
static bool
bytes_plain(struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == '#' || text.at[i] == '"')
			return false;
	return true;
}

static bool
scheme_take(struct span *rest, const char *scheme)
{
	if (!span_starts(*rest, span_of_text(scheme)))
		return false;
	*rest = span_tail(*rest, strlen(scheme));
	return true;
}

enum err
https_url_parse(struct span text, bool plain, struct https_url *out, struct why *why)
{
	struct http_authority authority;
	struct https_url url = {0};
	struct span rest = text;
	size_t end = 0;
	enum err r;

	if (!bytes_plain(text))
		return fail(why, ERR_INVALID, "an address that holds a byte none may hold");
	url.tls = scheme_take(&rest, "https://");
	if (!url.tls && !scheme_take(&rest, "http://"))
		return fail(why, ERR_INVALID, "an address beginning https:// is wanted");
	while (end < rest.length && rest.at[end] != '/' && rest.at[end] != '?')
		end++;
	url.authority = span_head(rest, end);
	url.target = span_tail(rest, end);
	if ((r = http_authority_parse(url.authority, &authority, why)) != OK)
		return because(why, ERR_INVALID, "address");
	url.host = authority.host;
	url.port = authority.has_port ? authority.port : url.tls ? 443 : 80;
	if (!url.tls && !plain && !is_loopback(url.host))
		return fail(
		    why, ERR_INVALID, "an address beginning https:// is wanted; http:// leads to loopback alone");
	*out = url;
	return OK;
}

void
https_encode(struct text *out, struct span bytes)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < bytes.length; i++) {
		struct span one = {bytes.at + i, 1};

		if (span_only(one, plain))
			text_add_span(out, one);
		else
			text_add(out, "%%%02X", (unsigned char)bytes.at[i]);
	}
}
