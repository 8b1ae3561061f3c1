/* The fake gateway's commands with streamed input, tokens and byte streams. */
#include "tests/unit/cli/fake_doors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "openshell/openshell.pb-c.h"
#include "tests/unit/cli/fake_provider.h"

#define ID "11111111-2222-4333-8444-555555555555"

struct door {
	char word[16];
	size_t count;
};

static struct door *
door_of(struct rpc_call *call)
{
	if (rpc_state(call) == NULL)
		rpc_set_state(call, arena_alloc(rpc_arena(call), sizeof(struct door)));
	return rpc_state(call);
}

void
fake_door_writable(void *self, struct rpc_call *call)
{
	(void)self;
	rpc_resume(call);
}

static void
out_send(struct rpc_call *call, const void *bytes, size_t length)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxStdout out = OPENSHELL__V1__EXEC_SANDBOX_STDOUT__INIT;

	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_STDOUT;
	event.stdout = &out;
	out.has_data = true;
	out.data = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
	rpc_send(call, &event.base);
	if (rpc_room(call) == 0)
		rpc_pause(call);
}

static void
exit_send(struct rpc_call *call, int code)
{
	Openshell__V1__ExecSandboxEvent event = OPENSHELL__V1__EXEC_SANDBOX_EVENT__INIT;
	Openshell__V1__ExecSandboxExit exit_event = OPENSHELL__V1__EXEC_SANDBOX_EXIT__INIT;

	event.payload_case = OPENSHELL__V1__EXEC_SANDBOX_EVENT__PAYLOAD_EXIT;
	event.exit = &exit_event;
	exit_event.has_exit_code = true;
	exit_event.exit_code = code;
	rpc_send(call, &event.base);
	rpc_finish(call, OK, NULL);
}

static void
input_start(struct rpc_call *call, struct door *door, const Openshell__V1__ExecSandboxInput *in)
{
	char line[64];

	fake_note_call(call, &in->base);
	rpc_begin(call);
	snprintf(door->word, sizeof(door->word), "%s", in->start->command[0]);
	if (strcmp(door->word, "exit") == 0)
		exit_send(call, (int)strtol(in->start->command[1], NULL, 10));
	else if (strcmp(door->word, "size") == 0)
		out_send(call, line, (size_t)snprintf(line, sizeof(line), "%ux%u\n", in->start->cols, in->start->rows));
}

void
fake_interactive(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExecSandboxInput *in = (const Openshell__V1__ExecSandboxInput *)message;
	struct door *door = door_of(call);
	char line[64];

	(void)self;
	if (in == NULL) {
		if (strcmp(door->word, "count") == 0)
			out_send(call, line, (size_t)snprintf(line, sizeof(line), "%zu\n", door->count));
		exit_send(call, 0);
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_START) {
		input_start(call, door, in);
	} else if (in->payload_case == OPENSHELL__V1__EXEC_SANDBOX_INPUT__PAYLOAD_STDIN) {
		door->count += in->stdin.len;
		if (strcmp(door->word, "cat") == 0)
			out_send(call, in->stdin.data, in->stdin.len);
	} else if (strcmp(door->word, "size") == 0) {
		out_send(
		    call, line, (size_t)snprintf(line, sizeof(line), "%ux%u\n", in->resize->cols, in->resize->rows));
	}
}

void
fake_session(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__CreateSshSessionResponse answer = OPENSHELL__V1__CREATE_SSH_SESSION_RESPONSE__INIT;

	(void)self;
	fake_note_call(call, message);
	answer.sandbox_id = (char *)(uintptr_t)ID;
	answer.token = (char *)(uintptr_t)FAKE_TOKEN;
	answer.gateway_host = (char *)(uintptr_t) "127.0.0.1";
	answer.has_gateway_port = true;
	answer.gateway_port = 17670;
	answer.gateway_scheme = (char *)(uintptr_t) "http";
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

void
fake_revoke(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__RevokeSshSessionResponse answer = OPENSHELL__V1__REVOKE_SSH_SESSION_RESPONSE__INIT;

	(void)self;
	fake_note_call(call, message);
	answer.has_revoked = answer.revoked = true;
	rpc_send(call, &answer.base);
	rpc_finish(call, OK, NULL);
}

static void
data_send(struct rpc_call *call, const void *bytes, size_t length)
{
	Openshell__V1__TcpForwardFrame frame = OPENSHELL__V1__TCP_FORWARD_FRAME__INIT;

	frame.payload_case = OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA;
	frame.data = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
	rpc_send(call, &frame.base);
	if (rpc_room(call) == 0)
		rpc_pause(call);
}

void
fake_forward(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__TcpForwardFrame *in = (const Openshell__V1__TcpForwardFrame *)message;

	(void)self;
	if (in == NULL) {
		data_send(call, "bye", 3);
		rpc_finish(call, OK, NULL);
	} else if (in->payload_case == OPENSHELL__V1__TCP_FORWARD_FRAME__PAYLOAD_DATA) {
		data_send(call, in->data.data, in->data.len);
	} else {
		fake_note_call(call, message);
		rpc_begin(call);
		if (in->init->authorization_token == NULL || strcmp(in->init->authorization_token, FAKE_TOKEN) != 0)
			fake_refuse(call, ERR_UNAUTHENTICATED, "SSH session token is not valid");
		else if (in->init->tcp != NULL &&
			 in->init->target_case == OPENSHELL__V1__TCP_FORWARD_INIT__TARGET_TCP &&
			 in->init->tcp->port == 9)
			fake_refuse(call, ERR_UNAVAILABLE, "connection refused");
	}
}
