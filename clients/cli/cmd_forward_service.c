/* forward service: a listener of this program's own, one stream into the sandbox for each connection, no ssh. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients/cli/commands.h"
#include "clients/cli/listener.h"
#include "clients/cli/sandbox.h"
#include "clients/cli/ssh_session.h"
#include "clients/cli/tunnel.h"
#include "clients/sdk/watch.h"
#include "common/base/clean.h"
#include "common/base/list.h"

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
	const char *name, *sandbox_id, *host;
	uint16_t port;
	int listen_fd;
	struct watch watch;
	bool seen; /* the watch that runs has told something */
	struct list passages;
	size_t count;
};

/* One connection: first its token is asked for, then it is a tunnel, then the token is made void. */
struct passage {
	struct service *service;
	struct list link;
	struct tunnel tunnel;
	int in, out; /* the socket, twice: it is watched for both */
	struct rpc_stream *asking;
	char *token;
	struct why why;
	struct timer end;
};

static void service_listen(struct service *service);

/* Said as it is in a run that lasts: no memory is taken. */
static void
service_note(const struct service *service, const char *text)
{
	char line[WHY_BYTES * 2];
	struct text safe = TEXT_OF(line);

	line[0] = '\0';
	shown_add(&safe, span_of_text(text));
	cli_note(service->cli, "A connection to sandbox %s failed: %s", service->name, line);
}

static bool
revoked_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	(void)self, (void)stream, (void)message;
	return true;
}

static void
revoked(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	(void)self, (void)stream, (void)status;
}

/* Nobody will use it again; the answer does not matter. */
static void
token_revoke(struct connection *connection, char *token)
{
	Openshell__V1__RevokeSshSessionRequest request = OPENSHELL__V1__REVOKE_SSH_SESSION_REQUEST__INIT;
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/RevokeSshSession",
	    .response = &openshell__v1__revoke_ssh_session_response__descriptor,
	    .message = revoked_message,
	    .ended = revoked,
	};
	struct rpc_stream *stream;

	request.token = token;
	if (connection->client == NULL ||
	    rpc_stream_open(connection->client, &config, &request.base, true, &stream, NULL) != OK)
		return; /* it ends by itself */
}

static void
passage_free(struct passage *passage)
{
	struct service *service = passage->service;

	if (passage->asking != NULL)
		rpc_stream_cancel(passage->asking);
	tunnel_done(&passage->tunnel);
	loop_timer_stop(service->cli->loop, &passage->end);
	if (passage->token != NULL)
		token_revoke(&service->cli->connection, passage->token);
	free(passage->token);
	clean_fd(&passage->in);
	clean_fd(&passage->out);
	list_remove(&passage->link);
	service->count--;
	free(passage);
}

static void
passage_end(void *self)
{
	struct passage *passage = self;
	struct service *service = passage->service;

	if (passage->why.text[0] != '\0')
		service_note(service, passage->why.text);
	passage_free(passage);
	service_listen(service);
}

/* It is over; its memory goes when nothing of it is on the stack any more. */
static void
passage_over(void *self)
{
	struct passage *passage = self;

	if (passage->tunnel.told && tunnel_result(&passage->tunnel, &passage->why) == OK)
		passage->why.text[0] = '\0';
	if (passage->tunnel.status.code == 0 && passage->tunnel.ended)
		shutdown(passage->out, SHUT_WR);
	loop_timer_set(passage->service->cli->loop, &passage->end, 0, passage_end, passage);
}

static void
passage_fail(struct passage *passage)
{
	loop_timer_set(passage->service->cli->loop, &passage->end, 0, passage_end, passage);
}

static bool
token_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__CreateSshSessionResponse *answer =
	    (const Openshell__V1__CreateSshSessionResponse *)message;
	struct passage *passage = self;

	(void)stream;
	if (passage->token == NULL && ssh_session_check(answer, passage->service->sandbox_id, &passage->why) == OK)
		passage->token = span_dup(span_of_text(answer->token));
	return true;
}

/* The token is there, or will never be. */
static void
token_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct passage *passage = self;
	const struct service *service = passage->service;
	const struct tunnel_target target = {.sandbox_id = service->sandbox_id,
	    .token = passage->token,
	    .service = "forward",
	    .host = service->host,
	    .port = service->port};

	(void)stream;
	passage->asking = NULL;
	if (status->code != 0)
		connection_why(status, ERR_UNAVAILABLE, &passage->why);
	if (status->code != 0 || passage->token == NULL ||
	    tunnel_open(&passage->tunnel, &service->cli->connection, &target, passage->in, passage->out, passage_over,
		passage, &passage->why) != OK)
		passage_fail(passage);
}

static enum err
passage_begin(struct passage *passage, struct why *why)
{
	Openshell__V1__CreateSshSessionRequest request = OPENSHELL__V1__CREATE_SSH_SESSION_REQUEST__INIT;
	const struct rpc_stream_config config = {
	    .path = "/openshell.v1.OpenShell/CreateSshSession",
	    .response = &openshell__v1__create_ssh_session_response__descriptor,
	    .self = passage,
	    .message = token_message,
	    .ended = token_ended,
	};

	request.sandbox_id = (char *)(uintptr_t)passage->service->sandbox_id;
	return rpc_stream_open(
	    passage->service->cli->connection.client, &config, &request.base, true, &passage->asking, why);
}

/* One connection was made to us. */
static void
service_ready(void *self, uint32_t events)
{
	struct service *service = self;
	int fd = accept4(service->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct passage *passage;

	(void)events;
	if (fd < 0)
		return;
	if ((passage = calloc(1, sizeof(*passage))) == NULL)
		abort();
	passage->service = service;
	passage->in = fd;
	passage->out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	list_append(&service->passages, &passage->link);
	service->count++;
	if (passage->out < 0)
		fail_errno(&passage->why, ERR_SYSTEM, "dup");
	if (passage->out < 0 || passage_begin(passage, &passage->why) != OK)
		passage_fail(passage);
	service_listen(service);
}

/* Take connections while there is room for them. */
static void
service_listen(struct service *service)
{
	bool wanted = service->count < PASSAGES_MAX;

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
	struct passage *passage;

	loop_remove(service->cli->loop, &service->watch);
	list_each(passage, &service->passages, struct passage, link)
		passage_free(passage);
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

	request.id = (char *)(uintptr_t)service->sandbox_id;
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
	struct service service = {.cli = cli,
	    .name = name,
	    .sandbox_id = sandbox->metadata->id,
	    .host = cli_text(cli, FLAG_TARGET_HOST),
	    .port = (uint16_t)cli->args.values[FLAG_TARGET_PORT].number,
	    .listen_fd = -1};
	struct listener_address address = {.host = "127.0.0.1", .port = service.port};
	enum err r;

	list_init(&service.passages);
	if (cli_text(cli, FLAG_LOCAL_ADDRESS) != NULL &&
	    (r = listener_parse(span_of_text(cli_text(cli, FLAG_LOCAL_ADDRESS)), 0, &address, why)) != OK)
		return r;
	if ((r = listener_open(&address, &service.listen_fd, why)) != OK)
		return r;
	sandbox_used(cli, name);
	cli_note(cli, "Forwarding %s port %u to %s port %u of sandbox %s; Ctrl-C ends it", address.host, address.port,
	    service.host, service.port, name);
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
