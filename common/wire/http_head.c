/* Heads of HTTP/1 messages: line by line, then what the fields say together. */
#include "common/wire/http_head.h"

#include <strings.h>

#include "common/base/text.h"
#include "common/wire/http_target.h"

#define LENGTH_MAX INT64_MAX

enum { IS_TOKEN = 1, IS_VALUE = 2, IS_TARGET = 4 };

/* What each byte may be part of: token (RFC 9110, 5.6.2), field value (bytes over 127 too), target. */
/* clang-format off */
static const uint8_t classes[256] = {
	['\t'] = IS_VALUE,
	[' '] = IS_VALUE,
	['!'] = 7, ['#'] = 7, ['$'] = 7, ['%'] = 7, ['&'] = 7, ['\''] = 7, ['*'] = 7, ['+'] = 7, ['-'] = 7, ['.'] = 7,
	['^'] = 7, ['_'] = 7, ['`'] = 7, ['|'] = 7, ['~'] = 7,
	['0' ... '9'] = 7, ['a' ... 'z'] = 7, ['A' ... 'Z'] = 7,
	['"'] = 6, ['('] = 6, [')'] = 6, [','] = 6, ['/'] = 6, [':'] = 6, [';'] = 6, ['<'] = 6, ['='] = 6, ['>'] = 6,
	['?'] = 6, ['@'] = 6, ['['] = 6, ['\\'] = 6, [']'] = 6, ['{'] = 6, ['}'] = 6,
	[0x80 ... 0xff] = IS_VALUE,
};
/* clang-format on */

static const struct {
	const char *name;
	uint8_t length;
	enum http_name known;
	bool hop, no_trailer;
} names[] = {
/* clang-format off */
#define NAME(text, known, hop, no_trailer) {text, sizeof(text) - 1, known, hop, no_trailer}
	NAME("te", HTTP_TE, true, true),
	NAME("host", HTTP_HOST, false, true),
	NAME("range", HTTP_OTHER, false, true),
	NAME("accept", HTTP_ACCEPT, false, true),
	NAME("cookie", HTTP_COOKIE, false, true),
	NAME("expect", HTTP_EXPECT, true, true),
	NAME("upgrade", HTTP_UPGRADE, true, true),
	NAME("trailer", HTTP_TRAILER, false, true),
	NAME("connection", HTTP_CONNECTION, true, true),
	NAME("keep-alive", HTTP_KEEP_ALIVE, true, true),
	NAME("set-cookie", HTTP_OTHER, false, true),
	NAME("content-type", HTTP_CONTENT_TYPE, false, true),
	NAME("authorization", HTTP_OTHER, false, true),
	NAME("content-range", HTTP_OTHER, false, true),
	NAME("x-http-method", HTTP_METHOD_OVERRIDE, false, true),
	NAME("content-length", HTTP_CONTENT_LENGTH, true, true),
	NAME("http2-settings", HTTP_SETTINGS, true, true),
	NAME("www-authenticate", HTTP_OTHER, false, true),
	NAME("content-encoding", HTTP_CONTENT_ENCODING, false, true),
	NAME("proxy-connection", HTTP_PROXY, true, true),
	NAME("transfer-encoding", HTTP_TRANSFER_ENCODING, true, true),
	NAME("x-method-override", HTTP_METHOD_OVERRIDE, false, true),
	NAME("sec-websocket-key", HTTP_WEBSOCKET_KEY, false, true),
	NAME("proxy-authenticate", HTTP_PROXY, true, true),
	NAME("proxy-authorization", HTTP_PROXY, true, true),
	NAME("sec-websocket-accept", HTTP_WEBSOCKET_ACCEPT, false, true),
	NAME("sec-websocket-version", HTTP_WEBSOCKET_VERSION, false, true),
	NAME("x-http-method-override", HTTP_METHOD_OVERRIDE, false, true),
	NAME("sec-websocket-protocol", HTTP_WEBSOCKET_PROTOCOL, false, true),
	NAME("sec-websocket-extensions", HTTP_WEBSOCKET_EXTENSIONS, false, true),
/* clang-format on */
#undef NAME
};

