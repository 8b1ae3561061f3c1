/* One GraphQL operation, as policies judge it; apart because requests and documents both speak of it. */
#ifndef COMMON_WIRE_GRAPHQL_OPERATION_H
#define COMMON_WIRE_GRAPHQL_OPERATION_H

#include <stddef.h>

#include "common/base/span.h"

#define GRAPHQL_FIELDS_MAX 256 /* different root fields of one operation */
#define GRAPHQL_NAME_BYTES 256 /* of an operation, field, hash or id */

enum graphql_type { GRAPHQL_PERSISTED, GRAPHQL_QUERY, GRAPHQL_MUTATION, GRAPHQL_SUBSCRIPTION };

/* One operation that the server would run. */
struct graphql_operation {
	enum graphql_type type;	   /* GRAPHQL_PERSISTED: only its hash or id was sent */
	struct span name;	   /* empty: anonymous */
	const struct span *fields; /* of the root, by their real names, fragments followed, each once */
	size_t fields_n;
	struct span hash, persisted_id; /* of GRAPHQL_PERSISTED; one of them may be empty */
};

#endif
