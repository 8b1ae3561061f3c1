/* service_head: which fields pass, and how heads are written; pure. */
#include "services/api/service_head.h"

#include "common/base/clean.h"
#include "services/api/service_host.h"

/* What is of the client's connection, of our framing, or a login that the agent must not see. */
/* clang-format off */
static const char *const kept_back[] = {
	"connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
	"transfer-encoding", "content-length", "upgrade", "expect", "http2-settings", "authorization",
	"cf-access-jwt-assertion", "x-forwarded-client-cert", "x-ssl-client-cert", "x-client-cert", "cookie",
};
/* clang-format on */

static struct span
trimmed(struct span text)
{
	while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = span_tail(text, 1);
	while (text.length > 0 && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
		text.length--;
	return text;
}

/* Does a Connection field name it? Then it is of that connection alone (RFC 9110, 7.6.1). */
static bool
named_by_connection(const struct service_request *in, struct span name)
{
	for (size_t i = 0; i < in->fields_n; i++) {
		struct span rest = in->fields[i].value;

		if (!http_same(in->fields[i].name, SPAN("connection")))
			continue;
		while (rest.length > 0)
			if (http_same(trimmed(span_cut(&rest, ',')), name))
				return true;
	}
	return false;
}

static bool
passes(const struct service_request *in, struct span name)
{
	if (name.length == 0 || name.at[0] == ':')
		return false;
	for (size_t i = 0; i < COUNT(kept_back); i++)
		if (http_same(name, span_of_text(kept_back[i])))
			return false;
	return !named_by_connection(in, name);
}

/* It understands trailers: said again for our own connection. */
static bool
takes_trailers(const struct service_request *in)
{
	for (size_t i = 0; i < in->fields_n; i++)
		if (http_same(in->fields[i].name, SPAN("te")) && http_list_has(in->fields[i].value, "trailers"))
			return true;
	return false;
}

static bool
path_ok(struct span path)
{
	if (path.length == 0 || path.at[0] != '/')
		return false;
	for (size_t i = 0; i < path.length; i++)
		if ((unsigned char)path.at[i] <= ' ' || path.at[i] == 0x7f || path.at[i] == '#')
			return false;
	return true;
}

/* All cookies in one field (of HTTP/2 each may come in its own, RFC 9113, 8.2.3). */
static void
cookies_write(const struct service_request *in, struct text *out)
{
	bool any = false;

	for (size_t i = 0; i < in->fields_n; i++) {
		char room[2 * 16384 + 1];
		struct span value = in->fields[i].value, left;

		if (!http_same(in->fields[i].name, SPAN("cookie")) || SERVICE_COOKIE_ROOM(value) > sizeof(room))
			continue;
		if ((left = service_cookies(value, room)).length == 0)
			continue;
		text_add(out, any ? "; " : "cookie: ");
		text_add_span(out, left);
		any = true;
	}
	if (any)
		text_add(out, "\r\n");
}

static void
framing_write(const struct service_request *in, struct text *out)
{
	if (in->body == HTTP_BODY_LENGTH)
		text_add(out, "content-length: %llu\r\n", (unsigned long long)in->length);
	else if (in->body == HTTP_BODY_CHUNKED)
		text_add(out, "transfer-encoding: chunked\r\n");
	if (in->expects)
		text_add(out, "expect: 100-continue\r\n");
	if (!in->upgrade && takes_trailers(in))
		text_add(out, "connection: te\r\nte: trailers\r\n");
	if (!in->upgrade)
		return;
	text_add(out, "connection: upgrade\r\nupgrade: websocket\r\n");
	if (in->websocket_key != NULL)
		text_add(out, "sec-websocket-key: %s\r\n", in->websocket_key);
}

enum err
service_request_write(const struct service_request *in, struct text *out, struct why *why)
{
	struct span method = in->upgrade ? SPAN("GET") : in->method;

	if (!http_token(method) || span_is(method, "CONNECT") || !path_ok(in->path))
		return fail(why, ERR_SYNTAX, "not a request for a path");
	text_add_span(out, method);
	text_add(out, " ");
	text_add_span(out, in->path);
	text_add(out, " HTTP/1.1\r\nhost: 127.0.0.1:%u\r\n", in->port);
	for (size_t i = 0; i < in->fields_n; i++) {
		if (!passes(in, in->fields[i].name))
			continue;
		text_add_span(out, in->fields[i].name);
		text_add(out, ": ");
		text_add_span(out, in->fields[i].value);
		text_add(out, "\r\n");
	}
	cookies_write(in, out);
	framing_write(in, out);
	text_add(out, "\r\n");
	return out->cut ? fail(why, ERR_RANGE, "the head is too long") : OK;
}

void
service_trailers_write(
    const struct rpc_field *trailers, size_t n, const struct rpc_field *fields, size_t fields_n, struct text *out)
{
	const struct service_request head = {.fields = fields, .fields_n = fields_n};

	for (size_t i = 0; i < n; i++) {
		if (http_trailer_of(trailers[i].name, trailers[i].value).hop || !passes(&head, trailers[i].name))
			continue;
		text_add_span(out, trailers[i].name);
		text_add(out, ": ");
		text_add_span(out, trailers[i].value);
		text_add(out, "\r\n");
	}
}

/* ---- answers ---- */

static enum err
field_take(const struct http_field *from, struct arena *arena, struct rpc_field *to, struct why *why)
{
	char *name = arena_alloc(arena, from->name.length + 1), *room;

	if (name == NULL)
		return fail(why, ERR_LIMIT, "the answer's head needs too much memory");
	for (size_t i = 0; i < from->name.length; i++) {
		char c = from->name.at[i];

		name[i] = (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
	}
	*to = (struct rpc_field){span_of_bytes(name, from->name.length), from->value};
	if (!span_is(to->name, "set-cookie"))
		return OK;
	if ((room = arena_alloc(arena, SERVICE_COOKIE_ROOM(from->value))) == NULL)
		return fail(why, ERR_LIMIT, "the answer's head needs too much memory");
	to->value = service_set_cookie(from->value, room);
	return OK;
}

enum err
service_answer_fields(
    const struct http_head *head, struct arena *arena, struct rpc_field *fields, size_t *n, struct why *why)
{
	enum err r;

	*n = 0;
	for (size_t i = 0; i < head->fields_n; i++) {
		const struct http_field *from = &head->fields[i];

		if (from->hop || from->known == HTTP_CONTENT_LENGTH || from->known == HTTP_PROXY)
			continue;
		if ((r = field_take(from, arena, &fields[*n], why)) != OK)
			return r;
		++*n;
	}
	return OK;
}

enum err
service_answer_trailers(
    const struct http_trailers *trailers, struct arena *arena, struct rpc_field *fields, size_t *n, struct why *why)
{
	enum err r;

	*n = 0;
	for (size_t i = 0; i < trailers->fields_n; i++) {
		const struct http_field *from = &trailers->fields[i];

		if (from->hop || http_same(from->name, SPAN("set-cookie")))
			continue;
		if ((r = field_take(from, arena, &fields[*n], why)) != OK)
			return r;
		if (arena_span(arena, from->value, &fields[*n].value) != OK)
			return fail(why, ERR_LIMIT, "the answer's trailers need too much memory");
		++*n;
	}
	return OK;
}
