/* One byte stream into a sandbox: between two descriptors of this machine and ForwardTcp. */
#ifndef CLIENTS_CLI_TUNNEL_H
#define CLIENTS_CLI_TUNNEL_H

#include "clients/cli/sink.h"
#include "clients/cli/source.h"
#include "clients/sdk/calls.h"

/* Lives in its owner's struct, which stays where it is from tunnel_open to tunnel_done. */
struct tunnel {
	struct rpc_stream *stream;
	struct source in;
	struct sink out;
	bool carried; /* something came out: the stream stands */
	bool ended;   /* the stream is over: status says how */
	struct rpc_status status;
	void (*over)(void *self); /* nothing more will come of it (once); not yet to be freed in this call */
	void *self;
	bool told;
};

/* Where it goes: a port of the sandbox's own loopback, or its SSH server. */
struct tunnel_target {
	const char *sandbox_id, *token, *service; /* service: for the gateway's log */
	const char *host;			  /* NULL: the SSH server */
	uint16_t port;
};

/*
 * Open it and begin to carry bytes: what in gives goes in, with its end; what comes out is written to out, with the
 * stream's end told by over. Nothing is lost, and nothing is kept beyond 1 MiB each way: who is slow holds the other.
 *
 * in, out  not owned; two numbers, also where they are one socket
 * errors   ERR_UNAVAILABLE the connection is lost; ERR_SYSTEM
 */
enum err tunnel_open(struct tunnel *tunnel, struct connection *connection, const struct tunnel_target *target, int in,
    int out, void (*over)(void *self), void *self, struct why *why) must_check;

/*
 * How it ended, once over was called.
 *
 * errors  the gateway's own; ERR_SYSTEM a descriptor broke
 */
enum err tunnel_result(const struct tunnel *tunnel, struct why *why) must_check;

/* End it, and forget what was not carried yet. Also when it was never opened. */
void tunnel_done(struct tunnel *tunnel);

#endif
