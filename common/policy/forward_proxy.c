/* A company's proxy: what its settings mean. Nothing here decides what is allowed, only by which way it goes. */
#include "common/policy/forward_proxy.h"

#include <strings.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/wire/http_target.h"

#define SCHEME "http://"

enum err
forward_proxy_parse(struct span url, struct forward_proxy *out, struct why *why)
{
	struct http_authority authority;
	enum err r;

	if (!span_starts(url, SPAN(SCHEME)))
		return fail(why, ERR_INVALID, "it is not http://HOST:PORT");
	url = span_tail(url, sizeof(SCHEME) - 1);
	if (url.length > 0 && url.at[url.length - 1] == '/')
		url.length--;
	for (size_t i = 0; i < url.length; i++)
		if (url.at[i] == '@' || url.at[i] == '/' || url.at[i] == '?' || url.at[i] == '#')
			return fail(why, ERR_INVALID, "nothing but a host and a port may follow http://");
	if ((r = http_authority_parse(url, &authority, why)) != OK)
		return r;
	if (!authority.has_port)
		return fail(why, ERR_INVALID, "its port is missing: http://HOST:PORT");
	if (!span_copy(authority.host, out->host, sizeof(out->host)))
		return fail(why, ERR_RANGE, "its host is too long");
	out->port = authority.port;
	return OK;
}

enum err
forward_login_parse(struct span file, struct span *out, struct why *why)
{
	size_t colon;

	if (file.length > 0 && file.at[file.length - 1] == '\n')
		file.length--;
	if (file.length > 0 && file.at[file.length - 1] == '\r')
		file.length--;
	if (file.length > FORWARD_LOGIN_MAX)
		return fail(why, ERR_INVALID, "it has over %d bytes", FORWARD_LOGIN_MAX);
	for (size_t i = 0; i < file.length; i++)
		if ((unsigned char)file.at[i] < ' ' || file.at[i] == 0x7f)
			return fail(
			    why, ERR_INVALID, "byte %zu is a control byte; one line USER:PASSWORD is wanted", i);
	if (!span_find(file, ':', &colon) || colon == 0 || colon + 1 == file.length)
		return fail(why, ERR_INVALID, "it is not one line USER:PASSWORD");
	*out = file;
	return OK;
}

/* ---- exceptions ---- */

struct exception {
	enum { EXCEPT_ALL, EXCEPT_DOMAIN, EXCEPT_RANGE } kind;
	struct span domain;
	struct range range;
	uint16_t port; /* 0: any */
};

static struct span
trimmed(struct span text)
{
	while (text.length > 0 && text.at[0] == ' ')
		text = span_tail(text, 1);
	while (text.length > 0 && text.at[text.length - 1] == ' ')
		text.length--;
	return text;
}

/* What is before :PORT, where there is one; an IPv6 address has colons of its own. */
static bool
port_cut(struct span *text, uint16_t *port)
{
	struct range range;
	uint64_t number;
	size_t at = text->length;

	*port = 0;
	if (range_parse(*text, &range))
		return true;
	while (at > 0 && text->at[at - 1] != ':' && text->at[at - 1] != ']')
		at--;
	if (at > 0 && text->at[at - 1] == ':') {
		if (number_parse(span_tail(*text, at), 1, UINT16_MAX, &number, NULL) != OK)
			return false;
		*port = (uint16_t)number;
		text->length = at - 1;
	}
	if (text->length >= 2 && text->at[0] == '[' && text->at[text->length - 1] == ']')
		*text = (struct span){text->at + 1, text->length - 2};
	else
		return !range_parse(*text, &range) || range.base.length == 4; /* [ADDRESS]:PORT, or it is not clear */
	return range_parse(*text, &range) && range.base.length == 16;
}

static bool
is_domain(struct span text)
{
	for (size_t i = 0; i < text.length; i++) {
		char c = text.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			c == '_' || (c == '.' && i > 0 && text.at[i - 1] != '.')))
			return false;
	}
	return text.length > 0 && text.length < FORWARD_HOST_BYTES && text.at[text.length - 1] != '.';
}

static bool
exception_parse(struct span text, struct exception *out)
{
	*out = (struct exception){.kind = EXCEPT_ALL};
	if (!port_cut(&text, &out->port))
		return false;
	if (span_is(text, "*"))
		return true;
	out->kind = EXCEPT_RANGE;
	if (range_parse(text, &out->range))
		return true;
	out->kind = EXCEPT_DOMAIN;
	if (span_starts(text, SPAN("*.")))
		text = span_tail(text, 2);
	else if (span_starts(text, SPAN(".")))
		text = span_tail(text, 1);
	out->domain = text;
	return is_domain(text);
}

enum err
forward_exceptions_check(struct span list, struct why *why)
{
	struct exception exception;
	size_t n = 0;

	if (list.length > FORWARD_EXCEPTION_BYTES)
		return fail(why, ERR_LIMIT, "it has over %d bytes", FORWARD_EXCEPTION_BYTES);
	while (list.length > 0) {
		struct span one = trimmed(span_cut(&list, ','));

		if (++n > FORWARD_EXCEPTIONS_MAX)
			return fail(why, ERR_LIMIT, "it has over %d entries", FORWARD_EXCEPTIONS_MAX);
		if (!exception_parse(one, &exception))
			return fail(why, ERR_INVALID,
			    "\"%s\" is neither *, a domain, an address nor ADDRESS/BITS, with :PORT or without",
			    log_quote(span_head(one, 100)));
	}
	return OK;
}

static bool
is_below(struct span host, struct span domain)
{
	if (host.length < domain.length)
		return false;
	if (host.length > domain.length && host.at[host.length - domain.length - 1] != '.')
		return false;
	return strncasecmp(host.at + host.length - domain.length, domain.at, domain.length) == 0;
}

static bool
is_loopback(const struct address *address)
{
	static const struct address v6 = {.bytes = {[15] = 1}, .length = 16};

	if (address->length == 4)
		return address->bytes[0] == 127;
	return memcmp(address->bytes, v6.bytes, 16) == 0;
}

/* Is this one of its addresses dialled directly, whatever the name? */
static bool
address_direct(struct span list, uint16_t port, const struct address *address)
{
	struct exception one;

	if (is_loopback(address))
		return true;
	while (list.length > 0)
		if (exception_parse(trimmed(span_cut(&list, ',')), &one) && one.kind == EXCEPT_RANGE &&
		    (one.port == 0 || one.port == port) && range_has(&one.range, address))
			return true;
	return false;
}

static bool
name_direct(struct span list, struct span host, uint16_t port)
{
	struct address literal;
	struct exception one;
	bool name = !address_parse(host, &literal); /* a number is below no domain */

	while (list.length > 0)
		if (exception_parse(trimmed(span_cut(&list, ',')), &one) && (one.port == 0 || one.port == port) &&
		    (one.kind == EXCEPT_ALL || (name && one.kind == EXCEPT_DOMAIN && is_below(host, one.domain))))
			return true;
	return false;
}

bool
forward_direct(struct span list, struct span host, uint16_t port, struct address *addresses, size_t *n)
{
	size_t kept = 0;

	if (name_direct(list, host, port))
		return true;
	for (size_t i = 0; i < *n; i++)
		kept += address_direct(list, port, &addresses[i]);
	if (kept == 0)
		return false;
	kept = 0;
	for (size_t i = 0; i < *n; i++)
		if (address_direct(list, port, &addresses[i]))
			addresses[kept++] = addresses[i];
	*n = kept;
	return true;
}
