/* One connection to a gateway, with the certificates and tokens that its way to log in asks for. */
#ifndef CLIENTS_SDK_CONNECTION_H
#define CLIENTS_SDK_CONNECTION_H

#include "clients/sdk/gateway.h"
#include "common/os/loop.h"
#include "common/rpc/client.h"

/* All zero: not connected. */
struct connection {
	struct loop *loop; /* borrowed */
	struct rpc_client *client;
	struct rpc_status status; /* of the call that ended last */
	bool bearer;		  /* a token is sent */
	bool clear;		  /* no TLS */
	struct arena arena;
};

/*
 * Connect to gateway: http in the clear; https with its client certificate, or with its bearer token.
 *
 * insecure  do not verify the server, and present no certificate
 * errors    ERR_UNAVAILABLE it cannot be reached; ERR_NOT_FOUND certificate files are missing;
 * ERR_UNAUTHENTICATED the stored token has expired
 */
enum err connection_open(struct connection *out, struct loop *loop, const struct places *places,
    const struct gateway *gateway, bool insecure, struct why *why) must_check;

void connection_close(struct connection *connection);

/*
 * Put how a call ended in words: the gateway's message, made safe to show, or the code's standard words.
 *
 * r       what the call returned; returned again
 */
enum err connection_why(const struct rpc_status *status, enum err r, struct why *why);

#endif
