/* The secrets of one sandbox, worked out from its plan: entries for the router, variables for the agent. */
#include "services/state/inference.h"
#include "services/state/secrets.h"

#include "common/base/text.h"
#include "services/state/providers.h"

#define GENERATIONS_MAX 8

/* One reading. */
struct reading {
	struct state *state;
	struct id sandbox;
	uint32_t epoch;
	struct arena *arena;
	struct secrets_set *out;
	struct planned planned;
	uint64_t generation;
	struct rows slots; /* slot, handle, generations */
};

static enum err
too_large(struct why *why)
{
	return fail(why, ERR_LIMIT, "the secrets of the sandbox need too much memory");
}

static enum err
run_id(const struct reading *it, enum sql sql, struct rows *out, struct why *why)
{
	struct args args = {0};

	args_id(&args, it->sandbox);
	return db_run(&it->state->db, sql, &args, out, why);
}

static enum err
router_read(struct reading *it, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, it->sandbox);
	args_number(&args, it->epoch);
	if ((r = db_run(&it->state->db, SQL_ROUTER, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0 || rows_span(&rows, 0, 0).length != 32 || rows_span(&rows, 0, 1).length != 32)
		return fail(why, ERR_NOT_FOUND, "this start has not enrolled");
	memcpy(it->out->router_key, rows_span(&rows, 0, 0).at, 32);
	memcpy(it->out->router_mac, rows_span(&rows, 0, 1).at, 32);
	return OK;
}

static enum err
lock(struct reading *it, struct why *why)
{
	auto_rows rows = {0};
	enum err r = run_id(it, SQL_SECRETS_LOCK, &rows, why);

	if (r != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "the sandbox has no secrets");
	it->out->revision = rows_number(&rows, 0, 0);
	it->generation = rows_number(&rows, 0, 1);
	return OK;
}

static int
slot_find(const struct rows *slots, const char *key)
{
	for (int i = 0; i < slots->n; i++)
		if (span_is(rows_span(slots, i, 0), key))
			return i;
	return -1;
}

/* A credential that is another one now must not be had by the placeholders of the one before. */
static bool
another_came(const struct reading *it)
{
	const struct provider_plan *plan = &it->planned.plan;

	for (size_t i = 0; i < plan->secrets_count; i++) {
		int at = slot_find(&it->slots, plan->secrets[i].key);

		if (at >= 0 && !span_is(rows_span(&it->slots, at, 1), plan->secrets[i].handle))
			return true;
	}
	return false;
}

static enum err
slots_save(struct reading *it, struct why *why)
{
	const struct provider_plan *plan = &it->planned.plan;
	struct span *slots = arena_array(it->arena, plan->secrets_count + 1, sizeof(*slots));
	struct span *handles = arena_array(it->arena, plan->secrets_count + 1, sizeof(*handles));
	struct args args = {.arena = it->arena};

	if (slots == NULL || handles == NULL)
		return too_large(why);
	for (size_t i = 0; i < plan->secrets_count; i++) {
		slots[i] = span_of_text(plan->secrets[i].key);
		handles[i] = span_of_text(plan->secrets[i].handle);
	}
	args_id(&args, it->sandbox);
	args_texts(&args, slots, plan->secrets_count);
	args_texts(&args, handles, plan->secrets_count);
	args_number(&args, it->generation);
	return db_run(&it->state->db, SQL_SLOTS_SAVE, &args, NULL, why);
}

/* The generations that are good from now on, in the database and in slots. */
static enum err
generations(struct reading *it, struct why *why)
{
	struct args args = {0};
	enum err r;

	if ((r = run_id(it, SQL_SLOTS, &it->slots, why)) != OK)
		return r;
	if (another_came(it))
		it->generation = it->out->revision;
	args_id(&args, it->sandbox);
	args_number(&args, it->generation);
	if ((r = slots_save(it, why)) != OK ||
	    (r = db_run(&it->state->db, SQL_SECRETS_GENERATION, &args, NULL, why)) != OK)
		return r;
	return run_id(it, SQL_SLOTS, &it->slots, why);
}

/* v12_KEY, newest first, and s<handle>_KEY. */
static enum err
tokens_of(const struct reading *it, const struct provider_secret *secret, struct msg_bundle_item *out)
{
	int at = slot_find(&it->slots, secret->key);
	size_t n = 0;
	struct span *numbers = at < 0 ? NULL : rows_texts(&it->slots, at, 2, it->arena, &n);
	uint64_t number;

	if ((out->tokens = arena_array(it->arena, GENERATIONS_MAX + 1, sizeof(*out->tokens))) == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n && i < GENERATIONS_MAX; i++)
		if (number_parse(numbers[i], 1, INT64_MAX, &number, NULL) == OK)
			out->tokens[out->tokens_n++] =
			    span_of_text(provider_token_revision(it->arena, number, secret->key));
	out->tokens[out->tokens_n++] = span_of_text(provider_token_handle(it->arena, secret->handle, secret->key));
	for (size_t i = 0; i < out->tokens_n; i++)
		if (out->tokens[i].length == 0)
			return ERR_LIMIT;
	return OK;
}

static enum err
bindings_of(const struct reading *it, const struct provider_binding *bindings, size_t n, struct msg_bundle_item *out)
{
	if ((out->bindings = arena_array(it->arena, n + 1, sizeof(*out->bindings))) == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++)
		out->bindings[out->bindings_n++] = (struct msg_binding){
		    span_of_text(bindings[i].host), bindings[i].port, span_of_text(bindings[i].path)};
	return OK;
}

static enum err
record_of(const struct reading *it, const struct provider_secret *secret, struct msg_bundle_item *out)
{
	const struct rows *rows = &it->out->rows;

	if ((out->record = arena_array(it->arena, 1, sizeof(*out->record))) == NULL)
		return ERR_LIMIT;
	for (int i = 0; i < rows->n; i++)
		if (id_equal(rows_id(rows, i, 0), out->provider_id) && span_is(rows_span(rows, i, 1), secret->key)) {
			out->record[0] = (struct msg_secret_record){rows_span(rows, i, 1), rows_span(rows, i, 2)};
			out->record_n = 1;
		}
	return OK;
}

static enum err
item_fill(const struct reading *it, const struct provider_secret *secret, struct msg_bundle_item *out)
{
	enum err r;

	*out = (struct msg_bundle_item){
	    .slot = span_of_text(secret->key),
	    .provider = span_of_text(it->planned.question.attached[secret->provider].name),
	    .provider_id = it->planned.providers[secret->provider],
	    .expires_ms = secret->expires_ms > 0 ? (uint64_t)secret->expires_ms : 0,
	};
	out->places = secret->places;
	out->field = span_of_text(secret->field);
	out->parameter = span_of_text(secret->parameter);
	for (size_t i = 0; i < secret->bindings_count; i++)
		out->redact |= secret->bindings[i].redact;
	if ((r = tokens_of(it, secret, out)) != OK ||
	    (r = bindings_of(it, secret->bindings, secret->bindings_count, out)) != OK)
		return r;
	return record_of(it, secret, out);
}

/* ---- token grants ---- */

static enum err
scopes_of(const struct reading *it, char *const *scopes, size_t n, struct span **out, size_t *out_n)
{
	if ((*out = arena_array(it->arena, n + 1, sizeof(**out))) == NULL)
		return ERR_LIMIT;
	for (*out_n = 0; *out_n < n; (*out_n)++)
		(*out)[*out_n] = span_of_text(scopes[*out_n]);
	return OK;
}

static enum err
overrides_of(const struct reading *it, const struct provider_grant *grant, struct msg_token_grant *out)
{
	size_t n = grant->from->n_audience_overrides;

	if ((out->overrides = arena_array(it->arena, n + 1, sizeof(*out->overrides))) == NULL)
		return ERR_LIMIT;
	for (; out->overrides_n < n; out->overrides_n++) {
		const Openshell__V1__ProviderCredentialTokenGrantAudienceOverride *from =
		    grant->from->audience_overrides[out->overrides_n];
		struct msg_token_scope *to = &out->overrides[out->overrides_n];

		*to = (struct msg_token_scope){.host = span_of_text(from->host),
		    .port = (uint16_t)from->port,
		    .path = span_of_text(from->path == NULL ? "" : from->path),
		    .audience = span_of_text(from->audience == NULL ? "" : from->audience)};
		if (scopes_of(it, from->scopes, from->n_scopes, &to->scopes, &to->scopes_n) != OK)
			return ERR_LIMIT;
	}
	return OK;
}

static enum err
grant_item(const struct reading *it, size_t which, struct msg_bundle_item *out)
{
	const struct provider_grant *grant = &it->planned.plan.grants[which];
	struct msg_token_grant *to = arena_array(it->arena, 1, sizeof(*to));
	const char *slot = arena_format(it->arena, "grant:%zu", which + 1);

	if (to == NULL || slot == NULL)
		return ERR_LIMIT;
	*to = (struct msg_token_grant){.url = span_of_text(grant->from->token_endpoint),
	    .field = span_of_text(grant->field),
	    .bearer = grant->bearer,
	    .svid_audience = span_of_text(grant->svid_audience),
	    .assertion_type = span_of_text(grant->assertion_type),
	    .audience = span_of_text(grant->from->audience == NULL ? "" : grant->from->audience),
	    .ttl_s = grant->ttl_s};
	*out = (struct msg_bundle_item){.slot = span_of_text(slot),
	    .grant = to,
	    .grant_n = 1,
	    .provider = span_of_text(it->planned.question.attached[grant->provider].name),
	    .provider_id = it->planned.providers[grant->provider]};
	for (size_t i = 0; i < grant->bindings_count; i++)
		out->redact |= grant->bindings[i].redact;
	if (scopes_of(it, grant->from->scopes, grant->from->n_scopes, &to->scopes, &to->scopes_n) != OK ||
	    overrides_of(it, grant, to) != OK)
		return ERR_LIMIT;
	return bindings_of(it, grant->bindings, grant->bindings_count, out);
}

static enum err
items_fill(struct reading *it, struct why *why)
{
	const struct provider_plan *plan = &it->planned.plan;
	struct secrets_set *out = it->out;
	enum err r;

	if ((r = run_id(it, SQL_ATTACHED_RECORDS, &out->rows, why)) != OK)
		return r;
	if ((out->items = arena_array(it->arena, plan->secrets_count + plan->grants_count + INFERENCE_BACKENDS_MAX,
		 sizeof(*out->items))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < plan->secrets_count; i++) {
		if (!plan->secrets[i].stored)
			continue;
		if (item_fill(it, &plan->secrets[i], &out->items[out->items_n]) != OK)
			return too_large(why);
		out->items_n += out->items[out->items_n].record_n;
	}
	for (size_t i = 0; i < plan->grants_count; i++)
		if (grant_item(it, i, &out->items[out->items_n++]) != OK)
			return too_large(why);
	return OK;
}

/* The routes of its workspace come behind its own. */
static enum err
routes_fill(struct reading *it, struct why *why)
{
	struct secrets_set *out = it->out;
	enum err r = inference_items(
	    it->state, it->sandbox, it->arena, out->items + out->items_n, &out->backends, &out->backends_n, why);

	if (r == OK)
		out->items_n += out->backends_n;
	return r;
}

static enum err
environment_fill(struct reading *it, struct why *why)
{
	struct secrets_set *out = it->out;
	const char **texts;
	size_t n;
	enum err r;

	if ((r = provider_environment(&it->planned.plan, it->generation, it->arena, &texts, &n, why)) != OK)
		return r;
	if ((out->environment = arena_array(it->arena, n + 1, sizeof(*out->environment))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < n; i++)
		out->environment[out->environment_n++] = span_of_text(texts[i]);
	return OK;
}

static enum err
read_all(void *arg, struct why *why)
{
	struct reading *it = arg;
	enum err r;

	rows_free(&it->out->rows); /* of a run before */
	*it->out = (struct secrets_set){0};
	if ((r = lock(it, why)) != OK || (r = router_read(it, why)) != OK ||
	    (r = plan_read(it->state, it->sandbox, it->arena, &it->planned, why)) != OK ||
	    (r = generations(it, why)) != OK || (r = items_fill(it, why)) != OK || (r = routes_fill(it, why)) != OK)
		return r;
	return environment_fill(it, why);
}

enum err
secrets_read(struct state *state, struct id sandbox, uint32_t epoch, struct arena *arena, struct secrets_set *out,
    struct why *why)
{
	struct reading it = {.state = state, .sandbox = sandbox, .epoch = epoch, .arena = arena, .out = out};
	enum err r;

	*out = (struct secrets_set){0}; /* before read_all, which frees what is there */
	r = db_transaction(&state->db, LAZY, read_all, &it, why);
	rows_free(&it.slots);
	if (r != OK)
		rows_free(&out->rows);
	return r;
}

enum err
secrets_revision(struct state *state, struct id sandbox, uint64_t *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_SECRETS_REVISION, &args, &rows, why)) == OK)
		*out = rows.n == 0 ? 0 : rows_number(&rows, 0, 0);
	return r;
}
