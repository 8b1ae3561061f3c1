/* passage: how a stream into a sandbox begins and ends. */
#include <assert.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "services/api/passage_inside.h"

#define SESSION_WAIT_MS	  15000 /* for a sandbox whose session is away, as the reference does */
#define RETRY_FIRST_MS	  20
#define RETRY_MOST_MS	  1000
#define START_PATIENCE_MS (CALL_DEADLINE_MS + 2000) /* the relay's own answer about its deadline comes first */
#define WINDOW_FIRST	  (8u << 10)		    /* that everybody has */
#define WINDOW_EARNED	  32	      /* that part of what was taken: sockets take some 100 KiB before they stall */
#define WINDOWS_MOST	  (16u << 20) /* that all have together, beyond their first */
#define WINDOW_PART	  8	      /* of what is left of that, at most */
#define QUEUE_BYTES	  4096
#define MANY		  64 /* so many passages leave holes in the heap */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* It grows with what has been taken, as long as there is some left: who stalls soon holds little, who stalls late a part. */
static uint32_t
window(const struct api *api, uint64_t used)
{
	uint64_t left = api->credit_bytes < WINDOWS_MOST ? WINDOWS_MOST - api->credit_bytes : 0;
	uint64_t most = least(WINDOW_FIRST + left / WINDOW_PART, PASSAGE_WINDOW_BYTES);

	return (uint32_t)(used / WINDOW_EARNED < WINDOW_FIRST ? WINDOW_FIRST : least(used / WINDOW_EARNED, most));
}

/* Bytes beyond the first window that may come on this channel, or are kept here. */
static uint64_t
extra(const struct stream_in *in)
{
	uint64_t may_come = (in->ended ? in->got : in->granted) - in->used;

	return may_come > WINDOW_FIRST ? may_come - WINDOW_FIRST : 0;
}

static void
credit_count(struct passage *passage, uint64_t now)
{
	passage->api->credit_bytes += now - passage->credit_bytes;
	passage->credit_bytes = now;
}

enum err
passage_used(struct passage *passage, struct stream_in *in, size_t length, struct why *why)
{
	enum err r;

	in->window_bytes = window(passage->api, in->used);
	r = stream_used(in, length, why);
	credit_count(passage, extra(&passage->from[0]) + extra(&passage->from[1]));
	return r;
}

void
passage_set_queue(struct rpc_call *call)
{
	rpc_set_queue(call, QUEUE_BYTES);
}

/* ---- its end ---- */

/* One more, or one less: after many the memory that they had goes back to the system. */
static void
counted(struct api *api, int by)
{
	api->passages_n += (size_t)by;
	if (api->passages_n > api->passages_most)
		api->passages_most = api->passages_n;
	if (api->passages_n > 0 || api->passages_most < MANY)
		return;
	api->passages_most = 0;
	malloc_trim(0);
}

static void
passage_free(struct passage *passage)
{
	struct api *api = passage->api;

	passage_drop(passage);
	credit_count(passage, 0);
	loop_timer_stop(api->loop, &passage->again);
	if (passage->question != 0)
		call_cancel(passage->relay, passage->question);
	numbered_remove(&passage->numbered);
	peer_unref(passage->relay);
	free(passage);
	counted(api, -1);
}

void
passage_stop(struct passage *passage)
{
	uint64_t number = passage->numbered.number;
	const struct msg kill = {.id = EXEC_SIGNAL, .exec_signal = {number, SIGKILL}};
	const struct msg close = {.id = DOOR_CLOSED, .door_closed = {number, SPAN_NONE}};
	struct why why;

	if (peer_tell(passage->relay, passage_is_door(passage) ? &close : &kill, &why) != OK)
		log_debug("passage.unstopped", "why=\"%s\"", why.text); /* the relay is gone: its end ends all */
}

/*
 * The owner went. What nobody asked for, or a door, is over at once; a command is read to its end (passage_settle), so
 * that the sandbox's side comes to an end too; what is being asked for is ended when the answer comes.
 */
static void
abandon(struct passage *passage)
{
	if (passage->running && !passage_over_inside(passage))
		passage_stop(passage);
	passage->dead = passage->running ? passage_is_door(passage) : passage->question == 0;
}

void
passage_enter(struct passage *passage)
{
	passage->busy++;
}

void
passage_settle(struct passage *passage)
{
	if (passage->busy == 1 && passage->owner == NULL && !passage->dead)
		passage_pump(passage);
	if (--passage->busy == 0 && passage->dead)
		passage_free(passage);
}

void
passage_leave(struct passage *passage)
{
	passage_enter(passage);
	passage->owner = NULL;
	abandon(passage);
	passage_settle(passage);
}

void
passage_over(struct passage *passage, enum err r, uint16_t exit_code, const struct why *why)
{
	const struct passage_owner *owner = passage->owner;

	passage->dead = true;
	passage->owner = NULL;
	if (owner != NULL)
		owner->over(passage->self, r, exit_code, why);
}

enum err
passage_breach(struct passage *passage, enum err r, const struct why *why)
{
	passage_stop(passage);
	passage_over(passage, ERR_INTERNAL, 0, why);
	return r;
}

