/* Heads with placeholders: found before anybody is asked about the request, and refused where they cannot be filled. */
#include "sandbox/proxy/inject.h"

#include "common/base/clean.h"
#include "common/base/text.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/tokens.h"

#define PATH_PIECES  64
#define QUERY_PIECES 128
#define VALUE_PIECES 16
#define QUERY_BYTES  16384

struct inject *
inject_needed(struct exchange *exchange)
{
	if (exchange->inject == NULL && (exchange->inject = exchange_alloc(exchange, sizeof(struct inject))) != NULL)
		*exchange->inject = (struct inject){.memory = {.max_bytes = 4u << 20}};
	return exchange->inject;
}

/* From the caller's room into the exchange's; false: there is none. */
static bool
keep(struct exchange *exchange, const struct placeholder_pieces *from, struct placeholder_pieces *to)
{
	struct placeholder_piece *at = exchange_alloc(exchange, from->n * sizeof(*at));

	if (at == NULL)
		return false;
	memcpy(at, from->at, from->n * sizeof(*at));
	*to = (struct placeholder_pieces){.at = at, .n = from->n, .max = from->n, .slots = from->slots};
	return true;
}

static void
cannot(struct inject *inject, enum err r, const char *words)
{
	if (inject->r == OK) {
		inject->r = r;
		inject->words = words;
	}
}

/* ---- the target ---- */

/* As rules and logs see it. */
static struct span
shown(struct exchange *exchange, const struct placeholder_pieces *pieces)
{
	char bytes[QUERY_BYTES + PATH_PIECES * sizeof(PLACEHOLDER_SHOWN)];
	struct text text = TEXT_OF(bytes);

	placeholder_show(pieces, &text);
	return text.cut ? SPAN_NONE : exchange_copy(exchange, text_span(&text));
}

/* A path that is refused is still told of: without what looks like a placeholder. */
static struct span
masked(struct exchange *exchange, struct span path)
{
	char bytes[HTTP_PATH_BYTES];
	struct text text = TEXT_OF(bytes);
	struct placeholder found;
	size_t at = 0;

	while (placeholder_find(path, at, &found)) {
		text_add_span(&text, span_head(span_tail(path, at), found.at - at));
		text_add(&text, "%s", PLACEHOLDER_SHOWN);
		at = found.at + found.length;
	}
	text_add_span(&text, span_tail(path, at));
	return exchange_copy(exchange, text_span(&text));
}

static enum err
path_take(struct exchange *exchange, struct inject *inject, struct why *why)
{
	const struct placeholder_tokens tokens = tokens_of(exchange->http->connection->proxy);
	struct placeholder_piece room[PATH_PIECES];
	struct placeholder_pieces pieces = {.at = room, .max = PATH_PIECES};
	struct span path = exchange->target.path;
	enum err r = placeholder_path(path, &tokens, &pieces, why);

	if (r != OK)
		cannot(inject, r, "a placeholder in the path cannot be filled");
	else if (pieces.n == 0)
		return OK;
	else if (!keep(exchange, &pieces, &inject->path))
		return fail(why, ERR_LIMIT, "the request is too large");
	exchange->target.path = r == OK ? shown(exchange, &pieces) : masked(exchange, path);
	return exchange->target.path.length > 0 ? OK : fail(why, ERR_LIMIT, "the request is too large");
}

static enum err
query_take(struct exchange *exchange, struct inject *inject, struct why *why)
{
	const struct placeholder_tokens tokens = tokens_of(exchange->http->connection->proxy);
	struct placeholder_piece room[QUERY_PIECES];
	struct placeholder_pieces pieces = {.at = room, .max = QUERY_PIECES};
	enum err r =
	    placeholder_query(exchange->target.query, PLACEHOLDER_QUERY, &tokens, &exchange->more, &pieces, why);

	if (r != OK)
		cannot(inject, r, "a placeholder in the query cannot be filled");
	else if (pieces.n == 0)
		return OK;
	else if (!keep(exchange, &pieces, &inject->query))
		return fail(why, ERR_LIMIT, "the request is too large");
	exchange->target.query = r == OK ? shown(exchange, &pieces) : SPAN_NONE;
	return OK;
}

enum err
inject_target(struct exchange *exchange, struct why *why)
{
	struct inject *inject;
	enum err r;

	if (!placeholder_marked(exchange->target.path) && !placeholder_marked(exchange->target.query))
		return OK;
	if ((inject = inject_needed(exchange)) == NULL)
		return fail(why, ERR_LIMIT, "the request is too large");
	if ((r = path_take(exchange, inject, why)) != OK)
		return r;
	return query_take(exchange, inject, why);
}

