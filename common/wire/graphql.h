/* GraphQL requests: which operations are in there, as policies judge them (policy-and-proxy 4.8, 4.11, S18, S19). */
#ifndef COMMON_WIRE_GRAPHQL_H
#define COMMON_WIRE_GRAPHQL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/wire/graphql_operation.h"

#define GRAPHQL_OPERATIONS_MAX 64 /* of one request: a batch */

struct graphql_request {
	const struct graphql_operation *operations;
	size_t operations_n; /* 1 to GRAPHQL_OPERATIONS_MAX */
};

/*
 * Read the body of a POST: a JSON object, or a batch of such. Whoever calls has refused other media types than
 * application/json (and graphql+json), and any content coding.
 *
 * query   of the URL, without the question mark: may hold no GraphQL parameter (S19)
 * out     in the arena or borrowed from the body; untouched unless OK
 * errors  ERR_SYNTAX, ERR_LIMIT: refuse the request in both modes; the reason (at most 200 bytes) is what follows
 *         "GraphQL request rejected: "
 */
enum err graphql_post(
    struct span body, struct span query, struct arena *arena, struct graphql_request *out, struct why *why) must_check;

/* The same for a GET, from the query of its URL (as sent, percent-encoded, without the question mark). */
enum err graphql_get(struct span query, struct arena *arena, struct graphql_request *out, struct why *why) must_check;

/* A message of a client over a WebSocket (graphql-transport-ws and the older graphql-ws). */
struct graphql_message {
	bool control;			/* connection_init, ping, complete ...: passes unjudged */
	struct graphql_request request; /* of subscribe and start */
};

/* Read one text message; out and errors as above. What is neither control nor a request is refused. */
enum err graphql_message_read(
    struct span text, struct arena *arena, struct graphql_message *out, struct why *why) must_check;

#endif
