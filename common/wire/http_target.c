/* Request targets: one pass that decodes, one that resolves segments, one that encodes; then what was hidden deeper. */
#include "common/wire/http_target.h"

#include <strings.h>

#include "common/base/text.h"

#define OPAQUE '\0' /* a %2F that is kept; no path can hold NUL itself */

#define HOST_BYTES 253

enum { KEPT = 1, IN_NAME = 2, IN_ADDRESS = 4 };

/* What each byte is: literal in a canonical path (RFC 3986, 3.3), in a host name, in an IPv6 address. */
/* clang-format off */
static const uint8_t classes[256] = {
	['!'] = KEPT, ['$'] = KEPT, ['&'] = KEPT, ['\''] = KEPT, ['('] = KEPT, [')'] = KEPT, ['*'] = KEPT, ['+'] = KEPT,
	[','] = KEPT, [';'] = KEPT, ['='] = KEPT, ['@'] = KEPT, ['~'] = KEPT,
	[':'] = KEPT | IN_ADDRESS, ['.'] = 7, ['-'] = KEPT | IN_NAME, ['_'] = KEPT | IN_NAME,
	['0' ... '9'] = 7, ['a' ... 'f'] = 7, ['A' ... 'F'] = 7,
	['g' ... 'z'] = KEPT | IN_NAME, ['G' ... 'Z'] = KEPT | IN_NAME,
};
/* clang-format on */

static bool
all_of(struct span a, uint8_t class)
{
	for (size_t i = 0; i < a.length; i++)
		if ((classes[(unsigned char)a.at[i]] & class) == 0)
			return false;
	return true;
}

/* The byte that %XX at the front means; -1: it is no such escape. */
static int
escape(struct span a)
{
	int high, low;

	if (a.length < 3 || (high = hex_digit(a.at[1])) < 0 || (low = hex_digit(a.at[2])) < 0)
		return -1;
	return high << 4 | low;
}

static bool
is_control(int byte)
{
	return byte < ' ' || byte == 0x7f;
}

/* Decode once, into as many bytes at most. */
static enum err
path_decode(struct span path, bool encoded_slash, char *to, size_t *length, struct why *why)
{
	size_t n = 0;

	for (size_t i = 0; i < path.length; i++) {
		int byte = (unsigned char)path.at[i];

		if (byte == '%') {
			if ((byte = escape(span_tail(path, i))) < 0)
				return fail(why, ERR_SYNTAX, "a percent sign that begins no escape");
			if (is_control(byte))
				return fail(why, ERR_SYNTAX, "an encoded control byte");
			if (byte == '/' && !encoded_slash)
				return fail(why, ERR_SYNTAX, "an encoded slash");
			byte = byte == '/' ? OPAQUE : byte;
			i += 2;
		}
		to[n++] = (char)byte;
	}
	*length = n;
	return OK;
}

static bool
is_dots(struct span piece)
{
	return span_is(piece, ".") || span_is(piece, "..");
}

/* Resolve segments in place: parameters cut, dots followed, empty segments dropped. Begins with a slash. */
static enum err
path_resolve(char *path, size_t *length, struct why *why)
{
	struct span rest = span_of_bytes(path + 1, *length - 1);
	size_t n = 0; /* written so far, without a slash at the end */
	bool slash = *length == 1;

	while (rest.length > 0) {
		bool last = memchr(rest.at, '/', rest.length) == NULL;
		struct span segment = span_cut(&rest, '/'), all = segment;

		segment = span_cut(&all, ';');
		slash = !last || is_dots(segment) || segment.length == 0;
		if (span_is(segment, "..")) {
			if (n == 0)
				return fail(why, ERR_SYNTAX, "the path climbs above its root");
			while (path[--n] != '/')
				;
		} else if (segment.length > 0 && !span_is(segment, ".")) {
			path[n++] = '/';
			memmove(path + n, segment.at, segment.length);
			n += segment.length;
		}
	}
	if (slash || n == 0)
		path[n++] = '/';
	*length = n;
	return OK;
}

/* Is there a dot segment between separators of any kind, read as it stands or decoded once more? */
static bool
hides_dots(struct span path, bool decode)
{
	char piece[3];
	size_t n = 0;

	for (size_t i = 0; i <= path.length; i++) {
		int byte = i == path.length ? '/' : (unsigned char)path.at[i];
		int more = decode && byte == '%' ? escape(span_tail(path, i)) : -1;

		if (more >= 0) {
			byte = more;
			i += 2;
		}
		if (byte == '/' || byte == '\\' || byte == OPAQUE) {
			if (is_dots(span_of_bytes(piece, n)))
				return true;
			n = 0;
		} else if (byte == ';' && is_dots(span_of_bytes(piece, n))) {
			return true;
		} else if (n < sizeof(piece)) {
			piece[n++] = (char)byte;
		}
	}
	return false;
}

static enum err
path_encode(struct span path, char *to, struct http_target *target, struct why *why)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < path.length; i++) {
		unsigned char byte = (unsigned char)path.at[i];

		if (n + 3 > HTTP_PATH_BYTES && (n == HTTP_PATH_BYTES || ((classes[byte] & KEPT) == 0 && byte != '/')))
			return fail(why, ERR_RANGE, "the path is over %d bytes", HTTP_PATH_BYTES);
		target->encoded_slash |= byte == OPAQUE;
		if ((classes[byte] & KEPT) != 0 || byte == '/') {
			to[n++] = (char)byte;
			continue;
		}
		if (byte == OPAQUE)
			byte = '/';
		to[n++] = '%';
		to[n++] = digits[byte >> 4];
		to[n++] = digits[byte & 15];
	}
	target->path = span_of_bytes(to, n);
	return OK;
}

