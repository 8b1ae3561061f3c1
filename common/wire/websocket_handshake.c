/* WebSocket handshakes: the key and its answer, lists of extensions and of protocols. */
#include "common/wire/websocket_handshake.h"

#include "common/base/text.h"
#include "common/wire/digest.h"

#define GUID	       "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define ALNUM	       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define BASE64_BYTES   ALNUM "+/"
#define TOKEN_BYTES    ALNUM "!#$%&'*+-.^_`|~" /* RFC 9110, 5.6.2 */
#define KEY_BYTES      24
#define PARAMETERS_MAX 8

bool
websocket_key(struct span key)
{
	/* 16 bytes are 21 letters of six bits and one of two: the other four bits of that are zero. */
	return key.length == KEY_BYTES && span_only(span_head(key, 21), BASE64_BYTES) &&
	       span_only(span_head(span_tail(key, 21), 1), "AQgw") && span_is(span_tail(key, 22), "==");
}

void
websocket_accept(struct span key, char to[WEBSOCKET_ACCEPT_BYTES])
{
	char joined[KEY_BYTES + sizeof(GUID)];
	struct text text = TEXT_OF(joined);

	text_add_span(&text, span_head(key, KEY_BYTES));
	text_add(&text, "%s", GUID);
	digest_sha1_base64(text_span(&text), to);
}

struct parameter {
	struct span name, value;
	bool has_value;
};

struct extension {
	struct span name;
	struct parameter parameters[PARAMETERS_MAX];
	size_t n;
};

static void
space_skip(struct span *rest)
{
	while (rest->length > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		*rest = span_tail(*rest, 1);
}

static bool
eat(struct span *rest, char byte)
{
	space_skip(rest);
	if (rest->length == 0 || rest->at[0] != byte)
		return false;
	*rest = span_tail(*rest, 1);
	return true;
}

static bool
token_take(struct span *rest, struct span *out)
{
	size_t n = 0;

	space_skip(rest);
	while (n < rest->length && span_only(span_head(span_tail(*rest, n), 1), TOKEN_BYTES))
		n++;
	*out = span_head(*rest, n);
	*rest = span_tail(*rest, n);
	return n > 0;
}

/* A quoted value must be a token inside its quotes (RFC 6455, 9.1); escapes are nobody's need. */
static bool
parameter_take(struct span *rest, struct parameter *out)
{
	bool quoted;

	if (!token_take(rest, &out->name))
		return false;
	out->has_value = eat(rest, '=');
	if (!out->has_value)
		return true;
	quoted = eat(rest, '"');
	return token_take(rest, &out->value) && (!quoted || eat(rest, '"'));
}

static bool
extension_take(struct span *rest, struct extension *out)
{
	*out = (struct extension){0};
	if (!token_take(rest, &out->name))
		return false;
	while (eat(rest, ';'))
		if (out->n == PARAMETERS_MAX || !parameter_take(rest, &out->parameters[out->n++]))
			return false;
	space_skip(rest);
	return true;
}

/* The parameters of permessage-deflate (RFC 7692, 7.1). */
enum deflate_parameter { SERVER_NO_TAKEOVER, CLIENT_NO_TAKEOVER, SERVER_BITS, CLIENT_BITS, DEFLATE_PARAMETERS };

static const struct {
	const char *name;
	bool bits, bits_needed; /* a number of 8 to 15; not to be left out */
} deflate_parameters[DEFLATE_PARAMETERS] = {
    [SERVER_NO_TAKEOVER] = {"server_no_context_takeover", false, false},
    [CLIENT_NO_TAKEOVER] = {"client_no_context_takeover", false, false},
    [SERVER_BITS] = {"server_max_window_bits", true, true},
    [CLIENT_BITS] = {"client_max_window_bits", true, false},
};

static bool
parameter_ok(const struct parameter *parameter, enum deflate_parameter which)
{
	uint64_t bits;

	if (!parameter->has_value)
		return !deflate_parameters[which].bits_needed;
	return deflate_parameters[which].bits && number_parse(parameter->value, 8, 15, &bits, NULL) == OK;
}

/* Which parameters there are; false: one that is unknown, wrong or there twice. */
static bool
deflate_read(const struct extension *extension, const struct parameter *out[DEFLATE_PARAMETERS])
{
	for (size_t i = 0; i < extension->n; i++) {
		const struct parameter *parameter = &extension->parameters[i];
		size_t which = 0;

		while (which < DEFLATE_PARAMETERS && !span_is(parameter->name, deflate_parameters[which].name))
			which++;
		if (which == DEFLATE_PARAMETERS || out[which] != NULL ||
		    !parameter_ok(parameter, (enum deflate_parameter)which))
			return false;
		out[which] = parameter;
	}
	return true;
}

enum err
websocket_offer(struct span extensions, bool *deflate, struct why *why)
{
	bool offered = false;

	space_skip(&extensions);
	while (extensions.length > 0) {
		const struct parameter *parameters[DEFLATE_PARAMETERS] = {0};
		struct extension extension;

		if (!extension_take(&extensions, &extension) ||
		    (extensions.length > 0 && (!eat(&extensions, ',') || extensions.length == 0)))
			return fail(why, ERR_SYNTAX, "not a list of extensions");
		if (span_is(extension.name, "permessage-deflate") && deflate_read(&extension, parameters) &&
		    parameters[SERVER_NO_TAKEOVER] == NULL && parameters[SERVER_BITS] == NULL)
			offered = true;
	}
	*deflate = offered;
	return OK;
}

enum err
websocket_agreed(struct span extensions, bool offered, struct websocket_deflate *out, struct why *why)
{
	const struct parameter *parameters[DEFLATE_PARAMETERS] = {0};
	struct websocket_deflate deflate = {.on = true};
	struct text answer = TEXT_OF(deflate.answer);
	struct extension extension;

	space_skip(&extensions);
	if (extensions.length == 0) {
		*out = (struct websocket_deflate){0};
		return OK;
	}
	if (!extension_take(&extensions, &extension) || extensions.length > 0)
		return fail(why, ERR_PROTOCOL, "not one extension");
	if (!offered || !span_is(extension.name, "permessage-deflate") || !deflate_read(&extension, parameters) ||
	    parameters[CLIENT_BITS] != NULL)
		return fail(why, ERR_PROTOCOL, "an extension that was not offered so");
	text_add(&answer, "permessage-deflate; client_no_context_takeover");
	if (parameters[SERVER_NO_TAKEOVER] != NULL)
		text_add(&answer, "; server_no_context_takeover");
	if (parameters[SERVER_BITS] != NULL)
		text_add(&answer, "; server_max_window_bits=" SPAN_FORMAT, SPAN_ARGS(parameters[SERVER_BITS]->value));
	*out = deflate;
	return OK;
}

bool
websocket_protocol_offered(struct span offered, struct span protocol)
{
	struct span token;

	while (token_take(&offered, &token)) {
		if (span_equal(token, protocol))
			return true;
		if (!eat(&offered, ','))
			return false;
	}
	return false;
}