/* ---- the other fields ---- */

/* AWS's tools put the name of the key into what they sign; where requests are signed anew, theirs goes (9.5). */
static bool
is_signed_with(const struct http_field *field)
{
	return http_same(field->name, SPAN("authorization")) && span_starts(field->value, SPAN("AWS4-")) &&
	       placeholder_marked(field->value);
}

static enum err
field_take(struct exchange *exchange, size_t i, struct why *why)
{
	const struct placeholder_tokens tokens = tokens_of(exchange->http->connection->proxy);
	const struct http_field *field = &exchange->request.fields[i];
	struct placeholder_piece room[VALUE_PIECES];
	struct placeholder_pieces pieces = {.at = room, .max = VALUE_PIECES};
	struct inject *inject;
	enum err r;

	if (placeholder_marked(field->name))
		return fail(why, ERR_SYNTAX, "a placeholder in the name of a field");
	if (is_signed_with(field)) {
		if ((inject = inject_needed(exchange)) == NULL)
			return fail(why, ERR_LIMIT, "the head is too large");
		inject->signature = true;
		return OK;
	}
	if ((r = placeholder_header(field->value, &tokens, &exchange->more, &pieces, why)) != OK || pieces.n == 0)
		return r;
	if (field->hop || field->known == HTTP_HOST)
		return fail(why, ERR_SYNTAX, "a placeholder in a field that is not passed on");
	if (exchange->front.stream != 0 && field->known == HTTP_COOKIE)
		return fail(why, ERR_SYNTAX, "a placeholder in a crumb, which is no whole value");
	if ((inject = inject_needed(exchange)) == NULL ||
	    (inject->fields == NULL && (inject->fields = exchange_alloc(
					    exchange, exchange->request.fields_n * sizeof(*inject->fields))) == NULL))
		return fail(why, ERR_LIMIT, "the head is too large");
	inject->fields[inject->fields_n].field = i;
	if (!keep(exchange, &pieces, &inject->fields[inject->fields_n].pieces))
		return fail(why, ERR_LIMIT, "the head is too large");
	inject->fields_n++;
	return OK;
}

/* Most values are shorter than a mark is. */
static bool
may_hold(const struct http_field *field)
{
	return field->value.length >= PLACEHOLDER_MARK_BYTES || field->name.length >= PLACEHOLDER_MARK_BYTES;
}

static enum check
refuse(struct refusal *refusal, enum err r, const char *words)
{
	*refusal = (struct refusal){.status = 403,
	    .error = r == ERR_NOT_FOUND ? "credential_unavailable" : "invalid_credential_placeholder",
	    .detail = span_of_text(words)};
	return CHECK_REFUSE;
}

enum check
inject_check(struct exchange *exchange, struct refusal *refusal)
{
	struct http_head *request = &exchange->request;
	enum err r = exchange->inject == NULL ? OK : exchange->inject->r;
	struct why why = {0};

	if (r != OK)
		return refuse(refusal, r, exchange->inject->words);
	if (placeholder_marked(request->method))
		return refuse(refusal, ERR_SYNTAX, "a placeholder in the method");
	for (size_t i = 0; i < request->fields_n && r == OK; i++)
		if (may_hold(&request->fields[i]))
			r = field_take(exchange, i, &why);
	if (r != OK)
		return refuse(refusal, r,
		    r == ERR_NOT_FOUND ? "a placeholder in a header field stands for nothing here"
				       : "a placeholder in a header field that cannot be filled");
	if (exchange->inject == NULL)
		return CHECK_OK;
	if (request->host.length == 0)
		return refuse(refusal, ERR_SYNTAX, "a placeholder in a request without Host");
	if (exchange->http->connection->tls)
		return CHECK_OK;
	refuse(refusal, OK, "placeholders are filled over TLS only");
	refusal->error = "credential_injection_failed";
	return CHECK_REFUSE;
}

/* ---- its end ---- */

void
inject_let_go(struct exchange *exchange)
{
	if (exchange->inject == NULL)
		return;
	upstream_cancel(exchange->http->connection->proxy, exchange->inject->resolving);
	exchange->inject->resolving = 0;
}

void
inject_free(struct exchange *exchange)
{
	if (exchange->inject != NULL)
		arena_reset(&exchange->inject->memory);
}
