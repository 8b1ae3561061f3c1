/* Inference routes: written, read and removed; the sandboxes of their workspace learn of it at once. */
#include "services/state/inference.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* A route that is to be written, kept while its models are asked. */
struct putting {
	struct state *state;
	struct kept kept;
	struct reply reply;
	struct inference_place places[INFERENCE_BACKENDS_MAX];
	struct id providers[INFERENCE_BACKENDS_MAX], id;
	uint64_t version, created_ms;
	struct msg_inference_place *answered;
	size_t answered_n;
	bool verified;
};

static const char *
object_of(struct arena *arena, struct span workspace, struct span route)
{
	return arena_format(arena, SPAN_FORMAT "/" SPAN_FORMAT, SPAN_ARGS(workspace), SPAN_ARGS(route));
}

/* ---- what is asked for ---- */

static enum err
provider_named(struct putting *putting, struct span name, struct msg_provider_row *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, putting->kept.m.inference_put.workspace);
	args_text(&args, name);
	if ((r = db_run(&putting->state->db, SQL_PROVIDER_NAMED, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_STATE, "provider '" SPAN_FORMAT "' not found", SPAN_ARGS(name));
	return provider_read(&rows, 0, &putting->kept.arena, out, why);
}

static enum err
places_find(struct putting *putting, struct why *why)
{
	const struct msg_inference_put *in = &putting->kept.m.inference_put;
	enum err r;

	if (in->providers_n == 0 || in->providers_n != in->models_n)
		return fail(
		    why, ERR_INVALID, "%zu models for %zu providers; give one for each", in->models_n, in->providers_n);
	for (size_t i = 0; i < in->providers_n; i++) {
		struct msg_provider_row row;

		if ((r = provider_named(putting, in->providers[i], &row, why)) != OK ||
		    (r = inference_place(&row, in->models[i], &putting->kept.arena, &putting->places[i], why)) != OK)
			return r;
		putting->providers[i] = row.provider;
	}
	return OK;
}

/* ---- the transaction ---- */

static enum err
changed_in(struct state *state, struct span workspace, struct why *why)
{
	struct args args = {0};
	enum err r;

	args_text(&args, workspace);
	if ((r = db_run(&state->db, SQL_INFERENCE_SPREAD, &args, NULL, why)) != OK)
		return r;
	return db_run(&state->db, SQL_INFERENCE_CHANGED, &args, NULL, why);
}

static enum err
route_save(struct putting *putting, struct why *why)
{
	const struct msg_inference_put *in = &putting->kept.m.inference_put;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, id_new());
	args_text(&args, in->workspace);
	args_text(&args, in->route);
	args_number(&args, in->timeout_s);
	args_number(&args, (uint64_t)clock_wall_ms());
	if ((r = db_run(&putting->state->db, SQL_INFERENCE_SAVE, &args, &rows, why)) != OK)
		return r == ERR_NOT_FOUND
			   ? fail(why, r, "workspace '" SPAN_FORMAT "' not found", SPAN_ARGS(in->workspace))
			   : r;
	putting->id = rows_id(&rows, 0, 0);
	putting->version = rows_number(&rows, 0, 1);
	putting->created_ms = rows_number(&rows, 0, 2);
	args = (struct args){0};
	args_id(&args, putting->id);
	return db_run(&putting->state->db, SQL_INFERENCE_CLEAR, &args, NULL, why);
}

static enum err
backend_save(struct putting *putting, size_t place, struct why *why)
{
	struct args args = {0};

	args_id(&args, putting->id);
	args_number(&args, place);
	args_id(&args, putting->providers[place]);
	args_text(&args, putting->kept.m.inference_put.models[place]);
	return db_run(&putting->state->db, SQL_INFERENCE_BACKEND, &args, NULL, why);
}

static enum err
write_route(void *arg, struct why *why)
{
	struct putting *putting = arg;
	const struct msg_inference_put *in = &putting->kept.m.inference_put;
	enum err r = route_save(putting, why);

	for (size_t i = 0; i < in->providers_n && r == OK; i++)
		r = backend_save(putting, i, why);
	if (r == ERR_NOT_FOUND)
		r = fail(why, ERR_STATE, "a provider was deleted meanwhile");
	if (r != OK || (r = changed_in(putting->state, in->workspace, why)) != OK)
		return r;
	return audit_add(putting->state, in->subject, "inference.set",
	    object_of(&putting->kept.arena, in->workspace, in->route), "OK", why);
}

static void
put_end(struct putting *putting, enum err r, struct why *why)
{
	const struct msg_inference_put *in = &putting->kept.m.inference_put;
	struct state *state = putting->state;
	struct msg answer = {.id = INFERENCE_ROUTE};

	if (r == OK && (r = state_serving(state, why)) == OK)
		r = db_transaction(&state->db, DURABLE, write_route, putting, why);
	if (r == OK) {
		answer.inference_route = (struct msg_inference_route){.id = putting->id,
		    .workspace = in->workspace,
		    .route = in->route,
		    .providers = in->providers,
		    .providers_n = in->providers_n,
		    .models = in->models,
		    .models_n = in->models_n,
		    .timeout_s = in->timeout_s,
		    .version = putting->version,
		    .created_ms = putting->created_ms,
		    .verified = putting->verified,
		    .places = putting->answered,
		    .places_n = putting->answered_n};
		log_info("inference.set", "of=%s version=%lu",
		    object_of(&putting->kept.arena, in->workspace, in->route), (unsigned long)putting->version);
		reply_send(&putting->reply, &answer);
	} else {
		if (r != ERR_UNAVAILABLE)
			audit_refusal(state, in->subject, "inference.set",
			    object_of(&putting->kept.arena, in->workspace, in->route), r);
		reply_fail(&putting->reply, r, why);
	}
	kept_free(&putting->kept);
	free(putting);
}