#define NAMES_N (sizeof(names) / sizeof(names[0]))

/* Has it no byte over 127? Asked first, being quick. */
static bool
is_ascii(struct span a)
{
	unsigned char seen = 0;

	for (size_t i = 0; i < a.length; i++)
		seen |= (unsigned char)a.at[i];
	return seen < 0x80;
}

static bool
all_of(struct span a, uint8_t class)
{
	uint8_t seen = 0xff;

	for (size_t i = 0; i < a.length; i++)
		seen &= classes[(unsigned char)a.at[i]];
	return (seen & class) != 0;
}

bool
http_token(struct span a)
{
	return a.length > 0 && all_of(a, IS_TOKEN);
}

bool
http_value_ok(struct span a)
{
	return all_of(a, IS_VALUE);
}

bool
http_same(struct span a, struct span b)
{
	return a.length == b.length && (a.length == 0 || strncasecmp(a.at, b.at, a.length) == 0);
}

/* As servers compare that know fields as variables of CGI, where "-" and "_" are one. */
static bool
same_variable(struct span a, struct span b)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if ((a.at[i] == '_' ? '-' : a.at[i] | 0x20) != (b.at[i] == '_' ? '-' : b.at[i] | 0x20))
			return false;
	return true;
}

/* What a server may take for the name of a method, though it is written with "_". */
static size_t
override_row(struct span name)
{
	for (size_t i = 0; i < NAMES_N && memchr(name.at, '_', name.length) != NULL; i++)
		if (names[i].known == HTTP_METHOD_OVERRIDE && same_variable(name, span_of_text(names[i].name)))
			return i;
	return NAMES_N;
}

/* Its row in names, NAMES_N when it has none. */
static size_t
name_row(struct span name)
{
	for (size_t i = 0; i < NAMES_N; i++)
		if (names[i].length == name.length && (names[i].name[0] | 0x20) == (name.at[0] | 0x20) &&
		    strncasecmp(names[i].name, name.at, name.length) == 0)
			return i;
	return name.length == 0 ? NAMES_N : override_row(name);
}

enum http_name
http_name(struct span name)
{
	size_t row = name_row(name);

	return row == NAMES_N ? HTTP_OTHER : names[row].known;
}

struct http_field
http_field_of(struct span name, struct span value)
{
	size_t row = name_row(name);
	struct http_field field = {.name = name, .value = value};

	if (row != NAMES_N) {
		field.known = names[row].known;
		field.hop = names[row].hop;
	}
	return field;
}

struct http_field
http_trailer_of(struct span name, struct span value)
{
	size_t row = name_row(name);
	struct http_field field = http_field_of(name, value);

	field.hop = row != NAMES_N && names[row].no_trailer;
	return field;
}

const struct http_field *
http_find(const struct http_head *head, enum http_name name)
{
	for (size_t i = 0; i < head->fields_n; i++)
		if (head->fields[i].known == name)
			return &head->fields[i];
	return NULL;
}

const struct http_field *
http_find_text(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->fields_n; i++)
		if (http_same(head->fields[i].name, span_of_text(name)))
			return &head->fields[i];
	return NULL;
}

size_t
http_count(const struct http_head *head, enum http_name name)
{
	size_t n = 0;

	for (size_t i = 0; i < head->fields_n; i++)
		n += head->fields[i].known == name;
	return n;
}

static struct span
without_space(struct span a)
{
	while (a.length > 0 && (a.at[0] == ' ' || a.at[0] == '\t'))
		a = span_tail(a, 1);
	while (a.length > 0 && (a.at[a.length - 1] == ' ' || a.at[a.length - 1] == '\t'))
		a = span_head(a, a.length - 1);
	return a;
}

bool
http_list_has(struct span list, const char *token)
{
	while (list.length > 0)
		if (http_same(without_space(span_cut(&list, ',')), span_of_text(token)))
			return true;
	return false;
}

bool
http_redirects(struct span name)
{
	static const char *const redirecting[] = {
	    "x-original-url", "x-rewrite-url", "x-original-uri", "x-forwarded-uri"};

	for (size_t i = 0; i < sizeof(redirecting) / sizeof(redirecting[0]); i++)
		if (same_variable(name, span_of_text(redirecting[i])))
			return true;
	return false;
}

