/* relay: carries streams between callers and sandboxes, and lets sandboxes in. The steps of its start and
 * end. */
#include <signal.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/os/jail.h"
#include "services/relay/config.h"
#include "services/relay/serve.h"

#define SANDBOX_ENDPOINT "ipc:///sandboxes/relay"

static const char *const write_paths[] = {"/relay", "/sandboxes", NULL};

static const struct jail relay_jail = {
    .process = "relay",
    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_UNIX | PROMISE_BUS,
    .files_max = SESSIONS_MAX,	/* libzmq holds one for each session */
    .write_paths = write_paths, /* its own sockets */
    .keep_from = SERVICE_FD_SETTINGS,
    .keep_to = 15, /* what the loop opened */
};

static enum err
serve(struct relay *relay, const struct config *config, struct why *why)
{
	const struct setting_texts *at = &config->sandbox_endpoints;
	enum err r;

	if ((r = service_links(&relay->curve, &relay->bus, &config->service, why)) != OK)
		return r;
	if ((relay->state = bus_peer(&relay->bus, ROLE_STATE, NULL)) == NULL)
		return fail(why, ERR_INVALID, "the roster has no state with an endpoint");
	if ((r = service_bind(relay->curve, config->bus_endpoint, false, why)) != OK)
		return because(why, r, "bus_endpoint");
	if (at->count == 0)
		return service_bind(relay->curve, SANDBOX_ENDPOINT, true, why);
	for (size_t i = 0; i < at->count && r == OK; i++)
		if ((r = service_bind(relay->curve, at->at[i], true, why)) != OK)
			r = because(why, r, "sandbox_endpoints: %s", at->at[i]);
	return r;
}

static void
stop(void *self, int number)
{
	(void)number;
	loop_stop(self);
}

static enum err
run(struct config *config, struct relay *relay, struct loop *loop, struct why *why)
{
	enum err r;

	relay_init(relay, loop);
	bus_init(&relay->bus);
	if ((r = loop_signal(loop, SIGTERM, stop, loop, why)) == OK &&
	    (r = loop_signal(loop, SIGINT, stop, loop, why)) == OK &&
	    (r = service_jail(&relay_jail, &config->service, why)) == OK && (r = serve(relay, config, why)) == OK) {
		service_ready(&config->service);
		r = loop_run(loop, why);
	}
	relay_done(relay);
	bus_done(&relay->bus);
	curve_free(relay->curve);
	return r;
}

int
main(int argc, char **argv)
{
	struct config config = {0};
	struct relay relay = {0};
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	if ((r = service_load(&config.service, relay_settings, &config, argc, argv, &why)) == OK &&
	    (r = loop_new(&loop, &why)) == OK)
		r = run(&config, &relay, loop, &why);
	if (r != OK) {
		log_failure("relay.stopped", r, &why);
		service_failed(&config.service, &why);
	}
	loop_free(loop);
	secret_wipe(&config.service.bus_secret);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
