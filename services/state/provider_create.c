/* Providers created: a row and its secrets in one transaction, or nothing. */
#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/provider/inference.h"
#include "common/provider/profile.h"
#include "common/wire/protobuf.h"
#include "services/state/providers.h"

const char *
provider_object(struct arena *arena, struct span workspace, struct span name)
{
	return arena_format(arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(workspace), SPAN_ARGS(span_head(name, 200)));
}

enum err
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

		pairs[i] = (struct provider_pair){
		    arena_text(&storing->kept.arena, key), arena_text(&storing->kept.arena, value)};
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
		return fail(why, ERR_INVALID,
		    "provider.credentials: type '" SPAN_FORMAT "' has no profile that could obtain "
		    "them, so at least one is required",
		    SPAN_ARGS(in->type));
	if ((r = protobuf_read(
		 &openshell__v1__provider_profile__descriptor, bytes, &storing->kept.arena, &profile, why)) != OK)
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
		return r == ERR_NOT_FOUND
			   ? fail(why, r, "workspace '" SPAN_FORMAT "' not found", SPAN_ARGS(in->workspace))
			   : r;
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
	storing->object = provider_object(&storing->kept.arena, in->workspace, in->name);
}

/*
 * Store a new provider.
 *
 * in      provider_create, from api
 * out     provider_row
 * errors  ERR_EXISTS the name is taken; ERR_NOT_FOUND no such workspace; ERR_INVALID no credentials, and no profile
 * that could obtain them; ERR_UNAVAILABLE credentials or the database is away
 */
enum err
provider_create(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct storing storing = {.state = self,
	    .action = "provider.create",
	    .check = create_check,
	    .work = create_work,
	    .answer = provider_answer};

	(void)answer;
	if (id_none(m->provider_create.provider))
		return fail(why, ERR_INVALID, "provider is required");
	return storing_begin(&storing, m, create_pick, why);
}
