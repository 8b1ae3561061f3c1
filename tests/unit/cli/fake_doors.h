/* The fake gateway's commands with streamed input, tokens and byte streams. */
#ifndef TESTS_UNIT_CLI_FAKE_DOORS_H
#define TESTS_UNIT_CLI_FAKE_DOORS_H

#include "common/rpc/server.h"

#define FAKE_TOKEN "tok.en-1" /* what CreateSshSession gives */

/*
 * ExecSandboxInteractive by first word: cat sends its input back, count says how many bytes it had, exit N ends at once,
 * size says each size of the terminal until its input ends. ForwardTcp: to port 9 nobody answers; else input comes back,
 * and "bye" behind its end.
 */
void fake_interactive(void *self, struct rpc_call *call, const ProtobufCMessage *message);
void fake_session(void *self, struct rpc_call *call, const ProtobufCMessage *message);
void fake_revoke(void *self, struct rpc_call *call, const ProtobufCMessage *message);
void fake_forward(void *self, struct rpc_call *call, const ProtobufCMessage *message);

/* There is room again: streams that were held back go on. */
void fake_door_writable(void *self, struct rpc_call *call);

#define FAKE_DOOR(name, kind, request, function)                                                                       \
	{                                                                                                              \
		"/openshell.v1.OpenShell/" name, kind, &openshell__v1__##request##__descriptor, function, NULL         \
	}
#define FAKE_DOOR_METHODS                                                                                              \
	FAKE_DOOR("ExecSandboxInteractive", RPC_BIDI, exec_sandbox_input, fake_interactive),                           \
	    FAKE_DOOR("CreateSshSession", RPC_UNARY, create_ssh_session_request, fake_session),                        \
	    FAKE_DOOR("RevokeSshSession", RPC_UNARY, revoke_ssh_session_request, fake_revoke),                         \
	    FAKE_DOOR("ForwardTcp", RPC_BIDI, tcp_forward_frame, fake_forward)

#endif
