/* Where a request goes: host, addresses and the operator's proxy, path and query, read strictly. */
#include "sandbox/router/whereto.h"

#include "common/wire/http_target.h"
#include "sandbox/router/template.h"

static enum err
read_host(const struct msg_route_open *in, struct request *out, struct why *why)
{
	struct address address;
	bool numbers, usual = in->port == (in->tls ? 443 : 80);
	char *text;

	if ((out->host = arena_text(&out->memory, in->host)) == NULL || memchr(in->host.at, 0, in->host.length) != NULL)
		return fail(why, ERR_INVALID, "the host cannot be read");
	for (char *at = out->host; *at != 0; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at | 0x20);
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f || strchr("/?#@[]\\%", *at) != NULL)
			return fail(why, ERR_INVALID, "the host holds a byte that none may");
	}
	numbers = address_parse(span_of_text(out->host), &address) && address.length == 16;
	if (!numbers && strchr(out->host, ':') != NULL)
		return fail(why, ERR_INVALID, "the host holds a byte that none may");
	if (out->host[0] == '.' || strstr(out->host, "..") != NULL) /* ".up.test" is any name below to OpenSSL */
		return fail(why, ERR_INVALID, "the host has an empty label");
	text = usual ? arena_format(&out->memory, numbers ? "[%s]" : "%s", out->host)
		     : arena_format(&out->memory, numbers ? "[%s]:%u" : "%s:%u", out->host, in->port);
	if (text == NULL)
		return fail(why, ERR_LIMIT, "too long a host");
	out->authority = span_of_text(text);
	out->port = in->port;
	return OK;
}

/* In clear nobody verifies who answers: where a backend is named by its number, that is where it goes. */
static enum err
read_addresses(const struct msg_route_open *in, struct request *out, struct why *why)
{
	struct address own;
	bool bound = !in->tls && address_parse(span_of_text(out->host), &own);

	for (size_t i = 0; i < in->addresses_n && out->addresses_n < REQUEST_ADDRESSES_MAX; i++) {
		struct address *address = &out->addresses[out->addresses_n++];

		if (!address_parse(in->addresses[i], address))
			return fail(why, ERR_INVALID, "an address that is none");
		if (bound && (address->length != own.length || memcmp(address->bytes, own.bytes, own.length) != 0))
			return fail(why, ERR_INVALID, "an address that is not the host");
	}
	return out->addresses_n > 0 ? OK : fail(why, ERR_INVALID, "there is no address to dial");
}

/* By whom it goes there; what is not TLS, and so not verified, goes by nobody. */
static enum err
read_via(const struct msg_route_open *in, struct request *out, struct why *why)
{
	if (in->upstream_proxy_n == 0)
		return OK;
	if (!in->tls || in->upstream_port == 0 || in->upstream_proxy_n > REQUEST_ADDRESSES_MAX)
		return fail(why, ERR_INVALID, "a proxy for what is not TLS, or without a port");
	for (size_t i = 0; i < in->upstream_proxy_n; i++)
		if (!address_parse(in->upstream_proxy[i], &out->via.at[out->via.n++]))
			return fail(why, ERR_INVALID, "an address of a proxy that is none");
	out->via.port = in->upstream_port;
	out->via.by_name = in->upstream_by_name;
	return arena_span(&out->memory, in->upstream_login, &out->via.login);
}

/* ---- the target ---- */

/* Is what the bindings are compared with what upstream will read? Slots stand for letters here. */
static enum err
check_path(const struct msg_route_open *in, struct why *why)
{
	char room[HTTP_PATH_BYTES];
	struct http_target target;
	struct bytes path = {0};
	enum err r;
	bool same;

	template_show(in->path, in->path_n, "x", &path);
	r = http_target_parse(bytes_span(&path), true, room, &target, why);
	same = r == OK && !target.has_query && target.scheme.length == 0 && span_equal(target.path, bytes_span(&path));
	bytes_free(&path);
	if (r == OK && !same)
		return fail(why, ERR_INVALID, "the path is not canonical");
	return r;
}

/* Slots are values: "key=" stands before each within its pair. */
static enum err
check_query(const struct msg_route_open *in, struct why *why)
{
	bool value = false;

	for (size_t i = 0; i < in->query_n; i++) {
		struct span literal = in->query[i].literal;

		if (in->query[i].slot.length > 0 && !value)
			return fail(why, ERR_INVALID, "a slot stands in the key of a query");
		for (size_t k = 0; k < literal.length; k++) {
			unsigned char byte = (unsigned char)literal.at[k];

			if (byte <= ' ' || byte >= 0x7f || byte == '#')
				return fail(why, ERR_INVALID, "the query holds a byte that none may");
			value = byte == '=' || (value && byte != '&');
		}
	}
	return in->query_n == 0 || in->has_query ? OK : fail(why, ERR_INVALID, "a query without its question mark");
}

enum err
whereto_read(const struct msg_route_open *in, struct request *out, struct why *why)
{
	enum err r;

	if ((r = read_host(in, out, why)) != OK || (r = read_addresses(in, out, why)) != OK ||
	    (r = read_via(in, out, why)) != OK || (r = check_path(in, why)) != OK)
		return r;
	return check_query(in, why);
}
