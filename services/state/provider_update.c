/* Providers changed in parts: maps are merged, and the sandboxes that have it are given what follows. */
#include "common/provider/type.h"
#include "services/state/planning.h"
#include "services/state/providers.h"

/* The keys that a change names. */
static struct span *
keys_named(struct storing *storing, size_t *n)
{
	const struct msg_provider_update *in = &storing->kept.m.provider_update;
	struct span *keys = arena_array(&storing->kept.arena, in->secrets_n + in->secrets_remove_n + 1, sizeof(*keys));

	*n = 0;
	for (size_t i = 0; keys != NULL && i < in->secrets_n; i++)
		keys[(*n)++] = in->secrets[i].key;
	for (size_t i = 0; keys != NULL && i < in->secrets_remove_n; i++)
		keys[(*n)++] = in->secrets_remove[i];
	return keys;
}

static enum err
asked_of_keys(struct storing *storing, enum sql sql, struct rows *rows, struct why *why)
{
	size_t n;
	struct span *keys = keys_named(storing, &n);
	struct args args = {.arena = &storing->kept.arena};

	if (keys == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	args_id(&args, storing->provider);
	args_texts(&args, keys, n);
	return db_run(&storing->state->db, sql, &args, rows, why);
}

static enum err
not_owned(struct storing *storing, struct why *why)
{
	auto_rows rows = {0};
	enum err r = asked_of_keys(storing, SQL_KEYS_OWNED, &rows, why);

	if (r != OK || rows.n == 0)
		return r;
	return fail(why, ERR_STATE, "credential '" SPAN_FORMAT "' is renewed by the gateway: delete its refresh first",
	    SPAN_ARGS(rows_span(&rows, 0, 0)));
}

static enum err
no_clash(struct storing *storing, struct why *why)
{
	auto_rows rows = {0};
	enum err r = asked_of_keys(storing, SQL_KEYS_CLASH, &rows, why);

	if (r != OK || rows.n == 0 || storing->secrets_n == 0)
		return r;
	return fail(why, ERR_STATE,
	    "credential '" SPAN_FORMAT "' is delivered by provider '" SPAN_FORMAT "' too, which sandbox '" SPAN_FORMAT
	    "' has attached",
	    SPAN_ARGS(rows_span(&rows, 0, 0)), SPAN_ARGS(rows_span(&rows, 0, 1)), SPAN_ARGS(rows_span(&rows, 0, 2)));
}

static bool
named_in(struct span entry, const struct span *keys, size_t n, bool pairs)
{
	struct span rest = entry, key = span_cut(&rest, '=');

	for (size_t i = 0; i < n; i++) {
		struct span value = keys[i], other = pairs ? span_cut(&value, '=') : keys[i];

		if (span_equal(key, other))
			return true;
	}
	return false;
}

/* What is there, less what is removed or replaced, and what is new. */
static enum err
config_merge(struct storing *storing, const struct rows *now, struct why *why)
{
	const struct msg_provider_update *in = &storing->kept.m.provider_update;
	struct args args = {.arena = &storing->kept.arena};
	size_t before_n, n = 0;
	struct span *before = rows_texts(now, 0, 1, args.arena, &before_n);
	struct span *after =
	    before == NULL ? NULL : arena_array(args.arena, before_n + in->config_n + 1, sizeof(*after));

	if (after == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < before_n; i++)
		if (!named_in(before[i], in->config, in->config_n, true) &&
		    !named_in(before[i], in->config_remove, in->config_remove_n, false))
			after[n++] = before[i];
	for (size_t i = 0; i < in->config_n; i++)
		after[n++] = in->config[i];
	if (n > PROVIDER_CONFIG_MAX)
		return fail(why, ERR_INVALID, "provider.config has %zu entries, at most %d are allowed", n,
		    PROVIDER_CONFIG_MAX);
	args_id(&args, storing->provider);
	args_texts(&args, after, n);
	return db_run(&storing->state->db, SQL_PROVIDER_WRITE, &args, NULL, why);
}

static enum err
keys_counted(const struct storing *storing, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, storing->provider);
	if ((r = db_run(&storing->state->db, SQL_PROVIDER_KEYS, &args, &rows, why)) != OK)
		return r;
	if (rows_number(&rows, 0, 0) > PROVIDER_KEYS_MAX)
		return fail(why, ERR_INVALID, "provider.credentials has %lu keys, at most %d are allowed",
		    (unsigned long)rows_number(&rows, 0, 0), PROVIDER_KEYS_MAX);
	return OK;
}

