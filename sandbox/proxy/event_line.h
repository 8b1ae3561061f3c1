/* The text of an event: its line and its fields, in one piece of memory. */
#ifndef SANDBOX_PROXY_EVENT_LINE_H
#define SANDBOX_PROXY_EVENT_LINE_H

#include "sandbox/proxy/event.h"

#define LINE_FIELDS_MAX 24

struct line {
	struct list link;
	uint64_t time_ms;
	uint32_t hash;	/* of the message */
	uint64_t count; /* how many events it stands for */
	size_t bytes;	/* of memory */
	size_t fields_n;
	struct span fields[LINE_FIELDS_MAX]; /* in memory behind it */
	const char *message;
};

/* malloc'ed; the caller frees. connection may be NULL. */
struct line *line_new(const struct connection *connection, const struct event *event, uint64_t now_ms);

/* As logs_add carries it: spans borrowed from the line and the arena; false past the arena's ceiling. */
bool line_write(const struct line *line, struct arena *arena, struct msg_log_line *out);

#endif
