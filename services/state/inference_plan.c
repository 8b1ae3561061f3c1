/* Inference routes as sandboxes get them: one entry of the bundle for each backend, bound to its address alone. */
#include "services/state/inference.h"

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/provider/places.h"
#include "common/provider/type.h"

/* Columns behind a provider's own in SQL_INFERENCE_BACKENDS. */
enum { COLUMN_ROUTE = 11, COLUMN_TIMEOUT, COLUMN_MODEL };

/* "KEY=value" texts as pairs. */
static struct provider_pair *
pairs(const struct msg_provider_row *row, struct arena *arena)
{
	struct provider_pair *out = arena_array(arena, row->config_n + 1, sizeof(*out));

	for (size_t i = 0; out != NULL && i < row->config_n; i++) {
		struct span value = row->config[i], key = span_cut(&value, '=');

		out[i].key = arena_text(arena, key);
		out[i].value = arena_text(arena, value);
		if (out[i].key == NULL || out[i].value == NULL)
			return NULL;
	}
	return out;
}

static struct provider_key *
keys(const struct msg_provider_row *row, struct arena *arena)
{
	struct provider_key *out = arena_array(arena, row->keys_n + 1, sizeof(*out));

	for (size_t i = 0; out != NULL && i < row->keys_n; i++) {
		out[i].stored = true;
		out[i].expires_ms = (int64_t)row->keys[i].expires_ms;
		if ((out[i].key = arena_text(arena, row->keys[i].key)) == NULL)
			return NULL;
	}
	return out;
}

enum err
inference_place(const struct msg_provider_row *row, struct span model, struct arena *arena, struct inference_place *out,
    struct why *why)
{
	struct span type = provider_type(row->type);
	const char *text = arena_text(arena, model);
	struct provider_pair *config = pairs(row, arena);
	struct provider_key *list = keys(row, arena);
	const struct inference_type *known = inference_type(type);
	enum err r;

	if (text == NULL || config == NULL || list == NULL)
		return fail(why, ERR_LIMIT, "the route needs too much memory");
	if (known == NULL)
		return fail(why, ERR_STATE,
		    "provider '" SPAN_FORMAT "' is of type " SPAN_FORMAT ", which answers no model calls",
		    SPAN_ARGS(row->name), SPAN_ARGS(type));
	*out = (struct inference_place){.row = *row, .model = model};
	if ((r = inference_target(type, config, row->config_n, text, arena, &out->target, why)) != OK)
		return r == ERR_INVALID ? ERR_STATE : r;
	out->keyed = inference_key(known, list, row->keys_n, &out->key);
	if (!out->keyed && out->target.auth != INFERENCE_AUTH_NONE && !out->target.key_optional)
		return fail(why, ERR_STATE, "provider '" SPAN_FORMAT "' has no credential for model calls",
		    SPAN_ARGS(row->name));
	if (!out->keyed)
		out->target.auth = INFERENCE_AUTH_NONE;
	return OK;
}