/* Is there a line feed without its carriage return? Then no more of it makes it a head. */
static bool
bare_feed(struct span bytes)
{
	struct span rest = bytes;

	while (rest.length > 0) {
		struct span line = span_cut(&rest, '\n');

		if (line.at + line.length < bytes.at + bytes.length &&
		    (line.length == 0 || line.at[line.length - 1] != '\r'))
			return true;
	}
	return false;
}

/* Length of the head with its empty line. */
static enum err
head_length(struct span bytes, size_t max, size_t *out, struct why *why)
{
	struct span head = span_head(bytes, max);
	const char *end = head.length == 0 ? NULL : memmem(head.at, head.length, "\r\n\r\n", 4);

	if (!all_of(span_head(head, 1), IS_TOKEN)) /* a TLS hello, say: do not wait for its end */
		return fail(why, ERR_SYNTAX, "it begins neither with a method nor with a version");
	if (end == NULL && bytes.length >= max)
		return fail(why, ERR_RANGE, "the head is over %zu bytes", max);
	if (end == NULL)
		return bare_feed(head) ? fail(why, ERR_SYNTAX, "a line does not end with CR LF") : ERR_MORE;
	*out = (size_t)(end - head.at) + 4;
	return OK;
}

/* Cut a line off the front, with its CR LF. */
static enum err
line_cut(struct span *rest, struct span *line, struct why *why)
{
	size_t at;

	if (!span_find(*rest, '\n', &at) || at == 0 || rest->at[at - 1] != '\r')
		return fail(why, ERR_SYNTAX, "a line does not end with CR LF");
	*line = span_head(*rest, at - 1);
	*rest = span_tail(*rest, at + 1);
	return OK;
}

static enum err
field_line(struct span line, struct http_field *out, struct why *why)
{
	size_t colon;

	if (!span_find(line, ':', &colon) || !http_token(span_head(line, colon)))
		return fail(why, ERR_SYNTAX, "a field has no name");
	*out = http_field_of(span_head(line, colon), without_space(span_tail(line, colon + 1)));
	if (!http_value_ok(out->value))
		return fail(why, ERR_SYNTAX, "a field holds a control byte");
	return OK;
}

/* Field lines up to the end of rest. */
static enum err
fields_read(struct span rest, struct http_field *out, size_t max, size_t *n, struct why *why)
{
	struct span line = SPAN_NONE;
	enum err r;

	for (*n = 0; rest.length > 0; (*n)++) {
		if (*n == max)
			return fail(why, ERR_RANGE, "more than %zu fields", max);
		if ((r = line_cut(&rest, &line, why)) != OK || (r = field_line(line, &out[*n], why)) != OK)
			return r;
	}
	return OK;
}

enum err
http_fields_parse(struct span bytes, size_t max, struct http_field *out, size_t fields_max, size_t *fields_n,
    size_t *used, struct why *why)
{
	size_t length = 2;
	enum err r;

	if (bytes.length < 2)
		return ERR_MORE;
	if (memcmp(bytes.at, "\r\n", 2) != 0 && (r = head_length(bytes, max, &length, why)) != OK)
		return r;
	if ((r = fields_read(span_head(bytes, length - 2), out, fields_max, fields_n, why)) != OK)
		return r;
	for (size_t i = 0; i < *fields_n; i++)
		out[i] = http_trailer_of(out[i].name, out[i].value);
	*used = length;
	return OK;
}

/* ---- what single fields say ---- */

/* A field that Connection names goes no further. */
static void
nominate(struct http_head *head, struct span name)
{
	for (size_t i = 0; i < head->fields_n; i++)
		if (http_same(head->fields[i].name, name))
			head->fields[i].hop = true;
}

