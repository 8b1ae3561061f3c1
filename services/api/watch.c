/* watch: WatchSandbox: a snapshot, the tail of the log, then all that changes, no faster than its reader takes it. */
#include <stdlib.h>

#include "common/base/clean.h"
#include "services/api/api.h"
#include "services/api/check.h"
#include "services/api/logs.h"
#include "services/api/methods.h"
#include "services/api/view.h"

#define TAIL_DEFAULT 200
#define TAIL_MAX     10000
#define LIVE_MAX     1024	/* things that wait for a slow reader, the tail aside */
#define ITEM_BYTES   (8u << 20) /* one thing, unpacked */

/* One thing to be told, with memory of its own. */
struct item {
	struct list link;
	struct arena arena;
	bool live; /* counted in the limit; not of the tail */
	Openshell__V1__SandboxStreamEvent event;
};

struct watch_call {
	struct work work;
	struct numbered numbered;
	const Openshell__V1__WatchSandboxRequest *request;
	struct id sandbox;
	struct peer *state; /* referenced */
	uint64_t question;  /* under way: the watch, then the tail */
	bool tail_done, ending;
	struct list ready, held; /* held: live things that came before the tail */
	size_t live;
	uint8_t phase; /* of the last row, and its Ready reason: what an event has been told for */
	char reason[65];
	uint64_t *tail; /* marks of the tail's lines, so that none is told twice */
	size_t tail_n;
	uint64_t tail_newest_ms;
};

static void
item_free(struct item *item)
{
	list_remove(&item->link);
	arena_reset(&item->arena);
	free(item);
}

static void
watch_free(struct watch_call *watch)
{
	struct item *item;

	list_each (item, &watch->ready, struct item, link)
		item_free(item);
	list_each (item, &watch->held, struct item, link)
		item_free(item);
	if (watch->question != 0)
		call_cancel(watch->state, watch->question);
	numbered_remove(&watch->numbered);
	peer_unref(watch->state);
	free(watch->tail);
	free(watch);
}

/* Tell state, and forget. */
static void
watch_close(struct watch_call *watch)
{
	const struct msg m = {.id = WATCH_CLOSE, .watch_close = {watch->numbered.number}};
	struct why why;

	if (watch->state != NULL && peer_tell(watch->state, &m, &why) != OK)
		log_debug("watch.untold", "why=\"%s\"", why.text);
	watch_free(watch);
}

static void
watch_gone(struct work *work)
{
	watch_close((struct watch_call *)work);
}

static void
watch_end(struct watch_call *watch, enum err r, const struct why *why)
{
	struct rpc_call *call = watch->work.call;

	rpc_set_state(call, NULL);
	watch_close(watch);
	rpc_finish(call, r, why);
}

/* Send what the reader takes; the end follows the last of it. */
static void
watch_pump(struct watch_call *watch)
{
	while (!list_empty(&watch->ready) && rpc_room(watch->work.call) > 0) {
		struct item *item = list_item(watch->ready.next, struct item, link);

		rpc_send(watch->work.call, &item->event.base);
		watch->live -= item->live;
		item_free(item);
	}
	if (watch->ending && watch->tail_done && list_empty(&watch->ready))
		watch_end(watch, OK, NULL);
}

static void
watch_writable(struct work *work)
{
	watch_pump((struct watch_call *)work);
}

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

/* Put a thing behind the others; ERR_LIMIT when the reader lags too far. */
static enum err
item_add(struct watch_call *watch, struct item *item, bool live, struct why *why)
{
	list_append(live && !watch->tail_done ? &watch->held : &watch->ready, &item->link);
	item->live = live;
	watch->live += live;
	if (watch->live > LIVE_MAX)
		return fail(why, ERR_LIMIT, "the reader of this watch is too slow: more than %d changes wait for it",
		    LIVE_MAX);
	return OK;
}

static enum err
add_row(struct watch_call *watch, const struct msg_sandbox_row *row, bool live, struct why *why)
{
	struct item *item = item_new();
	enum err r;

	if ((r = view_sandbox(&item->arena, row, &item->event.sandbox, why)) != OK) {
		item_free(item);
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
		item_free(item);
		return r;
	}
	item->event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_EVENT;
	return item_add(watch, item, live, why);
}

static enum err
add_line(struct watch_call *watch, const struct msg_log_line *line, bool live, struct why *why)
{
	struct item *item = item_new();
	enum err r;

	if ((r = view_log_line(&item->arena, watch->request->id, line, &item->event.log, why)) != OK) {
		item_free(item);
		return r;
	}
	item->event.payload_case = OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG;
	return item_add(watch, item, live, why);
}