void
passage_peer_down(struct api *api, const struct peer *peer)
{
	struct numbered *numbered;
	struct why why = {0};

	(void)fail(&why, ERR_UNAVAILABLE, "the gateway's %s process went away: how it ends is not known",
	    role_name(peer->role));
	for (size_t i = 0; i < API_BUCKETS; i++)
		list_each(numbered, &api->passages[i], struct numbered, link) {
			struct passage *passage = list_item(numbered, struct passage, numbered);

			if (passage->relay != peer || passage->exited)
				continue;
			passage_enter(passage);
			passage_over(passage, ERR_UNAVAILABLE, 0, &why);
			passage_settle(passage);
		}
}

/* ---- its beginning ---- */

static enum err
channels_open(struct passage *passage, struct why *why)
{
	uint8_t outputs = passage_is_door(passage) ? 1 : 2;
	enum err r = OK;

	passage->running = true;
	for (uint8_t i = 0; i < 2; i++)
		stream_out_init(&passage->to[i], passage->relay, passage->numbered.number, i == 0 ? 0 : 3);
	for (uint8_t i = 0; r == OK && i < outputs; i++)
		r = stream_in_open(
		    &passage->from[i], passage->relay, passage->numbered.number, (uint8_t)(i + 1), WINDOW_FIRST, why);
	return r;
}

static void passage_try(void *self);

/* A session that is away may come back soon. */
static bool
try_again(struct passage *passage, enum err r)
{
	if (r != ERR_UNAVAILABLE || passage->owner == NULL || !passage->relay->up || clock_ms() >= passage->give_up_ms)
		return false;
	loop_timer_set(passage->api->loop, &passage->again, passage->wait_ms, passage_try, passage);
	passage->wait_ms = passage->wait_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : passage->wait_ms * 2;
	return true;
}

static void
answered(void *self, enum err r, struct msg *answer, const struct why *reason)
{
	struct passage *passage = self;
	struct why why = *reason;

	passage->question = 0;
	if (r == OK && answer->id != (passage_is_door(passage) ? DOOR_OPENED : EXEC_STARTED))
		r = fail(&why, ERR_PROTOCOL, "the relay answered something else");
	if (try_again(passage, r))
		return;
	passage_enter(passage);
	if (r == OK)
		r = channels_open(passage, &why);
	if (r != OK)
		passage_over(passage, r, 0, &why);
	else if (passage->owner == NULL)
		abandon(passage);
	else if (passage->owner->opened != NULL)
		passage->owner->opened(passage->self);
	passage_settle(passage);
}

/* Ask the relay, under a number that no earlier try had. */
static void
passage_try(void *self)
{
	struct passage *passage = self;
	struct api *api = passage->api;
	struct why why = {0};
	struct peer *relay;
	enum err r;

	if ((r = api_peer(api, ROLE_RELAY, &relay, &why)) != OK) {
		passage_enter(passage);
		passage_over(passage, r, 0, &why);
		passage_settle(passage);
		return;
	}
	peer_unref(passage->relay);
	passage->relay = peer_ref(relay);
	numbered_remove(&passage->numbered);
	numbered_add(api->passages, &passage->numbered, api->next_number++);
	if (passage_is_door(passage))
		passage->open.door_open.stream = passage->numbered.number;
	else
		passage->open.exec_start.stream = passage->numbered.number;
	passage->question = peer_call(relay, &passage->open, START_PATIENCE_MS, answered, passage);
}

static struct passage *
passage_new(struct api *api, const struct msg *open, const struct passage_owner *owner, void *self)
{
	struct passage *passage = calloc(1, sizeof(*passage));

	if (passage == NULL)
		abort();
	*passage = (struct passage){.api = api,
	    .owner = owner,
	    .self = self,
	    .open = *open,
	    .give_up_ms = clock_ms() + SESSION_WAIT_MS,
	    .wait_ms = RETRY_FIRST_MS};
	list_init(&passage->kept);
	counted(api, 1);
	return passage;
}

/* The owner hears nothing before it has the passage: without a relay, from the loop. */
static struct passage *
begin(struct passage *passage)
{
	struct peer *relay;
	struct why why;

	if (api_peer(passage->api, ROLE_RELAY, &relay, &why) == OK)
		passage_try(passage);
	else
		loop_timer_set(passage->api->loop, &passage->again, 0, passage_try, passage);
	return passage;
}

struct passage *
passage_open(struct api *api, const struct msg_exec_start *open, const struct passage_owner *owner, void *self)
{
	const struct msg m = {.id = EXEC_START, .exec_start = *open};

	return begin(passage_new(api, &m, owner, self));
}

struct passage *
passage_door(struct api *api, struct id sandbox, enum door door, struct span host, uint16_t port,
    const struct passage_owner *owner, void *self)
{
	const struct msg m = {.id = DOOR_OPEN, .door_open = {.sandbox = sandbox, .kind = (uint8_t)door, .port = port}};
	struct passage *passage = passage_new(api, &m, owner, self);

	assert(host.length <= sizeof(passage->host));
	if (host.length > 0)
		memcpy(passage->host, host.at, host.length);
	passage->open.door_open.host = span_of_bytes(passage->host, host.length);
	return begin(passage);
}
