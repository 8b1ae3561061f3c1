/* GraphQL parameters in the query of a URL, found however a server may spell and separate them. */
#ifndef COMMON_WIRE_GRAPHQL_URL_H
#define COMMON_WIRE_GRAPHQL_URL_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

enum graphql_part {
	GRAPHQL_TEXT,	/* query: the document */
	GRAPHQL_CHOSEN, /* operationName */
	GRAPHQL_VARIABLES,
	GRAPHQL_EXTENSIONS,
	GRAPHQL_ID, /* id, documentId, queryId */
	GRAPHQL_DOCUMENT_ID,
	GRAPHQL_QUERY_ID,
	GRAPHQL_PARTS
};

extern const char *const graphql_part_names[GRAPHQL_PARTS];

/*
 * Read the parameters of a GET.
 *
 * out     each one decoded, in the arena; empty: it is not there. Untouched unless OK
 * errors  ERR_SYNTAX one twice, one that is spelled almost so, a semicolon (some servers end parameters there), an
 * escape that is none, or text that is not UTF-8
 */
enum err graphql_url_read(
    struct span query, struct arena *arena, struct span out[GRAPHQL_PARTS], struct why *why) must_check;

/* Refuse a query that holds any of them (S19): ERR_SYNTAX. */
enum err graphql_url_none(struct span query, struct arena *arena, struct why *why) must_check;

#endif
