/* Retained answers: sealed, so no secret in clear waits here. */
#include "services/credentials/retained.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/codec.h"
#include "services/credentials/ledger.h"

struct retained {
	struct list link;	   /* in credentials.retained, oldest first */
	struct retained_for whose; /* its key is our own */
	char *key, *bytes;
	size_t length;
	uint64_t until_ms;
};

static void
retained_free(struct credentials *credentials, struct retained *retained)
{
	list_remove(&retained->link);
	credentials->retained_n--;
	credentials->retained_bytes -= retained->length;
	free(retained->key);
	free(retained->bytes);
	free(retained);
}

static struct retained *
oldest(struct credentials *credentials)
{
	struct retained *retained;

	list_each(retained, &credentials->retained, struct retained, link)
		return retained;
	return NULL;
}

/* Those whose time is over, and one more where there are too many. */
static void
retained_tidy(struct credentials *credentials)
{
	struct retained *first;

	while ((first = oldest(credentials)) != NULL &&
	       (first->until_ms < clock_ms() || credentials->retained_n > RETAINED_MAX))
		retained_free(credentials, first);
}

struct retained_for
retained_for(const struct msg_refresh_run *in)
{
	struct retained_for whose = {.provider = in->provider_id, .key = in->key};
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(whose.print));
	for (size_t i = 0; i < in->secrets_n; i++)
		crypto_generichash_update(
		    &state, (const uint8_t *)in->secrets[i].record.at, in->secrets[i].record.length);
	crypto_generichash_final(&state, whose.print, sizeof(whose.print));
	return whose;
}

/* The answer before for the same credential: whoever asks has what that brought, or this is what it was asked for again. */
static void
before_free(struct credentials *credentials, const struct retained_for *whose)
{
	struct retained *retained;

	list_each(retained, &credentials->retained, struct retained, link)
		if (id_equal(retained->whose.provider, whose->provider) &&
		    span_equal(retained->whose.key, whose->key)) {
			retained_free(credentials, retained);
			return;
		}
}

static void
retained_restore(
    struct credentials *credentials, const struct retained_for *whose, struct span answer, uint64_t left_ms)
{
	struct retained *retained = calloc(1, sizeof(*retained));

	if (retained == NULL || (retained->key = span_dup(whose->key)) == NULL ||
	    (retained->bytes = malloc(answer.length)) == NULL)
		abort();
	memcpy(retained->bytes, answer.at, answer.length);
	before_free(credentials, whose);
	retained->whose = *whose;
	retained->whose.key = span_of_text(retained->key);
	retained->length = answer.length;
	retained->until_ms = clock_ms() + (left_ms < RETAINED_MS ? left_ms : RETAINED_MS);
	list_append(&credentials->retained, &retained->link);
	credentials->retained_n++;
	credentials->retained_bytes += retained->length;
	retained_tidy(credentials);
}

/* The ledger written anew, when most of it is old. */
static void
ledger_tidy(struct credentials *credentials)
{
	uint64_t now_ms = clock_ms(), wall_ms = (uint64_t)clock_wall_ms();
	struct retained *retained;

	if (!ledger_is_old(credentials))
		return;
	ledger_clear(credentials);
	list_each(retained, &credentials->retained, struct retained, link)
		if (retained->until_ms > now_ms)
			ledger_add(credentials,
			    &(struct ledger_entry){retained->whose, span_of_bytes(retained->bytes, retained->length),
				wall_ms + retained->until_ms - now_ms});
}

void
retained_keep(struct credentials *credentials, const struct retained_for *whose, const struct msg_refreshed *answer)
{
	const struct msg m = {.id = REFRESHED, .refreshed = *answer};
	struct ledger_entry entry = {.whose = *whose, .until_ms = (uint64_t)clock_wall_ms() + RETAINED_MS};
	auto_free char *bytes = NULL;
	size_t room = 0, length;
	struct why why;

	if (msg_encode(&m, &bytes, &room, &length, &why) != OK)
		return;
	entry.answer = span_of_bytes(bytes, length);
	ledger_add(credentials, &entry);
	retained_restore(credentials, whose, entry.answer, RETAINED_MS);
	ledger_tidy(credentials);
}

void
retained_load(struct credentials *credentials)
{
	ledger_load(credentials, retained_restore);
}

static struct retained *
retained_find(struct credentials *credentials, const struct retained_for *whose)
{
	struct retained *retained;

	list_each(retained, &credentials->retained, struct retained, link)
		if (id_equal(retained->whose.provider, whose->provider) &&
		    span_equal(retained->whose.key, whose->key) &&
		    memcmp(retained->whose.print, whose->print, sizeof(whose->print)) == 0)
			return retained;
	return NULL;
}

bool
retained_take(
    struct credentials *credentials, const struct retained_for *whose, struct arena *arena, struct msg_refreshed *out)
{
	struct retained *retained;
	struct span bytes;
	struct why why;
	struct msg m;
	bool good;

	retained_tidy(credentials);
	if ((retained = retained_find(credentials, whose)) == NULL)
		return false;
	good = arena_span(arena, span_of_bytes(retained->bytes, retained->length), &bytes) == OK &&
	       msg_decode(bytes, arena, &m, &why) == OK;
	if (good)
		*out = m.refreshed;
	return good;
}

void
retained_init(struct credentials *credentials)
{
	list_init(&credentials->retained);
}

void
retained_end(struct credentials *credentials)
{
	struct retained *retained;

	while ((retained = oldest(credentials)) != NULL)
		retained_free(credentials, retained);
}
