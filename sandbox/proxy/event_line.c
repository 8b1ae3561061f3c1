/* Lines of events (policy-and-proxy 8.2): strangers' bytes are escaped, what is too long is cut. */
#include "sandbox/proxy/event_line.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "sandbox/proxy/onward.h"
#include "sandbox/proxy/proxy.h"

#define FIELD_BYTES  1000 /* of one field, key included */
#define FIELDS_BYTES 8192
#define PATH_BYTES   1024 /* of a path in the line */
#define BINARY_BYTES 512

static const char *class_words(enum event_class class)
{
	return class == EVENT_HTTP ? "HTTP" : class == EVENT_API ? "API" : class == EVENT_FINDING ? "FINDING" : "NET";
}

static const char *const severities[] = {"", "INFO", "LOW", "MED", "HIGH", "CRIT"};
static const char *const actions[] = {"", "ALLOWED", "DENIED", "AUDITED", "ENDED"};
static const char *const dispositions[] = {"", "Allowed", "Blocked", "Logged", "Dropped"};

/* Most of what is written needs no escape: it is copied as a whole. */
static void
add_escaped(struct text *text, struct span bytes)
{
	for (size_t i = 0; i < bytes.length; i++) {
		unsigned char byte = (unsigned char)bytes.at[i];

		if (byte < 0x20 || byte > 0x7e || byte == '\\' || byte == '"') {
			text_add_escaped(text, bytes);
			return;
		}
	}
	text_add_span(text, bytes);
}

static void
add_words(struct text *text, const char *words)
{
	text_add_span(text, span_of_text(words));
}

/* ---- the line ---- */

static void
add_where(struct text *text, const struct connection *connection, const struct event *event)
{
	bool v6 = strchr(connection->host, ':') != NULL;

	if (event->method.length > 0) {
		add_escaped(text, span_head(event->method, 64));
		add_words(text, " ");
	}
	add_words(text, v6 ? "[" : "");
	add_escaped(text, span_of_text(connection->host));
	add_words(text, v6 ? "]:" : ":");
	text_add_number(text, connection->port);
	add_escaped(text, span_head(event->path, PATH_BYTES));
	if (connection->judged.binary.length > 0) {
		add_words(text, " ");
		add_escaped(text, span_head(connection->judged.binary, BINARY_BYTES));
		add_words(text, "(");
		text_add_number(text, connection->judged.pid);
		add_words(text, ")");
	}
}

static struct span
policy_of(const struct connection *connection, const struct event *event)
{
	return event->policy.length > 0 || connection == NULL ? event->policy : connection->judged.policy;
}

static void
add_bracket(struct text *text, const struct connection *connection, const struct event *event)
{
	struct span policy = policy_of(connection, event);

	if (policy.length > 0 || event->engine != NULL) {
		add_words(text, " [policy:");
		add_escaped(text, policy.length > 0 ? policy : SPAN("-"));
		add_words(text, " engine:");
		add_words(text, event->engine == NULL ? "-" : event->engine);
		add_words(text, "]");
	}
	if (event->reason.length > 0) {
		add_words(text, " [reason:");
		add_escaped(text, event->reason);
		add_words(text, "]");
	}
}

static void
add_message(struct text *text, const struct connection *connection, const struct event *event)
{
	const char *const words[] = {class_words(event->class), ":", event->activity, " [", severities[event->severity],
	    "] ", actions[event->action], " ", event->head};

	for (size_t i = 0; i < COUNT(words); i++)
		add_words(text, words[i]);
	if (connection != NULL) {
		add_words(text, " ");
		add_where(text, connection, event);
	}
	if (event->details.length > 0) {
		add_words(text, " ");
		add_escaped(text, event->details);
	}
	add_bracket(text, connection, event);
}

/* What was cut may end within a character. */
static void
trim(struct text *text)
{
	while (text->cut && text->length > 0 && !span_utf8(text_span(text)))
		text->at[--text->length] = 0;
}

/* ---- the fields ---- */

/* What is being written; each field ends in a NUL, which keeps them apart. */
struct fields {
	struct text text;
	size_t at[LINE_FIELDS_MAX], n;
};

static void
field_add(struct fields *fields, const char *key, struct span value)
{
	char bytes[FIELD_BYTES];
	struct text one = TEXT_OF(bytes);

	if (value.length == 0 || fields->n == LINE_FIELDS_MAX)
		return;
	add_words(&one, key);
	add_words(&one, "=");
	add_escaped(&one, value);
	trim(&one);
	if (fields->text.size - fields->text.length < one.length + 2)
		return;
	fields->at[fields->n++] = fields->text.length;
	text_add_span(&fields->text, text_span(&one));
	fields->text.at[++fields->text.length] = 0; /* the NUL stays */
}

