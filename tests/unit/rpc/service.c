/* A service to test with. */
#include "tests/unit/rpc/service.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A stream that is being sent. */
struct sending {
	uint32_t left, size;
};

static void
health(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__HealthResponse answer = OPENSHELL__V1__HEALTH_RESPONSE__INIT;

	(void)self, (void)message;
	answer.version = (char *)"test";
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
answer_who(struct rpc_call *call)
{
	const struct rpc_caller *who = rpc_caller(call);
	char words[512];

	snprintf(words, sizeof(words),
	    "tls=%d certificate=%d cn=" SPAN_FORMAT " units=%zu id=" SPAN_FORMAT " auth=" SPAN_FORMAT
	    " agent=" SPAN_FORMAT,
	    who->tls, who->certificate, SPAN_ARGS(who->common_name), who->units_n, SPAN_ARGS(who->request_id),
	    SPAN_ARGS(who->authorization), SPAN_ARGS(rpc_metadata(call, "user-agent")));
	rpc_finish_status(call, 9, words);
}

static void
get_sandbox(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetSandboxRequest *in = (const Openshell__V1__GetSandboxRequest *)message;
	Openshell__V1__SandboxResponse answer = OPENSHELL__V1__SANDBOX_RESPONSE__INIT;
	const char *name = in->name == NULL ? "" : in->name;
	struct service *service = self;
	struct why why = {0};

	service->open++;
	if (strcmp(name, "never") == 0)
		return;
	service->open--;
	if (strcmp(name, "who") == 0)
		answer_who(call);
	else if (strcmp(name, "missing") == 0)
		rpc_finish(call, fail(&why, ERR_NOT_FOUND, "sandbox not found"), &why);
	else if (strcmp(name, "words") == 0)
		rpc_finish(call, fail(&why, ERR_LIMIT, "Größe 100 %% überschritten:\n\t日本"), &why);
	else {
		rpc_send(call, &answer.base);
		rpc_finish(call, OK, NULL);
	}
}

static void
exec_send(struct service *service, struct rpc_call *call, struct sending *sending)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxStdout out = OPENSHELL__V1__EXEC_SANDBOX_STDOUT__INIT;
	Openshell__V1__ExecSandboxExit end = OPENSHELL__V1__EXEC_SANDBOX_EXIT__INIT;

	out.has_data = true;
	out.data.len = sending->size;
	out.data.data = calloc(1, sending->size + 1);
	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT;
	event.stdout = &out;
	for (; sending->left > 0 && rpc_room(call) > 0; sending->left--) {
		rpc_send(call, &event.base);
		if (RPC_SEND_QUEUE_MAX - rpc_room(call) > service->queue_most)
			service->queue_most = RPC_SEND_QUEUE_MAX - rpc_room(call);
	}
	free(out.data.data);
	if (sending->left > 0)
		return;
	end.has_exit_code = true;
	end.exit_code = 7;
	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT;
	event.exit = &end;
	rpc_send(call, &event.base);
	rpc_finish(call, OK, NULL);
	service->open--;
}

static void
exec_sandbox(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxRequest *in = (const Openshell__V1__ExecSandboxRequest *)message;
	struct service *service = self;
	struct sending *sending = arena_alloc(rpc_arena(call), sizeof(*sending));

	service->open++;
	sending->left = in->workdir == NULL ? 0 : (uint32_t)strtoul(in->workdir, NULL, 10);
	sending->size = in->has_timeout_seconds ? in->timeout_seconds : 1;
	rpc_set_state(call, sending);
	rpc_begin(call);
	exec_send(service, call, sending);
}

static void
forward_tcp(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__TcpForwardFrame *in = (const Openshell__V1__TcpForwardFrame *)message;
	struct service *service = self;

	if (message == NULL) {
		rpc_finish(call, OK, NULL);
		return;
	}
	service->messages++;
	rpc_begin(call);
	if (in->payload_case != OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA)
		return;
	if (in->data.len == 3 && memcmp(in->data.data, "end", 3) == 0) {
		rpc_finish_status(call, 10, "enough");
		return;
	}
	if (in->data.len == 5 && memcmp(in->data.data, "pause", 5) == 0) {
		service->paused = call;
		rpc_pause(call);
		return;
	}
	rpc_send(call, message);
}

static void
push_logs(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__PushSandboxLogsResponse answer = OPENSHELL__V1__PUSH_SANDBOX_LOGS_RESPONSE__INIT;
	struct service *service = self;

	if (message != NULL) {
		service->messages++;
		return;
	}
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

const struct rpc_method service_methods[] = {
    {PATH("Health"), RPC_UNARY, &openshell__v1__health_request__descriptor, health, NULL},
    {PATH("GetSandbox"), RPC_UNARY, &openshell__v1__get_sandbox_request__descriptor, get_sandbox, NULL},
    {PATH("ExecSandbox"), RPC_SERVER_STREAM, &openshell__v1__exec_sandbox_request__descriptor, exec_sandbox, NULL},
    {PATH("ForwardTcp"), RPC_BIDI, &openshell__v1__tcp_forward_frame__descriptor, forward_tcp, NULL},
    {PATH("PushSandboxLogs"), RPC_CLIENT_STREAM, &openshell__v1__push_sandbox_logs_request__descriptor, push_logs,
	NULL},
    {0},
};

static enum err
admit(void *self, struct rpc_call *call, const struct rpc_method *method, struct why *why)
{
	struct service *service = self;

	(void)call;
	service->calls++;
	if (!service->deny)
		return OK;
	service->denied++;
	return fail(why, ERR_DENIED, "no %s for you", method->path);
}

static void
cancelled(void *self, struct rpc_call *call)
{
	struct service *service = self;

	service->cancelled++;
	if (service->open > 0)
		service->open--;
	if (service->paused == call)
		service->paused = NULL;
}

static void
writable(void *self, struct rpc_call *call)
{
	exec_send(self, call, rpc_state(call));
}

static void
http(void *self, struct rpc_call *call, struct span method, struct span path)
{
	(void)self, (void)method;
	if (span_is(path, "/healthz"))
		rpc_http_answer(call, 200, "text/plain", SPAN("fine\n"));
	else
		rpc_http_answer(call, 404, "text/plain", SPAN("no such page\n"));
}

unsigned
service_open(struct service *service, struct rpc_server_config config)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	struct why why = {0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	config.methods = service_methods;
	config.self = service;
	config.admit = admit;
	config.cancelled = cancelled;
	config.writable = writable;
	config.http = http;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    rpc_server_new(&service->server, &config, &why) != OK ||
	    rpc_server_listen(service->server, fd, &why) != OK) {
		fprintf(stderr, "service_open: %s\n", why.text);
		abort();
	}
	return ntohs(address.sin_port);
}
