/* Our half of the interop test: "serve DIR [plain]" the test service, or "call ENDPOINT" somebody else's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/rpc/client.h"
#include "tests/unit/rpc/pki.h"
#include "tests/unit/rpc/service.h"

static void
file_write(const char *directory, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if ((file = fopen(path, "w")) == NULL || fputs(text, file) == EOF || fclose(file) == EOF)
		abort();
}

static void
input_ready(void *self, uint32_t events)
{
	(void)events;
	loop_stop(self); /* our parent has ended, or says so */
}

static int
serve(struct loop *loop, const char *directory, bool plain)
{
	struct rpc_server_config config = {.loop = loop};
	struct service service = {0};
	struct watch input = {0};
	struct why why = {0};
	struct pki pki;

	pki_make(&pki);
	file_write(directory, "ca.crt", pki.ca);
	file_write(directory, "tls.crt", pki.client);
	file_write(directory, "tls.key", pki.client_key);
	if (!plain) {
		config.certificate_pem = pki.server;
		config.key_pem = pki.server_key;
		config.client_ca_pem = pki.ca;
	}
	printf("%u\n", service_open(&service, config));
	fflush(stdout);
	if (loop_add(loop, &input, 0, EPOLLIN, input_ready, loop, &why) != OK || loop_run(loop, &why) != OK)
		fprintf(stderr, "%s\n", why.text);
	printf("calls %u cancelled %u open %u\n", service.calls, service.cancelled, service.open);
	loop_remove(loop, &input);
	rpc_server_free(service.server);
	pki_free(&pki);
	return 0;
}

static bool
exec_message(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	(void)stream, (void)message;
	++*(unsigned *)self;
	return true;
}

static void
exec_ended(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	(void)stream;
	printf("ExecSandbox %u messages, %d %s\n", *(unsigned *)self, status->code, status->message);
	*(unsigned *)self = UINT32_MAX;
}

static void
call_exec(struct loop *loop, struct rpc_client *client)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	unsigned messages = 0;
	const struct rpc_stream_config config = {.path = PATH("ExecSandbox"),
	    .self = &messages,
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .message = exec_message,
	    .ended = exec_ended};
	struct rpc_stream *stream;
	struct why why = {0};

	if (rpc_stream_open(client, &config, &request.base, true, &stream, &why) != OK)
		printf("ExecSandbox: %s\n", why.text);
	else
		while (messages != UINT32_MAX && loop_turn(loop, -1, &why) == OK)
			;
}

static int
call(struct loop *loop, const char *endpoint)
{
	const struct rpc_client_config config = {.loop = loop, .endpoint = endpoint, .bearer = "s3cret"};
	Openshell__V1__GetSandboxRequest request = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	static const char *const names[] = {"demo", "missing", "words", "slow"};
	struct rpc_client *client;
	struct rpc_status status;
	ProtobufCMessage *answer;
	struct why why = {0};

	if (rpc_client_new(&client, &config, &why) != OK) {
		printf("%s\n", why.text);
		return 1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		request.name = (char *)names[i];
		(void)!rpc_unary(client, PATH("GetSandbox"), &request.base,
		    &openshell__v1__sandbox_response__descriptor, i == 3 ? 100 : 0, &answer, &status);
		printf("GetSandbox %s: %d %s\n", names[i], status.code, status.message);
		if (answer != NULL)
			protobuf_c_message_free_unpacked(answer, NULL);
	}
	call_exec(loop, client);
	rpc_client_free(client);
	return 0;
}

int
main(int argc, char **argv)
{
	struct loop *loop;
	int r = 2;

	if (loop_new(&loop, NULL) != OK)
		return 2;
	if (argc >= 3 && strcmp(argv[1], "serve") == 0)
		r = serve(loop, argv[2], argc == 4);
	else if (argc == 3 && strcmp(argv[1], "call") == 0)
		r = call(loop, argv[2]);
	loop_free(loop);
	return r;
}
