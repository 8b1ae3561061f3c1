/* From the protobuf form of a policy to that of its file: the same names but for a few places. */
#include "clients/cli/policy_json.h"

#include <string.h>

#include "clients/cli/message_json.h"
#include "clients/cli/output.h"

/* ---- free mappings ---- */

static json_t *struct_json(const Google__Protobuf__Struct *from);

static json_t *
value_json(const Google__Protobuf__Value *value)
{
	json_t *list;

	switch (value == NULL ? GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET : value->kind_case) {
	case GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE:
		return json_boolean(value->bool_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE:
		return value->number_value >= -1e15 && value->number_value <= 1e15 &&
			       value->number_value == (double)(json_int_t)value->number_value
			   ? json_integer((json_int_t)value->number_value)
			   : json_real(value->number_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE:
		return json_text(value->string_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE:
		return struct_json(value->struct_value);
	case GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE:
		list = json_array();
		for (size_t i = 0; value->list_value != NULL && i < value->list_value->n_values; i++)
			json_array_append_new(list, value_json(value->list_value->values[i]));
		return list;
	default:
		return json_null();
	}
}

static json_t *
struct_json(const Google__Protobuf__Struct *from)
{
	json_t *to = json_object();

	for (size_t i = 0; from != NULL && i < from->n_fields; i++) {
		json_t *key = json_text(from->fields[i]->key);

		json_object_set_new(to, json_string_value(key), value_json(from->fields[i]->value));
		json_decref(key);
	}
	return to;
}

/* ---- rules ---- */

/* {"glob": text} is written as the text. */
static void
matchers_fix(json_t *matchers)
{
	const char *key;
	json_t *matcher;
	void *next;

	json_object_foreach_safe(matchers, next, key, matcher)
	{
		json_t *glob = json_object_get(matcher, "glob");

		if (glob != NULL && json_object_size(matcher) == 1)
			json_object_set(matchers, key, glob);
	}
}

static void
body_fix(json_t *body)
{
	json_t *params = json_object_get(body, "params"), *tool;

	matchers_fix(json_object_get(body, "query"));
	matchers_fix(params);
	if ((tool = json_object_get(params, "name")) == NULL || json_object_size(params) != 1)
		return;
	json_object_set(body, "tool", tool);
	json_object_del(body, "params");
}

void
endpoint_json_fix(json_t *endpoint)
{
	json_t *limit = json_object_get(endpoint, "json_rpc_max_body_bytes"), *mcp = json_object_get(endpoint, "mcp"),
	       *rule;
	size_t i;

	json_array_foreach(json_object_get(endpoint, "rules"), i, rule) body_fix(json_object_get(rule, "allow"));
	json_array_foreach(json_object_get(endpoint, "deny_rules"), i, rule) body_fix(rule);
	json_object_del(endpoint, "advisor_proposed");
	json_object_del(endpoint, "provider_credentialed");
	if (limit == NULL)
		return;
	if (mcp != NULL)
		json_object_set(mcp, "max_body_bytes", limit);
	else
		json_object_set_new(endpoint, "json_rpc", json_pack("{sO}", "max_body_bytes", limit));
	json_object_del(endpoint, "json_rpc_max_body_bytes");
}

/* ---- the whole ---- */

static void
rules_fix(json_t *policies)
{
	const char *key;
	json_t *rule, *item;
	size_t i;

	json_object_foreach(policies, key, rule)
	{
		json_array_foreach(json_object_get(rule, "endpoints"), i, item) endpoint_json_fix(item);
		json_array_foreach(json_object_get(rule, "binaries"), i, item) json_object_del(item, "harness");
	}
}

static void
middlewares_fix(json_t *middlewares, const Openshell__Sandbox__V1__SandboxPolicy *policy)
{
	for (size_t i = 0; i < policy->n_network_middlewares; i++) {
		const Openshell__Sandbox__V1__NetworkMiddlewareConfig *value = policy->network_middlewares[i]->value;
		json_t *key = json_text(policy->network_middlewares[i]->key);

		if (value != NULL && value->config != NULL)
			json_object_set_new(
			    json_object_get(middlewares, json_string_value(key)), "config", struct_json(value->config));
		json_decref(key);
	}
}

json_t *
policy_json(const Openshell__Sandbox__V1__SandboxPolicy *policy)
{
	json_t *from, *to, *value;
	const char *key;

	if (policy == NULL)
		return json_null();
	from = message_json(&policy->base);
	rules_fix(json_object_get(from, "network_policies"));
	middlewares_fix(json_object_get(from, "network_middlewares"), policy);
	to = json_object();
	json_object_foreach(from, key, value)
	    json_object_set(to, strcmp(key, "filesystem") == 0 ? "filesystem_policy" : key, value);
	json_decref(from);
	return to;
}
