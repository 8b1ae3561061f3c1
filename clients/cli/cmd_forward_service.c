/* forward service: a listener of this program's own, one stream into the sandbox for each connection, no ssh. */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/cli/commands.h"
#include "clients/cli/forward_passage.h"
#include "clients/cli/listener.h"
#include "clients/cli/sandbox.h"
#include "clients/sdk/watch.h"
#include "common/base/clean.h"

#define PASSAGES_MAX   18 /* at once: the gateway allows 20 a sandbox; more wait to be accepted */
#define RETRIES_MAX    120
#define RETRY_EVERY_MS 250

enum {
	PHASE_PROVISIONING = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_PROVISIONING,
	PHASE_READY = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY,
	PHASE_STARTING = OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STARTING,
};

struct service {
	struct cli *cli;
	int listen_fd;
	struct watch watch;
	bool seen; /* the watch that runs has told something */
	struct forward_passages passages;
};

static void service_listen(void *self);

/* One connection was made to us. */
static void
service_ready(void *self, uint32_t events)
{
	struct service *service = self;
	int fd = accept4(service->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	forward_passage_begin(&service->passages, fd);
	service_listen(service);
}

/* Take connections while there is room for them. */
static void
service_listen(void *self)
{
	struct service *service = self;
	bool wanted = service->passages.count < PASSAGES_MAX;

	if (wanted && !service->watch.active &&
	    loop_add(service->cli->loop, &service->watch, service->listen_fd, EPOLLIN, service_ready, service, NULL) !=
		OK)
		cli_note(service->cli, "Warning: connections cannot be waited for");
	if (!wanted)
		loop_remove(service->cli->loop, &service->watch);
}

static enum watch_next
service_state(void *self, const Openshell__V1__SandboxStreamEvent *event, struct why *why)
{
	struct service *service = self;
	int phase;

	service->seen = true;
	if (event->payload_case != OPENSHELL__V1__SANDBOX_STREAM_EVENT__PAYLOAD_SANDBOX)
		return WATCH_ON;
	phase = sandbox_phase(event->sandbox);
	if (phase == PHASE_READY || phase == PHASE_PROVISIONING || phase == PHASE_STARTING)
		return WATCH_ON;
	fail(why, ERR_STATE, "the forward ends: the sandbox is in phase %s", phase_name(phase));
	return WATCH_FAILED;
}

/* Everything that hangs on the connection to the gateway. */
static void
service_stop(struct service *service)
{
	loop_remove(service->cli->loop, &service->watch);
	forward_passages_end(&service->passages);
}

/*
 * The watch ended though the sandbox is not gone. Where the connection to the gateway stands, the streams on it live on
 * and it is only watched again; else all of them are lost, and a new connection is made.
 */
static enum err
service_again(struct service *service, struct why *why)
{
	struct cli *cli = service->cli;
	enum err r = ERR_UNAVAILABLE;

	if (rpc_client_usable(cli->connection.client))
		return cli_pause(cli, RETRY_EVERY_MS, why);
	service_stop(service);
	for (unsigned tries = 0; r == ERR_UNAVAILABLE && tries < RETRIES_MAX && cli->signal == 0; tries++)
		if ((r = cli_pause(cli, RETRY_EVERY_MS, why)) == OK)
			r = cli_reconnect(cli, why);
	service_listen(service);
	return r;
}

/* Serve until the sandbox is gone or a signal comes; a gateway that is away for a moment is waited for. */
static enum err
service_run(struct service *service, struct why *why)
{
	Openshell__V1__WatchSandboxRequest request = OPENSHELL__V1__WATCH_SANDBOX_REQUEST__INIT;
	struct cli *cli = service->cli;
	const struct watching watching = {
	    .request = &request, .event = service_state, .self = service, .interrupted = &cli->signal};
	unsigned again = 0;
	enum err r;

	request.id = (char *)(uintptr_t)service->passages.sandbox_id;
	request.has_follow_status = request.follow_status = true;
	service_listen(service);
	do {
		service->seen = false;
		r = watch_sandbox(&cli->connection, &watching, why);
		again = service->seen ? 0 : again + 1;
		if (r == ERR_UNAVAILABLE && again < RETRIES_MAX)
			r = service_again(service, why);
	} while (r == OK && cli->signal == 0);
	service_stop(service);
	return cli->signal != 0 ? fail(why, ERR_CANCELLED, "interrupted") : r;
}

static enum err
service_open(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	struct service service = {.cli = cli, .listen_fd = -1};
	struct forward_passages *passages = &service.passages;
	struct listener_address address = {
	    .host = "127.0.0.1", .port = (uint16_t)cli->args.values[FLAG_TARGET_PORT].number};
	enum err r;

	*passages = (struct forward_passages){.cli = cli,
	    .name = name,
	    .sandbox_id = sandbox->metadata->id,
	    .host = cli_text(cli, FLAG_TARGET_HOST),
	    .port = address.port,
	    .fewer = service_listen,
	    .self = &service};
	list_init(&passages->all);
	if (cli_text(cli, FLAG_LOCAL_ADDRESS) != NULL &&
	    (r = listener_parse(span_of_text(cli_text(cli, FLAG_LOCAL_ADDRESS)), 0, &address, why)) != OK)
		return r;
	if ((r = listener_open(&address, &service.listen_fd, why)) != OK)
		return r;
	sandbox_used(cli, name);
	cli_note(cli, "Forwarding %s port %u to %s port %u of sandbox %s; Ctrl-C ends it", address.host, address.port,
	    passages->host, passages->port, name);
	r = service_run(&service, why);
	clean_fd(&service.listen_fd);
	return r == OK || r == ERR_CANCELLED ? r : because(why, r, "sandbox %s", name);
}

enum err
run_forward_service(struct cli *cli, struct why *why)
{
	Openshell__V1__SandboxResponse *answer;
	char *name;
	enum err r;

	if (!cli->args.values[FLAG_TARGET_PORT].set)
		return cli_usage(cli, why, "openshell forward service wants --target-port N");
	if ((r = cli_connect(cli, why)) != OK || (r = cli_signals(cli, why)) != OK ||
	    (r = sandbox_choose(cli, cli->args.operands_count > 0 ? cli->args.operands[0] : NULL, &name, why)) != OK ||
	    (r = sandbox_fetch(cli, name, &answer, why)) != OK)
		return r;
	if ((r = sandbox_ready(cli, answer->sandbox, name, why)) == OK)
		r = service_open(cli, answer->sandbox, name, why);
	call_free(answer);
	return r;
}
