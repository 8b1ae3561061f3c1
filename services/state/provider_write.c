/* Providers as they are written: created, changed in parts, deleted; each with its secrets in one transaction. */
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/provider/inference.h"
#include "common/provider/profile.h"
#include "common/provider/type.h"
#include "common/wire/protobuf.h"
#include "services/state/inference.h"
#include "services/state/planning.h"
#include "services/state/providers.h"

static const char *
object_of(struct arena *arena, struct span workspace, struct span name)
{
	return arena_format(arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(workspace), SPAN_ARGS(span_head(name, 200)));
}

static enum err
provider_answer(struct storing *storing, struct msg *answer, struct why *why)
{
	answer->id = PROVIDER_ROW;
	return provider_load(storing->state, storing->provider, &storing->kept.arena, &answer->provider_row, why);
}

/* Of the expiries of a message: a key's; 0: it does not expire. */
static uint64_t
expiry_of(const struct msg_key_expiry *expiries, size_t n, struct span key)
{
	for (size_t i = 0; i < n; i++)
		if (span_equal(expiries[i].key, key))
			return expiries[i].expires_ms;
	return 0;
}

/* ---- create ---- */

static enum err
insert_provider(const struct storing *storing, int *inserted, struct why *why)
{
	const struct msg_provider_create *in = &storing->kept.m.provider_create;
	auto_arena struct arena arena = {0};
	struct args args = {.arena = &arena};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, in->provider);
	args_text(&args, in->workspace);
	args_text(&args, in->name);
	args_text(&args, in->type);
	args_text(&args, in->profile_workspace);
	args_texts(&args, in->labels, in->labels_n);
	args_texts(&args, in->annotations, in->annotations_n);
	args_texts(&args, in->config, in->config_n);
	args_number(&args, (uint64_t)clock_wall_ms());
	r = db_run(&storing->state->db, SQL_PROVIDER_ADD, &args, &rows, why);
	*inserted = rows.touched;
	return r;
}

static enum err
taken(const struct msg_provider_create *in, struct why *why)
{
	return fail(why, ERR_EXISTS, "provider '" SPAN_FORMAT "' already exists", SPAN_ARGS(in->name));
}

/* A model server of one's own may want no key. */
static bool
keyless(struct storing *storing)
{
	const struct msg_provider_create *in = &storing->kept.m.provider_create;
	struct provider_pair *pairs = arena_array(&storing->kept.arena, in->config_n + 1, sizeof(*pairs));

	for (size_t i = 0; pairs != NULL && i < in->config_n; i++) {
		struct span value = in->config[i], key = span_cut(&value, '=');

		pairs[i] = (struct provider_pair){arena_text(&storing->kept.arena, key),
		    arena_text(&storing->kept.arena, value)};
		if (pairs[i].key == NULL || pairs[i].value == NULL)
			return false;
	}
	return pairs != NULL && inference_keyless(in->type, pairs, in->config_n);
}

/* No record without any credential, unless its profile obtains all of them at run time. */
static enum err
not_empty(struct storing *storing, struct why *why)
{
	const struct msg_provider_create *in = &storing->kept.m.provider_create;
	ProtobufCMessage *profile;
	struct span bytes;
	enum err r;

	if (in->secrets_n > 0 || keyless(storing))
		return OK;
	if ((r = provider_profile_bytes(storing->state, storing->provider, &storing->kept.arena, &bytes, why)) != OK)
		return r;
	if (bytes.length == 0)
		return fail(why, ERR_INVALID, "provider.credentials: type '" SPAN_FORMAT "' has no profile that could obtain "
		    "them, so at least one is required", SPAN_ARGS(in->type));
	if ((r = protobuf_read(&openshell__v1__provider_profile__descriptor, bytes, &storing->kept.arena, &profile, why)) !=
	    OK)
		return because(why, ERR_INTERNAL, "stored profile");
	return provider_runtime_only((const Openshell__V1__ProviderProfile *)profile, why);
}

static enum err
create_work(void *arg, struct why *why)
{
	struct storing *storing = arg;
	const struct msg_provider_create *in = &storing->kept.m.provider_create;
	int inserted = 0;
	enum err r;

	if ((r = insert_provider(storing, &inserted, why)) != OK)
		return r == ERR_NOT_FOUND ? fail(why, r, "workspace '" SPAN_FORMAT "' not found", SPAN_ARGS(in->workspace)) : r;
	if (inserted == 0)
		return taken(in, why);
	for (size_t i = 0; i < storing->secrets_n && r == OK; i++)
		r = secret_save(storing->state, in->provider, SPAN_NONE, &storing->records[i],
		    expiry_of(in->expiries, in->expiries_n, storing->records[i].key), why);
	return r == OK ? not_empty(storing, why) : r;
}

/* Before credentials is troubled: the workspace is there, the name is free. */
static enum err
create_check(struct storing *storing, struct why *why)
{
	const struct msg_provider_create *in = &storing->kept.m.provider_create;
	struct args args = {0};
	auto_rows workspace = {0}, named = {0};
	enum err r;

	args_text(&args, in->workspace);
	if ((r = db_run(&storing->state->db, SQL_WORKSPACE, &args, &workspace, why)) != OK)
		return r;
	if (workspace.n == 0)
		return fail(why, ERR_NOT_FOUND, "workspace '" SPAN_FORMAT "' not found", SPAN_ARGS(in->workspace));
	args_text(&args, in->name);
	if ((r = db_run(&storing->state->db, SQL_PROVIDER_NAMED, &args, &named, why)) != OK)
		return r;
	return named.n == 0 ? OK : taken(in, why);
}