static enum err
take_connection(struct http_head *head, struct span list, struct why *why)
{
	while (list.length > 0) {
		struct span option = without_space(span_cut(&list, ','));
		enum http_name name;

		if (option.length == 0) /* RFC 9110, 5.6.1.2 */
			continue;
		if (!http_token(option))
			return fail(why, ERR_SYNTAX, "a Connection option is not a token");
		name = http_name(option);
		if (name == HTTP_HOST || name == HTTP_CONTENT_LENGTH || name == HTTP_TRANSFER_ENCODING)
			return fail(why, ERR_SYNTAX, "Connection names a field of framing or routing");
		head->keep_alive |= http_same(option, SPAN("keep-alive"));
		head->connection_upgrade |= name == HTTP_UPGRADE;
		if (name == HTTP_OTHER && !http_same(option, SPAN("close")))
			nominate(head, option);
	}
	return OK;
}

static enum err
take_length(struct http_head *head, struct span value, struct why *why)
{
	uint64_t length = 0;
	enum err r;

	if ((r = number_parse(value, 0, LENGTH_MAX, &length, why)) != OK)
		return because(why, ERR_SYNTAX, "Content-Length");
	if (head->has_length && head->length != length)
		return fail(why, ERR_SYNTAX, "two lengths that differ");
	head->has_length = true;
	head->length = length;
	return OK;
}

static enum err
take_coding(struct http_head *head, struct span value, struct why *why)
{
	if (head->body == HTTP_BODY_CHUNKED || !http_same(value, SPAN("chunked")))
		return fail(why, ERR_SYNTAX, "a transfer coding but one chunked");
	if (head->minor == 0)
		return fail(why, ERR_SYNTAX, "a transfer coding in HTTP/1.0");
	head->body = HTTP_BODY_CHUNKED;
	return OK;
}

static enum err
take_host(struct http_head *head, struct span value, struct why *why)
{
	struct http_authority authority;

	if (head->host.length > 0)
		return fail(why, ERR_SYNTAX, "two hosts");
	head->host = value;
	return http_authority_parse(value, &authority, why);
}

static enum err
take_upgrade(struct http_head *head, struct span value, struct why *why)
{
	if (head->upgrade.length > 0 || value.length == 0)
		return fail(why, ERR_SYNTAX, "not exactly one protocol to upgrade to");
	head->upgrade = value;
	return OK;
}

static enum err
take_expect(struct http_head *head, struct span value, struct why *why)
{
	if (!http_same(value, SPAN("100-continue")))
		return fail(why, ERR_SYNTAX, "an expectation but 100-continue");
	head->expect_continue = head->minor > 0;
	return OK;
}

static enum err
take_te(struct http_head *head, struct span value, struct why *why)
{
	(void)why;
	head->trailers |= http_list_has(value, "trailers");
	return OK;
}

static const struct {
	enum http_name name;
	bool request, response;
	enum err (*take)(struct http_head *head, struct span value, struct why *why);
} takers[] = {
    {HTTP_CONNECTION, true, true, take_connection},
    {HTTP_CONTENT_LENGTH, true, true, take_length},
    {HTTP_TRANSFER_ENCODING, true, true, take_coding},
    {HTTP_UPGRADE, true, true, take_upgrade},
    {HTTP_HOST, true, false, take_host},
    {HTTP_EXPECT, true, false, take_expect},
    {HTTP_TE, true, false, take_te},
};

static enum err
field_take(struct http_head *head, const struct http_field *field, struct why *why)
{
	for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++)
		if (takers[i].name == field->known && (head->status == 0 ? takers[i].request : takers[i].response))
			return takers[i].take(head, field->value, why);
	return OK;
}

/* Every field, and framing where two of them disagree. */
static enum err
fields_take(struct http_head *head, struct why *why)
{
	bool closes = false;
	enum err r;

	head->keep_alive = head->minor > 0;
	for (size_t i = 0; i < head->fields_n; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->known != HTTP_OTHER && (r = field_take(head, field, why)) != OK)
			return r;
		closes |= field->known == HTTP_CONNECTION && http_list_has(field->value, "close");
	}
	if (head->body == HTTP_BODY_CHUNKED && head->has_length)
		return fail(why, ERR_SYNTAX, "a length beside a transfer coding");
	if (head->has_length)
		head->body = HTTP_BODY_LENGTH;
	head->keep_alive &= !closes;
	return OK;
}

