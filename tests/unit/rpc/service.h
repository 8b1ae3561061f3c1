/* A service to test with: a few methods of the public interface that do what the request's fields tell them. */
#ifndef TESTS_UNIT_RPC_SERVICE_H
#define TESTS_UNIT_RPC_SERVICE_H

#include "common/rpc/server.h"
#include "openshell/openshell.pb-c.h"

#define PATH(name) "/openshell.v1.OpenShell/" name

/*
 * Health           answers at once
 * GetSandbox       name: "missing" NOT_FOUND, "words" odd words, "never" no answer, "who" words about the caller,
 *                  anything else an empty answer
 * ExecSandbox      as many stdout events as workdir says, of timeout_seconds bytes each, then exit 7
 * ForwardTcp       echoes data; "pause" and "end" do so
 * PushSandboxLogs  counts, answers at the end
 */
struct service {
	struct rpc_server *server;
	unsigned calls, cancelled, open, messages, denied;
	size_t queue_most; /* RPC_SEND_QUEUE_MAX - rpc_room, at most */
	struct rpc_call *paused;
	bool deny;
};

extern const struct rpc_method service_methods[];

/* A server of it on a new socket at 127.0.0.1; its port. config holds the TLS texts and limits. */
unsigned service_open(struct service *service, struct rpc_server_config config);

#endif
