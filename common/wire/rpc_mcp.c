/* MCP messages as tables: each method with what its params must and may hold; the rest of them is not looked at. */
#include "common/wire/rpc_mcp.h"

#include "common/base/clean.h"

#define STRING	    (1u << JSON_KIND_STRING)
#define NUMBER	    (1u << JSON_KIND_NUMBER)
#define OBJECT	    (1u << JSON_KIND_OBJECT)
#define MEMBERS_MAX 6

/* A member of an object. */
struct member {
	const char *name; /* NULL ends a table */
	unsigned kinds;
	bool needed;
	const struct member *inside; /* of an object; NULL: anything */
};

static const struct member meta[] = {{"progressToken", STRING | NUMBER, false, NULL}, {0}};

#define META                                                                                                           \
	{                                                                                                              \
		"_meta", OBJECT, false, meta                                                                           \
	}

static const struct member nothing[] = {META, {0}};
static const struct member page[] = {{"cursor", STRING, false, NULL}, META, {0}};
static const struct member resource[] = {{"uri", STRING, true, NULL}, META, {0}};
static const struct member level[] = {{"level", STRING, true, NULL}, META, {0}};
static const struct member named[] = {{"name", STRING, true, NULL}, {"arguments", OBJECT, false, NULL}, META, {0}};
static const struct member client_info[] = {
    {"name", STRING, true, NULL}, {"version", STRING, true, NULL}, {"title", STRING, false, NULL}, {0}};
static const struct member initialize[] = {{"protocolVersion", STRING, true, NULL},
    {"capabilities", OBJECT, true, NULL}, {"clientInfo", OBJECT, true, client_info}, META, {0}};
static const struct member reference[] = {
    {"type", STRING, true, NULL}, {"name", STRING, false, NULL}, {"uri", STRING, false, NULL}, {0}};
static const struct member argument[] = {{"name", STRING, true, NULL}, {"value", STRING, true, NULL}, {0}};
static const struct member context[] = {{"arguments", OBJECT, false, NULL}, {0}};
static const struct member complete[] = {{"ref", OBJECT, true, reference}, {"argument", OBJECT, true, argument},
    {"context", OBJECT, false, context}, META, {0}};
static const struct member cancelled[] = {
    {"requestId", STRING | NUMBER, true, NULL}, {"reason", STRING, false, NULL}, META, {0}};
static const struct member progress[] = {{"progressToken", STRING | NUMBER, true, NULL},
    {"progress", NUMBER, true, NULL}, {"total", NUMBER, false, NULL}, {"message", STRING, false, NULL}, META, {0}};

static const struct method {
	const char *name;
	bool notification;
	bool params; /* must be there */
	const struct member *members;
} methods[] = {
    {"initialize", false, true, initialize},
    {"ping", false, false, nothing},
    {"tools/call", false, true, named},
    {"tools/list", false, false, page},
    {"resources/list", false, false, page},
    {"resources/templates/list", false, false, page},
    {"resources/read", false, true, resource},
    {"resources/subscribe", false, true, resource},
    {"resources/unsubscribe", false, true, resource},
    {"prompts/list", false, false, page},
    {"prompts/get", false, true, named},
    {"logging/setLevel", false, true, level},
    {"completion/complete", false, true, complete},
    {"notifications/initialized", true, false, nothing},
    {"notifications/cancelled", true, true, cancelled},
    {"notifications/progress", true, true, progress},
    {"notifications/roots/list_changed", true, false, nothing},
};

bool
rpc_mcp_id(struct json value)
{
	return value.kind == JSON_KIND_STRING || json_whole(value);
}

static enum err
members_check(struct json object, const struct member *members, struct why *why)
{
	const char *names[MEMBERS_MAX] = {0};
	struct json values[MEMBERS_MAX] = {0};
	size_t n = 0;
	enum err r;

	for (; members[n].name != NULL; n++)
		names[n] = members[n].name;
	if ((r = json_pick(object, names, n, values, why)) != OK)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (values[i].kind == JSON_KIND_NONE && !members[i].needed)
			continue;
		if ((members[i].kinds & 1u << values[i].kind) == 0)
			return fail(why, ERR_SYNTAX, "\"%s\" is %s", names[i], json_kind_name(values[i].kind));
		if (members[i].inside != NULL && (r = members_check(values[i], members[i].inside, why)) != OK)
			return because(why, r, "%s", names[i]);
	}
	return OK;
}

static enum err
level_check(struct json params, struct why *why)
{
	static const char *const levels[] = {
	    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
	struct json value = json_get(params, "level");

	for (size_t i = 0; i < COUNT(levels); i++)
		if (json_is(value, levels[i]))
			return OK;
	return fail(why, ERR_SYNTAX, "no such log level");
}

static enum err
reference_check(struct json params, struct why *why)
{
	struct json reference_of = json_get(params, "ref"), type = json_get(reference_of, "type");

	if (json_is(type, "ref/prompt") && json_get(reference_of, "name").kind == JSON_KIND_STRING)
		return OK;
	if (json_is(type, "ref/resource") && json_get(reference_of, "uri").kind == JSON_KIND_STRING)
		return OK;
	return fail(why, ERR_SYNTAX, "\"ref\" is neither a prompt nor a resource");
}

/* prompts/get takes texts alone. */
static enum err
texts_check(struct json params, struct why *why)
{
	struct json_walk walk = json_walk(json_get(params, "arguments"));
	struct json value;

	while (json_next(&walk, NULL, &value))
		if (value.kind != JSON_KIND_STRING)
			return fail(why, ERR_SYNTAX, "an argument of the prompt is %s", json_kind_name(value.kind));
	return OK;
}

static enum err
params_check(const struct method *method, struct json params, struct why *why)
{
	enum err r;

	if (params.kind == JSON_KIND_NONE && !method->params)
		return OK;
	if (params.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "params are %s", json_kind_name(params.kind));
	if ((r = members_check(params, method->members, why)) != OK)
		return because(why, r, "params");
	if (method->members == level)
		return level_check(params, why);
	if (method->members == complete)
		return reference_check(params, why);
	return strcmp(method->name, "prompts/get") == 0 ? texts_check(params, why) : OK;
}

enum err
rpc_mcp_check(struct json method, struct json id, struct json params, struct why *why)
{
	enum err r;

	for (size_t i = 0; i < COUNT(methods); i++) {
		if (!json_is(method, methods[i].name))
			continue;
		if (methods[i].notification && id.kind != JSON_KIND_NONE)
			return fail(why, ERR_SYNTAX, "%s has an id", methods[i].name);
		if (!methods[i].notification && !rpc_mcp_id(id))
			return fail(why, ERR_SYNTAX, "the id of %s is %s", methods[i].name, json_kind_name(id.kind));
		if ((r = params_check(&methods[i], params, why)) != OK)
			return because(why, r, "%s", methods[i].name);
		return OK;
	}
	return fail(why, ERR_SYNTAX, "not a method of MCP");
}
