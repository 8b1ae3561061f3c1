/* An event: what happened to one connection or request, as it becomes one OCSF line (connection_event tells it). */
#ifndef SANDBOX_PROXY_EVENT_H
#define SANDBOX_PROXY_EVENT_H

#include "common/base/span.h"
#include "sandbox/proxy/connection.h"

enum event_class { EVENT_NET = 4001, EVENT_HTTP = 4002, EVENT_API = 6003, EVENT_FINDING = 2004 };
enum event_severity { EVENT_INFO = 1, EVENT_LOW, EVENT_MED, EVENT_HIGH, EVENT_CRIT };
enum event_action { EVENT_ALLOWED = 1, EVENT_DENIED, EVENT_AUDITED, EVENT_ENDED };

/*
 * One event. The line is (policy-and-proxy, 8.2)
 *   CLASS:ACTIVITY [SEV] ACTION HEAD [METHOD] HOST:PORT[PATH] [BINARY(PID)] [DETAILS] [policy:NAME engine:E] [reason:...]
 * and the fields hold the same as KEY=value. Everything is copied; strangers' bytes are escaped. Host, port, binary and
 * pid come from the connection. A path never holds a query.
 */
struct event {
	enum event_class class;
	enum event_severity severity;
	enum event_action action;
	const char *activity; /* one word in capitals: OPEN, CLOSE, REFUSE; for EVENT_HTTP: REQUEST, RESPONSE, ... */
	const char *head;     /* what tools look for: "CONNECT allowed", "FORWARD denied", "L7_REQUEST allow" */
	const char *engine;   /* opa (rules), ssrf (destinations), proxy; NULL: none */
	struct span method, path;
	struct span protocol;	  /* rest, graphql, ... */
	struct span policy, rule; /* empty policy: the one that admitted the connection */
	struct span code, reason;
	bool onward;	     /* it went by the operator's proxy, though the connection has no way there itself */
	struct span details; /* KEY=value words for the line, made by us: "rule_methods=a,b tools=c" */
};

#endif
