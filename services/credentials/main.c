/* credentials: the one room that can open a stored secret; today keys, claims and the check of routers. Start
 * and end. */
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/os/jail.h"
#include "services/credentials/claim.h"
#include "services/credentials/config.h"

static const struct jail credentials_jail = {
    .process = "credentials",
    .promises =
	PROMISE_STDIO | PROMISE_UNIX | PROMISE_INET | PROMISE_BUS, /* inet: state may be on another machine */
    .files_max = 256,
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
serve(struct credentials *credentials, struct config *config, struct loop *loop, struct why *why)
{
	enum err r;

	credentials->bus = (struct bus){.loop = loop,
	    .role = ROLE_CREDENTIALS,
	    .name = "credentials",
	    .routes = credentials_routes,
	    .self = credentials};
	bus_init(&credentials->bus);
	if ((r = loop_signal(loop, SIGTERM, stop, loop, why)) == OK &&
	    (r = loop_signal(loop, SIGINT, stop, loop, why)) == OK &&
	    (r = keys_load(&credentials->keys, config->master_key_file, config->ring_file, why)) == OK &&
	    (r = service_jail(&credentials_jail, &config->service, why)) == OK &&
	    (r = service_links(&credentials->curve, &credentials->bus, &config->service, why)) == OK) {
		service_ready(&config->service);
		r = loop_run(loop, why);
	}
	bus_done(&credentials->bus);
	curve_free(credentials->curve);
	keys_done(&credentials->keys);
	return r;
}

int
main(int argc, char **argv)
{
	static struct credentials credentials; /* holds the master key: in one place, never copied */
	struct config config = {0};
	struct loop *loop = NULL;
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		r = fail(&why, ERR_SYSTEM, "libsodium cannot start");
	else if ((r = service_load(&config.service, credentials_settings, &config, argc, argv, &why)) == OK &&
		 (r = loop_new(&loop, &why)) == OK)
		r = serve(&credentials, &config, loop, &why);
	if (r != OK) {
		log_failure("credentials.stopped", r, &why);
		service_failed(&config.service, &why);
	}
	loop_free(loop);
	secret_wipe(&config.service.bus_secret);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
