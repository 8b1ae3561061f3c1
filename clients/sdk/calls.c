/* Every unary method: one shape, filled from the table. */
#include "clients/sdk/calls.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* A port of TLS that takes services in clear ends every other request without a word. */
static enum err
refused(const struct connection *connection, enum err r, struct why *why)
{
	bool silent = connection->clear && strstr(connection->status.detail, "stream error") != NULL;

	r = connection_why(&connection->status, r, why);
	return silent ? because(why, r, "it is asked in clear (http://), and may speak TLS (https://)") : r;
}

static enum err
call(struct connection *connection, const char *path, const ProtobufCMessage *in,
    const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **out, struct why *why)
{
	uint64_t began_us = clock_us();
	enum err r;

	*out = NULL;
	connection->status = (struct rpc_status){0};
	r = rpc_unary(connection->client, path, in, descriptor, 0, out, &connection->status);
	log_info("rpc.call", "path=%s code=%d us=%llu", path, connection->status.code,
	    (unsigned long long)(clock_us() - began_us));
	if (r == OK && *out == NULL)
		return fail(why, ERR_INTERNAL, "the gateway answered nothing");
	return r == OK ? OK : refused(connection, r, why);
}

#define METHOD(service, name, kind, request, response, request_prefix, response_prefix, auth, scope, role)             \
	CALL_##kind(service, name, request, response, response_prefix)
#define CALL_UNARY(service, name, request, response, response_prefix)                                                  \
	enum err call_##name(struct connection *connection, const request *in, response **out, struct why *why)        \
	{                                                                                                              \
		ProtobufCMessage *answer = NULL;                                                                       \
		enum err r =                                                                                           \
		    call(connection, "/" service "/" #name, &in->base, &response_prefix##__descriptor, &answer, why);  \
                                                                                                                       \
		*out = (response *)answer;                                                                             \
		return r;                                                                                              \
	}
#define CALL_SERVER_STREAM(...)
#define CALL_CLIENT_STREAM(...)
#define CALL_BIDI(...)
#include "openshell/methods.def"
