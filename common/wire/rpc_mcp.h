/* The messages that an MCP client may send (specification 2025-06-18), with the types of what is in them. */
#ifndef COMMON_WIRE_RPC_MCP_H
#define COMMON_WIRE_RPC_MCP_H

#include "common/wire/json.h"

/*
 * Check a request or notification.
 *
 * method, id, params  as they stand in the message; id and params JSON_KIND_NONE when they are not there
 * errors              ERR_SYNTAX a method that no client sends, or something of another type than it must be
 */
enum err rpc_mcp_check(struct json method, struct json id, struct json params, struct why *why) must_check;

/* An id or progress token: a string, or a number without fraction. */
bool rpc_mcp_id(struct json value);

#endif
