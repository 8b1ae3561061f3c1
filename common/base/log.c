/* Logs: formatting of a line and one write for it. */
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/text.h"

#define LINE_BYTES 2048

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct {
	const char *process;
	enum log_level level;
} log_state = {"?", LOG_LEVEL_INFO};

void
log_open(const char *process, enum log_level level)
{
	log_state.process = process;
	log_state.level = level;
}

enum err
log_level_parse(struct span text, enum log_level *out, struct why *why)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
		if (span_is(text, level_names[i])) {
			*out = (enum log_level)i;
			return OK;
		}
	return fail(why, ERR_INVALID, "not a log level: error, warning, info or debug");
}

unsigned
log_rank(struct span level)
{
	static const struct {
		const char *name;
		unsigned rank;
	} ranks[] = {{"ERROR", 0}, {"WARN", 1}, {"INFO", 2}, {"OCSF", 2}, {"DEBUG", 3}, {"TRACE", 4}};

	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		if (span_is(level, ranks[i].name))
			return ranks[i].rank;
	return 5;
}

static void
add_time(struct text *line)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	text_add(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
}

void
log_event(enum log_level level, const char *event, const char *keys, ...)
{
	char buffer[LINE_BYTES], detail[LINE_BYTES / 2];
	struct text line = {buffer, 0, sizeof(buffer) - 1, false};
	va_list args;

	if (level > log_state.level)
		return;
	add_time(&line);
	text_add(&line, " %s %s %s", level_names[level], log_state.process, event);
	if (keys != NULL) {
		va_start(args, keys);
		vsnprintf(detail, sizeof(detail), keys, args);
		va_end(args);
		for (char *p = detail; *p != '\0'; p++)
			if (*p == '\n' || *p == '\r' || *p == '\x1b')
				*p = ' ';
		text_add(&line, " %s", detail);
	}
	buffer[line.length] = '\n';
	if (write(STDERR_FILENO, buffer, line.length + 1) < 0)
		return; /* nowhere is left to say so */
}

void
log_failure(const char *event, enum err code, const struct why *why)
{
	log_error(event, "error=%s why=\"%s\"", err_name(code), log_quote(span_of_text(why->text)));
}

char *
log_quote_into(struct span bytes, char to[LOG_QUOTE_BYTES])
{
	struct text text = {to, 0, LOG_QUOTE_BYTES, false};

	text_add_escaped(&text, bytes);
	return to;
}
