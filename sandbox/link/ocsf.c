/* OCSF 1.8: fields of a line, "KEY=value", under the names that OCSF has for them; what it has no name for is unmapped. */
#include "sandbox/link/ocsf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/wire/json_edit.h"

#define SETTING "ocsf_json_enabled=true"
#define OTHER	99

/* A word of ours, and what OCSF calls it. */
struct word {
	const char *ours, *theirs;
	unsigned id;
};

static const struct {
	unsigned uid;
	const char *name;
	unsigned category;
	const char *category_name;
} classes[] = {
    {1007, "Process Activity", 1, "System Activity"},
    {2004, "Detection Finding", 2, "Findings"},
    {4001, "Network Activity", 4, "Network Activity"},
    {4002, "HTTP Activity", 4, "Network Activity"},
    {4007, "SSH Activity", 4, "Network Activity"},
    {5019, "Device Config State Change", 5, "Discovery"},
    {6002, "Application Lifecycle", 6, "Application Activity"},
    {6003, "API Activity", 6, "Application Activity"},
};

static const struct word severities[] = {{"INFO", "Informational", 1}, {"LOW", "Low", 2}, {"MED", "Medium", 3},
    {"HIGH", "High", 4}, {"CRIT", "Critical", 5}, {"FATAL", "Fatal", 6}, {0}};
static const struct word actions[] = {
    {"ALLOWED", "Allowed", 1}, {"DENIED", "Denied", 2}, {"AUDITED", "Observed", 3}, {0}};
static const struct word dispositions[] = {
    {"Allowed", "Allowed", 1}, {"Blocked", "Blocked", 2}, {"Dropped", "Dropped", 6}, {"Logged", "Logged", 17}, {0}};
static const struct word network[] = {{"OPEN", "Open", 1}, {"CLOSE", "Close", 2}, {"RESET", "Reset", 3},
    {"FAIL", "Fail", 4}, {"REFUSE", "Refuse", 5}, {"TRAFFIC", "Traffic", 6}, {0}};
static const struct word methods[] = {{"CONNECT", "Connect", 1}, {"DELETE", "Delete", 2}, {"GET", "Get", 3},
    {"HEAD", "Head", 4}, {"OPTIONS", "Options", 5}, {"POST", "Post", 6}, {"PUT", "Put", 7}, {"TRACE", "Trace", 8},
    {"PATCH", "Patch", 9}, {0}};
static const struct word findings[] = {{"CREATE", "Create", 1}, {"UPDATE", "Update", 2}, {"CLOSE", "Close", 3}, {0}};
static const struct word none[] = {{0}};

/* Keys of ours that stand under a name of OCSF's. */
static const char *const mapped[] = {"class_uid", "activity", "severity", "action", "disposition", "binary", "pid",
    "parent", "host", "port", "method", "path", "policy", "engine", "reason"};

static struct span
value_of(const struct msg_log_line *line, const char *key)
{
	for (size_t i = 0; i < line->fields_n; i++) {
		struct span value = line->fields[i], name = span_cut(&value, '=');

		if (span_is(name, key))
			return value;
	}
	return SPAN_NONE;
}

static const struct word *
word_of(const struct word *words, struct span text)
{
	for (; words->ours != NULL; words++)
		if (strlen(words->ours) == text.length && strncasecmp(words->ours, text.at, text.length) == 0)
			return words;
	return NULL;
}

static void
put_text(struct text *to, const char *name, struct span value)
{
	if (value.length == 0)
		return;
	text_add(to, "%s\"%s\":", to->at[to->length - 1] == '{' ? "" : ",", name);
	json_string_write(to, value);
}

static void
put_number(struct text *to, const char *name, uint64_t number)
{
	text_add(to, "%s\"%s\":%llu", to->at[to->length - 1] == '{' ? "" : ",", name, (unsigned long long)number);
}

/* "NAME_id":N,"NAME":"Word"; where it is said and OCSF has no word for it, 99 and ours. */
static unsigned
put_word(struct text *to, const char *id, const char *name, const struct word *words, struct span ours)
{
	const struct word *word = word_of(words, ours);

	if (ours.length == 0)
		return 0;
	put_number(to, id, word == NULL ? OTHER : word->id);
	put_text(to, name, word == NULL ? ours : span_of_text(word->theirs));
	return word == NULL ? OTHER : word->id;
}

static void
put_class(struct text *to, const struct msg_log_line *line)
{
	struct span activity = value_of(line, "activity"), method = value_of(line, "method");
	uint64_t class = 0;
	unsigned id;

	if (number_parse(value_of(line, "class_uid"), 1, 9999, &class, NULL) != OK)
		return;
	put_number(to, "class_uid", class);
	for (size_t i = 0; i < COUNT(classes); i++)
		if (classes[i].uid == class) {
			put_text(to, "class_name", span_of_text(classes[i].name));
			put_number(to, "category_uid", classes[i].category);
			put_text(to, "category_name", span_of_text(classes[i].category_name));
		}
	if (class == 4002 && method.length > 0)
		activity = method;
	id = put_word(to, "activity_id", "activity_name",
	    class == 4001   ? network
	    : class == 4002 ? methods
	    : class == 2004 ? findings
			    : none,
	    activity);
	put_number(to, "type_uid", class * 100 + id);
}

