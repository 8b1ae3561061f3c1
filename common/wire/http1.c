/* HTTP/1.1 requests: line by line, refusing whatever two readers could read in two ways. */
#include "common/wire/http1.h"

#include <strings.h>

#define LOWER	    "abcdefghijklmnopqrstuvwxyz"
#define UPPER	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN_BYTES LOWER UPPER "0123456789!#$%&'*+-.^_`|~" /* RFC 9110, 5.6.2 */

static bool
is_name(struct span a, const char *name)
{
	return a.length == strlen(name) && strncasecmp(a.at, name, a.length) == 0;
}

static bool
is_token(struct span a)
{
	return a.length > 0 && span_only(a, TOKEN_BYTES);
}

bool
http1_field(const struct http1_request *request, const char *name, struct span *out)
{
	for (size_t i = 0; i < request->fields_n; i++)
		if (is_name(request->fields[i].name, name)) {
			*out = request->fields[i].value;
			return true;
		}
	return false;
}

/* Length of the head with its empty line. */
static enum err
head_length(struct span bytes, size_t *out, struct why *why)
{
	struct span head = span_head(bytes, HTTP1_HEAD_BYTES);
	const char *end = head.length == 0 ? NULL : memmem(head.at, head.length, "\r\n\r\n", 4);

	if (!span_only(span_head(head, 1), TOKEN_BYTES)) /* a TLS hello, say: do not wait for its end */
		return fail(why, ERR_SYNTAX, "it does not begin with a method");
	if (end == NULL && bytes.length >= HTTP1_HEAD_BYTES)
		return fail(why, ERR_RANGE, "the head is over %d bytes", HTTP1_HEAD_BYTES);
	if (end == NULL)
		return ERR_MORE;
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

static bool
is_target(struct span target)
{
	if (target.length == 0 || target.at[0] != '/')
		return false;
	for (size_t i = 0; i < target.length; i++)
		if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#')
			return false;
	return true;
}

static enum err
request_line(struct span line, struct http1_request *out, struct why *why)
{
	struct span rest = line;

	out->method = span_cut(&rest, ' ');
	out->target = span_cut(&rest, ' ');
	if (!is_token(out->method))
		return fail(why, ERR_SYNTAX, "the method is not a token");
	if (!is_target(out->target))
		return fail(why, ERR_SYNTAX, "the target is not a path");
	if (!span_is(rest, "HTTP/1.1") && !span_is(rest, "HTTP/1.0"))
		return fail(why, ERR_SYNTAX, "the version is neither HTTP/1.1 nor HTTP/1.0");
	out->keep_alive = span_is(rest, "HTTP/1.1");
	return OK;
}

static bool
is_control(char byte)
{
	return ((unsigned char)byte < ' ' && byte != '\t') || byte == 0x7f;
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

static enum err
field_line(struct span line, struct http1_field *out, struct why *why)
{
	size_t colon;

	if (!span_find(line, ':', &colon) || !is_token(span_head(line, colon)))
		return fail(why, ERR_SYNTAX, "a field has no name");
	out->name = span_head(line, colon);
	out->value = without_space(span_tail(line, colon + 1));
	for (size_t i = 0; i < out->value.length; i++)
		if (is_control(out->value.at[i]))
			return fail(why, ERR_SYNTAX, "a field holds a control byte");
	return OK;
}

/* What the fields say about this request as a whole. */
static enum err
fields_check(struct http1_request *request, bool host_needed, struct why *why)
{
	size_t hosts = 0;

	for (size_t i = 0; i < request->fields_n; i++) {
		const struct http1_field *field = &request->fields[i];

		if (is_name(field->name, "transfer-encoding") ||
		    (is_name(field->name, "content-length") && !span_is(field->value, "0")))
			return fail(why, ERR_UNIMPLEMENTED, "a request with a body");
		if (is_name(field->name, "host"))
			hosts++;
		if (is_name(field->name, "connection") && !is_name(field->value, "keep-alive"))
			request->keep_alive = false;
	}
	if (hosts > 1 || (hosts == 0 && host_needed))
		return fail(why, ERR_SYNTAX, "not exactly one host");
	return OK;
}

enum err
http1_request_parse(struct span bytes, struct http1_request *out, size_t *used, struct why *why)
{
	struct http1_request request = {0};
	struct span rest, line;
	size_t length = 0;
	bool is_1_1;
	enum err r;

	if ((r = head_length(bytes, &length, why)) != OK)
		return r;
	rest = span_head(bytes, length - 2); /* the empty line is not a field */
	if ((r = line_cut(&rest, &line, why)) != OK || (r = request_line(line, &request, why)) != OK)
		return r;
	is_1_1 = request.keep_alive;
	while (rest.length > 0) {
		if (request.fields_n == HTTP1_FIELDS_MAX)
			return fail(why, ERR_RANGE, "more than %d fields", HTTP1_FIELDS_MAX);
		if ((r = line_cut(&rest, &line, why)) != OK ||
		    (r = field_line(line, &request.fields[request.fields_n++], why)) != OK)
			return r;
	}
	if ((r = fields_check(&request, is_1_1, why)) != OK)
		return r;
	*out = request;
	*used = length;
	return OK;
}
