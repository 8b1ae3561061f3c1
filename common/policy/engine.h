/* The decision: a policy compiled once into an immutable form, asked about connections and requests. Opens nothing. */
#ifndef COMMON_POLICY_ENGINE_H
#define COMMON_POLICY_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/policy/destination.h"
#include "openshell/sandbox.pb-c.h"

struct engine;

/* Where a symbolic link leads; false: it is none, or cannot be read. For the entries of binaries, at compile time. */
typedef bool engine_link(void *self, const char *path, char *to, size_t room);

/*
 * Compile a policy. All patterns become automata and tables here; deciding does no work on patterns. What the policy's
 * own check (check.h) refuses is refused here too.
 *
 * policy  not kept
 * link    NULL: paths are taken as they stand
 * out     engine_free
 * errors  ERR_INVALID, ERR_LIMIT with the policy, endpoint and value named; ERR_STATE two endpoints contradict each other
 */
enum err engine_new(const Openshell__Sandbox__V1__SandboxPolicy *policy, engine_link *link, void *link_self,
    struct engine **out, struct why *why) must_check;
void engine_free(struct engine *engine); /* NULL does nothing */

/* Who asks. */
struct engine_process {
	struct span exe;
	const struct span *ancestors; /* nearest first */
	size_t ancestors_n;
	bool any; /* identity is switched off: matches every binary */
};

/* The answer about a connection. Everything lives in the engine or the arena it was given. */
struct engine_admission {
	bool allowed;
	const char *code;   /* no_policy, no_endpoint, binary, host (S3, S4, S7); "" when allowed */
	struct span reason; /* for the agent (S26) */
	struct span policy; /* smallest key that matched */
	bool inspect;	    /* requests must be judged */
	bool tls_skip, encoded_slash;
	bool must_inspect; /* what cannot be inspected is refused: a provider's credentials may go there (9.6) */
	struct destination_rule destination;
	const uint32_t *endpoints; /* of all matched policies, for engine_request: numbers within the engine */
	size_t endpoints_n;
};

/*
 * May this process connect to host:port? (policy-and-proxy 4.1, 4.5, 4.6, 7.2)
 *
 * host    as the client gave it, without brackets; its form (S3, S4) is checked here
 * errors  ERR_LIMIT the arena's ceiling; a refusal is no error
 */
enum err engine_connect(const struct engine *engine, struct span host, uint16_t port,
    const struct engine_process *process, struct arena *arena, struct engine_admission *out,
    struct why *why) must_check;

/* Could any endpoint mean this name, on any port, for anybody? For DNS. */
bool engine_name(const struct engine *engine, struct span name);

enum engine_kind { ENGINE_HTTP = 1, ENGINE_TEXT, ENGINE_BINARY }; /* the last two: WebSocket messages */
enum engine_body { ENGINE_BODY_NONE, ENGINE_BODY_GRAPHQL, ENGINE_BODY_RPC };
enum engine_look { ENGINE_LOOK_NOT, ENGINE_LOOK_GRAPHQL, ENGINE_LOOK_JSON_RPC, ENGINE_LOOK_MCP };
enum engine_signing { ENGINE_SIGN_NOT, ENGINE_SIGN_AS_CLIENT, ENGINE_SIGN_BODY, ENGINE_SIGN_NO_BODY }; /* 9.5 */
enum engine_what { ENGINE_ALLOW = 1, ENGINE_AUDIT, ENGINE_REFUSE, ENGINE_READ_BODY };

struct engine_operation { /* GraphQL, 4.8 */
	uint8_t type;	  /* 1 query 2 mutation 3 subscription */
	struct span name;
	const struct span *fields;
	size_t fields_n;
	struct span hash, persisted_id;
};

struct engine_call { /* JSON-RPC and MCP, 4.9 and 4.10 */
	struct span method, tool;
	bool response, has_tool;
};

struct engine_request {
	enum engine_kind kind;
	struct span method, path, query; /* path canonical (6.3); query as sent */
	const struct span *overrides;	 /* S20 */
	size_t overrides_n;
	bool upgrade, event_stream;
	enum engine_body body;
	struct span refusal; /* why the body cannot be judged: refused in both modes */
	const struct engine_operation *operations;
	size_t operations_n;
	const struct engine_call *calls;
	size_t calls_n;
};

struct engine_verdict {
	enum engine_what what;
	enum engine_look look; /* with ENGINE_READ_BODY */
	uint32_t body_max;
	bool tool_names;
	bool messages, messages_graphql; /* after an upgrade */
	bool rewrite_body,
	    rewrite_messages; /* placeholders in the body, in messages after an upgrade, are filled too */
	enum engine_signing signing;
	struct span sign_service, sign_region; /* with signing; region empty: from the host */
	struct span protocol, policy, rule, reason;
	const char *code; /* deny_rule, no_rule; refused in both modes: no_path, body, upgrade, encoded_slash, syntax */
};

/* May this request be sent on an admitted connection? (4.3, 4.4, 4.7 to 4.12) Errors as engine_connect. */
enum err engine_request(const struct engine *engine, const struct engine_admission *admission,
    const struct engine_request *request, struct arena *arena, struct engine_verdict *out, struct why *why) must_check;

#endif
