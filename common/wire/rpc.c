/* JSON-RPC bodies: one message or a batch, each read into a call; the types of MCP are rpc_mcp.c's. */
#include "common/wire/rpc.h"

#include "common/wire/json.h"
#include "common/wire/rpc_mcp.h"

#define TOOL_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

enum { VERSION, METHOD, PARAMS, ID, RESULT, ERROR, PARTS };

static bool
holds_control(struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return true;
	return false;
}

/* The name of a method or tool. */
static enum err
name_read(struct json value, const char *what, struct arena *arena, struct span *out, struct why *why)
{
	enum err r = json_unescape(value, arena, out, why);

	if (r != OK)
		return because(why, r == ERR_INVALID ? ERR_SYNTAX : r, "%s", what);
	if (out->length == 0 || out->length > RPC_NAME_BYTES)
		return fail(why, ERR_LIMIT, "%s has %zu bytes, not 1 to %d", what, out->length, RPC_NAME_BYTES);
	if (holds_control(*out))
		return fail(why, ERR_SYNTAX, "%s holds a control byte", what);
	return OK;
}

static enum err
tool_read(struct json params, enum rpc_dialect dialect, struct arena *arena, struct rpc_call *call, struct why *why)
{
	enum err r = name_read(json_get(params, "name"), "the tool's name", arena, &call->tool, why);

	if (r != OK)
		return r;
	if (dialect == RPC_MCP_TOOLS &&
	    (call->tool.length > RPC_TOOL_STRICT_BYTES || !span_only(call->tool, TOOL_BYTES)))
		return fail(why, ERR_SYNTAX, "the tool's name is not 1 to %d of letters, digits, _, . and -",
		    RPC_TOOL_STRICT_BYTES);
	call->has_tool = true;
	return OK;
}

/* A request or notification. */
static enum err
call_read(
    const struct json *parts, enum rpc_dialect dialect, struct arena *arena, struct rpc_call *call, struct why *why)
{
	enum json_kind id = parts[ID].kind, params = parts[PARAMS].kind;
	enum err r;

	if (parts[RESULT].kind != JSON_KIND_NONE || parts[ERROR].kind != JSON_KIND_NONE)
		return fail(why, ERR_SYNTAX, "a call and an answer at once");
	if (id != JSON_KIND_NONE && id != JSON_KIND_NULL && id != JSON_KIND_STRING && id != JSON_KIND_NUMBER)
		return fail(why, ERR_SYNTAX, "the id is %s", json_kind_name(id));
	if (params != JSON_KIND_NONE && params != JSON_KIND_ARRAY && params != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "params are %s", json_kind_name(params));
	if ((r = name_read(parts[METHOD], "the method", arena, &call->method, why)) != OK || dialect == RPC_PLAIN)
		return r;
	if ((r = rpc_mcp_check(parts[METHOD], parts[ID], parts[PARAMS], why)) != OK)
		return r;
	return span_is(call->method, "tools/call") ? tool_read(parts[PARAMS], dialect, arena, call, why) : OK;
}

static enum err
error_check(struct json error, struct why *why)
{
	static const char *const names[] = {"code", "message"};
	struct json parts[2];
	enum err r;

	if (error.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "the error is %s", json_kind_name(error.kind));
	if ((r = json_pick(error, names, 2, parts, why)) != OK)
		return r;
	if (!json_whole(parts[0]) || parts[1].kind != JSON_KIND_STRING)
		return fail(why, ERR_SYNTAX, "an error without code and message");
	return OK;
}

/* What is no call must be an answer. */
static enum err
response_read(const struct json *parts, enum rpc_dialect dialect, struct rpc_call *call, struct why *why)
{
	bool result = parts[RESULT].kind != JSON_KIND_NONE, error = parts[ERROR].kind != JSON_KIND_NONE;
	struct json id = parts[ID];

	if (result == error)
		return fail(why, ERR_SYNTAX, "neither a call nor an answer");
	if (!rpc_mcp_id(id) && (dialect != RPC_PLAIN || (id.kind != JSON_KIND_NULL && id.kind != JSON_KIND_NUMBER)))
		return fail(why, ERR_SYNTAX, "the id of an answer is %s", json_kind_name(id.kind));
	if (dialect != RPC_PLAIN && result && parts[RESULT].kind != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "the result is %s", json_kind_name(parts[RESULT].kind));
	call->response = true;
	return error ? error_check(parts[ERROR], why) : OK;
}

static enum err
message_read(struct json message, enum rpc_dialect dialect, struct arena *arena, struct rpc_call *call, struct why *why)
{
	static const char *const names[PARTS] = {"jsonrpc", "method", "params", "id", "result", "error"};
	struct json parts[PARTS];
	enum err r;

	if (message.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "a message is %s", json_kind_name(message.kind));
	if ((r = json_pick(message, names, PARTS, parts, why)) != OK)
		return r;
	if (!json_is(parts[VERSION], "2.0"))
		return fail(why, ERR_SYNTAX, "\"jsonrpc\" is not \"2.0\"");
	if (parts[METHOD].kind == JSON_KIND_NONE)
		return response_read(parts, dialect, call, why);
	return call_read(parts, dialect, arena, call, why);
}

enum err
rpc_read(struct span body, enum rpc_dialect dialect, struct arena *arena, struct rpc_body *out, struct why *why)
{
	struct json root, message;
	struct json_walk walk;
	struct rpc_call *calls;
	size_t n = 1, at = 0;
	enum err r;

	if ((r = json_read(body, &root, why)) != OK)
		return r;
	walk = json_walk(root);
	if (root.kind == JSON_KIND_ARRAY && (r = json_batch(root, RPC_CALLS_MAX, &n, why)) != OK)
		return r;
	if ((calls = arena_array(arena, n, sizeof(*calls))) == NULL)
		return fail(why, ERR_LIMIT, "too much memory is needed");
	if (root.kind != JSON_KIND_ARRAY)
		r = message_read(root, dialect, arena, calls, why);
	else
		while (r == OK && json_next(&walk, NULL, &message))
			r = message_read(message, dialect, arena, &calls[at++], why);
	if (r == OK)
		*out = (struct rpc_body){calls, n, root.kind == JSON_KIND_ARRAY};
	return r;
}
