/* watch: the things a watch tells, each with memory of its own, in a queue with an end. */
#include <stdlib.h>

#include "services/api/view.h"
#include "services/api/watch_call.h"

#define LIVE_MAX       1024	  /* things that wait for a slow reader, the tail aside */
#define LIVE_BYTES_MAX (1u << 20) /* the same in bytes; one alone may be longer */
#define ITEM_BYTES     (8u << 20) /* one thing, unpacked */

/* One thing to be told. */
struct item {
	struct list link;
	struct arena arena;
	bool live; /* counted in the limits */
	Openshell__V1__SandboxStreamEvent event;
};

static struct item *
item_new(void)
{
	struct item *item = calloc(1, sizeof(*item));

	if (item == NULL)
		abort();
	item->arena.max_bytes = ITEM_BYTES;
	openshell__v1__sandbox_stream_event__init(&item->event);
	return item;
}

static void
item_free(struct watch_call *watch, struct item *item)
{
	watch->live_n -= item->live;
	watch->bytes -= item->live ? item->arena.used_bytes : 0;
	list_remove(&item->link);
	arena_reset(&item->arena);
	free(item);
}

void
watch_items_free(struct watch_call *watch)
{
	struct item *item;

	list_each(item, &watch->items, struct item, link)
		item_free(watch, item);
}

static enum err
item_add(struct watch_call *watch, struct item *item, bool live, struct why *why)
{
	bool snapshot = !live && item->event.payload_case == OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX;

	list_append(snapshot ? watch->items.next : &watch->items, &item->link); /* it goes before the tail */
	item->live = live;
	watch->live_n += live;
	watch->bytes += live ? item->arena.used_bytes : 0;
	if (watch->live_n > LIVE_MAX || (watch->bytes > LIVE_BYTES_MAX && watch->live_n > 1))
		return fail(why, ERR_LIMIT,
		    "the reader of this watch is too slow: more than %d changes or %u bytes wait for it", LIVE_MAX,
		    LIVE_BYTES_MAX);
	return OK;
}

static enum err
add_sandbox(struct watch_call *watch, const struct msg_sandbox_row *row, bool live, struct why *why)
{
	struct item *item = item_new();
	enum err r;

	if ((r = view_sandbox(&item->arena, row, &item->event.sandbox, why)) != OK) {
		item_free(watch, item);
		return r;
	}
	item->event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX;
	return item_add(watch, item, live, why);
}

/* An event for a phase or reason that is new. */
static enum err
add_event(struct watch_call *watch, const struct msg_sandbox_row *row, bool live, struct why *why)
{
	const struct msg_condition *ready = view_condition(row, "Ready");
	struct span reason = ready == NULL ? SPAN_NONE : ready->reason;
	struct item *item;
	enum err r;

	if (row->phase == watch->phase && span_is(reason, watch->reason))
		return OK;
	watch->phase = row->phase;
	(void)span_copy(reason, watch->reason, sizeof(watch->reason));
	item = item_new();
	if ((r = view_event(&item->arena, row, &item->event.event, why)) != OK || item->event.event == NULL) {
		item_free(watch, item);
		return r;
	}
	item->event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_EVENT;
	return item_add(watch, item, live, why);
}

enum err
watch_add_row(struct watch_call *watch, const struct msg_sandbox_row *row, bool snapshot, struct why *why)
{
	const Openshell__V1__WatchSandboxRequest *in = watch->request;
	enum err r = OK;

	if (snapshot || (in->has_follow_status && in->follow_status))
		r = add_sandbox(watch, row, !snapshot, why);
	if (r == OK && in->has_follow_events && in->follow_events)
		r = add_event(watch, row, !snapshot, why);
	if (in->has_stop_on_terminal && in->stop_on_terminal &&
	    row->phase == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY)
		watch->ending = true;
	return r;
}

/* Do the request's sources and level let a live line through? (Of the tail state has asked that.) */
static bool
wanted(const Openshell__V1__WatchSandboxRequest *in, const struct msg_log_line *line)
{
	bool named = in->n_log_sources == 0;

	for (size_t i = 0; i < in->n_log_sources; i++)
		named = named || span_is(line->source, in->log_sources[i]);
	return named && (in->log_min_level == NULL || in->log_min_level[0] == '\0' ||
			    log_rank(line->level) <= log_rank(span_of_text(in->log_min_level)));
}

static enum err
add_line(struct watch_call *watch, const struct msg_log_line *line, bool live, struct why *why)
{
	struct item *item = item_new();
	enum err r;

	if ((r = view_log_line(&item->arena, watch->request->id, line, &item->event.log, why)) != OK) {
		item_free(watch, item);
		return r;
	}
	item->event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG;
	return item_add(watch, item, live, why);
}

enum err
watch_add_lines(struct watch_call *watch, const struct msg_log_line *lines, size_t n, bool live, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; i < n && r == OK; i++)
		if (!live || wanted(watch->request, &lines[i]))
			r = add_line(watch, &lines[i], live, why);
	return r;
}

bool
watch_send(struct watch_call *watch)
{
	while (!list_empty(&watch->items) && rpc_room(watch->work.call) > 0) {
		struct item *item = list_item(watch->items.next, struct item, link);

		rpc_send(watch->work.call, &item->event.base);
		item_free(watch, item);
	}
	return list_empty(&watch->items);
}
