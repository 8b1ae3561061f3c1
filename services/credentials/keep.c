/* Keeping values: one put for each where there is a store outside, and the answer when the last has ended. */
#include "services/credentials/keep.h"

#include <stdlib.h>

#include "services/credentials/outside.h"
#include "services/credentials/record.h"

struct keeping {
	struct arena arena;
	struct msg_secret_record *records;
	size_t n, pending;
	enum err failed;
	struct why why;
	values_kept *done;
	void *self;
};

static void
keeping_step(struct keeping *keeping)
{
	if (keeping->pending > 0)
		return;
	keeping->done(keeping->self, keeping->failed, keeping->records, keeping->n, &keeping->why);
	arena_reset(&keeping->arena);
	free(keeping);
}

static void
put_ended(void *self, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct keeping *keeping = self;

	(void)done;
	if (r != OK && keeping->failed == OK) {
		keeping->failed = r;
		keeping->why = *why;
	}
	keeping->pending--;
	keeping_step(keeping);
}

static enum err
value_keep(struct credentials *credentials, struct keeping *keeping, struct id provider, struct id attempt,
    const struct kept *value, struct msg_secret_record *out, struct why *why)
{
	const struct stored_owner owner = {provider, value->key};
	struct handle handle;
	enum err r;

	if (credentials->config->store == STORE_POSTGRES)
		return record_make(credentials, &owner, STORED_VALUE, value->value, &keeping->arena, out, why);
	if (value->value.length > SECRET_VALUE_MAX)
		return fail(why, ERR_RANGE, "a value has at most %d bytes", SECRET_VALUE_MAX);
	handle_make(credentials, provider, value->key, attempt, &handle);
	if ((r = record_make(
		 credentials, &owner, STORED_HANDLE, span_of_text(handle.text), &keeping->arena, out, why)) != OK ||
	    (r = outside_put(credentials, provider, &handle, value->value, put_ended, keeping, why)) != OK)
		return r;
	keeping->pending++;
	return OK;
}

void
values_keep(struct credentials *credentials, struct id provider, struct id attempt, const struct kept *values, size_t n,
    values_kept *done, void *self)
{
	struct keeping *keeping = calloc(1, sizeof(*keeping));

	if (keeping == NULL)
		abort();
	keeping->done = done;
	keeping->self = self;
	keeping->n = n;
	if ((keeping->records = arena_array(&keeping->arena, n, sizeof(*keeping->records))) == NULL)
		keeping->failed = fail(&keeping->why, ERR_LIMIT, "no room for the records");
	for (size_t i = 0; i < n && keeping->failed == OK; i++)
		keeping->failed = value_keep(
		    credentials, keeping, provider, attempt, &values[i], &keeping->records[i], &keeping->why);
	keeping_step(keeping);
}
