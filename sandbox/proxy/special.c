/* Special names: a table; each row serves its name. What is not configured says so. */
#include "sandbox/proxy/special.h"

#include <string.h>

#include "common/base/clean.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/inference.h"
#include "sandbox/proxy/reply.h"

struct special {
	const char *host;
	uint16_t port;
	enum how how;
	void (*serve)(struct connection *connection); /* NULL: refused, with: */
	unsigned status;
	const char *error, *detail;
};

static const struct special rows[] = {
    {"inference.local", 443, HOW_CONNECT, inference_serve, 0, NULL, NULL},
    {"inference.local", 443, HOW_TRANSPARENT, inference_serve, 0, NULL, NULL},
    {"policy.local", 80, HOW_FORWARD, NULL, 404, "feature_disabled", "policy.local is not enabled for this sandbox"},
};

const struct special *
special_find(const struct connection *connection)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].how == connection->how && rows[i].port == connection->port &&
		    strcmp(rows[i].host, connection->host) == 0)
			return &rows[i];
	return NULL;
}

bool
special_name(const char *host)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].how == HOW_TRANSPARENT && strcmp(rows[i].host, host) == 0)
			return true;
	return false;
}

void
special_serve(const struct special *special, struct connection *connection)
{
	struct event event = {.class = EVENT_HTTP,
	    .severity = EVENT_INFO,
	    .action = EVENT_DENIED,
	    .activity = "REFUSE",
	    .head = "LOCAL refused",
	    .engine = "proxy",
	    .code = SPAN("not_configured"),
	    .reason = span_of_text(special->detail)};

	if (special->serve != NULL) {
		special->serve(connection);
		return;
	}
	connection_event(connection, &event);
	reply_error(connection->agent, special->status, special->error, span_of_text(special->detail), SPAN_NONE);
	connection_end(connection);
}
