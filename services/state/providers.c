/* Providers as they are read: one, a page, those of a sandbox. No row of this room can hold a secret. */
#include "services/state/providers.h"

#include "common/base/text.h"
#include "common/provider/profile.h"
#include "common/wire/protobuf.h"
#include "services/state/configure.h"

bool
provider_key_cut(struct span text, uint64_t *number, struct span *key)
{
	struct span rest = text, head = span_cut(&rest, '=');

	*key = rest;
	return number_parse(head, 0, INT64_MAX, number, NULL) == OK && rest.length > 0;
}

static enum err
keys_read(const struct rows *rows, int row, struct arena *arena, struct msg_provider_row *out)
{
	size_t n;
	struct span *texts = rows_texts(rows, row, 10, arena, &n);

	if (texts == NULL || (out->keys = arena_array(arena, n + 1, sizeof(*out->keys))) == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++)
		if (provider_key_cut(texts[i], &out->keys[out->keys_n].expires_ms, &out->keys[out->keys_n].key))
			out->keys_n++;
	return OK;
}

enum err
provider_read(const struct rows *rows, int row, struct arena *arena, struct msg_provider_row *out, struct why *why)
{
	*out = (struct msg_provider_row){
	    .provider = rows_id(rows, row, 0),
	    .created_ms = rows_number(rows, row, 7),
	    .resource_version = rows_number(rows, row, 8),
	};
	if (arena_span(arena, rows_span(rows, row, 1), &out->name) != OK ||
	    arena_span(arena, rows_span(rows, row, 2), &out->workspace) != OK ||
	    arena_span(arena, rows_span(rows, row, 3), &out->type) != OK ||
	    arena_span(arena, rows_span(rows, row, 4), &out->profile_workspace) != OK ||
	    (out->labels = rows_texts(rows, row, 5, arena, &out->labels_n)) == NULL ||
	    (out->annotations = rows_texts(rows, row, 6, arena, &out->annotations_n)) == NULL ||
	    (out->config = rows_texts(rows, row, 9, arena, &out->config_n)) == NULL ||
	    keys_read(rows, row, arena, out) != OK)
		return fail(why, ERR_LIMIT, "the provider's row is too long for an answer");
	return OK;
}

static enum err
load(struct state *state, enum sql sql, const struct args *args, struct span name, struct arena *arena,
    struct msg_provider_row *out, struct why *why)
{
	auto_rows rows = {0};
	enum err r;

	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, sql, args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "provider '" SPAN_FORMAT "' not found", SPAN_ARGS(name));
	return provider_read(&rows, 0, arena, out, why);
}

enum err
provider_load(
    struct state *state, struct id provider, struct arena *arena, struct msg_provider_row *out, struct why *why)
{
	struct args args = {0};

	args_id(&args, provider);
	return load(state, SQL_PROVIDER, &args, span_of_text(id_text(provider)), arena, out, why);
}

enum err
provider_hold(struct state *state, struct span workspace, struct span name, struct id *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, workspace);
	args_text(&args, name);
	if ((r = db_run(&state->db, SQL_PROVIDER_SHARE, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "provider '" SPAN_FORMAT "' not found", SPAN_ARGS(name));
	*out = rows_id(&rows, 0, 0);
	return OK;
}

enum err
provider_profile_bytes(struct state *state, struct id provider, struct arena *arena, struct span *out, struct why *why)
{
	const Openshell__V1__ProviderProfile *builtin;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, provider);
	if ((r = db_run(&state->db, SQL_PROVIDER_PROFILE, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "provider not found");
	*out = SPAN_NONE;
	if (!rows_null(&rows, 0, 1))
		r = arena_span(arena, rows_span(&rows, 0, 1), out);
	else if ((builtin = provider_profile(&state->builtins, rows_span(&rows, 0, 0))) != NULL)
		r = protobuf_write(&builtin->base, arena, out, why);
	return r == OK ? OK : fail(why, ERR_LIMIT, "the profile is too long for an answer");
}

/*
 * Read one provider.
 *
 * in      provider_get, from api
 * out     provider_row
 * errors  ERR_NOT_FOUND
 */
enum err
provider_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_provider_get *in = &m->provider_get;
	struct msg_provider_row *out = &answer->provider_row;
	struct args args = {0};
	enum err r;

	args_text(&args, in->workspace);
	args_text(&args, in->name);
	answer->id = PROVIDER_ROW;
	if ((r = load(self, SQL_PROVIDER_NAMED, &args, in->name, m->arena, out, why)) != OK || !in->profile)
		return r;
	return provider_profile_bytes(self, out->provider, m->arena, &out->profile, why);
}

/* The rows of a page; more than these: in this column, where there is one. */
static enum err
page_read(const struct rows *rows, int column, struct arena *arena, struct msg_provider_listed *out, struct why *why)
{
	enum err r = OK;

	if ((out->providers = arena_array(arena, (size_t)rows->n + 1, sizeof(*out->providers))) == NULL)
		return fail(why, ERR_LIMIT, "the page is too long");
	for (int i = 0; i < rows->n && r == OK; i++)
		r = provider_read(rows, i, arena, &out->providers[i], why);
	out->providers_n = (size_t)rows->n;
	out->more = column > 0 && rows->n > 0 && rows_number(rows, 0, column) > (uint64_t)rows->n;
	return r;
}

/*
 * Read a page of providers.
 *
 * in      provider_list, from api
 * out     provider_listed, cut (more) where it would be too long for one message
 */
enum err
provider_list(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_provider_list *in = &m->provider_list;
	struct state *state = self;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	if (in->workspace.length == 0)
		args_null_text(&args);
	else
		args_text(&args, in->workspace);
	args_number(&args, in->limit);
	args_number(&args, in->offset);
	args_number(&args, PROVIDER_LISTED_BYTES_MAX);
	if ((r = state_serving(state, why)) != OK || (r = db_run(&state->db, SQL_PROVIDERS, &args, &rows, why)) != OK)
		return r;
	answer->id = PROVIDER_LISTED;
	return page_read(&rows, 11, m->arena, &answer->provider_listed, why);
}

/*
 * What is attached to a sandbox, in its order.
 *
 * in      providers_of, from api
 * out     provider_listed
 * errors  ERR_NOT_FOUND no such sandbox
 */
enum err
providers_of(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_providers_of *in = &m->providers_of;
	struct state *state = self;
	struct args args = {0};
	auto_rows rows = {0};
	struct id sandbox;
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = sandbox_named(state, (struct id){{0}}, in->workspace, in->sandbox, &sandbox, why)) != OK)
		return r;
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_PROVIDERS_OF, &args, &rows, why)) != OK)
		return r;
	answer->id = PROVIDER_LISTED;
	return page_read(&rows, 0, m->arena, &answer->provider_listed, why);
}
