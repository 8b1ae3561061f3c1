/*
 * A crowd of clients, each with a connection of its own: ./bench and ./soak look at the gateway meanwhile.
 *
 *     crowd stalled NAME COUNT   commands that write without end, whose readers read the beginning and then nothing more
 *     crowd shells NAME COUNT    shells on terminals, which wait at their prompts
 *
 * Prints `open` when all of them are, and ends, and with it all of them, when standard input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/sdk/calls.h"
#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"

#define COMMAND_MAX 2

struct guest {
	struct connection connection;
	struct rpc_stream *stream;
	bool heard, ended;
	struct rpc_status status;
};

static const struct kind {
	const char *name;
	bool interactive;
	const char *command[COMMAND_MAX];
	size_t command_n;
} kinds[] = {
    {"stalled", false, {"cat", "/dev/zero"}, 2},
    {"shells", true, {"sh"}, 1},
};

static void __attribute__((noreturn)) give_up(const char *what, const struct why *why)
{
	fprintf(stderr, "crowd: %s: %s\n", what, why->text);
	exit(1);
}

static bool
got(void *self, struct rpc_stream *stream, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxEvent *event = (const Openshell__V1__ExecSandboxEvent *)message;
	struct guest *guest = self;

	(void)stream;
	guest->heard |= event->payload_case == OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT;
	return true;
}

static void
over(void *self, struct rpc_stream *stream, const struct rpc_status *status)
{
	struct guest *guest = self;

	(void)stream;
	guest->ended = true;
	guest->status = *status;
}

/* The request, as the unary call takes it or as the first message of the other. */
static enum err
begin(struct guest *guest, const struct kind *kind, char *id, struct why *why)
{
	Openshell__V1__ExecSandboxRequest request = OPENSHELL__V1__EXEC_SANDBOX_REQUEST__INIT;
	Openshell__V1__ExecSandboxInput input = OPENSHELL__V1__EXEC_SANDBOX_INPUT__INIT;
	const struct rpc_stream_config config = {.path = kind->interactive
							     ? "/openshell.v1.OpenShell/ExecSandboxInteractive"
							     : "/openshell.v1.OpenShell/ExecSandbox",
	    .response = &openshell__v1__exec_sandbox_event__descriptor,
	    .self = guest,
	    .message = got,
	    .ended = over};

	request.sandbox_id = id;
	request.command = (char **)(uintptr_t)kind->command;
	request.n_command = kind->command_n;
	request.has_tty = request.tty = kind->interactive;
	input.payload_case = OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START;
	input.start = &request;
	return rpc_stream_open(guest->connection.client, &config, kind->interactive ? &input.base : &request.base,
	    !kind->interactive, &guest->stream, why);
}

/* Open it, and read until its command has said something. Nobody looks at the loop any more then, nor at the socket. */
static void
enter(struct guest *guest, const struct kind *kind, char *id)
{
	struct why why = {0};

	if (begin(guest, kind, id, &why) != OK)
		give_up("exec", &why);
	while (!guest->heard && !guest->ended)
		if (loop_turn(guest->connection.loop, -1, &why) != OK)
			give_up("exec", &why);
	if (guest->ended) {
		(void)fail(&why, ERR_INTERNAL, "%s", guest->status.message);
		give_up("exec", &why);
	}
}

static void
connect_to(struct connection *connection, const struct places *places, const struct gateway *gateway)
{
	struct why why = {0};
	struct loop *loop;

	if (loop_new(&loop, &why) != OK || connection_open(connection, loop, places, gateway, false, &why) != OK)
		give_up("connect", &why);
}

static char *
id_of(struct connection *connection, const char *name)
{
	Openshell__V1__GetSandboxRequest get = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	Openshell__V1__SandboxResponse *row;
	struct why why = {0};
	char *id;

	get.name = (char *)(uintptr_t)name;
	if (call_GetSandbox(connection, &get, &row, &why) != OK)
		give_up(name, &why);
	if ((id = strdup(row->sandbox->metadata->id)) == NULL)
		abort();
	call_free(row);
	return id;
}

static void
crowd(const struct kind *kind, const char *name, size_t count)
{
	struct gateway_choice choice = {getenv("OPENSHELL_GATEWAY_ENDPOINT"), getenv("OPENSHELL_GATEWAY")};
	struct guest *guests = calloc(count, sizeof(*guests));
	struct arena arena = {0};
	struct places places;
	struct gateway gateway;
	struct why why = {0};
	char *id = NULL, byte;

	if (guests == NULL || places_find(&places, &why) != OK ||
	    gateway_resolve(&places, &choice, &arena, &gateway, &why) != OK)
		give_up("gateway", &why);
	for (size_t i = 0; i < count; i++) {
		connect_to(&guests[i].connection, &places, &gateway);
		if (id == NULL)
			id = id_of(&guests[i].connection, name);
		enter(&guests[i], kind, id);
	}
	printf("open\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	_exit(0); /* as a client that is killed: no goodbye */
}

int
main(int argc, char **argv)
{
	struct why why = {0};
	uint64_t count;

	log_open("crowd", LOG_LEVEL_WARNING);
	for (size_t i = 0; argc == 4 && i < COUNT(kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0 &&
		    number_parse(span_of_text(argv[3]), 1, 10000, &count, &why) == OK)
			crowd(&kinds[i], argv[2], count);
	fprintf(stderr, "usage: crowd stalled|shells NAME COUNT\n");
	return 2;
}
