/* The few places where a policy's YAML is shaped otherwise than its protobuf form. */
#include "common/policy/yaml_reading.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/messages.h"

#define Struct Google__Protobuf__Struct
#define Value  Google__Protobuf__Value
#define Field  Google__Protobuf__Struct__FieldsEntry
#define List   Google__Protobuf__ListValue

/* ---- body limits ---- */

static void
read_body_limit(struct reading *reading, const struct yaml_node *node, Endpoint *to)
{
	if (!yaml_read_number(reading, node, UINT32_MAX, &to->json_rpc_max_body_bytes))
		return;
	to->has_json_rpc_max_body_bytes = true;
	yaml_reading_place(reading, &to->json_rpc_max_body_bytes, node);
}

/* The limit of mcp wins. */
static void
read_json_rpc(struct reading *reading, const struct yaml_node *map, const struct yaml_node *node, Endpoint *to)
{
	const struct yaml_node *limit = yaml_get(node, "max_body_bytes"), *mcp = yaml_get(map, "mcp");

	if (node->kind != YAML_MAP || limit == NULL || node->count != 1)
		yaml_reading_wrong(reading, node, "holds max_body_bytes and nothing else");
	else if (mcp == NULL || yaml_get(mcp, "max_body_bytes") == NULL)
		read_body_limit(reading, limit, to);
}

/* ---- matchers ---- */

/* Would a reader of YAML take it for something else than a text? */
static bool
is_text(const struct yaml_node *node)
{
	char copy[64], *end;
	bool flag;

	if (node->kind != YAML_SCALAR)
		return false;
	if (!node->plain || !span_copy(node->text, copy, sizeof(copy)))
		return true;
	if (yaml_null(node) || yaml_flag(node, &flag, NULL) == OK)
		return false;
	strtod(copy, &end);
	return *end != '\0' || !span_only(node->text, "0123456789+-.eE");
}

static void
read_matcher(struct reading *reading, const struct yaml_node *node, Matcher *to)
{
	const struct yaml_node *any = yaml_get(node, "any");

	if (node->kind == YAML_SCALAR && is_text(node)) {
		yaml_read_text(reading, node, &to->glob);
		return;
	}
	if (node->kind != YAML_MAP) {
		yaml_reading_wrong(reading, node, "a text is wanted here (put it in quotes), or {any: [text, ...]}");
		return;
	}
	for (const struct yaml_node *item = any == NULL ? NULL : any->first; item != NULL; item = item->next)
		if (!is_text(item))
			yaml_reading_wrong(reading, item, "a text is wanted here; put it in quotes");
	yaml_read_message(reading, node, &to->base);
}

/* ---- parameters of MCP calls: nested maps, flattened with dots ---- */

static bool
is_matcher(const struct yaml_node *node)
{
	if (node->kind != YAML_MAP || node->count == 0)
		return true;
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next)
		if (!span_is(item->key, "any") && !span_is(item->key, "glob"))
			return false;
	return true;
}

struct params {
	QueryEntry **items;
	size_t count;
};

static void
params_add(struct reading *reading, const struct yaml_node *node, const char *key, struct params *params)
{
	ProtobufCMessage *entry = yaml_reading_message(reading, &SANDBOX(l7_allow__params_entry)),
			 *matcher = yaml_reading_message(reading, &SANDBOX(l7_query_matcher));
	Openshell__Sandbox__V1__L7Allow__ParamsEntry *made = (Openshell__Sandbox__V1__L7Allow__ParamsEntry *)entry;

	if (entry == NULL || matcher == NULL)
		return;
	made->key = yaml_reading_text(reading, span_of_text(key));
	made->value = (Matcher *)matcher;
	read_matcher(reading, node, made->value);
	yaml_reading_place(reading, made, node);
	yaml_reading_place(reading, made->value, node);
	params->items[params->count++] = (QueryEntry *)made;
}

static void
params_walk(struct reading *reading, const struct yaml_node *map, const char *prefix, struct params *params)
{
	for (const struct yaml_node *item = map->first; item != NULL; item = item->next) {
		char key[200];
		struct text text = TEXT_OF(key);

		key[0] = '\0';
		text_add(&text, "%s", prefix);
		text_add_span(&text, item->key);
		if (text.cut)
			yaml_reading_wrong(reading, item, "the names down to here are too long");
		else if (is_matcher(item))
			params_add(reading, item, key, params);
		else {
			text_add(&text, ".");
			params_walk(reading, item, key, params);
		}
	}
}

/* How many matchers there can be at most. */
static size_t
leaves(const struct yaml_node *node)
{
	size_t n = 1;

	for (const struct yaml_node *item = node->first; item != NULL; item = item->next)
		n += leaves(item);
	return n;
}

/* params and its short form tool, into the field of that name of an allow or deny body. Where both say it params wins.
 */
