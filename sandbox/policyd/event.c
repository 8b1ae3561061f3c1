/* Events: what only this daemon sees, as OCSF lines to the link. At most so many a second; what is left out is counted. */
#include "sandbox/policyd/policyd.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "sandbox/policyd/show.h"

#define EVENTS_A_SECOND	 20
#define DROPPED_AFTER_MS 2000
#define DROPPED_KINDS	 3
#define MESSAGE_BYTES	 4096

static const char *const dropped_keys[DROPPED_KINDS] = {"records", "unnoted", "refusals"};

static bool
allowed_now(struct policyd *policyd)
{
	uint64_t second = clock_ms() / 1000;

	if (policyd->events.second != second) {
		policyd->events.second = second;
		policyd->events.in_second = 0;
	}
	return policyd->events.in_second++ < EVENTS_A_SECOND;
}

static bool
emit(struct policyd *policyd, struct span message, struct span *fields, size_t fields_n)
{
	struct msg_log_line line = {.time_ms = (uint64_t)clock_wall_ms(),
	    .source = SPAN("sandbox"),
	    .level = SPAN("OCSF"),
	    .target = SPAN("policyd"),
	    .message = show_fit(message, 8192),
	    .fields = fields,
	    .fields_n = fields_n};

	return lines_tell(&policyd->events.lines, allowed_now(policyd) ? policyd->link : NULL, policyd->sandbox, &line);
}

static struct span
field(struct arena *arena, const char *key, struct span value)
{
	char *text = arena_format(arena, "%s=" SPAN_FORMAT, key, SPAN_ARGS(show_fit(value, 900)));

	return span_of_text(text);
}

void
event_policy(struct policyd *policyd, bool loaded, uint32_t version, const char *words)
{
	auto_arena struct arena arena = {0};
	char *number = arena_format(&arena, "%u", version), *message;
	struct span fields[] = {
	    SPAN("class_uid=5019"),
	    SPAN("activity=update"),
	    loaded ? SPAN("severity=INFO") : SPAN("severity=MED"),
	    loaded ? SPAN("action=loaded") : SPAN("action=refused"),
	    field(&arena, "policy_version", span_of_text(number)),
	    field(&arena, "reason", span_of_text(words)),
	};

	message =
	    loaded ? arena_format(&arena, "CONFIG:UPDATE [INFO] LOADED policy revision %u", version)
		   : arena_format(&arena, "CONFIG:UPDATE [MED] REFUSED policy revision %u [reason:%s]", version, words);
	emit(policyd, span_of_text(message), fields, loaded ? 5 : 6);
}

void
event_warning(struct policyd *policyd, uint32_t version, struct span words)
{
	auto_arena struct arena arena = {0};
	struct span fields[] = {SPAN("class_uid=5019"), SPAN("activity=update"), SPAN("severity=LOW"),
	    SPAN("action=audited"), span_of_text(arena_format(&arena, "policy_version=%u", version)),
	    field(&arena, "reason", words)};
	char *message = arena_format(&arena, "CONFIG:UPDATE [LOW] AUDITED policy revision %u [reason:" SPAN_FORMAT "]",
	    version, SPAN_ARGS(show_fit(words, 512)));

	emit(policyd, span_of_text(message), fields, COUNT(fields));
}

void
event_closed(struct policyd *policyd, uint32_t version, const char *words)
{
	auto_arena struct arena arena = {0};
	struct span fields[] = {SPAN("class_uid=5019"), SPAN("activity=update"), SPAN("severity=HIGH"),
	    SPAN("action=closed"), span_of_text(arena_format(&arena, "policy_version=%u", version)),
	    field(&arena, "reason", span_of_text(words))};
	char *message = arena_format(
	    &arena, "CONFIG:UPDATE [HIGH] CLOSED nothing is allowed until a policy is loaded [reason:%s]", words);

	emit(policyd, span_of_text(message), fields, COUNT(fields));
}

void
event_integrity(struct policyd *policyd, const struct identity *identity)
{
	auto_arena struct arena arena = {0};
	char shown[MESSAGE_BYTES];
	struct text text = TEXT_OF(shown);
	struct span fields[] = {
	    SPAN("class_uid=2004"),
	    SPAN("activity=create"),
	    SPAN("severity=HIGH"),
	    SPAN("action=denied"),
	    SPAN("code=integrity"),
	    field(&arena, "binary", show_path(identity->exe, &arena)),
	    field(&arena, "reason", identity->words),
	};

	text_add(&text, "FINDING:CREATE [HIGH] DENIED ");
	text_add_escaped(&text, show_fit(identity->exe, 1024));
	text_add(&text, " [reason:" SPAN_FORMAT "]", SPAN_ARGS(identity->words));
	emit(policyd, text_span(&text), fields, COUNT(fields));
}

/* ---- what the fence refused ---- */

