/* Absolute form: only http has an authority that is looked at; the others are refused by their scheme. */
#include "sandbox/proxy/absolute.h"

#include "common/wire/http_head.h"

#define SCHEME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."

static enum absolute_scheme
scheme_of(struct span scheme)
{
	if (http_same(scheme, SPAN("http")))
		return ABSOLUTE_HTTP;
	return http_same(scheme, SPAN("https")) ? ABSOLUTE_HTTPS : ABSOLUTE_OTHER;
}

static size_t
authority_end(struct span rest)
{
	size_t end = 0;

	while (end < rest.length && rest.at[end] != '/' && rest.at[end] != '?')
		end++;
	return end;
}

enum err
absolute_parse(struct span target, struct absolute *out, struct why *why)
{
	struct absolute made = {0};
	size_t colon, hash, end;
	enum err r;

	if (!span_find(target, ':', &colon) || colon == 0 || !span_only(span_head(target, colon), SCHEME_BYTES) ||
	    !span_starts(span_tail(target, colon), SPAN("://")))
		return fail(why, ERR_SYNTAX, "not scheme://authority");
	if (span_find(target, '#', &hash))
		return fail(why, ERR_SYNTAX, "a fragment");
	made.scheme = scheme_of(span_head(target, colon));
	target = span_tail(target, colon + 3);
	end = authority_end(target);
	if (made.scheme == ABSOLUTE_HTTP &&
	    (r = http_authority_parse(span_head(target, end), &made.authority, why)) != OK)
		return r;
	made.path = span_tail(target, end);
	made.path = span_cut(&made.path, '?');
	*out = made;
	return OK;
}
