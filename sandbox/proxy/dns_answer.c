/* Answers: REFUSED for names that no endpoint could mean, a synthetic address for the others, no IPv6 (5.4). */
#include "sandbox/proxy/dns_answer.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "sandbox/proxy/events.h"
#include "sandbox/proxy/names.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/special.h"

#define JUDGE_MS 15000

static void
answer_code(struct dns_asked *asked, enum dns_code code, const uint8_t *address)
{
	uint8_t bytes[DNS_ANSWER_BYTES];
	size_t length = dns_answer_write(&asked->query, code, address, NAMES_TTL_S, bytes);

	asked->answer(asked, bytes, length);
}

/* The supervisor learns of it before the agent does, so that the next proxy knows it too. */
static void
tell_supervisor(struct proxy *proxy, const struct address *address, const char *name)
{
	char text[320];
	struct span line;
	struct msg m = {.id = PROXY_NAMES, .proxy_names = {.names = &line, .names_n = 1}};
	const uint8_t *b = address->bytes;
	struct why why;

	snprintf(text, sizeof(text), "%u.%u.%u.%u %s", b[0], b[1], b[2], b[3], name);
	line = span_of_text(text);
	if (proxy->supervisor != NULL && peer_tell(proxy->supervisor, &m, &why) != OK)
		log_warning("name.not_kept", "why=\"%s\"", log_quote(span_of_text(why.text)));
}

/* Told as often as it happens: events of one kind are one line with a count. */
static void
tell_no_room(struct proxy *proxy, const struct why *why)
{
	struct event event = {.class = EVENT_FINDING,
	    .severity = EVENT_MED,
	    .action = EVENT_DENIED,
	    .activity = "LIMIT",
	    .head = "DNS name without an address",
	    .engine = "proxy",
	    .code = SPAN("names_max"),
	    .reason = span_of_text(why->text)};

	event_add(proxy, NULL, &event);
}

static void
answer_known(struct dns_asked *asked)
{
	struct address address;
	struct why why;
	bool fresh;

	if (asked->query.type != DNS_A) {
		answer_code(asked, DNS_NOERROR, NULL);
		return;
	}
	if (names_give(asked->proxy->names, asked->query.name, clock_ms(), &address, &fresh, &why) != OK) {
		tell_no_room(asked->proxy, &why);
		answer_code(asked, DNS_SERVFAIL, NULL);
		return;
	}
	if (fresh)
		tell_supervisor(asked->proxy, &address, asked->query.name);
	answer_code(asked, DNS_NOERROR, address.bytes);
}

/* Whoever asks for a name that no policy lists wants to go there. Who it was is not known before it connects. */
static void
tell_refused(struct dns_asked *asked)
{
	char details[300];
	struct event event = {.class = EVENT_NET,
	    .severity = EVENT_MED,
	    .action = EVENT_DENIED,
	    .activity = "REFUSE",
	    .head = "DNS denied",
	    .engine = "opa",
	    .code = SPAN("no_endpoint"),
	    .reason = SPAN("no endpoint could mean this name")};

	snprintf(details, sizeof(details), "name=%s", asked->query.name);
	event.details = span_of_text(details);
	event_add(asked->proxy, NULL, &event);
}

static void
judged(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct dns_asked *asked = self;

	(void)why;
	asked->call = 0;
	if (r != OK || answer->id != NAME_JUDGED)
		answer_code(asked, DNS_SERVFAIL, NULL);
	else if (answer->name_judged.known)
		answer_known(asked);
	else {
		tell_refused(asked);
		answer_code(asked, DNS_REFUSED, NULL);
	}
}

static void
judge(struct dns_asked *asked)
{
	struct msg m = {.id = NAME_JUDGE, .name_judge = {span_of_text(asked->query.name)}};

	if (asked->proxy->policyd == NULL) {
		answer_code(asked, DNS_SERVFAIL, NULL);
		return;
	}
	asked->peer = asked->proxy->policyd;
	asked->call = peer_call(asked->peer, &m, JUDGE_MS, judged, asked);
}

void
dns_ask(struct dns_asked *asked, struct proxy *proxy, struct span message,
    void (*answer)(struct dns_asked *asked, const uint8_t *bytes, size_t length))
{
	uint8_t bytes[DNS_ANSWER_BYTES];
	struct why why;
	enum err r;

	asked->proxy = proxy;
	asked->answer = answer;
	if ((r = dns_query_read(message, &asked->query, &why)) == ERR_INVALID)
		answer(asked, bytes, 0);
	else if (r != OK)
		answer(asked, bytes, dns_refuse(message, dns_code_of(r), bytes));
	else if (asked->query.type != DNS_A && asked->query.type != DNS_AAAA)
		answer_code(asked, DNS_NOTIMP, NULL);
	else if (special_name(asked->query.name))
		answer_known(asked);
	else
		judge(asked);
}

void
dns_forget(struct dns_asked *asked)
{
	if (asked->call != 0)
		call_cancel(asked->peer, asked->call);
	asked->call = 0;
}
