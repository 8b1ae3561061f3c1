/* Questions that wait: copied, because a message lives only as long as its handler, and asked again. */
#include "sandbox/policyd/policyd.h"

#include <stdlib.h>

/* Soon at first: a child is between fork and exec for a millisecond or so. */
uint32_t
wait_look_ms(unsigned looks)
{
	static const uint32_t delays[LOOKS_MAX] = {1, 1, 2, 4, 6, 7};

	return delays[looks < LOOKS_MAX ? looks : LOOKS_MAX - 1];
}

static void
waiting_free(struct waiting *waiting)
{
	loop_timer_stop(waiting->policyd->loop, &waiting->timer);
	list_remove(&waiting->link);
	waiting->policyd->waiting_n--;
	peer_unref(waiting->reply.peer);
	free(waiting->bytes);
	free(waiting);
}

static void
again(struct waiting *waiting)
{
	struct policyd *policyd = waiting->policyd;
	struct reply reply = waiting->reply;
	auto_arena struct arena arena = {0};
	unsigned looks = waiting->looks;
	struct msg m = {0};
	struct why why;

	if (msg_decode(span_of_bytes(waiting->bytes, waiting->length), &arena, &m, &why) != OK)
		abort(); /* we wrote it */
	m.arena = &arena;
	policyd->looked = waiting->look != policyd->observer.look.number;
	waiting->reply.peer = NULL; /* goes on with the question; it is asked before the copy goes */
	if (m.id == CONNECTION_JUDGE)
		connection_judge_again(policyd, &m, looks, &reply);
	else
		requests_judge_again(policyd, &m, looks, &reply);
	waiting_free(waiting);
}

static void
fired(void *self)
{
	again(self);
}

enum err
wait_for(struct policyd *policyd, const struct msg *m, unsigned looks, uint32_t delay_ms, struct reply *reply,
    struct why *why)
{
	struct waiting *waiting;
	size_t room = 0;
	enum err r;

	if (policyd->waiting_n == WAITING_MAX)
		return fail(why, ERR_LIMIT, "%d questions wait", WAITING_MAX);
	if ((waiting = calloc(1, sizeof(*waiting))) == NULL)
		abort();
	if ((r = msg_encode(m, &waiting->bytes, &room, &waiting->length, why)) != OK) {
		free(waiting);
		return r;
	}
	waiting->policyd = policyd;
	waiting->looks = looks;
	waiting->look = policyd->observer.look.number;
	waiting->for_hash = delay_ms == WAIT_HASH;
	waiting->reply = *reply;
	reply->peer = NULL;
	list_append(&policyd->waiting, &waiting->link);
	policyd->waiting_n++;
	if (delay_ms != WAIT_HASH)
		loop_timer_set(policyd->loop, &waiting->timer, delay_ms, fired, waiting);
	return OK;
}

/* Each at the next turn: what is asked again may wait once more, in the same list. */
void
wait_hash_known(struct policyd *policyd)
{
	struct waiting *waiting;

	list_each(waiting, &policyd->waiting, struct waiting, link)
		if (waiting->for_hash)
			loop_timer_set(policyd->loop, &waiting->timer, 0, fired, waiting);
}

void
wait_clear(struct policyd *policyd)
{
	struct waiting *waiting;

	if (policyd->waiting.next == NULL)
		return;
	list_each(waiting, &policyd->waiting, struct waiting, link)
		waiting_free(waiting);
}
