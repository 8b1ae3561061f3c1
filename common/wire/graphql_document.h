/* GraphQL documents (spec of October 2021, executable definitions): text in, the operation that would run out. */
#ifndef COMMON_WIRE_GRAPHQL_DOCUMENT_H
#define COMMON_WIRE_GRAPHQL_DOCUMENT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/wire/graphql_grammar.h" /* GRAPHQL_DEPTH_MAX, GRAPHQL_TOKENS_MAX */
#include "common/wire/graphql_operation.h"

/*
 * Read a document and select the operation that a server would run.
 *
 * chosen  operationName; empty: the only operation there is
 * out     spans borrowed from the document, fields in the arena; untouched unless OK
 * errors  ERR_SYNTAX not a document, no such operation, several and none chosen, a name given twice, a fragment that is
 *         not there or holds itself; ERR_LIMIT
 */
enum err graphql_document_read(struct span document, struct span chosen, struct arena *arena,
    struct graphql_operation *out, struct why *why) must_check;

#endif
