/* Bodies: read whole where placeholders in them are to be filled or they are to be signed, else watched as they pass. */
#include "common/base/clean.h"
#include "common/wire/digest.h"
#include "common/wire/json.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/inject.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/tokens.h"

#define REWRITE_BYTES (256u << 10)
#define SIGNED_BYTES  (10u << 20)
#define BODY_PIECES   1024

enum { SIGNING_NOT, SIGNING_AS_CLIENT, SIGNING_BODY, SIGNING_NO_BODY };

void
inject_too_large(struct exchange *exchange)
{
	if (exchange->signing != SIGNING_NOT)
		inject_refuse(exchange, 413, "credential_injection_failed",
		    "the body is over 10 MiB, which is what can be signed");
	else
		inject_refuse(exchange, 413, "credential_injection_failed",
		    "the body is over 256 KiB, which is what placeholders are filled in");
}

/* ---- which bodies ---- */

enum body_form { FORM_NOT, FORM_JSON, FORM_PAIRS, FORM_TEXT };

/* The type without its parameters. */
static struct span
type_of(const struct http_head *request)
{
	const struct http_field *field = http_find(request, HTTP_CONTENT_TYPE);
	struct span type = field == NULL ? SPAN_NONE : field->value;

	type = span_cut(&type, ';');
	while (type.length > 0 && (type.at[type.length - 1] == ' ' || type.at[type.length - 1] == '\t'))
		type.length--;
	return type;
}

static bool
ends_with(struct span text, struct span end)
{
	return text.length >= end.length && http_same(span_tail(text, text.length - end.length), end);
}

static enum body_form
form_of(const struct exchange *exchange)
{
	struct span type = type_of(&exchange->request);

	if (http_count(&exchange->request, HTTP_CONTENT_TYPE) != 1 ||
	    http_find(&exchange->request, HTTP_CONTENT_ENCODING) != NULL)
		return FORM_NOT;
	if (http_same(type, SPAN("application/json")) || ends_with(type, SPAN("+json")))
		return FORM_JSON;
	if (http_same(type, SPAN("application/x-www-form-urlencoded")))
		return FORM_PAIRS;
	return http_same(span_head(type, 5), SPAN("text/")) ? FORM_TEXT : FORM_NOT;
}

static bool
is_rewritten(const struct exchange *exchange)
{
	return exchange->rewrite_body && form_of(exchange) != FORM_NOT;
}

/* ---- signing: what is said of the body (9.5) ---- */

static const struct http_field *
said_payload(const struct http_head *request)
{
	return http_find_text(request, "x-amz-content-sha256");
}

static bool
is_digest(struct span text)
{
	char bytes[32];

	return hex_read(text, bytes, sizeof(bytes));
}

/* Must the body be read to be signed? */
static bool
needs_digest(const struct exchange *exchange)
{
	const struct http_field *said = said_payload(&exchange->request);

	if (exchange->signing == SIGNING_BODY)
		return true;
	return exchange->signing == SIGNING_AS_CLIENT && said == NULL && exchange->request.body != HTTP_BODY_CHUNKED;
}

