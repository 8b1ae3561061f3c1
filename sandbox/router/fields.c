/* Fields: which the proxy may have written into a request's head or behind its body. */
#include "sandbox/router/fields.h"

#include "common/wire/http_head.h"

/* Servers and what stands before them send these back as they came: no secret is read there, but who wrote it learns it. */
static const char *const echoed[] = {"x-request-id", "request-id", "x-correlation-id", "correlation-id", "traceparent",
    "tracestate", "x-amzn-trace-id", "x-cloud-trace-context", "origin", "access-control-request-method",
    "access-control-request-headers", NULL};

static bool
is_one_of(struct span name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (span_is(name, *names))
			return true;
	return false;
}

bool
fields_may_hold(struct span name, struct span value, bool upgrade)
{
	struct http_field field = http_field_of(name, value);

	if (!http_token(name) || !http_value_ok(value) ||
	    (value.length > 0 && (value.at[0] == ' ' || value.at[value.length - 1] == ' ')))
		return false;
	for (size_t i = 0; i < name.length; i++)
		if (name.at[i] >= 'A' && name.at[i] <= 'Z')
			return false;
	if (http_redirects(name)) /* to elsewhere than what was compared with the bindings */
		return false;
	if (field.known == HTTP_TE)
		return span_is(value, "trailers");
	if (field.known == HTTP_EXPECT)
		return span_is(value, "100-continue");
	if (field.known == HTTP_WEBSOCKET_KEY || field.known == HTTP_WEBSOCKET_VERSION)
		return upgrade;
	return !field.hop && field.known != HTTP_HOST && field.known != HTTP_CONTENT_LENGTH &&
	       field.known != HTTP_TRANSFER_ENCODING && field.known != HTTP_CONNECTION && field.known != HTTP_UPGRADE;
}

bool
fields_may_trail(struct span name, struct span value)
{
	return !http_trailer_of(name, value).hop && fields_may_hold(name, value, false);
}

bool
fields_echoed(struct span name)
{
	return is_one_of(name, echoed);
}