static void
field_number(struct fields *fields, const char *key, unsigned value)
{
	char bytes[16];
	struct text text = TEXT_OF(bytes);

	text_add_number(&text, value);
	field_add(fields, key, text_span(&text));
}

static void
add_connection(struct fields *fields, const struct connection *connection, bool onward)
{
	field_add(fields, "binary", connection->judged.binary);
	if (connection->judged.pid != 0)
		field_number(fields, "pid", connection->judged.pid);
	if (connection->judged.ancestors_n > 0)
		field_add(fields, "parent", connection->judged.ancestors[0]);
	field_add(fields, "host", span_of_text(connection->host));
	field_number(fields, "port", connection->port);
	if (connection->via_n > 0 || onward)
		field_add(fields, "upstream_proxy", span_of_text(connection->proxy->onward->proxy.host));
}

static void
add_fields(struct fields *fields, const struct connection *connection, const struct event *event)
{
	field_number(fields, "class_uid", event->class);
	field_add(fields, "activity", span_of_text(event->activity));
	field_add(fields, "severity", span_of_text(severities[event->severity]));
	field_add(fields, "action", span_of_text(actions[event->action]));
	field_add(fields, "disposition", span_of_text(dispositions[event->action]));
	if (connection != NULL)
		add_connection(fields, connection, event->onward);
	field_add(fields, "method", event->method);
	field_add(fields, "path", event->path);
	field_add(fields, "protocol", event->protocol);
	field_add(fields, "policy", policy_of(connection, event));
	field_add(fields, "rule", event->rule);
	field_add(fields, "engine", span_of_text(event->engine));
	field_add(fields, "code", event->code);
	field_add(fields, "reason", event->reason);
	field_add(fields, "details", event->details);
}

/* ---- in one piece ---- */

uint32_t
line_hash(struct span message)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < message.length; i++)
		hash = (hash ^ (unsigned char)message.at[i]) * 16777619u;
	return hash;
}

struct span
line_message(const struct connection *connection, const struct event *event, char to[LINE_MESSAGE_BYTES])
{
	struct text text = {.at = to, .size = LINE_MESSAGE_BYTES};

	add_message(&text, connection, event);
	trim(&text);
	return text_span(&text);
}

struct line *
line_new(struct span message, const struct connection *connection, const struct event *event, uint64_t now_ms)
{
	char values[FIELDS_BYTES];
	struct fields fields = {.text = TEXT_OF(values)};
	struct line *line;
	char *at;

	add_fields(&fields, connection, event);
	if ((line = malloc(sizeof(*line) + message.length + 1 + fields.text.length)) == NULL)
		abort();
	at = (char *)(line + 1);
	*line = (struct line){.time_ms = now_ms,
	    .hash = line_hash(message),
	    .count = 1,
	    .bytes = sizeof(*line) + message.length + 1 + fields.text.length,
	    .fields_n = fields.n,
	    .message = at};
	memcpy(at, message.at, message.length);
	at[message.length] = 0;
	memcpy(at += message.length + 1, values, fields.text.length);
	for (size_t i = 0; i < fields.n; i++)
		line->fields[i] = span_of_text(at + fields.at[i]);
	return line;
}

bool
line_write(const struct line *line, struct arena *arena, struct msg_log_line *out)
{
	struct span *fields = arena_array(arena, line->fields_n + 1, sizeof(*fields));
	const char *message = line->message, *count = NULL;

	if (line->count > 1) {
		message = arena_format(arena, "%s (x%llu)", line->message, (unsigned long long)line->count);
		count = arena_format(arena, "count=%llu", (unsigned long long)line->count);
	}
	if (fields == NULL || message == NULL || (line->count > 1 && count == NULL))
		return false;
	memcpy(fields, line->fields, line->fields_n * sizeof(*fields));
	if (count != NULL)
		fields[line->fields_n] = span_of_text(count);
	*out = (struct msg_log_line){.time_ms = line->time_ms,
	    .source = SPAN("sandbox"),
	    .level = SPAN("OCSF"),
	    .target = SPAN("proxy"),
	    .message = span_of_text(message),
	    .fields = fields,
	    .fields_n = line->fields_n + (count != NULL)};
	return true;
}
