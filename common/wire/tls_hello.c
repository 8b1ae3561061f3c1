/* The first bytes: a table of how protocols begin. The ClientHello: gathered from its records, then read. */
#include "common/wire/tls_hello.h"

#include "common/base/clean.h"
#include "common/wire/bytes.h"

#define RECORD_HANDSHAKE 22
#define RECORD_BYTES	 16384 /* of a plaintext record (RFC 8446, 5.1) */
#define HANDSHAKE_HELLO	 1
#define EXTENSION_NAME	 0  /* RFC 6066, 3 */
#define EXTENSION_ALPN	 16 /* RFC 7301, 3.1 */
#define EXTENSIONS_MAX	 64

/* The IANA registry of HTTP methods, as of 2025, without PRI, which is HTTP/2's. */
static const char *const methods[] = {"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE",
    "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "COPY", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY",
    "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "ORDERPATCH", "PROPFIND", "PROPPATCH", "QUERY",
    "REBIND", "REPORT", "SEARCH", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF",
    "VERSION-CONTROL"};

/* How well the bytes go with a protocol. */
enum fit { FIT_NOT, FIT_SO_FAR, FIT_WHOLE };

static enum fit
fit_tls(struct span bytes)
{
	const unsigned char *b = (const unsigned char *)bytes.at;

	if ((bytes.length > 0 && b[0] != RECORD_HANDSHAKE) || (bytes.length > 1 && b[1] != 3) ||
	    (bytes.length > 2 && b[2] > 4))
		return FIT_NOT;
	return bytes.length > 2 ? FIT_WHOLE : FIT_SO_FAR;
}

static enum fit
fit_text(struct span bytes, struct span text)
{
	if (!span_equal(span_head(bytes, text.length), span_head(text, bytes.length)))
		return FIT_NOT;
	return bytes.length >= text.length ? FIT_WHOLE : FIT_SO_FAR;
}