static void
put_actor(struct text *to, const struct msg_log_line *line)
{
	struct span parent = value_of(line, "parent");
	uint64_t pid;

	if (value_of(line, "binary").length == 0)
		return;
	text_add(to, ",\"actor\":{\"process\":{");
	put_text(to, "name", value_of(line, "binary"));
	if (number_parse(value_of(line, "pid"), 1, UINT32_MAX, &pid, NULL) == OK)
		put_number(to, "pid", pid);
	if (parent.length > 0) {
		text_add(to, ",\"parent_process\":{");
		put_text(to, "name", parent);
		text_add(to, "}");
	}
	text_add(to, "}}");
}

static void
put_place(struct text *to, const struct msg_log_line *line)
{
	struct span host = value_of(line, "host"), method = value_of(line, "method");
	char number[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	uint64_t port;
	bool address;

	if (host.length == 0)
		return;
	address = span_copy(host, number, sizeof(number)) &&
		  (inet_pton(AF_INET, number, bytes) == 1 || inet_pton(AF_INET6, number, bytes) == 1);
	if (number_parse(value_of(line, "port"), 1, UINT16_MAX, &port, NULL) != OK)
		port = 0;
	text_add(to, ",\"dst_endpoint\":{");
	put_text(to, address ? "ip" : "domain", host);
	if (port != 0)
		put_number(to, "port", port);
	text_add(to, "}");
	if (method.length == 0)
		return;
	text_add(to, ",\"http_request\":{");
	put_text(to, "http_method", method);
	text_add(to, ",\"url\":{");
	put_text(to, "hostname", host);
	put_text(to, "path", value_of(line, "path"));
	if (port != 0)
		put_number(to, "port", port);
	text_add(to, "}}");
}

static bool
is_mapped(struct span key)
{
	for (size_t i = 0; i < COUNT(mapped); i++)
		if (span_is(key, mapped[i]))
			return true;
	return false;
}

static void
put_rest(struct text *to, const struct msg_log_line *line)
{
	bool begun = false;

	for (size_t i = 0; i < line->fields_n; i++) {
		struct span value = line->fields[i], key = span_cut(&value, '=');

		if (is_mapped(key) || key.length == 0)
			continue;
		text_add(to, begun ? "," : ",\"unmapped\":{");
		begun = true;
		json_string_write(to, key);
		text_add(to, ":");
		json_string_write(to, value);
	}
	text_add(to, begun ? "}" : "");
}

void
ocsf_write(const struct msg_log_line *line, struct id sandbox, struct text *to)
{
	text_add(to, "{");
	put_number(to, "time", line->time_ms);
	put_class(to, line);
	(void)put_word(to, "severity_id", "severity", severities, value_of(line, "severity"));
	(void)put_word(to, "action_id", "action", actions, value_of(line, "action"));
	(void)put_word(to, "disposition_id", "disposition", dispositions, value_of(line, "disposition"));
	put_text(to, "message", line->message);
	put_text(to, "status_detail", value_of(line, "reason"));
	put_actor(to, line);
	put_place(to, line);
	if (value_of(line, "policy").length > 0) {
		text_add(to, ",\"firewall_rule\":{");
		put_text(to, "name", value_of(line, "policy"));
		put_text(to, "type", value_of(line, "engine"));
		text_add(to, "}");
	}
	put_rest(to, line);
	text_add(to, ",\"container\":{\"uid\":\"%s\"}", id_text(sandbox));
	text_add(to, ",\"metadata\":{\"version\":\"1.8.0\",\"log_name\":");
	json_string_write(to, line->target);
	text_add(to, ",\"product\":{\"name\":\"OpenShell\"}}}");
}

/* ---- while it is on ---- */

void
ocsf_settings(struct link *link, const struct span *settings, size_t n)
{
	bool on = false;

	for (size_t i = 0; i < n; i++)
		on |= span_is(settings[i], SETTING);
	if (on != link->ocsf.on)
		log_info("logs.ocsf", "on=%d", on);
	link->ocsf.on = on;
}

/* A line is written as a whole or not at all. */
static void
put_line(struct link *link, const struct msg_log_line *line, char *bytes)
{
	struct text text = {.at = bytes, .size = OCSF_LINE_BYTES};
	ssize_t n;

	bytes[0] = '\0';
	ocsf_write(line, link->setup.sandbox, &text);
	text_add(&text, "\n");
	if (text.cut || link->ocsf.bytes + text.length > OCSF_BYTES_MAX) {
		if (link->ocsf.lost++ == 0)
			log_warning("logs.ocsf.lost", "max=%u", OCSF_BYTES_MAX);
		return;
	}
	n = write(STDERR_FILENO, text.at, text.length);
	link->ocsf.bytes += n < 0 ? 0 : (uint64_t)n;
}

void
ocsf_take(struct link *link, const struct msg_log_line *lines, size_t n)
{
	auto_free char *bytes = link->ocsf.on ? malloc(OCSF_LINE_BYTES) : NULL;

	for (size_t i = 0; i < n && bytes != NULL; i++)
		if (span_is(lines[i].level, "OCSF"))
			put_line(link, &lines[i], bytes);
}
