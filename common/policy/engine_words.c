/* The words of policies that the engine knows. */
#include "common/policy/engine_parts.h"

#include <strings.h>

#include "common/base/clean.h"

static const char *const protocols[] = {
    [PROTOCOL_NONE] = "",
    [PROTOCOL_TCP] = "tcp",
    [PROTOCOL_SQL] = "sql",
    [PROTOCOL_REST] = "rest",
    [PROTOCOL_WEBSOCKET] = "websocket",
    [PROTOCOL_GRAPHQL] = "graphql",
    [PROTOCOL_JSON_RPC] = "json-rpc",
    [PROTOCOL_MCP] = "mcp",
};

static const char *const operations[] = {
    [OPERATION_QUERY] = "query",
    [OPERATION_MUTATION] = "mutation",
    [OPERATION_SUBSCRIPTION] = "subscription",
    [OPERATION_ANY] = "*",
};

enum engine_protocol
engine_protocol_of(const char *word)
{
	for (size_t i = 1; word != NULL && i < COUNT(protocols); i++)
		if (strcasecmp(word, protocols[i]) == 0)
			return (enum engine_protocol)i;
	return PROTOCOL_NONE;
}

const char *
engine_protocol_name(enum engine_protocol protocol)
{
	return protocols[protocol];
}

uint8_t
engine_operation_of(const char *word)
{
	for (size_t i = 1; word != NULL && i < COUNT(operations); i++)
		if (strcasecmp(word, operations[i]) == 0)
			return (uint8_t)i;
	return OPERATION_NONE;
}

struct span
engine_words_cut(struct span text, size_t max)
{
	text = span_head(text, max);
	for (int i = 0; i < 3 && !span_utf8(text); i++)
		text = span_head(text, text.length > 0 ? text.length - 1 : 0);
	return text;
}
