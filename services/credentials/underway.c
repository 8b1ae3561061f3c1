/* Refreshes under way: in memory as they are in the ledger. The end of a child that is not ours is read from there. */
#include "services/credentials/underway.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/codec.h"
#include "services/credentials/ledger.h"
#include "services/credentials/retained.h"

#define LOOK_MS	  100			     /* while another's child is at it */
#define MARGIN_MS 5000			     /* a child ends by itself a little after its limit */
#define FULL	  (LEDGER_BYTES_MAX / 4 * 3) /* from there on nothing is begun until it was written anew */

struct underway {
	struct list link;
	struct ledger_whose whose; /* its key is our own */
	char *key;
	bool ours;
	uint64_t until_ms;
};

struct held {
	struct list link;
	struct credentials *credentials;
	struct ledger_whose whose; /* its key is in the message */
	handler *again;
	struct arena arena;
	char *bytes;
	struct msg m;
	struct reply reply;
};

static void look(void *self);

static uint64_t
lasts_ms(const struct credentials *credentials)
{
	return credentials->config->fetch_limit_ms + MARGIN_MS;
}

static struct underway *
find(const struct credentials *credentials, const struct ledger_whose *whose)
{
	struct underway *underway;

	list_each(underway, &credentials->underway, struct underway, link)
		if (whose_same(&underway->whose, whose))
			return underway;
	return NULL;
}

bool
underway_has(const struct credentials *credentials, const struct ledger_whose *whose)
{
	return find(credentials, whose) != NULL;
}

static void
add(struct credentials *credentials, const struct ledger_whose *whose, bool ours, uint64_t left_ms)
{
	struct underway *underway = calloc(1, sizeof(*underway));

	if (underway == NULL || (underway->key = span_dup(whose->key)) == NULL)
		abort();
	underway->whose = *whose;
	underway->whose.key = span_of_text(underway->key);
	underway->ours = ours;
	underway->until_ms = clock_ms() + left_ms;
	list_append(&credentials->underway, &underway->link);
	credentials->underway_n++;
	if (!ours)
		loop_timer_set(credentials->loop, &credentials->underway_timer, LOOK_MS, look, credentials);
}

static void
underway_free(struct credentials *credentials, struct underway *underway)
{
	list_remove(&underway->link);
	credentials->underway_n--;
	free(underway->key);
	free(underway);
}

/* ---- requests that wait ---- */

static void
held_free(struct held *held)
{
	list_remove(&held->link);
	held->credentials->held_n--;
	peer_unref(held->reply.peer);
	arena_reset(&held->arena);
	free(held->bytes);
	free(held);
}

/* As if it had come now. */
static void
held_run(struct held *held)
{
	struct msg answer = {.id = MSG_NONE};
	struct why why = {""};
	enum err r;

	list_remove(&held->link);
	if (held->reply.peer->up && held->reply.life == held->reply.peer->life) {
		r = held->again(held->credentials, &held->m, &answer, &why);
		if (r != OK)
			reply_fail(&held->reply, r, &why);
		else if (answer.id != MSG_NONE)
			reply_send(&held->reply, &answer);
	}
	held_free(held);
}

/* Each one's, once: it may come to be held again. */
static void
wake(struct credentials *credentials)
{
	struct held *held;

	for (unsigned n = credentials->held_n; n > 0 && !list_empty(&credentials->held); n--) {
		held = list_item(credentials->held.next, struct held, link);
		list_remove(&held->link);
		list_append(&credentials->held, &held->link);
		if (!underway_has(credentials, &held->whose))
			held_run(held);
	}
}

enum err
underway_hold(struct credentials *credentials, const struct ledger_whose *whose, const struct msg *m, handler *again,
    struct why *why)
{
	struct held *held;
	size_t room = 0, length;
	enum err r;

	if (credentials->held_n >= HELD_MAX)
		return fail(why, ERR_LIMIT, "%d refreshes wait for another one", HELD_MAX);
	if ((held = calloc(1, sizeof(*held))) == NULL)
		abort();
	held->credentials = credentials;
	held->again = again;
	held->arena.max_bytes = 8u << 20;
	list_append(&credentials->held, &held->link);
	credentials->held_n++;
	if ((r = msg_encode(m, &held->bytes, &room, &length, why)) != OK ||
	    (r = msg_decode(span_of_bytes(held->bytes, length), &held->arena, &held->m, why)) != OK) {
		held_free(held);
		return r;
	}
	held->m.arena = &held->arena;
	held->m.from = m->from;
	held->m.call = m->call;
	held->reply = reply_later(m);
	held->whose = *whose;
	held->whose.key = held->m.refresh_run.key;
	return OK;
}