/* Take a row in: status and event where they are followed, and the end where it is due. */
static enum err
take_row(struct watch_call *watch, const struct msg_sandbox_row *row, bool snapshot, struct why *why)
{
	const Openshell__V1__WatchSandboxRequest *in = watch->request;
	enum err r = OK;

	if (snapshot || (in->has_follow_status && in->follow_status))
		r = add_row(watch, row, !snapshot, why);
	if (r == OK && in->has_follow_events && in->follow_events)
		r = add_event(watch, row, !snapshot, why);
	if (in->has_stop_on_terminal && in->stop_on_terminal &&
	    row->phase == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY)
		watch->ending = true;
	return r;
}

/* ---- log lines ---- */

/* FNV-1a over what tells lines apart. */
static uint64_t
line_mark(const struct msg_log_line *line)
{
	const struct span parts[] = {span_of_bytes(&line->time_ms, sizeof(line->time_ms)), line->source, line->level,
	    line->target, line->message};
	uint64_t mark = 0xcbf29ce484222325u;

	for (size_t i = 0; i < COUNT(parts); i++)
		for (size_t k = 0; k <= parts[i].length; k++)
			mark = (mark ^ (k < parts[i].length ? (uint8_t)parts[i].at[k] : 0x100u)) * 0x100000001b3u;
	return mark;
}

/* Was it in the tail? Each line of the tail answers once. */
static bool
in_tail(struct watch_call *watch, const struct msg_log_line *line)
{
	uint64_t mark;

	if (watch->tail_n == 0 || line->time_ms > watch->tail_newest_ms)
		return false;
	mark = line_mark(line);
	for (size_t i = 0; i < watch->tail_n; i++)
		if (watch->tail[i] == mark) {
			watch->tail[i] = watch->tail[--watch->tail_n];
			return true;
		}
	return false;
}

/* Do the request's sources and level let a live line through? */
static bool
line_wanted(const Openshell__V1__WatchSandboxRequest *in, const struct msg_log_line *line)
{
	bool named = in->n_log_sources == 0;

	for (size_t i = 0; i < in->n_log_sources; i++)
		named = named || span_is(line->source, in->log_sources[i]);
	return named && (in->log_min_level == NULL || in->log_min_level[0] == '\0' ||
			    log_rank(line->level) <= log_rank(span_of_text(in->log_min_level)));
}

static enum err
take_tail(struct watch_call *watch, const struct msg_logs *logs, struct why *why)
{
	enum err r = OK;

	if ((watch->tail = calloc(logs->lines_n + 1, sizeof(*watch->tail))) == NULL)
		abort();
	for (size_t i = 0; i < logs->lines_n && r == OK; i++) {
		watch->tail[watch->tail_n++] = line_mark(&logs->lines[i]);
		if (logs->lines[i].time_ms > watch->tail_newest_ms)
			watch->tail_newest_ms = logs->lines[i].time_ms;
		r = add_line(watch, &logs->lines[i], false, why);
	}
	return r;
}

/* Is this held thing a line of the tail? */
static bool
held_in_tail(struct watch_call *watch, const struct item *item)
{
	const Openshell__V1__SandboxLogLine *log = item->event.log;
	struct msg_log_line line;

	if (item->event.payload_case != OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_LOG)
		return false;
	line = (struct msg_log_line){.time_ms = (uint64_t)log->timestamp_ms, .source = span_of_text(log->source),
	    .level = span_of_text(log->level), .target = span_of_text(log->target), .message = span_of_text(log->message)};
	return in_tail(watch, &line);
}

/* The tail has been told, or is not wanted: what waited behind it follows. */
static void
tail_end(struct watch_call *watch)
{
	struct item *item;

	watch->tail_done = true;
	list_each (item, &watch->held, struct item, link) {
		if (held_in_tail(watch, item)) {
			watch->live--;
			item_free(item);
			continue;
		}
		list_remove(&item->link);
		list_append(&watch->ready, &item->link);
	}
	watch_pump(watch);
}

static void
tail_answered(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct watch_call *watch = self;
	struct why why = *reason;

	watch->question = 0;
	if (r == OK && answer->id != LOGS)
		r = fail(&why, ERR_PROTOCOL, "logs_get was answered with something else");
	if (r == OK)
		r = take_tail(watch, &answer->logs, &why);
	if (r != OK)
		watch_end(watch, r, &why);
	else
		tail_end(watch);
}

static void
tail_ask(struct watch_call *watch)
{
	const Openshell__V1__WatchSandboxRequest *in = watch->request;
	struct msg m = {.id = LOGS_GET, .logs_get = {.sandbox = watch->sandbox}};
	struct why why = {0};
	enum err r;

	if ((r = logs_question(rpc_arena(watch->work.call), in->log_min_level, in->log_since_ms, in->log_sources,
		 in->n_log_sources, &m.logs_get, &why)) != OK) {
		watch_end(watch, r, &why);
		return;
	}
	m.logs_get.lines = in->log_tail_lines == 0 ? TAIL_DEFAULT :
	    in->log_tail_lines > TAIL_MAX ? TAIL_MAX : in->log_tail_lines;
	watch->question = peer_call(watch->state, &m, CALL_DEADLINE_MS, tail_answered, watch);
}