enum err
inference_record(struct state *state, const struct inference_place *place, struct arena *arena,
    struct msg_secret_record **out, size_t *n, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*n = 0;
	if ((*out = arena_array(arena, 1, sizeof(**out))) == NULL)
		return fail(why, ERR_LIMIT, "the route needs too much memory");
	if (place->target.auth == INFERENCE_AUTH_NONE)
		return OK;
	args_id(&args, place->row.provider);
	args_text(&args, place->row.keys[place->key].key);
	if ((r = db_run(&state->db, SQL_INFERENCE_RECORD, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_STATE, "its key is gone");
	(*out)->key = place->row.keys[place->key].key;
	*n = 1;
	return arena_span(arena, rows_span(&rows, 0, 0), &(*out)->record) == OK
		   ? OK
		   : fail(why, ERR_LIMIT, "the route needs too much memory");
}

/* ---- for a sandbox ---- */

static bool
protocols(const struct inference_target *target, struct arena *arena, struct msg_inference_backend *out)
{
	size_t n = 0;

	while (target->protocols[n] != NULL)
		n++;
	if ((out->protocols = arena_array(arena, n + 1, sizeof(*out->protocols))) == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		out->protocols[out->protocols_n++] = span_of_text(target->protocols[i]);
	return true;
}

static bool
binding(const struct inference_target *target, struct arena *arena, struct msg_bundle_item *item)
{
	struct msg_binding *out = arena_array(arena, 1, sizeof(*out));

	if (out == NULL)
		return false;
	*out = (struct msg_binding){span_of_text(target->base.host), target->base.port, SPAN_NONE};
	item->bindings = out;
	item->bindings_n = 1;
	return true;
}

static enum err
item(struct state *state, const struct rows *rows, int row, struct arena *arena, struct msg_bundle_item *out,
    struct msg_inference_backend *backend, struct why *why)
{
	struct inference_place place;
	struct msg_provider_row provider;
	uint64_t timeout_s = rows_number(rows, row, COLUMN_TIMEOUT);
	struct span model, route;
	const char *slot = arena_format(arena, "route:%d", row + 1);
	enum err r;

	if (slot == NULL || arena_span(arena, rows_span(rows, row, COLUMN_MODEL), &model) != OK ||
	    arena_span(arena, rows_span(rows, row, COLUMN_ROUTE), &route) != OK)
		return fail(why, ERR_LIMIT, "the route needs too much memory");
	if ((r = provider_read(rows, row, arena, &provider, why)) != OK ||
	    (r = inference_place(&provider, model, arena, &place, why)) != OK ||
	    (r = inference_record(state, &place, arena, &out->record, &out->record_n, why)) != OK)
		return r;
	out->slot = backend->slot = span_of_text(slot);
	out->provider = provider.name;
	out->provider_id = provider.provider;
	out->expires_ms = place.keyed ? provider.keys[place.key].expires_ms : 0;
	out->plain = !place.target.base.tls;
	out->places = SECRET_IN_FIELD;
	backend->route = route;
	backend->provider = provider_type(provider.type);
	backend->tls = place.target.base.tls;
	backend->host = span_of_text(place.target.base.host);
	backend->port = place.target.base.port;
	backend->base_path = span_of_text(place.target.base.path);
	backend->model = span_of_text(place.target.model);
	backend->auth = (uint8_t)place.target.auth;
	backend->timeout_ms = (uint32_t)(timeout_s == 0 ? INFERENCE_TIMEOUT_S : timeout_s) * 1000;
	backend->path_override = span_of_text(place.target.path_override);
	return binding(&place.target, arena, out) && protocols(&place.target, arena, backend)
		   ? OK
		   : fail(why, ERR_LIMIT, "the route needs too much memory");
}

enum err
inference_items(struct state *state, struct id sandbox, struct arena *arena,
    struct msg_bundle_item items[INFERENCE_BACKENDS_MAX], struct msg_inference_backend **backends, size_t *n,
    struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*n = 0;
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_INFERENCE_BACKENDS, &args, &rows, why)) != OK)
		return r;
	if ((*backends = arena_array(arena, (size_t)rows.n + 1, sizeof(**backends))) == NULL)
		return fail(why, ERR_LIMIT, "the routes need too much memory");
	for (int i = 0; i < rows.n; i++) {
		struct why left_out = {0};

		items[*n] = (struct msg_bundle_item){0};
		(*backends)[*n] = (struct msg_inference_backend){0};
		r = item(state, &rows, i, arena, &items[*n], &(*backends)[*n], &left_out);
		if (r == ERR_UNAVAILABLE || r == ERR_LIMIT)
			return fail(why, r, "%s", left_out.text);
		if (r == OK)
			(*n)++;
		else
			log_warning("inference.left_out", "sandbox=%s place=%d why=\"%s\"", id_text(sandbox), i,
			    log_quote(span_of_text(left_out.text)));
	}
	return OK;
}

enum err
inference_begin(struct state *state, struct id sandbox, struct span workspace, struct why *why)
{
	struct args args = {0};

	args_id(&args, sandbox);
	args_text(&args, workspace);
	return db_run(&state->db, SQL_INFERENCE_BEGIN, &args, NULL, why);
}

enum err
inference_unused(struct state *state, struct id provider, struct span name, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, provider);
	if ((r = db_run(&state->db, SQL_INFERENCE_USERS, &args, &rows, why)) != OK || rows.n == 0)
		return r;
	return fail(why, ERR_STATE,
	    "inference route '" SPAN_FORMAT "' of workspace '" SPAN_FORMAT "' asks models of provider '" SPAN_FORMAT
	    "': point it elsewhere first",
	    SPAN_ARGS(rows_span(&rows, 0, 0)), SPAN_ARGS(rows_span(&rows, 0, 1)), SPAN_ARGS(name));
}