/* The end of a first or status line: "HTTP/1.0" or "HTTP/1.1". */
static enum err
version_take(struct http_head *head, struct span text, struct why *why)
{
	if (!span_is(text, "HTTP/1.1") && !span_is(text, "HTTP/1.0"))
		return fail(why, ERR_SYNTAX, "the version is neither HTTP/1.1 nor HTTP/1.0");
	head->minor = text.at[7] == '1';
	return OK;
}

static enum err
request_line(struct http_head *head, struct span line, struct why *why)
{
	head->method = span_cut(&line, ' ');
	head->target = span_cut(&line, ' ');
	if (!http_token(head->method))
		return fail(why, ERR_SYNTAX, "the method is not a token");
	if (head->target.length == 0 || !all_of(head->target, IS_TARGET))
		return fail(why, ERR_SYNTAX, "the target holds a byte that none may hold");
	return version_take(head, line, why);
}

static enum err
status_line(struct http_head *head, struct span line, struct why *why)
{
	struct span version = span_cut(&line, ' '), digits = span_head(line, 3);
	uint64_t status = 0;
	enum err r;

	if ((r = version_take(head, version, why)) != OK)
		return r;
	if ((r = number_parse(digits, 100, 599, &status, why)) != OK)
		return because(why, ERR_SYNTAX, "status");
	if (line.length > 3 && line.at[3] != ' ')
		return fail(why, ERR_SYNTAX, "a status has three digits");
	head->status = (unsigned)status;
	head->reason = span_tail(line, 4);
	return http_value_ok(head->reason) ? OK : fail(why, ERR_SYNTAX, "the reason holds a control byte");
}

/* The whole of a head, its first line read by first. */
static enum err
head_read(struct span bytes, size_t max, struct http_head *head, size_t *used,
    enum err (*first)(struct http_head *head, struct span line, struct why *why), struct why *why)
{
	struct span rest, line = SPAN_NONE;
	enum err r;

	memset(head, 0, offsetof(struct http_head, fields));
	if ((r = head_length(bytes, max, used, why)) != OK)
		return r;
	rest = span_head(bytes, *used - 2); /* the empty line is not a field */
	if ((r = line_cut(&rest, &line, why)) != OK || (r = first(head, line, why)) != OK ||
	    (r = fields_read(rest, head->fields, HTTP_FIELDS_MAX, &head->fields_n, why)) != OK)
		return r;
	return fields_take(head, why);
}

static void
head_give(const struct http_head *head, struct http_head *out)
{
	memcpy(out, head, offsetof(struct http_head, fields) + head->fields_n * sizeof(head->fields[0]));
}

enum err
http_request_parse(struct span bytes, size_t max, struct http_head *out, size_t *used, struct why *why)
{
	struct http_head head;
	size_t length = 0;
	enum err r;

	if ((r = head_read(bytes, max, &head, &length, request_line, why)) != OK)
		return r;
	if (head.minor > 0 && head.host.length == 0)
		return fail(why, ERR_SYNTAX, "no host");
	if (!is_ascii(span_head(bytes, length)) && !span_utf8(span_head(bytes, length)))
		return fail(why, ERR_SYNTAX, "the head is not UTF-8");
	head_give(&head, out);
	*used = length;
	return OK;
}

/* What follows an answer (RFC 9112, 6.3). */
static void
response_body(struct http_head *head, bool to_head)
{
	bool without = to_head || head->status < 200 || head->status == 204 || head->status == 304;

	if (head->status < 200 || head->status == 204)
		head->has_length = false;
	if (without)
		head->body = HTTP_BODY_NONE;
	else if (head->body == HTTP_BODY_NONE)
		head->body = HTTP_BODY_CLOSE;
	if (head->body == HTTP_BODY_CLOSE)
		head->keep_alive = false;
}

enum err
http_response_parse(struct span bytes, size_t max, bool to_head, struct http_head *out, size_t *used, struct why *why)
{
	struct http_head head;
	size_t length = 0;
	enum err r;

	if ((r = head_read(bytes, max, &head, &length, status_line, why)) != OK)
		return r;
	response_body(&head, to_head);
	head_give(&head, out);
	*used = length;
	return OK;
}
