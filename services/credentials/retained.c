/* Retained answers: sealed, so no secret in clear waits here. */
#include "services/credentials/retained.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/bus/codec.h"

struct retained {
	struct list link; /* in credentials.retained, oldest first */
	struct id provider;
	char *key, *bytes;
	size_t length;
	uint64_t until_ms;
};

static void
retained_free(struct credentials *credentials, struct retained *retained)
{
	list_remove(&retained->link);
	credentials->retained_n--;
	free(retained->key);
	free(retained->bytes);
	free(retained);
}

static struct retained *
oldest(struct credentials *credentials)
{
	struct retained *retained;

	list_each (retained, &credentials->retained, struct retained, link)
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

void
retained_keep(struct credentials *credentials, struct id provider, struct span key, const struct msg_refreshed *answer)
{
	const struct msg m = {.id = REFRESHED, .refreshed = *answer};
	struct retained *retained = calloc(1, sizeof(*retained));
	size_t room = 0;
	struct why why;

	if (retained == NULL || (retained->key = span_dup(key)) == NULL)
		abort();
	retained->provider = provider;
	retained->until_ms = clock_ms() + RETAINED_MS;
	list_append(&credentials->retained, &retained->link);
	credentials->retained_n++;
	if (msg_encode(&m, &retained->bytes, &room, &retained->length, &why) != OK)
		retained_free(credentials, retained);
	retained_tidy(credentials);
}

static struct retained *
retained_find(struct credentials *credentials, struct id provider, struct span key)
{
	struct retained *retained;

	list_each (retained, &credentials->retained, struct retained, link)
		if (id_equal(retained->provider, provider) && span_is(key, retained->key))
			return retained;
	return NULL;
}

bool
retained_take(struct credentials *credentials, struct id provider, struct span key, struct arena *arena,
    struct msg_refreshed *out)
{
	struct retained *retained;
	struct span bytes;
	struct why why;
	struct msg m;
	bool good;

	retained_tidy(credentials);
	if ((retained = retained_find(credentials, provider, key)) == NULL)
		return false;
	good = arena_span(arena, span_of_bytes(retained->bytes, retained->length), &bytes) == OK &&
	    msg_decode(bytes, arena, &m, &why) == OK;
	retained_free(credentials, retained);
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
