/* What an engine is made of: endpoints and rules as numbers, patterns as matchers. Nothing changes it once it stands. */
#ifndef COMMON_POLICY_ENGINE_PARTS_H
#define COMMON_POLICY_ENGINE_PARTS_H

#include "common/policy/engine.h"
#include "common/policy/matcher.h"

#define ENGINE_PATH_ANY	  UINT32_MAX /* an endpoint for every path */
#define ENGINE_GROUP_NONE UINT32_MAX /* a pattern that was not given */

/* Of an endpoint. The order is that of the table in engine_words.c. */
enum engine_protocol {
	PROTOCOL_NONE,
	PROTOCOL_TCP,
	PROTOCOL_SQL,
	PROTOCOL_REST, /* from here on requests are judged */
	PROTOCOL_WEBSOCKET,
	PROTOCOL_GRAPHQL,
	PROTOCOL_JSON_RPC,
	PROTOCOL_MCP,
};

enum engine_rule_kind { RULE_HTTP = 1, RULE_GRAPHQL, RULE_CALL };
enum { METHOD_NONE, METHOD_ANY, METHOD_FIRST }; /* none: the rule matches nothing; METHOD_FIRST + number in methods */
enum { OPERATION_NONE, OPERATION_QUERY, OPERATION_MUTATION, OPERATION_SUBSCRIPTION, OPERATION_ANY };

/* A query parameter that must be there, and the group of patterns of its key. */
struct engine_condition {
	uint32_t key, group;
};

/* An allow rule or a deny rule. */
struct engine_rule {
	uint32_t endpoint;
	uint8_t kind;	   /* enum engine_rule_kind */
	uint8_t operation; /* OPERATION_ */
	uint32_t method;   /* METHOD_ */
	uint32_t path;	   /* group of engine.paths; ENGINE_PATH_ANY */
	const struct engine_condition *query;
	uint32_t query_n;
	uint32_t name, fields; /* groups of engine.words */
	uint32_t call, tool;   /* groups of engine.words */
	bool call_any;	       /* every call, but for: */
	bool but_tools;	       /* tools/call, which other rules name the tools of */
	struct span words;     /* for events: allow GET /repos/ ** */
};

/* A registered GraphQL operation. */
struct engine_registered {
	uint8_t type;
	struct span name;
	const struct span *fields;
	size_t fields_n;
};

struct engine_endpoint {
	uint32_t policy;
	uint32_t path, route;  /* groups of engine.paths and engine.routes; ENGINE_PATH_ANY */
	uint32_t specificity;  /* bytes of its path that are no star */
	const uint16_t *ports; /* in order */
	size_t ports_n;
	const struct span *allowed_ips;
	size_t allowed_ips_n;
	enum engine_protocol protocol;
	bool enforce, tls_skip, encoded_slash, advisor, exact; /* exact: host without a wildcard */
	bool registered_only, strict_tools, graphql_rules;
	bool rewrite_body, rewrite_messages; /* placeholders in them are filled too */
	bool must_inspect;		     /* a provider's credentials may go there, and nowhere unread (9.6) */
	enum engine_signing signing;
	struct span sign_service, sign_region;
	uint32_t body_max;
	struct names registry; /* ids, with the operations beside them */
	const struct engine_registered *registered;
	uint32_t allow, allow_n, deny, deny_n; /* in engine.rules */
};

/* A binary entry of a policy. */
struct engine_binary {
	uint32_t policy;
	bool advisor;
};

/* The values that rules want under one query key. */
struct engine_key {
	struct matcher values;
};

/* Lists of numbers under numbers: list i is at[first[i]] to at[first[i + 1] - 1]. */
struct engine_lists {
	const uint32_t *first;
	const uint32_t *at;
};

struct engine {
	struct arena memory;
	struct span *policies; /* keys, in order */
	struct engine_endpoint *endpoints;
	struct engine_rule *rules;
	uint32_t policies_n, endpoints_n, rules_n;

	struct matcher hosts;		    /* a group for each host; then */
	struct engine_lists host_endpoints; /* list 0: endpoints for every host */
	struct matcher binaries;	    /* a group for each path; then entries of binary_entries */
	struct engine_lists binary_policies;
	struct engine_binary *binary_entries;

	struct matcher paths, routes, words;
	struct names methods; /* upper case */
	struct names keys;    /* query keys */
	struct engine_key *key;
};

/* Words of policies: engine_words.c. */
enum engine_protocol engine_protocol_of(const char *word);
const char *engine_protocol_name(enum engine_protocol protocol);
uint8_t engine_operation_of(const char *word);

/* At most so many bytes of it, and no part of a character at its end. */
struct span engine_words_cut(struct span text, size_t max);

#endif