/* Expiries that come without a new value. */
static enum err
expiries_write(const struct storing *storing, struct why *why)
{
	const struct msg_provider_update *in = &storing->kept.m.provider_update;
	enum err r = OK;

	for (size_t i = 0; i < in->expiries_n && r == OK; i++) {
		struct args args = {0};

		args_id(&args, storing->provider);
		args_text(&args, in->expiries[i].key);
		args_number(&args, in->expiries[i].expires_ms);
		r = db_run(&storing->state->db, SQL_SECRET_EXPIRES, &args, NULL, why);
	}
	return r;
}

static enum err
secrets_merge(const struct storing *storing, struct why *why)
{
	const struct msg_provider_update *in = &storing->kept.m.provider_update;
	enum err r = OK;

	for (size_t i = 0; i < in->secrets_remove_n && r == OK; i++)
		r = secret_remove(storing->state, storing->provider, SPAN_NONE, in->secrets_remove[i], why);
	for (size_t i = 0; i < storing->secrets_n && r == OK; i++)
		r = secret_save(storing->state, storing->provider, SPAN_NONE, &storing->records[i], EXPIRY_KEPT, why);
	if (r != OK || (r = expiries_write(storing, why)) != OK)
		return r;
	return keys_counted(storing, why);
}

static enum err
update_lock(struct storing *storing, struct rows *rows, struct why *why)
{
	uint64_t expected = storing->kept.m.provider_update.expected;
	struct args args = {0};
	enum err r;

	args_id(&args, storing->provider);
	if ((r = db_run(&storing->state->db, SQL_PROVIDER_LOCK, &args, rows, why)) != OK)
		return r;
	if (rows->n == 0)
		return fail(why, ERR_NOT_FOUND, "provider not found");
	if (expected != 0 && expected != rows_number(rows, 0, 0))
		return fail(why, ERR_CONFLICT, "provider '" SPAN_FORMAT "' has changed: current resource_version: %lu",
		    SPAN_ARGS(rows_span(rows, 0, 3)), (unsigned long)rows_number(rows, 0, 0));
	storing->object = provider_object(&storing->kept.arena, rows_span(rows, 0, 2), rows_span(rows, 0, 3));
	return OK;
}

/* With new variables it may not go with the others of a sandbox. */
static enum err
still_fits(const struct storing *storing, struct why *why)
{
	struct args args = {0};

	if (storing->kept.m.provider_update.config_n == 0)
		return OK;
	args_id(&args, storing->provider);
	return plans_check(storing->state, SQL_PROVIDER_BOXES, &args, why);
}

static enum err
update_work(void *arg, struct why *why)
{
	struct storing *storing = arg;
	auto_rows rows = {0};
	enum err r;

	if ((r = update_lock(storing, &rows, why)) != OK || (r = not_owned(storing, why)) != OK ||
	    (r = no_clash(storing, why)) != OK || (r = config_merge(storing, &rows, why)) != OK ||
	    (r = secrets_merge(storing, why)) != OK || (r = still_fits(storing, why)) != OK)
		return r;
	return secrets_changed_of(storing->state, storing->provider, false, why);
}

/* The same look before credentials is troubled; without the locks. */
static enum err
update_check(struct storing *storing, struct why *why)
{
	auto_rows rows = {0};
	enum err r;

	if ((r = update_lock(storing, &rows, why)) != OK || (r = not_owned(storing, why)) != OK)
		return r;
	return no_clash(storing, why);
}

static void
update_pick(struct storing *storing)
{
	const struct msg_provider_update *in = &storing->kept.m.provider_update;

	storing->provider = in->provider;
	storing->secrets = in->secrets;
	storing->secrets_n = in->secrets_n;
	storing->subject = in->subject;
	storing->object = "";
}

/*
 * Change parts of a provider; the sandboxes that have it are given the change at once.
 *
 * in      provider_update, from api
 * out     provider_row
 * errors  ERR_NOT_FOUND; ERR_CONFLICT another resource_version; ERR_STATE a key that is renewed, or that another
 * provider of the same sandbox delivers; ERR_INVALID too many; ERR_UNAVAILABLE credentials or the database is away
 */
enum err
provider_update(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct storing storing = {.state = self,
	    .action = "provider.update",
	    .check = update_check,
	    .work = update_work,
	    .answer = provider_answer};

	(void)answer;
	return storing_begin(&storing, m, update_pick, why);
}
