/* api: the public front of the gateway. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/os/jail.h"
#include "services/api/api.h"
#include "services/api/methods.h"
#include "services/api/passage.h"

#define DRAIN_TURN_MS 50
#define DRAIN_TURNS   100 /* 5 s for open calls to end */
#define PATIENCE_MS   1000

static const char *const write_paths[] = {"/state", "/relay", NULL}; /* their sockets, to connect to */

static const struct jail api_jail = {
    .process = "api",
    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_UNIX | PROMISE_BUS,
    .write_paths = write_paths,
    .keep_from = SERVICE_FD_LISTEN, /* not the settings, which hold the bus key */
    .keep_to = SERVICE_FD_READY,
};

static enum err
enter(const struct config *config, struct why *why)
{
	struct jail jail = api_jail;

	jail.files_max = config->connections_max + 256;
	if ((int)config->listen_fd < jail.keep_from)
		jail.keep_from = (int)config->listen_fd;
	if ((int)config->listen_fd > jail.keep_to)
		jail.keep_to = (int)config->listen_fd;
	return service_jail(&jail, &config->service, why);
}

/* Calls that hold something are told when their caller goes, and when it reads again. */
static void
cancelled(void *self, struct rpc_call *call)
{
	struct work *work = rpc_state(call);

	(void)self;
	if (work != NULL)
		work->gone(work);
}

static void
writable(void *self, struct rpc_call *call)
{
	struct work *work = rpc_state(call);

	(void)self;
	if (work != NULL && work->writable != NULL)
		work->writable(work);
}

/* Callers wait in the socket's queue until now, so that the first is not told that state is away. */
static void
serve(void *self)
{
	struct api *api = self;
	struct why why = {""};
	enum err r;

	if (api->serving)
		return;
	api->serving = true;
	loop_timer_stop(api->loop, &api->patience);
	if ((r = rpc_server_listen(api->server, (int)api->config->listen_fd, &why)) == OK) {
		service_ready(&((struct config *)api->config)->service);
		return;
	}
	log_failure("api.listen", r, &why);
	api->failed = r;
	loop_stop(api->loop);
}

static void
peer_up(void *self, struct peer *peer)
{
	struct api *api = self;
	struct peer *other;

	log_info("peer.up", "role=%s name=%s", role_name(peer->role), peer->name);
	if (peer->role == ROLE_STATE)
		services_state_up(api);
	if (api_peer(api, ROLE_STATE, &other, NULL) == OK && api_peer(api, ROLE_RELAY, &other, NULL) == OK)
		serve(api);
}

static void
peer_down(void *self, struct peer *peer, const struct why *why)
{
	log_warning("peer.down", "role=%s name=%s why=\"%s\"", role_name(peer->role), peer->name, why->text);
	watch_peer_down(self, peer);
	passage_peer_down(self, peer);
}

/* Open calls are given time to end; then the process does. */
static void
drain_turn(void *self)
{
	struct api *api = self;

	if (rpc_server_idle(api->server) || ++api->drain_turns > DRAIN_TURNS)
		loop_stop(api->loop);
	else
		loop_timer_set(api->loop, &api->drain, DRAIN_TURN_MS, drain_turn, api);
}

static void
stop(void *self, int number)
{
	struct api *api = self;

	log_info("api.stop", "signal=%d", number);
	watch_stop(api);
	rpc_server_drain(api->server);
	drain_turn(api);
}

static enum err
serve_open(struct api *api, struct why *why)
{
	const struct config *config = api->config;
	const struct rpc_server_config server = {
	    .loop = api->loop,
	    .methods = api->methods = methods_new(),
	    .self = api,
	    .admit = methods_admit,
	    .cancelled = cancelled,
	    .writable = writable,
	    .http = services_http,
	    .claim = services_claim,
	    .http_input = services_input,
	    .plain_claimed = api->services.plain,
	    .certificate_pem = config->certificate_pem,
	    .key_pem = config->key_pem,
	    .client_ca_pem = config->client_ca_pem,
	    .connections_max = config->connections_max,
	};
	enum err r;

	if ((r = rpc_server_new(&api->server, &server, why)) != OK)
		return r;
	loop_timer_set(api->loop, &api->patience, PATIENCE_MS, serve, api);
	return OK;
}

static enum err
listen_check(const struct config *config, struct why *why)
{
	struct stat st;

	if (fstat((int)config->listen_fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return fail(why, ERR_INVALID, "listen_fd: descriptor %u is not a socket", config->listen_fd);
	if (fcntl((int)config->listen_fd, F_SETFD, FD_CLOEXEC) != 0)
		return fail_errno(why, ERR_SYSTEM, "listen_fd");
	return OK;
}

static enum err
api_open(struct api *api, const struct config *config, struct why *why)
{
	enum err r;

	api->config = config;
	api->next_number = 1;
	services_init(api);
	for (size_t i = 0; i < API_BUCKETS; i++) {
		list_init(&api->watches[i]);
		list_init(&api->passages[i]);
		list_init(&api->forwards[i]);
	}
	if ((r = loop_new(&api->loop, why)) != OK ||
	    (r = provider_builtins(&api->builtins_arena, &api->builtins, why)) != OK)
		return r;
	api->bus = (struct bus){.loop = api->loop,
	    .role = ROLE_API,
	    .name = config->service.process,
	    .routes = routes,
	    .self = api,
	    .peer_up = peer_up,
	    .peer_down = peer_down};
	bus_init(&api->bus);
	return OK;
}

static enum err
run(struct api *api, struct why *why)
{
	struct config *config = (struct config *)api->config;
	enum err r;

	if ((r = service_links(&api->curve, &api->bus, &config->service, why)) != OK ||
	    (r = serve_open(api, why)) != OK || (r = loop_signal(api->loop, SIGTERM, stop, api, why)) != OK ||
	    (r = loop_signal(api->loop, SIGINT, stop, api, why)) != OK)
		return r;
	if ((r = loop_run(api->loop, why)) == OK && api->failed != OK)
		r = fail(why, api->failed, "its socket cannot be served");
	return r;
}

static void
api_close(struct api *api)
{
	rpc_server_free(api->server);
	upstreams_free(api);
	targets_free(api);
	curve_free(api->curve);
	bus_done(&api->bus);
	loop_free(api->loop);
	free(api->methods);
	arena_reset(&api->builtins_arena);
}

int
main(int argc, char **argv)
{
	struct config config = {0};
	struct api api = {0};
	struct why why = {0};
	enum err r;

	signal(SIGPIPE, SIG_IGN);
	if ((r = config_load(&config, argc, argv, &why)) != OK || /* reads the TLS files too */
	    (r = listen_check(&config, &why)) != OK ||
	    (r = enter(&config, &why)) != OK ||						/* give all else up, for good */
	    (r = api_open(&api, &config, &why)) != OK || (r = run(&api, &why)) != OK) { /* libzmq starts threads here */
		log_failure("api.stopped", r, &why);
		service_failed(&config.service, &why);
	}
	api_close(&api);
	config_done(&config);
	return r == OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
