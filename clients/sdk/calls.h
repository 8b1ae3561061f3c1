/* Every unary method of the gateway as a typed function, made of proto/openshell/methods.def:
 * call_GetSandbox(...). */
#ifndef CLIENTS_SDK_CALLS_H
#define CLIENTS_SDK_CALLS_H

#include "clients/sdk/connection.h"
#include "openshell/inference.pb-c.h"
#include "openshell/openshell.pb-c.h"
#include "openshell/sandbox.pb-c.h"

/*
 * enum err call_NAME(connection, request, out, why): one request, one answer.
 *
 * out     freed by the caller with protobuf_c_message_free_unpacked(&out->base, NULL); NULL on failure
 * errors  the gateway's: connection->status has its code; why its message, made safe to show
 */
#define METHOD(service, name, kind, request, response, request_prefix, response_prefix, auth, scope, role)             \
	CALL_##kind(name, request, response)
#define CALL_UNARY(name, request, response)                                                                            \
	enum err call_##name(struct connection *connection, const request *in, response **out, struct why *why)        \
	    must_check;
#define CALL_SERVER_STREAM(name, request, response)
#define CALL_CLIENT_STREAM(name, request, response)
#define CALL_BIDI(name, request, response)
#include "openshell/methods.def"
#undef METHOD
#undef CALL_UNARY
#undef CALL_SERVER_STREAM
#undef CALL_CLIENT_STREAM
#undef CALL_BIDI

/* Free an answer; NULL is taken. */
#define call_free(message) protobuf_c_message_free_unpacked((ProtobufCMessage *)(message), NULL)

#endif
