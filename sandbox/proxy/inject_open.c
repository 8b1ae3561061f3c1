/* Requests with slots, put into the router's form: what the agent sent, with slots where placeholders were. */
#include "common/base/clean.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/routed.h"

#define LITERAL_BYTES 65536 /* of one piece */

/* What is being built; all of it in the arena. */
struct building {
	struct exchange *exchange;
	struct arena *arena;
	struct msg_route_open *open;
};

static enum err
too_large(struct why *why)
{
	return fail(why, ERR_LIMIT, "the request is too large to be filled in");
}

/* ---- pieces ---- */

size_t
inject_pieces(const struct placeholder_pieces *from, struct msg_piece *to, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < from->n; i++) {
		const struct placeholder_piece *piece = &from->at[i];
		struct span rest = piece->literal;

		do {
			if (n == max)
				return 0;
			to[n++] = (struct msg_piece){.literal = span_head(rest, LITERAL_BYTES),
			    .slot = piece->token,
			    .place = (uint8_t)piece->place};
			rest = span_tail(rest, LITERAL_BYTES);
		} while (rest.length > 0);
	}
	return n;
}

/* A text that may have been cut: its pieces, or itself. */
static enum err
pieces_put(struct building *b, const struct placeholder_pieces *from, struct span text, struct msg_piece **out,
    size_t *out_n, struct why *why)
{
	struct placeholder_piece all = {.literal = text};
	struct placeholder_pieces whole = {.at = &all, .n = text.length > 0, .max = 1};
	const struct placeholder_pieces *pieces = from == NULL || from->n == 0 ? &whole : from;

	if ((*out = arena_array(b->arena, pieces->n + 1, sizeof(**out))) == NULL)
		return too_large(why);
	*out_n = inject_pieces(pieces, *out, pieces->n + 1);
	return *out_n == 0 && pieces->n > 0 ? too_large(why) : OK;
}

/* ---- fields ---- */

static struct span
lowered(struct building *b, struct span name)
{
	char *to = arena_text(b->arena, name);

	for (size_t i = 0; to != NULL && i < name.length; i++)
		to[i] = (char)(to[i] >= 'A' && to[i] <= 'Z' ? to[i] - 'A' + 'a' : to[i]);
	return to == NULL ? SPAN_NONE : span_of_bytes(to, name.length);
}

static const struct placeholder_pieces *
pieces_of(const struct exchange *exchange, size_t field)
{
	const struct inject *inject = exchange->inject;

	for (size_t i = 0; inject != NULL && i < inject->fields_n; i++)
		if (inject->fields[i].field == field)
			return &inject->fields[i].pieces;
	return NULL;
}

static enum err
field_put(
    struct building *b, struct span name, const struct placeholder_pieces *pieces, struct span value, struct why *why)
{
	struct msg_route_field *field = &b->open->fields[b->open->fields_n];

	if (b->open->fields_n == HTTP_FIELDS_MAX)
		return too_large(why);
	if ((field->name = lowered(b, name)).length == 0)
		return too_large(why);
	b->open->fields_n++;
	return pieces_put(b, pieces, value, &field->value, &field->value_n, why);
}

/* The client's own signature goes: the router makes another (9.5). */
static bool
is_signature(const struct http_field *field)
{
	static const char *const names[] = {
	    "authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"};

	for (size_t i = 0; i < COUNT(names); i++)
		if (http_same(field->name, span_of_text(names[i])))
			return true;
	return false;
}

static bool
is_left_out(const struct exchange *exchange, const struct http_field *field)
{
	return field->hop || field->known == HTTP_HOST ||
	       (exchange->front.stream != 0 && field->known == HTTP_COOKIE) ||
	       (exchange->signing != 0 && is_signature(field));
}

/* Crumbs of an HTTP/2 request in one field (RFC 9113, 8.2.3). None of them holds a placeholder: it is no whole value. */
static enum err
cookies_put(struct building *b, struct why *why)
{
	const struct http_head *request = &b->exchange->request;
	char *room = arena_alloc(b->arena, HTTP_HEAD_BYTES * 2);
	struct text text = {room, 0, HTTP_HEAD_BYTES * 2, false};

	if (room == NULL || request->fields_n == 0)
		return too_large(why);
	for (size_t i = 0; i < request->fields_n; i++)
		if (request->fields[i].known == HTTP_COOKIE) {
			text_add(&text, "%s", text.length > 0 ? "; " : "");
			text_add_span(&text, request->fields[i].value);
		}
	return text.length == 0 ? OK : field_put(b, SPAN("cookie"), NULL, text_span(&text), why);
}

static enum err
fields_put(struct building *b, struct why *why)
{
	const struct exchange *exchange = b->exchange;
	const struct http_head *request = &exchange->request;
	enum err r = OK;

	if ((b->open->fields = arena_array(b->arena, HTTP_FIELDS_MAX, sizeof(*b->open->fields))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < request->fields_n && r == OK; i++)
		if (!is_left_out(exchange, &request->fields[i]))
			r = field_put(
			    b, request->fields[i].name, pieces_of(exchange, i), request->fields[i].value, why);
	if (r == OK && exchange->front.stream != 0)
		r = cookies_put(b, why);
	if (r == OK && request->trailers)
		r = field_put(b, SPAN("te"), NULL, SPAN("trailers"), why);
	if (r == OK && request->expect_continue && !exchange->collected_whole)
		r = field_put(b, SPAN("expect"), NULL, SPAN("100-continue"), why);
	return r;
}

/* ---- the rest of the head ---- */

static void
body_say(const struct exchange *exchange, struct msg_route_open *open)
{
	if (exchange->inject != NULL && exchange->inject->body.n > 0) {
		open->body = 3;
	} else if (exchange->collected_whole) {
		open->body = 1;
		open->length = bytes_length(&exchange->collected);
	} else if (!exchange_empty(exchange)) {
		open->body = exchange->request.body == HTTP_BODY_LENGTH ? 1 : 2;
		open->length = exchange->request.body == HTTP_BODY_LENGTH ? exchange->request.length : 0;
	}
}

enum err
inject_open(struct exchange *exchange, struct arena *arena, struct msg_route_open *open, struct why *why)
{
	struct building b = {exchange, arena, open};
	const struct inject *inject = exchange->inject;
	const struct connection *connection = exchange->http->connection;
	const struct routed_place place = {
	    connection->pinned, connection->pinned_n, connection->via, connection->onward ? connection->via_n : 0};
	enum err r;

	*open = (struct msg_route_open){.host = span_of_text(connection->host),
	    .port = connection->port,
	    .method = exchange->request.method,
	    .has_query = exchange->target.has_query,
	    .upgrade = exchange->upgrade,
	    .h2 = exchange->http->offers_h2,
	    .tls = connection->tls};
	if (exchange->signing != 0) {
		open->sign_service = exchange->sign_service;
		open->sign_region = exchange->sign_region;
		open->payload_hash = span_of_text(inject->payload);
	}
	body_say(exchange, open);
	if ((r = pieces_put(&b, inject == NULL ? NULL : &inject->path, exchange->target.path, &open->path,
		 &open->path_n, why)) != OK ||
	    (r = pieces_put(&b, inject == NULL ? NULL : &inject->query, exchange->target.query, &open->query,
		 &open->query_n, why)) != OK ||
	    (r = routed_way(exchange, &place, arena, open, why)) != OK)
		return r;
	return fields_put(&b, why);
}
