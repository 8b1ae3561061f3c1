/* Logs: one event a line on standard error, named noun.verb, with keys. Daemons log; common/ returns. */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/span.h"

enum log_level {
	LOG_LEVEL_ERROR,   /* someone must act */
	LOG_LEVEL_WARNING, /* someone may have to */
	LOG_LEVEL_INFO,	   /* state changed */
	LOG_LEVEL_DEBUG,   /* for us */
};

/* Name of the process, first on every line, and what is written at all (default info). */
void log_open(const char *process, enum log_level level);

/* "error", "warning", "info" or "debug"; ERR_INVALID otherwise. */
enum err log_level_parse(struct span text, enum log_level *out, struct why *why) must_check;

/* The level of a line of a sandbox's log (bus.def, log_line) as a number: 0 ERROR, gravest, to 4 TRACE; 5 no level. */
unsigned log_rank(struct span level);

/*
 * Write "2026-01-02T03:04:05.678Z info relay session.open sandbox=... port=22".
 *
 * event   noun.verb, a literal
 * keys    "key=%s ..." in printf form, or NULL; what a stranger wrote is passed through log_quote first
 */
void log_event(enum log_level level, const char *event, const char *keys, ...) __attribute__((format(printf, 3, 4)));

#define log_error(event, ...)	log_event(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_info(event, ...)	log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)	log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/* "event error=ERR_X why=\"...\"" at level error. */
void log_failure(const char *event, enum err code, const struct why *why);

/* Strangers' bytes, escaped and cut, good until the enclosing block ends. */
#define LOG_QUOTE_BYTES 256
#define log_quote(span) log_quote_into((span), (char[LOG_QUOTE_BYTES]){0})
char *log_quote_into(struct span bytes, char to[LOG_QUOTE_BYTES]);

#endif