/* "http://authority" off the front. */
static enum err
absolute_cut(struct span *rest, struct http_target *out, struct why *why)
{
	struct span all = *rest;
	size_t i;

	if (all.length >= 7 && strncasecmp(all.at, "http://", 7) == 0)
		out->scheme = span_head(all, 4);
	else if (all.length >= 8 && strncasecmp(all.at, "https://", 8) == 0)
		out->scheme = span_head(all, 5);
	else
		return fail(why, ERR_SYNTAX, "neither a path nor an http URI");
	all = span_tail(all, out->scheme.length + 3);
	for (i = 0; i < all.length && all.at[i] != '/' && all.at[i] != '?'; i++)
		;
	out->authority = span_head(all, i);
	if (out->authority.length == 0)
		return fail(why, ERR_SYNTAX, "a URI without a host");
	*rest = span_tail(all, i);
	return OK;
}

/* Nothing but visible ASCII, and no fragment. */
static bool
bytes_ok(struct span target)
{
	for (size_t i = 0; i < target.length; i++)
		if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#')
			return false;
	return target.length > 0;
}

/* The path alone, not empty. */
static enum err
path_canonical(struct span path, bool encoded_slash, char *room, struct http_target *out, struct why *why)
{
	char decoded[HTTP_PATH_BYTES];
	size_t length = 0;
	enum err r;

	if (path.at[0] != '/')
		return fail(why, ERR_SYNTAX, "the path does not begin with a slash");
	if (path.length > HTTP_PATH_BYTES)
		return fail(why, ERR_RANGE, "the path is over %d bytes", HTTP_PATH_BYTES);
	if ((r = path_decode(path, encoded_slash, decoded, &length, why)) != OK ||
	    (r = path_resolve(decoded, &length, why)) != OK)
		return r;
	path = span_of_bytes(decoded, length);
	if (hides_dots(path, false) || hides_dots(path, true))
		return fail(why, ERR_SYNTAX, "a hidden dot segment");
	return path_encode(path, room, out, why);
}

enum err
http_target_parse(struct span target, bool encoded_slash, char *room, struct http_target *out, struct why *why)
{
	struct http_target found = {0};
	struct span rest = target, path;
	size_t at;
	enum err r;

	if (!bytes_ok(target))
		return fail(why, ERR_SYNTAX, "the target holds a byte that none may hold");
	if (target.at[0] != '/' && (r = absolute_cut(&rest, &found, why)) != OK)
		return r;
	found.has_query = span_find(rest, '?', &at);
	path = found.has_query ? span_head(rest, at) : rest;
	found.query = found.has_query ? span_tail(rest, at + 1) : SPAN_NONE;
	if (path.length == 0)
		path = SPAN("/");
	if ((r = path_canonical(path, encoded_slash, room, &found, why)) != OK)
		return r;
	*out = found;
	return OK;
}

/* "[v6]" off the front, or a name up to the colon. */
static enum err
host_cut(struct span *rest, struct http_authority *out, struct why *why)
{
	struct span all = *rest;
	size_t at;

	if (all.length > 0 && all.at[0] == '[') {
		out->brackets = true;
		if (!span_find(all, ']', &at) ||
		    !all_of(out->host = span_head(span_tail(all, 1), at - 1), IN_ADDRESS) ||
		    !span_find(out->host, ':', &(size_t){0}))
			return fail(why, ERR_SYNTAX, "no address in brackets");
		*rest = span_tail(all, at + 1);
		return OK;
	}
	if (!span_find(all, ':', &at))
		at = all.length;
	out->host = span_head(all, at);
	*rest = span_tail(all, at);
	out->dot = out->host.length > 1 && out->host.at[at - 1] == '.';
	out->host.length -= out->dot;
	if (out->host.length == 0 || !all_of(out->host, IN_NAME) || span_is(out->host, "."))
		return fail(why, ERR_SYNTAX, "no host name");
	return OK;
}

enum err
http_authority_parse(struct span text, struct http_authority *out, struct why *why)
{
	struct http_authority found = {0};
	struct span rest = text;
	uint64_t port = 0;
	enum err r;

	if ((r = host_cut(&rest, &found, why)) != OK)
		return r;
	if (found.host.length > HOST_BYTES)
		return fail(why, ERR_RANGE, "a host over %d bytes", HOST_BYTES);
	if (rest.length > 0) {
		if (rest.at[0] != ':')
			return fail(why, ERR_SYNTAX, "something behind the host");
		if ((r = number_parse(span_tail(rest, 1), 1, UINT16_MAX, &port, why)) != OK)
			return because(why, r, "port");
		found.has_port = true;
		found.port = (uint16_t)port;
	}
	*out = found;
	return OK;
}

bool
http_authority_is(const struct http_authority *authority, struct span host, uint16_t port, uint16_t default_port)
{
	if (host.length > 1 && host.at[host.length - 1] == '.')
		host.length--;
	return (authority->has_port ? authority->port : default_port) == port &&
	       authority->host.length == host.length && strncasecmp(authority->host.at, host.at, host.length) == 0;
}

struct span
http_behind_base(struct span base, struct span path)
{
	bool begins = span_starts(base, SPAN("/v1/")),
	     ends = base.length >= 3 && span_is(span_tail(base, base.length - 3), "/v1");

	return (begins || ends) && span_starts(path, SPAN("/v1/")) ? span_tail(path, 3) : path;
}
