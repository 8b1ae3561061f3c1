/* struct state from its start to its end: what happens when peers come and go, and when it may serve. */
#include "services/state/state.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define START_WAIT_MS	    8000 /* for the database, before the parent is told that the service is up without it */
#define NAME_WAIT_MS	    5000 /* for one of our name, killed a moment ago, to be gone */
#define START_CHECK_MS	    300
#define SWEEP_MS	    600000
#define SSH_SESSIONS_SWEEPS 6 /* once an hour */

static void
peer_up(void *self, struct peer *peer)
{
	log_info("peer.up", "role=%s name=%s", role_name(peer->role), peer->name);
	if (peer->role != ROLE_CREDENTIALS)
		return;
	deliver_owed(self);
	drops_kick(self);
	refresh_kick(self);
}

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	struct state *state = self;

	log_info("peer.down", "role=%s name=%s why=%s", role_name(peer->role), peer->name,
	    log_quote(span_of_text(why == NULL ? "" : why->text)));
	if (peer->role == ROLE_DRIVER)
		driver_down(state, peer);
	else if (peer->role == ROLE_RELAY)
		sessions_down(state, peer);
	else if (peer->role == ROLE_API) {
		watches_down(state, peer);
		service_routes_down(state, peer);
	}
}

void
state_init(struct state *state, struct loop *loop)
{
	state->loop = loop;
	list_init(&state->watches);
	list_init(&state->service_routes);
	list_init(&state->drivers);
	list_init(&state->secrets_owed);
	list_init(&state->jobs);
	for (size_t i = 0; i < SESSION_BUCKETS; i++)
		list_init(&state->sessions[i]);
	state->bus = (struct bus){
	    .loop = loop,
	    .role = ROLE_STATE,
	    .name = state->config.service.process,
	    .routes = routes,
	    .self = state,
	    .peer_up = peer_up,
	    .peer_down = peer_down,
	};
	bus_init(&state->bus);
}

void
state_done(struct state *state)
{
	if (state->loop == NULL)
		return;
	bus_done(&state->bus);
	watches_done(state);
	service_routes_down(state, NULL);
	drivers_done(state);
	sessions_done(state);
	loop_timer_stop(state->loop, &state->start_limit);
	loop_timer_stop(state->loop, &state->sweep);
	loop_timer_stop(state->loop, &state->telling);
	loop_timer_stop(state->loop, &state->again);
	loop_timer_stop(state->loop, &state->service_again);
	loop_timer_stop(state->loop, &state->pushing);
	loop_timer_stop(state->loop, &state->delivering);
	loop_timer_stop(state->loop, &state->drops);
	loop_timer_stop(state->loop, &state->rewrapping);
	loop_timer_stop(state->loop, &state->refreshing);
	arena_reset(&state->builtins_arena);
	db_close(&state->db);
	db_close(&state->feed);
	conninfo_free(&state->conninfo);
	secret_wipe(&state->config.audit_key);
	explicit_bzero(state->config.database_url, sizeof(state->config.database_url));
}

enum err
state_serving(const struct state *state, struct why *why)
{
	if (!state->serving || !state->db.up)
		return fail(why, ERR_UNAVAILABLE, DB_AWAY);
	return OK;
}

enum err
credentials_peer(struct state *state, struct peer **out, struct why *why)
{
	*out = bus_peer(&state->bus, ROLE_CREDENTIALS, NULL);
	if (*out == NULL || !(*out)->up)
		return fail(why, ERR_UNAVAILABLE, "credentials is not connected");
	return OK;
}

static void
sweep(void *self)
{
	struct state *state = self;

	logs_sweep(state);
	if (++state->sweeps % SSH_SESSIONS_SWEEPS == 0)
		ssh_sessions_sweep(state);
	loop_timer_set(state->loop, &state->sweep, SWEEP_MS, sweep, state);
}

/* The workspace of the settings is there from the start. */
static enum err
workspace_add(struct state *state, struct why *why)
{
	struct args args = {0};

	args_text(&args, span_of_text(state->config.workspace));
	args_number(&args, (uint64_t)clock_wall_ms());
	return db_run(&state->db, SQL_WORKSPACE_ADD, &args, NULL, why);
}

static void
tell_parent(struct state *state, const char *words)
{
	if (!state->told)
		service_ready_but(&state->config.service, words);
	state->told = true;
	loop_timer_stop(state->loop, &state->start_limit);
}

void
state_began(struct state *state)
{
	struct why why = {0};
	enum err r = workspace_add(state, &why);

	if (r != OK && r != ERR_UNAVAILABLE)
		log_failure("workspace.add", r, &why);
	log_info("state.serving", NULL);
	drops_kick(state);
	rewrap_kick(state);
	refresh_kick(state);
	ssh_sessions_sweep(state);
	loop_timer_set(state->loop, &state->sweep, SWEEP_MS, sweep, state);
	tell_parent(state, NULL);
}

void
state_refused(struct state *state, const struct why *why)
{
	state->refusal = *why;
	loop_stop(state->loop);
}

/*
 * Is it there yet? Where the server itself refuses us, waiting does not help, and a person must hear of it; a server
 * that is not there may come, and until then every request is answered ERR_UNAVAILABLE.
 */
static void
start_check(void *self)
{
	struct state *state = self;
	const struct db *db = state->db.refused ? &state->db : &state->feed;
	struct why why = {0};

	if (db->refused) {
		fail(&why, ERR_STATE, "the database refuses us: %s", db->why);
		state_refused(state, &why);
	} else if (state->name_taken && clock_ms() - state->start_ms >= NAME_WAIT_MS) {
		fail(&why, ERR_STATE, "%s", state->db.why);
		state_refused(state, &why);
	} else if (clock_ms() - state->start_ms >= START_WAIT_MS) {
		log_error("database.missing", "why=%s", log_quote(span_of_text(state->db.why)));
		fail(&why, ERR_UNAVAILABLE, "the database cannot be reached yet: %s", state->db.why);
		tell_parent(state, why.text);
	} else
		loop_timer_set(state->loop, &state->start_limit, START_CHECK_MS, start_check, state);
}

void
state_start(struct state *state)
{
	struct why why = {0};

	if (provider_builtins(&state->builtins_arena, &state->builtins, &why) != OK) {
		state_refused(state, &why);
		return;
	}
	state->start_ms = clock_ms();
	loop_timer_set(state->loop, &state->start_limit, START_CHECK_MS, start_check, state);
	sessions_await(state);
	feed_open(state);
}
