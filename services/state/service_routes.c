/* Where requests for services go: api asks once, and is told once when the answer may be otherwise. */
#include <stdlib.h>

#include "services/state/services.h"

#define ROUTES_MAX 16384 /* of all api processes */
#define AGAIN_MS   50

/* An answer that somebody goes by. */
struct route_given {
	struct list link;
	struct peer *api;
	uint64_t number;
	struct id sandbox;
	bool owed; /* it is not true any more, and its asker's queue had no room for that */
};

static void again(void *self);

static void
given_free(struct state *state, struct route_given *given)
{
	list_remove(&given->link);
	state->service_routes_n--;
	peer_unref(given->api);
	free(given);
}

static void
stale(struct state *state, struct route_given *given)
{
	const struct msg m = {.id = SERVICE_STALE, .service_stale.route = given->number};
	struct why why = {0};

	if (peer_tell(given->api, &m, &why) != ERR_LIMIT) {
		given_free(state, given);
		return;
	}
	given->owed = true;
	loop_timer_set(state->loop, &state->service_again, AGAIN_MS, again, state);
}

static void
again(void *self)
{
	struct state *state = self;
	struct route_given *given;

	list_each(given, &state->service_routes, struct route_given, link)
		if (given->owed)
			stale(state, given);
}

void
service_routes_stale(struct state *state, struct id sandbox)
{
	struct route_given *given;

	list_each(given, &state->service_routes, struct route_given, link)
		if (id_none(sandbox) || id_equal(given->sandbox, sandbox))
			stale(state, given);
}

void
service_routes_down(struct state *state, const struct peer *api)
{
	struct route_given *given;

	list_each(given, &state->service_routes, struct route_given, link)
		if (api == NULL || given->api == api)
			given_free(state, given);
}

static void
given_keep(struct state *state, const struct msg *m, struct id sandbox)
{
	struct route_given *given = calloc(1, sizeof(*given));

	if (given == NULL)
		abort();
	*given = (struct route_given){.api = peer_ref(m->from), .number = m->service_route.route, .sandbox = sandbox};
	list_append(&state->service_routes, &given->link);
	state->service_routes_n++;
}

/*
 * Where do requests for a service go?
 *
 * in      service_route, from api
 * out     service_routed: it holds until service_stale is told, once, or the connection ends
 * errors  ERR_NOT_FOUND no such service: nothing is told of it; ERR_LIMIT ROUTES_MAX are held
 */
enum err
service_route(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_service_route *in = &m->service_route;
	struct state *state = self;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_text(&args, in->workspace);
	args_text(&args, in->sandbox);
	args_text(&args, in->name);
	if (state->service_routes_n >= ROUTES_MAX)
		return fail(why, ERR_LIMIT, "%zu routes of services are held", state->service_routes_n);
	if ((r = state_serving(state, why)) != OK ||
	    (r = db_run(&state->db, SQL_SERVICE_ROUTE, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "service endpoint not found");
	answer->id = SERVICE_ROUTED;
	answer->service_routed = (struct msg_service_routed){.sandbox = rows_id(&rows, 0, 0),
	    .phase = (uint8_t)rows_number(&rows, 0, 1),
	    .port = (uint16_t)rows_number(&rows, 0, 2)};
	given_keep(state, m, answer->service_routed.sandbox);
	return OK;
}

/* Nobody goes by an answer any more. In: service_forget, from api. */
enum err
service_forget(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct state *state = self;
	struct route_given *given;

	(void)why, (void)answer;
	list_each(given, &state->service_routes, struct route_given, link)
		if (given->api == m->from && given->number == m->service_forget.route)
			given_free(state, given);
	return OK;
}