static enum fit
fit_http2(struct span bytes)
{
	return fit_text(bytes, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
}

/* A method, a space and the first letter of a target; "GET key" is what other protocols say. */
static enum fit
fit_method(struct span bytes, struct span method)
{
	enum fit fit = fit_text(bytes, method);

	if (fit != FIT_WHOLE || bytes.length == method.length)
		return fit == FIT_NOT ? FIT_NOT : FIT_SO_FAR;
	bytes = span_tail(bytes, method.length);
	if (bytes.at[0] != ' ')
		return FIT_NOT;
	if (bytes.length == 1)
		return FIT_SO_FAR;
	return strchr("/*hH", bytes.at[1]) != NULL && bytes.at[1] != '\0' ? FIT_WHOLE : FIT_NOT;
}

static enum fit
fit_http1(struct span bytes)
{
	enum fit best = FIT_NOT;

	for (size_t i = 0; i < COUNT(methods); i++) {
		enum fit fit = fit_method(bytes, span_of_text(methods[i]));

		best = fit > best ? fit : best;
	}
	return best;
}

enum err
first_bytes(struct span bytes, enum first_bytes *out)
{
	static const struct {
		enum first_bytes protocol;
		enum fit (*fit)(struct span bytes);
	} protocols[] = {{FIRST_TLS, fit_tls}, {FIRST_HTTP2, fit_http2}, {FIRST_HTTP1, fit_http1}};
	bool more = false;

	for (size_t i = 0; i < COUNT(protocols); i++) {
		enum fit fit = protocols[i].fit(span_head(bytes, FIRST_BYTES));

		if (fit == FIT_WHOLE) {
			*out = protocols[i].protocol;
			return OK;
		}
		more = more || fit == FIT_SO_FAR;
	}
	if (more)
		return ERR_MORE;
	*out = FIRST_OTHER;
	return OK;
}

/* The handshake message that is being gathered from records. */
struct gathered {
	char bytes[TLS_HELLO_BYTES];
	size_t n;
};

/* Length of the whole message with its head, once that is there. */
static enum err
message_length(const struct gathered *gathered, size_t *out, struct why *why)
{
	struct span rest = span_of_bytes(gathered->bytes, gathered->n);
	uint32_t type, length;

	if (bytes_number(&rest, 1, &type) && type != HANDSHAKE_HELLO)
		return fail(why, ERR_SYNTAX, "the handshake does not begin with a ClientHello");
	if (!bytes_number(&rest, 3, &length))
		return ERR_MORE;
	if (length > TLS_HELLO_BYTES - 4)
		return fail(why, ERR_LIMIT, "a ClientHello of %u bytes", length);
	*out = 4 + (size_t)length;
	return OK;
}

/* The part of a record that is here, whole or not: its head first. */
static enum err
record_take(struct span *rest, struct span *out, bool *whole, struct why *why)
{
	const unsigned char *b = (const unsigned char *)rest->at;
	size_t length;

	if (fit_tls(*rest) == FIT_NOT)
		return fail(why, ERR_SYNTAX, "not a record of a TLS handshake");
	if (rest->length < 5)
		return ERR_MORE;
	length = (size_t)b[3] << 8 | b[4];
	if (length == 0 || length > RECORD_BYTES)
		return fail(why, ERR_SYNTAX, "a record of %zu bytes", length);
	*whole = rest->length - 5 >= length;
	*out = span_head(span_tail(*rest, 5), length);
	*rest = span_tail(*rest, 5 + length);
	return OK;
}

static enum err
hello_gather(struct span bytes, struct gathered *gathered, struct why *why)
{
	struct span rest = span_head(bytes, TLS_HELLO_BYTES), part = SPAN_NONE;
	bool whole = true;
	size_t length = 0;
	enum err r;

	while ((r = record_take(&rest, &part, &whole, why)) == OK) {
		if (part.length > 0)
			memcpy(gathered->bytes + gathered->n, part.at, part.length);
		gathered->n += part.length;
		r = message_length(gathered, &length, why);
		if (r == OK && gathered->n > length)
			return fail(why, ERR_SYNTAX, "something behind the ClientHello in its record");
		if (r != ERR_MORE && (r != OK || (whole && gathered->n == length)))
			return r;
		if (!whole)
			break;
	}
	if (r != OK && r != ERR_MORE)
		return r;
	return bytes.length < TLS_HELLO_BYTES ? ERR_MORE : fail(why, ERR_LIMIT, "a ClientHello that has no end");
}

/* RFC 6066, 3: a list, in which one entry of type host_name is all that anybody sends. */
static enum err
name_read(struct span body, struct tls_hello *hello, struct why *why)
{
	struct span list, name;
	uint32_t type;

	if (!bytes_vector(&body, 2, &list) || body.length > 0 || !bytes_number(&list, 1, &type) || type != 0 ||
	    !bytes_vector(&list, 2, &name) || list.length > 0)
		return fail(why, ERR_SYNTAX, "a list of server names that does not hold exactly one");
	if (!host_name(name, hello->name))
		return fail(why, ERR_SYNTAX, "a server name that is no host's");
	return OK;
}

static enum err
alpn_read(struct span body, struct tls_hello *hello, struct why *why)
{
	struct span list, protocol;

	if (!bytes_vector(&body, 2, &list) || body.length > 0 || list.length == 0)
		return fail(why, ERR_SYNTAX, "not a list of protocols");
	while (list.length > 0) {
		if (!bytes_vector(&list, 1, &protocol) || protocol.length == 0)
			return fail(why, ERR_SYNTAX, "a protocol without a name");
		hello->h2 = hello->h2 || span_is(protocol, "h2");
		hello->http1 = hello->http1 || span_is(protocol, "http/1.1");
	}
	hello->alpn = true;
	return OK;
}

static enum err
extension_read(uint32_t type, struct span body, struct tls_hello *hello, struct why *why)
{
	if (type == EXTENSION_NAME)
		return name_read(body, hello, why);
	return type == EXTENSION_ALPN ? alpn_read(body, hello, why) : OK;
}

static enum err
extensions_read(struct span list, struct tls_hello *hello, struct why *why)
{
	uint32_t seen[EXTENSIONS_MAX];
	struct span body;
	size_t n = 0;
	enum err r;

	for (; list.length > 0; n++) {
		if (n == EXTENSIONS_MAX)
			return fail(why, ERR_LIMIT, "more than %d extensions", EXTENSIONS_MAX);
		if (!bytes_number(&list, 2, &seen[n]) || !bytes_vector(&list, 2, &body))
			return fail(why, ERR_SYNTAX, "an extension that is cut off");
		for (size_t i = 0; i < n; i++)
			if (seen[i] == seen[n])
				return fail(why, ERR_SYNTAX, "extension %u is there twice", seen[n]);
		if ((r = extension_read(seen[n], body, hello, why)) != OK)
			return r;
	}
	return OK;
}

/* RFC 8446, 4.1.2; before TLS 1.3 the extensions may be missing. */
static enum err
hello_read(struct span body, struct tls_hello *hello, struct why *why)
{
	struct span random, session, ciphers, compressions, extensions;
	uint32_t version;

	if (!bytes_number(&body, 2, &version) || version >> 8 != 3 || !bytes_take(&body, 32, &random) ||
	    !bytes_vector(&body, 1, &session) || session.length > 32 || !bytes_vector(&body, 2, &ciphers) ||
	    ciphers.length == 0 || ciphers.length % 2 != 0 || !bytes_vector(&body, 1, &compressions) ||
	    compressions.length == 0)
		return fail(why, ERR_SYNTAX, "not a ClientHello");
	if (body.length == 0)
		return OK;
	if (!bytes_vector(&body, 2, &extensions) || body.length > 0)
		return fail(why, ERR_SYNTAX, "extensions that do not end with the ClientHello");
	return extensions_read(extensions, hello, why);
}

enum err
tls_hello_read(struct span bytes, struct tls_hello *out, struct why *why)
{
	struct gathered gathered = {.n = 0};
	struct tls_hello hello = {0};
	enum err r;

	if ((r = hello_gather(bytes, &gathered, why)) != OK ||
	    (r = hello_read(span_of_bytes(gathered.bytes + 4, gathered.n - 4), &hello, why)) != OK)
		return r;
	*out = hello;
	return OK;
}
