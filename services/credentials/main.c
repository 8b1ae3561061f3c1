/* credentials: the one room that can open a stored secret. Start and end. */
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/os/jail.h"
#include "services/credentials/agree.h"
#include "services/credentials/fetching.h"
#include "services/credentials/keeper.h"
#include "services/credentials/ledger.h"
#include "services/credentials/onward.h"
#include "services/credentials/retained.h"
#include "services/credentials/underway.h"

static const struct jail credentials_jail = {
    .process = "credentials",
    .promises = PROMISE_STDIO | PROMISE_UNIX | PROMISE_INET | PROMISE_BUS, /* inet: state may be on another machine */
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
progress_open(struct credentials *credentials, struct why *why)
{
	const char *path = credentials->config->progress_file;

	credentials->progress_fd = -1;
	if (path[0] == '\0')
		return OK;
	if ((credentials->progress_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return fail_errno(why, ERR_SYSTEM, "progress_file %s", path);
	return OK;
}

static enum err
join(struct credentials *credentials, struct why *why)
{
	credentials->bus = (struct bus){.loop = credentials->loop,
	    .role = ROLE_CREDENTIALS,
	    .name = "credentials",
	    .routes = credentials_routes,
	    .self = credentials,
	    .peer_up = agree_peer_up};
	bus_init(&credentials->bus);
	return service_links(&credentials->curve, &credentials->bus, &credentials->config->service, why);
}

static enum err
taken_up(struct credentials *credentials, struct why *why)
{
	underway_load(credentials);
	return join(credentials, why);
}

static enum err
serve(struct credentials *credentials, struct why *why)
{
	const struct config *config = credentials->config;
	const struct ring_files files = {config->master_key_file, config->master_key_next_file, config->ring_file};
	struct loop *loop = credentials->loop;
	enum err r;

	fetches_init(credentials);
	retained_init(credentials);
	underway_init(credentials);
	onward_load(credentials);
	if ((r = loop_signal(loop, SIGTERM, stop, loop, why)) == OK &&
	    (r = loop_signal(loop, SIGINT, stop, loop, why)) == OK &&
	    (r = keys_load(&credentials->keys, &files, why)) == OK && (r = progress_open(credentials, why)) == OK &&
	    (r = ledger_open(credentials, why)) == OK && (r = keeper_start(credentials, why)) == OK &&
	    (r = service_jail(&credentials_jail, &config->service, why)) == OK &&
	    (r = keeper_watch(credentials, why)) == OK && (r = taken_up(credentials, why)) == OK &&
	    (r = loop_run(loop, why)) == OK && (r = credentials->failed) != OK)
		*why = credentials->why;
	underway_done(credentials); /* before: their children go on, and the ledger says so */
	fetches_end(credentials);
	retained_end(credentials);
	ledger_close(credentials);
	bus_done(&credentials->bus);
	keeper_done(credentials);
	curve_free(credentials->curve);
	keys_done(&credentials->keys);
	onward_done(credentials);
	return r;
}

int
main(int argc, char **argv)
{
	static struct credentials credentials; /* holds the master key: in one place, never copied */
	struct config config = {0};
	struct why why = {0};
	enum err r;

	credentials.config = &config;
	credentials.keeper_fd = credentials.ledger_fd = credentials.append_fd = -1;
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		r = fail(&why, ERR_SYSTEM, "libsodium cannot start");
	else if ((r = service_load(&config.service, credentials_settings, &config, argc, argv, &why)) == OK &&
		 (r = loop_new(&credentials.loop, &why)) == OK)
		r = serve(&credentials, &why);
	if (r != OK) {
		log_failure("credentials.stopped", r, &why);
		service_failed(&config.service, &why);
	}
	loop_free(credentials.loop);
	secret_wipe(&config.service.bus_secret);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