/* What is signed in the body's place; false: chunks with signatures of their own, which nobody can make for us. */
static bool
payload_take(struct exchange *exchange)
{
	const struct http_field *said = said_payload(&exchange->request);
	struct text text = {exchange->inject->payload, 0, sizeof(exchange->inject->payload), false};

	if (needs_digest(exchange))
		digest_sha256_hex(exchange->collected_whole ? bytes_span(&exchange->collected) : SPAN_NONE, text.at);
	else if (exchange->signing == SIGNING_NO_BODY || said == NULL)
		text_add(&text, "UNSIGNED-PAYLOAD");
	else if (is_digest(said->value) || span_is(said->value, "UNSIGNED-PAYLOAD") ||
		 span_is(said->value, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"))
		text_add_span(&text, said->value);
	else
		return false;
	return true;
}

/* ---- once it is allowed ---- */

/* How much of the body is wanted; 0: none. */
static size_t
wanted(const struct exchange *exchange)
{
	if (exchange->request.body == HTTP_BODY_NONE)
		return 0;
	return needs_digest(exchange) ? SIGNED_BYTES : is_rewritten(exchange) ? REWRITE_BYTES : 0;
}

/* Not read whole: it is known to be too long, or as it comes. */
static void
collect(struct exchange *exchange, size_t max)
{
	exchange->body_max = max;
	exchange->collecting = true;
	exchange->collected_whole = true;
	exchange->state = EXCHANGE_COLLECTING;
	if (exchange->request.has_length && exchange->request.length > max)
		inject_too_large(exchange);
	else if (exchange->request_done)
		inject_collected(exchange);
	else
		exchange_proceed(exchange);
}

bool
inject_allowed(struct exchange *exchange, const struct msg_verdict *verdict)
{
	size_t max;

	exchange->rewrite_body = verdict->rewrite_body;
	exchange->rewrite_messages = exchange->websocket && verdict->rewrite_messages;
	exchange->signing = verdict->signing;
	exchange->sign_service = exchange_copy(exchange, verdict->sign_service);
	exchange->sign_region = exchange_copy(exchange, verdict->sign_region);
	if (exchange->inject != NULL && exchange->inject->signature && exchange->signing == SIGNING_NOT) {
		inject_refuse(exchange, 403, "invalid_credential_placeholder",
		    "signed with placeholders, where nothing is signed anew");
		return false;
	}
	max = wanted(exchange);
	if (max > 0 && !exchange->collected_whole) {
		collect(exchange, max);
		return false;
	}
	if (max == 0 && exchange->signing == SIGNING_NOT && !exchange->collected_whole)
		return true;
	inject_collected(exchange);
	return false;
}

/* ---- what was read ---- */

static enum err
body_cut(struct exchange *exchange, struct inject *inject, struct placeholder_pieces *pieces, struct why *why)
{
	const struct placeholder_tokens tokens = tokens_of(exchange->http->connection->proxy);
	struct span body = bytes_span(&exchange->collected);

	switch (form_of(exchange)) {
	case FORM_JSON:
		return placeholder_json(body, &tokens, &inject->memory, pieces, why);
	case FORM_PAIRS:
		return placeholder_query(body, PLACEHOLDER_FORM, &tokens, &inject->memory, pieces, why);
	case FORM_TEXT:
		return placeholder_text(body, &tokens, pieces, why);
	default:
		return OK;
	}
}

/* Its pieces, in the memory of its own. */
static enum err
body_take(struct exchange *exchange, struct why *why)
{
	struct inject *inject = exchange->inject;
	struct placeholder_pieces pieces = {.max = BODY_PIECES};
	enum err r;

	if ((pieces.at = arena_array(&inject->memory, BODY_PIECES, sizeof(*pieces.at))) == NULL)
		return fail(why, ERR_LIMIT, "the body is too large");
	if ((r = body_cut(exchange, inject, &pieces, why)) == OK)
		inject->body = pieces;
	return r;
}

void
inject_collected(struct exchange *exchange)
{
	struct why why = {0};
	enum err r = OK;

	exchange->collecting = false;
	if (is_rewritten(exchange) && bytes_length(&exchange->collected) > REWRITE_BYTES) {
		inject_too_large(exchange);
		return;
	}
	if ((exchange->signing != SIGNING_NOT ||
		(is_rewritten(exchange) && placeholder_marked(bytes_span(&exchange->collected)))) &&
	    inject_needed(exchange) == NULL)
		r = fail(&why, ERR_LIMIT, "the request is too large");
	else if (exchange->signing != SIGNING_NOT && !payload_take(exchange))
		r = fail(&why, ERR_SYNTAX, "a body that is signed in chunks cannot be signed anew");
	else if (is_rewritten(exchange) && exchange->inject != NULL)
		r = body_take(exchange, &why);
	if (r == OK && exchange->collected_whole && !is_rewritten(exchange) &&
	    !inject_passes(exchange, bytes_span(&exchange->collected)))
		return;
	if (r == OK)
		exchange_decide(exchange);
	else
		inject_refuse(exchange, 403,
		    r == ERR_NOT_FOUND ? "credential_unavailable" : "credential_injection_failed", why.text);
}

/* ---- bodies that pass ---- */

/* Is there nothing behind these bytes? Where the length was told, the server would take them for the end. */
static bool
is_last(const struct exchange *exchange, struct span bytes)
{
	return bytes.length == 0 || exchange->collected_whole ||
	       (exchange->request.body == HTTP_BODY_LENGTH && exchange->passed == exchange->request.length);
}

bool
inject_passes(struct exchange *exchange, struct span bytes)
{
	const struct proxy *proxy = exchange->http->connection->proxy;
	const struct placeholder_tokens tokens = tokens_of(proxy);

	exchange->passed += bytes.length;
	if (!tokens_any(proxy))
		return true;
	if (exchange->tail == NULL && (exchange->tail = exchange_alloc(exchange, sizeof(*exchange->tail))) != NULL)
		exchange->tail->n = 0;
	if (exchange->tail == NULL) {
		inject_refuse(exchange, 403, "credential_injection_failed", "the request is too large");
		return false;
	}
	if (placeholder_passes(exchange->tail, bytes, is_last(exchange, bytes), &tokens))
		return true;
	inject_refuse(exchange, 403, "credential_injection_failed", "a placeholder in a body, where none is filled");
	return false;
}

bool
inject_trailers(struct exchange *exchange, const struct http_field *trailers, size_t n)
{
	bool goes_on = exchange->state == EXCHANGE_SENT || exchange->state == EXCHANGE_COLLECTING;

	for (size_t i = 0; goes_on && exchange->inference == NULL && i < n; i++)
		if (placeholder_marked(trailers[i].name) || placeholder_marked(trailers[i].value)) {
			inject_refuse(exchange, 403, "invalid_credential_placeholder",
			    "a placeholder in a trailer, where none is filled");
			return false;
		}
	return true;
}

enum err
inject_message(const struct proxy *proxy, struct span text, struct arena *arena, struct placeholder_pieces *pieces,
    struct why *why)
{
	const struct placeholder_tokens tokens = tokens_of(proxy);
	struct why not_json;
	struct json json;

	if (!placeholder_marked(text)) {
		pieces->n = pieces->slots = 0;
		return OK;
	}
	if (json_read(text, &json, &not_json) == OK)
		return placeholder_json(text, &tokens, arena, pieces, why);
	return placeholder_text(text, &tokens, pieces, why);
}
