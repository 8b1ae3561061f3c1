/* The text of an event: its line and its fields, in one piece of memory. */
#ifndef SANDBOX_PROXY_EVENT_LINE_H
#define SANDBOX_PROXY_EVENT_LINE_H

#include "sandbox/proxy/event.h"

#define LINE_FIELDS_MAX	   24
#define LINE_MESSAGE_BYTES 4096

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

/* The message alone, so that one that is there already costs no more. connection may be NULL. */
struct span line_message(const struct connection *connection, const struct event *event, char to[LINE_MESSAGE_BYTES]);
uint32_t line_hash(struct span message);

/* The whole line, malloc'ed; the caller frees. message: of the same event. */
struct line *line_new(
    struct span message, const struct connection *connection, const struct event *event, uint64_t now_ms);

/* As logs_add carries it: spans borrowed from the line and the arena; false past the arena's ceiling. */
bool line_write(const struct line *line, struct arena *arena, struct msg_log_line *out);

#endif
