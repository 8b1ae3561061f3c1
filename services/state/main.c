/* state: keeps what the gateway knows, in Postgres. The steps of its start and end. */
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/os/jail.h"
#include "services/state/state.h"

static const char *const write_paths[] = {"/state", NULL}; /* its own socket */

static const struct jail state_jail = {
    .process = "state",
    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_UNIX | PROMISE_BUS | PROMISE_WPATH,
    .files_max = 4096, /* more than the silent connections that its socket may have (common/bus/curve_monitor.c) */
    .write_paths = write_paths,
    .keep_from = SERVICE_FD_SETTINGS,
    .keep_to = 15, /* what the loop opened */
};

static void
stop(void *self, int number)
{
	(void)number;
	loop_stop(self);
}

static enum err
serve(struct state *state, struct why *why)
{
	const struct service_config *service = &state->config.service;
	enum err r;

	if ((r = service_jail(&state_jail, service, why)) != OK ||
	    (r = service_links(&state->curve, &state->bus, service, why)) != OK ||
	    (r = service_bind(state->curve, state->config.listen, false, why)) != OK)
		return r;
	state_start(state);
	if ((r = loop_run(state->loop, why)) == OK && state->refusal.text[0] != '\0') {
		*why = state->refusal;
		return ERR_STATE;
	}
	return r;
}

static enum err
run(struct state *state, struct loop *loop, struct why *why)
{
	enum err r;

	state_init(state, loop);
	if ((r = loop_signal(loop, SIGTERM, stop, loop, why)) == OK &&
	    (r = loop_signal(loop, SIGINT, stop, loop, why)) == OK &&
	    (r = conninfo_read(&state->conninfo, state->config.database_url, &state->config.service, why)) == OK)
		r = serve(state, why);
	state_done(state);
	curve_free(state->curve);
	return r;
}

int
main(int argc, char **argv)
{
	static struct state state;
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		abort();
	if ((r = service_load(&state.config.service, state_settings, &state.config, argc, argv, &why)) == OK &&
	    (r = loop_new(&loop, &why)) == OK)
		r = run(&state, loop, &why);
	if (r != OK) {
		log_failure("state.stopped", r, &why);
		service_failed(&state.config.service, &why);
	}
	loop_free(loop);
	secret_wipe(&state.config.service.bus_secret);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