/* What the agent should do instead. */
static const char *
hint_of(const struct refusal *refusal)
{
	if (refusal->protocol == IPPROTO_TCP)
		return "this port is not for direct connections: use the address that is meant, or the proxy variables";
	if (refusal->protocol != IPPROTO_UDP)
		return "only TCP goes out";
	return refusal->port == 53 ? "names are resolved by the servers of /etc/resolv.conf"
				   : "UDP does not go out: use TCP";
}

static const char *
protocol_of(const struct refusal *refusal, struct arena *arena)
{
	static const struct {
		uint8_t number;
		const char *name;
	} known[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_ICMP, "icmp"}, {IPPROTO_ICMPV6, "icmp6"}};

	for (size_t i = 0; i < COUNT(known); i++)
		if (known[i].number == refusal->protocol)
			return known[i].name;
	return arena_format(arena, "%u", refusal->protocol);
}

/* address:port, [address]:port, or the address alone where the protocol has no ports. */
static const char *
place_of(const struct refusal *refusal, const char *host, struct arena *arena)
{
	bool six = refusal->address_bytes == 16;

	if (refusal->port == 0)
		return host;
	return arena_format(arena, six ? "[%s]:%u" : "%s:%u", host, refusal->port);
}

void
event_bypass(struct policyd *policyd, const struct refusal *refusal, const char *binary, uint32_t pid)
{
	auto_arena struct arena arena = {0};
	char host[INET6_ADDRSTRLEN] = "", shown[MESSAGE_BYTES];
	const char *protocol = protocol_of(refusal, &arena), *hint = hint_of(refusal);
	struct span path = show_path(span_of_text(binary), &arena);
	struct text text = TEXT_OF(shown);
	struct span fields[] = {SPAN("class_uid=4001"), SPAN("activity=REFUSE"), SPAN("severity=MED"),
	    SPAN("action=DENIED"), SPAN("disposition=Blocked"), SPAN("code=bypass"), SPAN("stage=bypass"),
	    SPAN("engine=fence"), field(&arena, "protocol", span_of_text(protocol)),
	    field(&arena, "reason", span_of_text(hint)), SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE};
	size_t n = 10;

	inet_ntop(refusal->address_bytes == 4 ? AF_INET : AF_INET6, refusal->destination, host, sizeof(host));
	fields[n++] = field(&arena, "host", span_of_text(host));
	if (refusal->port != 0)
		fields[n++] = span_of_text(arena_format(&arena, "port=%u", refusal->port));
	if (path.length > 0)
		fields[n++] = field(&arena, "binary", path);
	if (pid != 0)
		fields[n++] = span_of_text(arena_format(&arena, "pid=%u", pid));
	text_add(&text, "NET:REFUSE [MED] DENIED BYPASS_DETECT %s proto=%s binary=", place_of(refusal, host, &arena),
	    protocol);
	text_add_escaped(&text, path.length == 0 ? SPAN("-") : show_fit(path, 1024));
	if (pid != 0)
		text_add(&text, "(%u)", pid);
	text_add(&text, " [policy:- engine:fence] [reason:%s]", hint);
	emit(policyd, text_span(&text), fields, n);
}

/* ---- what was dropped ---- */

/* Records that made room for others; connects that could not be noted, so that they will be denied; packets of the fence. */
static void
dropped_now(const struct policyd *policyd, uint64_t out[DROPPED_KINDS])
{
	out[0] = policyd->records.dropped - policyd->events.told[0];
	out[1] = policyd->notify.unnoted - policyd->events.told[1];
	out[2] = policyd->bypasses.dropped - policyd->events.told[2];
}

static void
dropped_report(void *self)
{
	struct policyd *policyd = self;
	uint64_t now[DROPPED_KINDS];
	bool sent;
	auto_arena struct arena arena = {0};
	struct span fields[4 + DROPPED_KINDS] = {
	    SPAN("class_uid=2004"), SPAN("activity=create"), SPAN("severity=LOW"), SPAN("action=dropped")};

	dropped_now(policyd, now);
	for (size_t i = 0; i < DROPPED_KINDS; i++)
		fields[4 + i] =
		    span_of_text(arena_format(&arena, "%s=%llu", dropped_keys[i], (unsigned long long)now[i]));
	sent = emit(policyd,
	    span_of_text(arena_format(&arena,
		"FINDING:CREATE [LOW] DROPPED %llu connect records, %llu connects not noted, %llu refused packets not told",
		(unsigned long long)now[0], (unsigned long long)now[1], (unsigned long long)now[2])),
	    fields, COUNT(fields));
	for (size_t i = 0; sent && i < DROPPED_KINDS; i++)
		policyd->events.told[i] += now[i];
}

void
event_dropped_watch(struct policyd *policyd)
{
	uint64_t now[DROPPED_KINDS];

	dropped_now(policyd, now);
	if (now[0] + now[1] + now[2] + policyd->events.lines.lost > 0 && policyd->events.timer.place == 0)
		loop_timer_set(policyd->loop, &policyd->events.timer, DROPPED_AFTER_MS, dropped_report, policyd);
}
