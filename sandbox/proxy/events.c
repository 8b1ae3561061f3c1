/* Events: the queue, its bounds, and its way to the link: 100 lines or 50 ms after the first, one call at a time. */
#include "sandbox/proxy/events.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "sandbox/proxy/event_line.h"
#include "sandbox/proxy/proxy.h"

#define BATCH_LINES 100
#define GATHER_MS   50
#define AGAIN_MS    1000
#define LINES_MAX   4000
#define BYTES_MAX   (2u << 20)
#define RECENT	    64
#define SEND_MS	    10000

struct events {
	struct proxy *proxy;
	struct list lines;
	size_t lines_n, bytes;
	struct line *recent[RECENT]; /* of lines that were not sent yet, by their hash */
	size_t sent_n;		     /* the first so many are in a call */
	uint64_t dropped, sent_dropped;
	uint64_t call;
	struct timer timer;
};

static void send_now(void *self);

struct events *
events_new(struct proxy *proxy)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		abort();
	events->proxy = proxy;
	list_init(&events->lines);
	return events;
}

static void
line_drop(struct events *events, struct line *line)
{
	if (events->recent[line->hash % RECENT] == line)
		events->recent[line->hash % RECENT] = NULL;
	list_remove(&line->link);
	events->lines_n--;
	events->bytes -= line->bytes;
	free(line);
}

void
events_free(struct events *events)
{
	struct line *line;

	if (events == NULL)
		return;
	loop_timer_stop(events->proxy->loop, &events->timer);
	list_each(line, &events->lines, struct line, link)
		line_drop(events, line);
	free(events);
}

/* The oldest that is not on its way goes first. */
static void
make_room(struct events *events)
{
	struct line *line;
	size_t at = 0;

	list_each(line, &events->lines, struct line, link) {
		if (events->lines_n <= LINES_MAX && events->bytes <= BYTES_MAX)
			return;
		if (at++ < events->sent_n)
			continue;
		events->dropped += line->count;
		line_drop(events, line);
	}
}

static void
line_keep(struct events *events, struct line *line)
{
	events->recent[line->hash % RECENT] = line;
	list_append(&events->lines, &line->link);
	events->lines_n++;
	events->bytes += line->bytes;
	make_room(events);
}

/* ---- sending ---- */

static void
forget_sent(struct events *events)
{
	for (; events->sent_n > 0; events->sent_n--)
		line_drop(events, list_item(events->lines.next, struct line, link));
	events->dropped -= events->sent_dropped;
	events->sent_dropped = 0;
}

static void
sent(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct events *events = self;

	(void)answer, (void)why;
	events->call = 0;
	if (r == ERR_UNAVAILABLE || r == ERR_TIMEOUT || r == ERR_LIMIT || r == ERR_BUSY) {
		events->sent_n = 0;
		events->sent_dropped = 0;
		loop_timer_set(events->proxy->loop, &events->timer, AGAIN_MS, send_now, events);
		return;
	}
	if (r != OK) /* it will never be taken */
		for (size_t i = 0; i < events->sent_n; i++)
			events->dropped++;
	forget_sent(events);
	if (events->lines_n > 0 || events->dropped > 0)
		loop_timer_set(events->proxy->loop, &events->timer, events->lines_n < BATCH_LINES ? GATHER_MS : 0,
		    send_now, events);
}

static void
send_now(void *self)
{
	struct events *events = self;
	struct msg_log_line lines[BATCH_LINES];
	struct msg m = {.id = LOGS_ADD, .logs_add = {.sandbox = events->proxy->sandbox, .lines = lines}};
	auto_arena struct arena arena = {0};
	struct line *line;

	loop_timer_stop(events->proxy->loop, &events->timer);
	if (events->call != 0 || events->proxy->link == NULL || (events->lines_n == 0 && events->dropped == 0))
		return;
	list_each(line, &events->lines, struct line, link) {
		if (m.logs_add.lines_n == BATCH_LINES || !line_write(line, &arena, &lines[m.logs_add.lines_n]))
			break;
		m.logs_add.lines_n++;
	}
	memset(events->recent, 0, sizeof(events->recent));
	events->sent_n = m.logs_add.lines_n;
	events->sent_dropped = events->dropped > UINT32_MAX ? UINT32_MAX : events->dropped;
	m.logs_add.dropped = (uint32_t)events->sent_dropped;
	events->call = peer_call(events->proxy->link, &m, SEND_MS, sent, events);
}

void
events_send(struct proxy *proxy)
{
	send_now(proxy->events);
}

void
events_pause(struct proxy *proxy)
{
	loop_timer_stop(proxy->loop, &proxy->events->timer);
}

/* ---- adding ---- */

void
event_add(struct proxy *proxy, struct connection *connection, const struct event *event)
{
	struct events *events = proxy->events;
	char text[LINE_MESSAGE_BYTES];
	struct span message = line_message(connection, event, text);
	uint32_t hash = line_hash(message);
	struct line *same = events->recent[hash % RECENT];

	if (same != NULL && same->hash == hash && span_is(message, same->message)) {
		same->count++;
		return;
	}
	line_keep(events, line_new(message, connection, event, (uint64_t)clock_wall_ms()));
	if (events->call != 0 || proxy->link == NULL)
		return;
	if (events->lines_n >= BATCH_LINES)
		send_now(events);
	else if (events->timer.place == 0)
		loop_timer_set(proxy->loop, &events->timer, GATHER_MS, send_now, events);
}
