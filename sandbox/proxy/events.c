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
	struct id id;		     /* of the numbers that our lines bear, towards the link */
	uint64_t next;		     /* number of the first that link has not taken, those that were dropped counted */
	size_t sent_n;		     /* the first so many were sent: again, and unchanged, until there is an answer */
	uint64_t dropped, sent_dropped;
	bool asked; /* without one so far */
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
	events->id = id_new();
	events->next = 1;
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

/* They are taken, or never will be: then they count as dropped. */
static void
forget_sent(struct events *events, bool taken)
{
	if (taken) {
		events->next += events->sent_dropped + events->sent_n;
		events->dropped -= events->sent_dropped;
	} else
		events->dropped += events->sent_n;
	for (; events->sent_n > 0; events->sent_n--)
		line_drop(events, list_item(events->lines.next, struct line, link));
	events->sent_dropped = 0;
	events->asked = false;
}

static void
sent(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct events *events = self;

	(void)answer, (void)why;
	events->call = 0;
	if (r == ERR_UNAVAILABLE || r == ERR_TIMEOUT || r == ERR_LIMIT || r == ERR_BUSY) {
		loop_timer_set(events->proxy->loop, &events->timer, AGAIN_MS, send_now, events);
		return;
	}
	forget_sent(events, r == OK);
	if (events->lines_n > 0 || events->dropped > 0)
		loop_timer_set(events->proxy->loop, &events->timer, events->lines_n < BATCH_LINES ? GATHER_MS : 0,
		    send_now, events);
}

/* The oldest lines that fit; where some were asked about and nobody answered, exactly those again. */
static size_t
gather(struct events *events, struct arena *arena, struct msg_log_line lines[BATCH_LINES])
{
	size_t n = 0, most = events->asked ? events->sent_n : BATCH_LINES;
	struct line *line;

	list_each(line, &events->lines, struct line, link) {
		if (n == most || !line_write(line, arena, &lines[n]))
			break;
		n++;
	}
	return n;
}

static void
send_now(void *self)
{
	struct events *events = self;
	struct msg_log_line lines[BATCH_LINES];
	struct msg m = {
	    .id = LOGS_ADD, .logs_add = {.sandbox = events->proxy->sandbox, .lines = lines, .spool = events->id}};
	auto_arena struct arena arena = {0};

	loop_timer_stop(events->proxy->loop, &events->timer);
	if (events->call != 0 || events->proxy->link == NULL || (events->lines_n == 0 && events->dropped == 0))
		return;
	if (!events->asked)
		events->sent_dropped = events->dropped > UINT32_MAX ? UINT32_MAX : events->dropped;
	events->sent_n = m.logs_add.lines_n = gather(events, &arena, lines);
	events->asked = true;
	memset(events->recent, 0, sizeof(events->recent));
	m.logs_add.first = events->next + events->sent_dropped;
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
