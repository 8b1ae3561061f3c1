/* Admission: policyd's answer turned into what the ways in need to know. */
#include "sandbox/proxy/admit.h"

#include <ctype.h>
#include <string.h>

#include "sandbox/proxy/event.h"
#include "sandbox/proxy/judge.h"

static const struct {
	const char *denied, *allowed, *failed;
} heads[] = {
    [HOW_TRANSPARENT] = {"TRANSPARENT denied", "TRANSPARENT allowed", "TRANSPARENT failed"},
    [HOW_CONNECT] = {"CONNECT denied", "CONNECT allowed", "CONNECT failed"},
    [HOW_FORWARD] = {"FORWARD denied", "FORWARD allowed", "FORWARD failed"},
};

void
admit_tell(struct connection *connection, bool allowed, const char *engine, struct span code, struct span reason)
{
	struct event event = {.class = EVENT_NET,
	    .severity = allowed ? EVENT_INFO : EVENT_MED,
	    .action = allowed ? EVENT_ALLOWED : EVENT_DENIED,
	    .activity = allowed ? "OPEN" : "REFUSE",
	    .head = allowed ? heads[connection->how].allowed : heads[connection->how].denied,
	    .engine = engine,
	    .code = code,
	    .reason = reason};

	connection_event(connection, &event);
}

void
admit_opened(struct connection *connection)
{
	if (connection->opened)
		return;
	connection->opened = true;
	admit_tell(connection, true, "opa", SPAN_NONE, SPAN_NONE);
}

void
admit_failed(struct connection *connection, struct span code, struct span reason)
{
	struct event event = {.class = EVENT_NET,
	    .severity = EVENT_LOW,
	    .action = EVENT_ENDED,
	    .activity = "FAIL",
	    .head = heads[connection->how].failed,
	    .engine = "proxy",
	    .code = code,
	    .reason = reason};

	connection_event(connection, &event);
}

static void
judged(struct connection *connection, enum err r, const struct why *said)
{
	struct why why = *said;
	struct span reason = connection->judged.reason;

	if (r == OK && !connection->judged.allowed) {
		admit_tell(connection, false, "opa", connection->judged.code, reason);
		r = fail(&why, ERR_DENIED, SPAN_FORMAT, SPAN_ARGS(reason));
	} else if (r == ERR_CONFLICT)
		admit_tell(connection, false, "opa", SPAN("generation"), SPAN("policy changed"));
	else if (r != OK)
		admit_tell(connection, false, "proxy", SPAN("no_decision"), span_of_text(said->text));
	connection->admitted(connection, r, &why);
}

void
admit(struct connection *connection, void (*then)(struct connection *connection, enum err r, const struct why *why))
{
	connection->admitted = then;
	judge_connection(connection, judged);
}

bool
admit_host(struct connection *connection, struct span host, uint16_t port)
{
	if (host.length == 0 || host.length >= sizeof(connection->host) || !span_utf8(host))
		return false;
	for (size_t i = 0; i < host.length; i++)
		connection->host[i] = (char)tolower((unsigned char)host.at[i]);
	connection->host[host.length] = 0;
	connection->port = port;
	return true;
}