static void
probed(void *self, enum err r, struct msg_inference_place *answered, size_t n, const struct why *because)
{
	struct putting *putting = self;
	struct why why = {0};

	if (because != NULL)
		why = *because;
	putting->answered = answered;
	putting->answered_n = n;
	putting->verified = true;
	put_end(putting, r, &why);
}

/*
 * Point a route at providers and models; with verify each model is asked something first, and nothing is written when one
 * does not answer.
 *
 * in      inference_put, from api
 * out     inference_route
 * errors  ERR_STATE a provider that is not there or cannot be asked, a model that does not answer; ERR_NOT_FOUND no such
 *         workspace; ERR_UNAVAILABLE
 */
enum err
inference_put(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct putting *putting = calloc(1, sizeof(*putting));
	enum err r;

	(void)answer;
	if (putting == NULL)
		abort();
	putting->state = self;
	if ((r = kept_take(&putting->kept, m, why)) != OK) {
		free(putting);
		return r;
	}
	if ((r = state_serving(self, why)) != OK || (r = places_find(putting, why)) != OK) {
		kept_free(&putting->kept);
		free(putting);
		return r;
	}
	putting->reply = reply_later(m);
	if (!m->inference_put.verify)
		put_end(putting, OK, why);
	else if ((r = inference_probe(self, putting->places, m->inference_put.providers_n, &putting->kept.arena, probed,
		      putting, why)) != OK)
		put_end(putting, r, why);
	return OK;
}

/* ---- read and remove ---- */

/* A route with its backends, in order. */
static enum err
route_read(const struct rows *rows, struct arena *arena, struct msg_inference_route *out, struct why *why)
{
	*out = (struct msg_inference_route){.id = rows_id(rows, 0, 0),
	    .timeout_s = (uint32_t)rows_number(rows, 0, 1),
	    .version = rows_number(rows, 0, 2),
	    .created_ms = rows_number(rows, 0, 3)};
	out->providers = arena_array(arena, (size_t)rows->n, sizeof(*out->providers));
	out->models = arena_array(arena, (size_t)rows->n, sizeof(*out->models));
	if (out->providers == NULL || out->models == NULL)
		return fail(why, ERR_LIMIT, "the route needs too much memory");
	for (int i = 0; i < rows->n; i++)
		if (arena_span(arena, rows_span(rows, i, 4), &out->providers[out->providers_n++]) != OK ||
		    arena_span(arena, rows_span(rows, i, 5), &out->models[out->models_n++]) != OK)
			return fail(why, ERR_LIMIT, "the route needs too much memory");
	return OK;
}

/*
 * Read a route.
 *
 * in      inference_get, from api
 * out     inference_route
 * errors  ERR_NOT_FOUND
 */
enum err
inference_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_inference_get *in = &m->inference_get;
	struct state *state = self;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, in->workspace);
	args_text(&args, in->route);
	if ((r = state_serving(state, why)) != OK ||
	    (r = db_run(&state->db, SQL_INFERENCE_ROUTE, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND,
		    "inference route '" SPAN_FORMAT "' is not set in workspace '" SPAN_FORMAT "'", SPAN_ARGS(in->route),
		    SPAN_ARGS(in->workspace));
	answer->id = INFERENCE_ROUTE;
	if ((r = route_read(&rows, m->arena, &answer->inference_route, why)) != OK)
		return r;
	answer->inference_route.workspace = in->workspace;
	answer->inference_route.route = in->route;
	return OK;
}

struct unrouting {
	struct state *state;
	const struct msg_inference_delete *in;
	struct arena *arena;
	bool deleted;
};

static enum err
remove_route(void *arg, struct why *why)
{
	struct unrouting *unrouting = arg;
	const struct msg_inference_delete *in = unrouting->in;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, in->workspace);
	args_text(&args, in->route);
	if ((r = db_run(&unrouting->state->db, SQL_INFERENCE_REMOVE, &args, &rows, why)) != OK || rows.touched == 0)
		return r;
	unrouting->deleted = true;
	if ((r = changed_in(unrouting->state, in->workspace, why)) != OK)
		return r;
	return audit_add(unrouting->state, in->subject, "inference.delete",
	    object_of(unrouting->arena, in->workspace, in->route), "OK", why);
}

/*
 * Remove a route: its workspace's sandboxes have none from now on.
 *
 * in      inference_delete, from api
 * out     inference_deleted: whether there was one
 */
enum err
inference_delete(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct unrouting unrouting = {state, &m->inference_delete, m->arena, false};
	enum err r;

	if ((r = state_serving(state, why)) != OK ||
	    (r = db_transaction(&state->db, DURABLE, remove_route, &unrouting, why)) != OK)
		return r;
	answer->id = INFERENCE_DELETED;
	answer->inference_deleted.deleted = unrouting.deleted;
	return OK;
}
