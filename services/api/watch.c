/* watch: WatchSandbox: a snapshot, the tail of the log, then all that changes, no faster than its reader takes it. */
#include <stdlib.h>

#include "services/api/check.h"
#include "services/api/logs.h"
#include "services/api/methods.h"
#include "services/api/watch_call.h"

#define TAIL_DEFAULT 200
#define TAIL_MAX     10000

/* ---- its end ---- */

/* Tell state, and forget. */
static void
watch_close(struct watch_call *watch)
{
	const struct msg m = {.id = WATCH_CLOSE, .watch_close = {watch->numbered.number}};
	struct why why;

	if (peer_tell(watch->state, &m, &why) != OK)
		log_debug("watch.untold", "why=\"%s\"", why.text);
	watch_items_free(watch);
	call_cancel(watch->state, watch->question);
	numbered_remove(&watch->numbered);
	peer_unref(watch->state);
	free(watch);
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

/* Send what the reader takes; the end follows the last of it. r: an error ends it now. */
static void
watch_go_on(struct watch_call *watch, enum err r, const struct why *why)
{
	if (r != OK)
		watch_end(watch, r, why);
	else if (watch_send(watch) && watch->ending)
		watch_end(watch, OK, NULL);
}

static void
watch_writable(struct work *work)
{
	struct watch_call *watch = (struct watch_call *)work;

	if (watch->question == 0) /* what is there before the snapshot waits for it */
		watch_go_on(watch, OK, NULL);
}

/* ---- its beginning: the tail is asked for, then the watch opened behind it, so that no line falls between ---- */

static enum err
answer_check(enum err r, const struct msg *answer, enum msg_id wanted, struct why *why)
{
	if (r == ERR_NOT_FOUND)
		return fail(why, r, "sandbox not found");
	return r == OK && answer->id != wanted ? fail(why, ERR_PROTOCOL, "state answered with something else") : r;
}

static void
opened(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct watch_call *watch = self;
	struct why why = *reason;

	watch->question = 0;
	if ((r = answer_check(r, answer, SANDBOX_ROW, &why)) == OK) {
		rpc_begin(watch->work.call);
		r = watch_add_row(watch, &answer->sandbox_row, true, &why);
	}
	watch_go_on(watch, r, &why);
}

static void
watch_open(struct watch_call *watch, uint64_t after, uint64_t seen)
{
	const Openshell__V1__WatchSandboxRequest *in = watch->request;
	const struct msg m = {.id = WATCH_OPEN,
	    .watch_open = {.watch = watch->numbered.number,
		.sandbox = watch->sandbox,
		.rows = true,
		.logs = in->has_follow_logs && in->follow_logs,
		.after = after,
		.seen = seen}};

	watch->question = peer_call(watch->state, &m, api_patience(watch->work.call, CALL_DEADLINE_MS), opened, watch);
}

static void
tail_answered(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct watch_call *watch = self;
	struct why why = *reason;

	watch->question = 0;
	if ((r = answer_check(r, answer, LOGS, &why)) == OK)
		r = watch_add_lines(watch, answer->logs.lines, answer->logs.lines_n, false, &why);
	if (r == OK)
		watch_open(watch, answer->logs.newest, answer->logs.seen);
	else
		watch_end(watch, r, &why);
}

static void
tail_ask(struct watch_call *watch)
{
	const Openshell__V1__WatchSandboxRequest *in = watch->request;
	struct msg m = {.id = LOGS_GET};
	struct msg_logs_get *get = &m.logs_get;
	uint32_t lines = in->log_tail_lines;
	struct why why = {0};
	enum err r;

	if ((r = logs_question(rpc_arena(watch->work.call), in->log_min_level, in->log_since_ms, in->log_sources,
		 in->n_log_sources, get, &why)) != OK) {
		watch_end(watch, r, &why);
		return;
	}
	get->sandbox = watch->sandbox;
	get->after = in->log_after;
	get->seen = in->log_after != 0 ? in->log_seen : 0;
	get->lines = lines == 0 ? TAIL_DEFAULT : lines > TAIL_MAX ? TAIL_MAX : lines;
	watch->question =
	    peer_call(watch->state, &m, api_patience(watch->work.call, CALL_DEADLINE_MS), tail_answered, watch);
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
	list_init(&watch->items);
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
	struct watch_call *watch;
	struct why why = {0};
	struct peer *state;
	struct id sandbox;
	enum err r;

	if ((r = check_id("id", span_of_text(in->id), &sandbox, &why)) != OK ||
	    (r = api_peer(self, ROLE_STATE, &state, &why)) != OK) {
		rpc_finish(call, r, &why);
		return;
	}
	watch = watch_new(self, call, in, state, sandbox);
	if (in->has_follow_logs && in->follow_logs)
		tail_ask(watch);
	else
		watch_open(watch, 0, 0);
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
		r = watch_add_row(watch, &m->watch_row.row[0], false, why);
	watch_go_on(watch, r, why);
	return OK;
}

/* New lines of a watched sandbox. In: watch_log, from state. */
enum err
watch_log(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct watch_call *watch = watch_find(self, m->watch_log.watch);

	(void)answer;
	if (watch != NULL && !watch->ending)
		watch_go_on(watch, watch_add_lines(watch, m->watch_log.lines, m->watch_log.lines_n, true, why), why);
	return OK;
}

static void
watch_end_all(struct api *api, const struct peer *peer, const struct why *why)
{
	struct numbered *numbered;

	for (size_t i = 0; i < API_BUCKETS; i++)
		list_each(numbered, &api->watches[i], struct numbered, link) {
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
