/* Opening records: handles are fetched beside each other, and one that fails fails the message. */
#include "services/credentials/opening.h"

#include <assert.h>
#include <stdlib.h>

#include "common/bus/codec.h"
#include "common/seal/sealed.h"
#include "services/credentials/outside.h"
#include "services/credentials/record.h"
#include "services/credentials/room.h"

struct opening {
	struct credentials *credentials;
	struct arena arena;
	char *bytes; /* of the message; no secret in clear */
	struct msg m;
	struct reply reply;
	struct room room;
	struct span values[OPENED_MAX];
	struct slot {
		struct opening *opening;
		struct span *value;
	} slots[OPENED_MAX];
	size_t pending;
	opened *go_on;
	enum err failed;
	struct why why;
};

static void
opening_free(struct opening *opening)
{
	room_close(&opening->room);
	arena_reset(&opening->arena);
	free(opening->bytes);
	free(opening);
}

static void
opening_end(struct opening *opening)
{
	struct msg answer = {0};
	enum err r = opening->failed;

	if (opening->pending > 0)
		return;
	if (r == OK)
		r = opening->go_on(
		    opening->credentials, &opening->m, opening->values, &opening->reply, &answer, &opening->why);
	if (r != OK)
		reply_fail(&opening->reply, r, &opening->why);
	else if (answer.id != MSG_NONE)
		reply_send(&opening->reply, &answer);
	opening_free(opening);
}

static void
got(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct slot *slot = self;
	struct opening *opening = slot->opening;
	struct why none;

	if (r == OK && (done->values_n != 1 || done->values[0].value.length > SECRET_VALUE_MAX)) {
		r = fail(&none, ERR_INTERNAL, "the child brought no value");
		why = &none;
	}
	if (r == OK) {
		struct span value = done->values[0].value;
		uint8_t *at = room_take(&opening->room, value.length);

		memcpy(at, value.at, value.length);
		*slot->value = span_of_bytes(at, value.length);
	} else if (opening->failed == OK) {
		opening->failed =
		    r == ERR_NOT_FOUND ? ERR_STATE : r; /* not found is the store's word, not the caller's */
		opening->why = *why;
	}
	opening->pending--;
	opening_end(opening);
}

/* A copy that outlives the handler: through its bytes. */
static enum err
message_copy(struct opening *opening, const struct msg *m, struct why *why)
{
	size_t room = 0, length;
	enum err r;

	if ((r = msg_encode(m, &opening->bytes, &room, &length, why)) != OK ||
	    (r = msg_decode(span_of_bytes(opening->bytes, length), &opening->arena, &opening->m, why)) != OK)
		return r;
	opening->m.arena = &opening->arena;
	return OK;
}

static enum err
later(struct credentials *credentials, struct msg *m, struct room *room, const struct span *values, const bool *handles,
    size_t n, opened *go_on, struct why *why)
{
	struct opening *opening = calloc(1, sizeof(*opening));
	enum err r;

	if (opening == NULL)
		abort();
	opening->credentials = credentials;
	opening->go_on = go_on;
	opening->arena.max_bytes = 8u << 20;
	if ((r = message_copy(opening, m, why)) != OK) {
		opening_free(opening);
		return r;
	}
	opening->reply = reply_later(m);
	opening->room = *room;
	*room = (struct room){0};
	for (size_t i = 0; i < n && opening->failed == OK; i++) {
		opening->values[i] = values[i];
		opening->slots[i] = (struct slot){opening, &opening->values[i]};
		if (!handles[i])
			continue;
		opening->failed = outside_get(credentials, values[i], got, &opening->slots[i], &opening->why);
		opening->pending += opening->failed == OK ? 1 : 0;
	}
	opening_end(opening);
	return OK;
}

/* The records' values, and those that are to be fetched. */
static size_t
room_bytes(const struct wanted *wanted, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		if (wanted[i].record != NULL)
			bytes += wanted[i].record->record.length +
				 (stored_says_handle(wanted[i].record->record) ? SECRET_VALUE_MAX : 0);
	return bytes;
}

enum err
records_open(struct credentials *credentials, struct msg *m, const struct wanted *wanted, size_t n, opened *go_on,
    struct msg *answer, struct why *why)
{
	struct span values[OPENED_MAX] = {SPAN_NONE};
	bool handles[OPENED_MAX] = {false}, any = false;
	auto_room struct room room = {0};
	enum stored_kind kind;
	enum err r;

	assert(n <= OPENED_MAX);
	room_open(&room, room_bytes(wanted, n));
	for (size_t i = 0; i < n; i++) {
		if (wanted[i].record == NULL)
			continue;
		if ((r = record_open(
			 credentials, wanted[i].provider, wanted[i].record, &room, &kind, &values[i], why)) != OK)
			return r;
		handles[i] = kind == STORED_HANDLE;
		any = any || handles[i];
	}
	if (any)
		return later(credentials, m, &room, values, handles, n, go_on, why);
	return go_on(credentials, m, values, NULL, answer, why);
}

struct reply
opening_reply(struct reply *reply, const struct msg *m)
{
	struct reply taken;

	if (reply == NULL)
		return reply_later(m);
	taken = *reply;
	*reply = (struct reply){0};
	return taken;
}
