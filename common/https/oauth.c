/* OAuth 2.0: the form of a token request, and the reading of what a token server answers. */
#include "common/https/oauth.h"

#include "common/https/https.h"
#include "common/wire/json.h"

void
form_add(struct text *form, const char *name, struct span value)
{
	text_add(form, "%s%s=", form->length == 0 ? "" : "&", name);
	https_encode(form, value);
}

/* ---- the answer ---- */

/* A token is what may stand in a header field: printable ASCII, and not too long. */
static enum err
token_take(struct json value, struct arena *arena, const char *name, struct span *out, struct why *why)
{
	struct span text;
	enum err r;

	if (value.kind != JSON_KIND_STRING || (r = json_unescape(value, arena, &text, why)) != OK || text.length == 0)
		return fail(why, ERR_PROTOCOL, "the answer has no %s", name);
	if (text.length > OAUTH_TOKEN_MAX)
		return fail(why, ERR_RANGE, "%s has more than %d bytes", name, OAUTH_TOKEN_MAX);
	for (size_t i = 0; i < text.length; i++)
		if (text.at[i] < ' ' || text.at[i] > '~')
			return fail(why, ERR_PROTOCOL, "%s holds a byte that no token may hold", name);
	*out = text;
	return OK;
}

/* A number, or (as some servers write it) a string of digits; a fraction is cut. */
static bool
lifetime_take(struct json value, uint64_t *out)
{
	struct span digits = value.text;
	size_t point;

	if (value.kind == JSON_KIND_STRING && digits.length >= 2)
		digits = span_head(span_tail(digits, 1), digits.length - 2);
	else if (value.kind != JSON_KIND_NUMBER)
		return false;
	if (span_find(digits, '.', &point))
		digits = span_head(digits, point);
	return number_parse(digits, 1, UINT32_MAX, out, NULL) == OK;
}

enum err
oauth_token_read(struct span body, struct arena *arena, struct oauth_token *out, struct why *why)
{
	struct oauth_token token = {0};
	struct json object, refresh;
	enum err r;

	if (json_read(body, &object, NULL) != OK || object.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_PROTOCOL, "the answer is no JSON object");
	if ((r = token_take(json_get(object, "access_token"), arena, "access_token", &token.access_token, why)) != OK)
		return r;
	refresh = json_get(object, "refresh_token");
	if (refresh.kind != JSON_KIND_NONE && refresh.kind != JSON_KIND_NULL &&
	    (r = token_take(refresh, arena, "refresh_token", &token.refresh_token, why)) != OK)
		return r;
	token.has_lifetime = lifetime_take(json_get(object, "expires_in"), &token.lifetime_s);
	*out = token;
	return OK;
}

struct span
oauth_error_read(struct span body)
{
	struct json object;
	struct span text;

	if (json_read(body, &object, NULL) != OK)
		return SPAN_NONE;
	text = json_get(object, "error").text;
	if (text.length < 3 || text.length > 66 || text.at[0] != '"')
		return SPAN_NONE;
	text = span_head(span_tail(text, 1), text.length - 2);
	return span_only(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ? text : SPAN_NONE;
}