/* ---- the watch ---- */

static void
opened(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct watch_call *watch = self;
	struct why why = *reason;

	watch->question = 0;
	if (r == OK && answer->id != SANDBOX_ROW)
		r = fail(&why, ERR_PROTOCOL, "watch_open was answered with something else");
	if (r == ERR_NOT_FOUND)
		(void)fail(&why, r, "sandbox not found");
	if (r == OK) {
		rpc_begin(watch->work.call);
		r = take_row(watch, &answer->sandbox_row, true, &why);
	}
	if (r != OK)
		watch_end(watch, r, &why);
	else if (watch->request->has_follow_logs && watch->request->follow_logs)
		tail_ask(watch);
	else
		tail_end(watch);
}

static struct watch_call *
watch_new(struct api *api, struct rpc_call *call, const Openshell__V1__WatchSandboxRequest *in, struct peer *state,
    struct id sandbox)
{
	struct watch_call *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		abort();
	watch->work = (struct work){.api = api, .call = call, .gone = watch_gone, .writable = watch_writable};
	watch->request = in;
	watch->sandbox = sandbox;
	watch->state = peer_ref(state);
	list_init(&watch->ready);
	list_init(&watch->held);
	numbered_add(api->watches, &watch->numbered, api->next_number++);
	rpc_set_state(call, &watch->work);
	return watch;
}

/*
 * WatchSandbox.
 *
 * errors  INVALID_ARGUMENT no id; NOT_FOUND; RESOURCE_EXHAUSTED the reader lags; UNAVAILABLE state went away. The
 *         stream ends well when the sandbox is gone, or at READY where that was asked for
 */
void
sandbox_watch(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__WatchSandboxRequest *in = (const Openshell__V1__WatchSandboxRequest *)message;
	struct msg m = {.id = WATCH_OPEN, .watch_open = {.rows = true, .logs = in->has_follow_logs && in->follow_logs}};
	struct watch_call *watch;
	struct why why = {0};
	struct peer *state;
	enum err r;

	if ((r = check_id("id", span_of_text(in->id), &m.watch_open.sandbox, &why)) != OK ||
	    (r = api_peer(self, ROLE_STATE, &state, &why)) != OK) {
		rpc_finish(call, r, &why);
		return;
	}
	watch = watch_new(self, call, in, state, m.watch_open.sandbox);
	m.watch_open.watch = watch->numbered.number;
	watch->question = peer_call(state, &m, api_patience(call, CALL_DEADLINE_MS), opened, watch);
}

/* ---- from state ---- */

static struct watch_call *
watch_find(struct api *api, uint64_t number)
{
	struct numbered *numbered = numbered_find(api->watches, number);

	return numbered == NULL ? NULL : list_item(numbered, struct watch_call, numbered);
}

/* The row of a watched sandbox changed, or is gone. In: watch_row, from state. */
enum err
watch_row(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct watch_call *watch = watch_find(self, m->watch_row.watch);
	enum err r = OK;

	(void)answer;
	if (watch == NULL || watch->ending)
		return OK; /* closed meanwhile */
	if (m->watch_row.row_n == 0)
		watch->ending = true;
	else
		r = take_row(watch, &m->watch_row.row[0], false, why);
	if (r != OK)
		watch_end(watch, r, why);
	else
		watch_pump(watch);
	return OK;
}

/* New lines of a watched sandbox. In: watch_log, from state. */
enum err
watch_log(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct watch_call *watch = watch_find(self, m->watch_log.watch);
	enum err r = OK;

	(void)answer;
	if (watch == NULL || watch->ending)
		return OK;
	for (size_t i = 0; i < m->watch_log.lines_n && r == OK; i++)
		if (line_wanted(watch->request, &m->watch_log.lines[i]) && !in_tail(watch, &m->watch_log.lines[i]))
			r = add_line(watch, &m->watch_log.lines[i], true, why);
	if (r != OK)
		watch_end(watch, r, why);
	else
		watch_pump(watch);
	return OK;
}

static void
watch_end_all(struct api *api, const struct peer *peer, const struct why *why)
{
	struct numbered *numbered;

	for (size_t i = 0; i < API_BUCKETS; i++)
		list_each (numbered, &api->watches[i], struct numbered, link) {
			struct watch_call *watch = list_item(numbered, struct watch_call, numbered);

			if (peer == NULL || watch->state == peer)
				watch_end(watch, ERR_UNAVAILABLE, why);
		}
}

void
watch_peer_down(struct api *api, const struct peer *peer)
{
	struct why why = {0};

	(void)fail(&why, ERR_UNAVAILABLE, "the gateway's state process went away: watch again in a moment");
	watch_end_all(api, peer, &why);
}

void
watch_stop(struct api *api)
{
	struct why why = {0};

	(void)fail(&why, ERR_UNAVAILABLE, "the gateway is stopping");
	watch_end_all(api, NULL, &why);
}