static void
create_pick(struct storing *storing)
{
	const struct msg_provider_create *in = &storing->kept.m.provider_create;

	storing->provider = in->provider;
	storing->secrets = in->secrets;
	storing->secrets_n = in->secrets_n;
	storing->subject = in->subject;
	storing->object = object_of(&storing->kept.arena, in->workspace, in->name);
}

/*
 * Store a new provider.
 *
 * in      provider_create, from api
 * out     provider_row
 * errors  ERR_EXISTS the name is taken; ERR_NOT_FOUND no such workspace; ERR_INVALID no credentials, and no profile that
 *         could obtain them; ERR_UNAVAILABLE credentials or the database is away
 */
enum err
provider_create(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct storing storing = {.state = self, .action = "provider.create", .check = create_check,
	    .work = create_work, .answer = provider_answer};

	(void)answer;
	if (id_none(m->provider_create.provider))
		return fail(why, ERR_INVALID, "provider is required");
	return storing_begin(&storing, m, create_pick, why);
}

/* ---- update ---- */

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
	return fail(why, ERR_STATE, "credential '" SPAN_FORMAT "' is delivered by provider '" SPAN_FORMAT
	    "' too, which sandbox '" SPAN_FORMAT "' has attached", SPAN_ARGS(rows_span(&rows, 0, 0)),
	    SPAN_ARGS(rows_span(&rows, 0, 1)), SPAN_ARGS(rows_span(&rows, 0, 2)));
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
	struct span *after = before == NULL ? NULL : arena_array(args.arena, before_n + in->config_n + 1, sizeof(*after));

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
	storing->object = object_of(&storing->kept.arena, rows_span(rows, 0, 2), rows_span(rows, 0, 3));
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
 * errors  ERR_NOT_FOUND; ERR_CONFLICT another resource_version; ERR_STATE a key that is renewed, or that another provider
 *         of the same sandbox delivers; ERR_INVALID too many; ERR_UNAVAILABLE credentials or the database is away
 */
enum err
provider_update(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct storing storing = {.state = self, .action = "provider.update", .check = update_check,
	    .work = update_work, .answer = provider_answer};

	(void)answer;
	return storing_begin(&storing, m, update_pick, why);
}

/* ---- delete ---- */

struct removal {
	struct state *state;
	const struct msg_provider_delete *in;
	struct arena *arena;
	bool deleted;
};

static enum err
not_used(struct removal *removal, struct id provider, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	char names[256];
	struct text text = TEXT_OF(names);
	enum err r;

	args_id(&args, provider);
	if ((r = db_run(&removal->state->db, SQL_PROVIDER_USERS, &args, &rows, why)) != OK)
		return r;
	for (int i = 0; i < rows.n; i++)
		text_add(&text, "%s" SPAN_FORMAT, i == 0 ? "" : ", ", SPAN_ARGS(rows_span(&rows, i, 0)));
	if (rows.n > 0)
		return fail(why, ERR_STATE, "provider '" SPAN_FORMAT "' is attached to sandbox %s%s: detach it first",
		    SPAN_ARGS(removal->in->name), names, rows.n == 10 ? " and maybe others" : "");
	if ((r = inference_unused(removal->state, provider, removal->in->name, why)) != OK)
		return r;
	return db_run(&removal->state->db, SQL_PROVIDER_LEAVE, &args, NULL, why);
}

static enum err
remove_all(void *arg, struct why *why)
{
	struct removal *removal = arg;
	struct db *db = &removal->state->db;
	struct args args = {0};
	auto_rows rows = {0};
	struct id provider;
	enum err r;

	args_text(&args, removal->in->workspace);
	args_text(&args, removal->in->name);
	if ((r = db_run(db, SQL_PROVIDER_LOCK_NAMED, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	provider = rows_id(&rows, 0, 0);
	args = (struct args){0};
	args_id(&args, provider);
	if ((r = not_used(removal, provider, why)) != OK || (r = db_run(db, SQL_SECRETS_FORGET, &args, NULL, why)) != OK ||
	    (r = db_run(db, SQL_PROVIDER_REMOVE, &args, NULL, why)) != OK)
		return r;
	removal->deleted = true;
	return audit_add(removal->state, removal->in->subject, "provider.delete",
	    object_of(removal->arena, removal->in->workspace, removal->in->name), "OK", why);
}

/*
 * Remove a provider with its secrets and what renews them.
 *
 * in      provider_delete, from api
 * out     provider_deleted: whether it was there
 * errors  ERR_STATE it is attached: to which sandboxes
 */
enum err
provider_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct removal removal = {state, &m->provider_delete, m->arena, false};
	enum err r;

	if ((r = state_serving(state, why)) != OK)
		return r;
	r = db_transaction(&state->db, DURABLE, remove_all, &removal, why);
	if (r != OK && r != ERR_UNAVAILABLE)
		audit_refusal(state, removal.in->subject, "provider.delete",
		    object_of(m->arena, removal.in->workspace, removal.in->name), r);
	answer->id = PROVIDER_DELETED;
	answer->provider_deleted.deleted = removal.deleted;
	if (removal.deleted)
		drops_kick(state);
	return r;
}
