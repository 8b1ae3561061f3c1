/* JSON-RPC 2.0 and MCP bodies: which calls are in there, as policies judge them (policy-and-proxy 4.9, 4.10). */
#ifndef COMMON_WIRE_RPC_H
#define COMMON_WIRE_RPC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

#define RPC_CALLS_MAX	      256 /* in one body */
#define RPC_NAME_BYTES	      256 /* of a method or tool */
#define RPC_TOOL_STRICT_BYTES 128 /* of a strict tool name: letters, digits, "_", "." and "-" */

struct rpc_call {
	struct span method; /* 1 to RPC_NAME_BYTES, no control byte; empty for a response */
	struct span tool;   /* params.name of an MCP tools/call, in the same form */
	bool response;	    /* an answer of the client's: refused in plain JSON-RPC (4.9), which is the judge's to do */
	bool has_tool;
};

struct rpc_body {
	const struct rpc_call *calls;
	size_t calls_n; /* 1 to RPC_CALLS_MAX */
	bool batch;
};

enum rpc_dialect {
	RPC_PLAIN,     /* any method */
	RPC_MCP,       /* what a client may send (MCP 2025-06-18), with its types checked */
	RPC_MCP_TOOLS, /* the same, tool names strict */
};

/*
 * Read the body of a POST.
 *
 * out     in the arena or borrowed from the body; untouched unless OK
 * errors  ERR_SYNTAX, ERR_LIMIT: refuse the request in both modes; the reason (at most 200 bytes) is what follows
 *         "JSON-RPC request rejected: "
 */
enum err rpc_read(
    struct span body, enum rpc_dialect dialect, struct arena *arena, struct rpc_body *out, struct why *why) must_check;

#endif
