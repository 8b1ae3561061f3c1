/* Events: what only this daemon sees, as OCSF lines to the link. At most so many a second; what is left out is counted. */
#include "sandbox/policyd/policyd.h"

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "sandbox/policyd/show.h"

#define EVENTS_A_SECOND 20
#define DROPPED_EVERY_MS 10000
#define MESSAGE_BYTES	 4096

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

static void
emit(struct policyd *policyd, struct span message, struct span *fields, size_t fields_n)
{
	struct msg_log_line line = {.time_ms = (uint64_t)clock_wall_ms(),
	    .source = SPAN("sandbox"),
	    .level = SPAN("OCSF"),
	    .target = SPAN("policyd"),
	    .message = show_fit(message, 8192),
	    .fields = fields,
	    .fields_n = fields_n};
	struct msg m = {.id = LOGS_ADD,
	    .logs_add = {.sandbox = policyd->sandbox, .lines = &line, .lines_n = 1, .dropped = policyd->events.lost}};
	struct why why;

	if (policyd->link == NULL || !allowed_now(policyd) || peer_tell(policyd->link, &m, &why) != OK)
		policyd->events.lost += policyd->events.lost < UINT32_MAX;
	else
		policyd->events.lost = 0;
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

	message = loaded ? arena_format(&arena, "CONFIG:UPDATE [INFO] LOADED policy revision %u", version)
			 : arena_format(&arena, "CONFIG:UPDATE [MED] REFUSED policy revision %u [reason:%s]", version, words);
	emit(policyd, span_of_text(message), fields, loaded ? 5 : 6);
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

/* Records that made room for others, and connects that could not be noted: their connections will be denied. */
static void
dropped_report(void *self)
{
	struct policyd *policyd = self;
	uint64_t records = policyd->records.dropped - policyd->events.told[0];
	uint64_t unnoted = policyd->notify.unnoted - policyd->events.told[1];
	auto_arena struct arena arena = {0};
	struct span fields[] = {SPAN("class_uid=2004"), SPAN("activity=create"), SPAN("severity=LOW"),
	    SPAN("action=dropped"), SPAN_NONE, SPAN_NONE};

	loop_timer_set(policyd->loop, &policyd->events.timer, DROPPED_EVERY_MS, dropped_report, policyd);
	if (records == 0 && unnoted == 0)
		return;
	policyd->events.told[0] += records;
	policyd->events.told[1] += unnoted;
	fields[4] = span_of_text(arena_format(&arena, "records=%llu", (unsigned long long)records));
	fields[5] = span_of_text(arena_format(&arena, "unnoted=%llu", (unsigned long long)unnoted));
	emit(policyd,
	    span_of_text(arena_format(&arena, "FINDING:CREATE [LOW] DROPPED %llu connect records, %llu connects not noted",
		(unsigned long long)records, (unsigned long long)unnoted)),
	    fields, COUNT(fields));
}

void
event_dropped_begin(struct policyd *policyd)
{
	dropped_report(policyd);
}