/* ---- children of the credentials before ---- */

static void
ended(struct credentials *credentials, const struct ledger_whose *whose)
{
	struct underway *underway = find(credentials, whose);

	if (underway != NULL && !underway->ours)
		underway_free(credentials, underway);
}

static void
take(struct credentials *credentials, const struct ledger_entry *entry)
{
	uint64_t now_ms = (uint64_t)clock_wall_ms(), left_ms = entry->until_ms > now_ms ? entry->until_ms - now_ms : 0;

	switch (entry->what) {
	case LEDGER_BEGUN:
		if (left_ms > 0 && !underway_has(credentials, &entry->whose))
			add(credentials, &entry->whose, false,
			    left_ms < lasts_ms(credentials) ? left_ms : lasts_ms(credentials));
		break;
	case LEDGER_ANSWER:
		ended(credentials, &entry->whose);
		if (left_ms > 0)
			retained_keep(credentials, &entry->whose, entry->box, left_ms);
		break;
	case LEDGER_ENDED:
		ended(credentials, &entry->whose);
		retained_ended(credentials, &entry->whose);
		break;
	}
}

static void
look(void *self)
{
	struct credentials *credentials = self;
	struct underway *underway;
	bool others = false;

	ledger_read(credentials, take);
	retained_renew(credentials);
	list_each(underway, &credentials->underway, struct underway, link) {
		if (!underway->ours && underway->until_ms < clock_ms())
			underway_free(credentials, underway);
		else
			others = others || !underway->ours;
	}
	if (others)
		loop_timer_set(credentials->loop, &credentials->underway_timer, LOOK_MS, look, credentials);
	wake(credentials);
	retained_tidy(credentials);
}

void
underway_load(struct credentials *credentials)
{
	look(credentials);
	if (credentials->retained_n + credentials->underway_n > 0)
		log_info("refresh.ledger", "answers=%u underway=%u", credentials->retained_n, credentials->underway_n);
}

/* ---- our own ---- */

enum err
underway_begin(struct credentials *credentials, const struct ledger_whose *whose, struct why *why)
{
	retained_tidy(credentials);
	if (ledger_size(credentials) > FULL)
		return fail(why, ERR_LIMIT, "the ledger of refreshes is full until those under way have ended");
	add(credentials, whose, true, 0);
	return OK;
}

enum err
underway_note(struct credentials *credentials, const struct ledger_whose *whose, struct why *why)
{
	const struct ledger_entry entry = {
	    .what = LEDGER_BEGUN, .whose = *whose, .until_ms = (uint64_t)clock_wall_ms() + lasts_ms(credentials)};

	return ledger_add(credentials, &entry, false, why);
}

void
underway_end(struct credentials *credentials, const struct ledger_whose *whose, enum underway_end how)
{
	const struct ledger_entry entry = {.what = LEDGER_ENDED, .whose = *whose};
	struct underway *underway = find(credentials, whose);
	struct why why;

	if (underway == NULL)
		return;
	if (how == UNDERWAY_UNSURE && credentials->ledger_fd >= 0) {
		underway->ours = false;
		underway->until_ms = clock_ms() + MARGIN_MS;
		loop_timer_set(credentials->loop, &credentials->underway_timer, LOOK_MS, look, credentials);
		return;
	}
	if (how == UNDERWAY_ENDED) /* it may have died between its entry and its answer to us */
		ledger_read(credentials, take);
	underway_free(credentials, underway);
	if (how == UNDERWAY_ENDED && !retained_has(credentials, whose) &&
	    ledger_add(credentials, &entry, false, &why) != OK)
		log_warning("refresh.ledger", "why=\"%s\"", why.text);
	wake(credentials);
	retained_tidy(credentials);
}

void
underway_init(struct credentials *credentials)
{
	list_init(&credentials->underway);
	list_init(&credentials->held);
}

void
underway_done(struct credentials *credentials)
{
	struct underway *underway;
	struct held *held;

	loop_timer_stop(credentials->loop, &credentials->underway_timer);
	list_each(held, &credentials->held, struct held, link)
		held_free(held);
	list_each(underway, &credentials->underway, struct underway, link)
		underway_free(credentials, underway);
}