static void
read_params(struct reading *reading, const struct yaml_node *node, bool tool, ProtobufCMessage *to)
{
	const ProtobufCFieldDescriptor *field =
	    protobuf_c_message_descriptor_get_field_by_name(to->descriptor, "params");
	struct params params = {yaml_reading_alloc(reading, leaves(node) + 1, sizeof(*params.items)), 0};

	if (params.items == NULL)
		return;
	if (tool)
		params_add(reading, node, "name", &params);
	else if (node->kind == YAML_MAP)
		params_walk(reading, node, "", &params);
	else
		yaml_reading_wrong(reading, node, "a map is wanted here");
	/* The two entry types are the same but for their names. */
	for (size_t i = 0; i < params.count; i++)
		params.items[i]->base.descriptor = field->descriptor;
	*(size_t *)((char *)to + field->quantifier_offset) = params.count;
	*(QueryEntry ***)((char *)to + field->offset) = params.items;
	yaml_reading_place(reading, (char *)to + field->offset, node);
}

bool
yaml_read_special(
    struct reading *reading, const struct yaml_node *map, const struct yaml_node *item, ProtobufCMessage *to)
{
	const ProtobufCMessageDescriptor *type = to->descriptor;
	bool body = type == &SANDBOX(l7_allow) || type == &SANDBOX(l7_deny_rule), flag;
	const struct yaml_node *limit = yaml_get(item, "max_body_bytes"), *params = yaml_get(map, "params");

	if (body && span_is(item->key, "params"))
		read_params(reading, item, false, to);
	else if (body && span_is(item->key, "tool")) {
		if (params == NULL || yaml_get(params, "name") == NULL)
			read_params(reading, item, true, to);
	} else if (type == &SANDBOX(network_endpoint) && span_is(item->key, "json_rpc"))
		read_json_rpc(reading, map, item, (Endpoint *)to);
	else if (type == &SANDBOX(network_binary) && span_is(item->key, "harness")) {
		if (yaml_flag(item, &flag, NULL) != OK) /* obsolete: on the wire the bit means something else */
			yaml_reading_wrong(reading, item, "is neither true nor false");
	} else if (type == &SANDBOX(network_endpoint) && span_is(item->key, "mcp") && limit != NULL) {
		read_body_limit(reading, limit, (Endpoint *)to);
		return false; /* the rest of it is a message, which passes over max_body_bytes: */
	} else
		return type == &SANDBOX(mcp_options) && span_is(item->key, "max_body_bytes");
	return true;
}

/* ---- free mappings: google.protobuf.Struct ---- */

static void read_struct(struct reading *reading, const struct yaml_node *node, Struct *to);

static void
read_scalar(const struct yaml_node *node, struct reading *reading, Value *to)
{
	char copy[64], *end;
	bool flag;

	if (yaml_null(node)) {
		to->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE;
	} else if (yaml_flag(node, &flag, NULL) == OK) {
		to->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_BOOL_VALUE;
		to->bool_value = flag;
	} else if (is_text(node)) {
		to->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
		yaml_read_text(reading, node, &to->string_value);
	} else if (span_copy(node->text, copy, sizeof(copy))) {
		to->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE;
		to->number_value = strtod(copy, &end);
	}
}

static Value *
read_value(struct reading *reading, const struct yaml_node *node)
{
	Value *value = (Value *)yaml_reading_message(reading, &google__protobuf__value__descriptor);
	List *list;

	if (value == NULL)
		return NULL;
	if (node->kind == YAML_SCALAR) {
		read_scalar(node, reading, value);
	} else if (node->kind == YAML_MAP) {
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
		value->struct_value = (Struct *)yaml_reading_message(reading, &google__protobuf__struct__descriptor);
		if (value->struct_value != NULL)
			read_struct(reading, node, value->struct_value);
	} else {
		list = (List *)yaml_reading_message(reading, &google__protobuf__list_value__descriptor);
		value->kind_case = GOOGLE__PROTOBUF__VALUE__KIND_LIST_VALUE;
		value->list_value = list;
		if (list == NULL ||
		    (list->values = yaml_reading_alloc(reading, node->count + 1, sizeof(*list->values))) == NULL)
			return value;
		for (const struct yaml_node *item = node->first; item != NULL && !reading->full; item = item->next)
			list->values[list->n_values++] = read_value(reading, item);
	}
	return value;
}

static void
read_struct(struct reading *reading, const struct yaml_node *node, Struct *to)
{
	if (node->kind != YAML_MAP) {
		yaml_reading_wrong(reading, node, "a map of keys is wanted here");
		return;
	}
	if ((to->fields = yaml_reading_alloc(reading, node->count + 1, sizeof(*to->fields))) == NULL)
		return;
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
		Field *field =
		    (Field *)yaml_reading_message(reading, &google__protobuf__struct__fields_entry__descriptor);

		if (field == NULL)
			return;
		field->key = yaml_reading_text(reading, item->key);
		field->value = read_value(reading, item);
		to->fields[to->n_fields++] = field;
	}
}

bool
yaml_read_own_way(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	if (to->descriptor == &google__protobuf__struct__descriptor)
		read_struct(reading, node, (Struct *)to);
	else if (to->descriptor == &SANDBOX(l7_query_matcher))
		read_matcher(reading, node, (Matcher *)to);
	else
		return false;
	return true;
}
