/* YAML to policy: keys are found in the protobuf descriptors; the few that are written otherwise are rows of a table. */
#include "common/policy/yaml.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/files.h"
#include "common/wire/yaml.h"

#define Policy Openshell__Sandbox__V1__SandboxPolicy

#define SANDBOX(part) openshell__sandbox__v1__##part##__descriptor

/* Written under another name, or (field NULL) not to be written at all. */
static const struct {
	const ProtobufCMessageDescriptor *in;
	const char *key, *field;
} renamed[] = {
    {&SANDBOX(sandbox_policy), "filesystem_policy", "filesystem"},
    {&SANDBOX(sandbox_policy), "filesystem", NULL},
    {&SANDBOX(network_endpoint), "advisor_proposed", NULL},
    {&SANDBOX(network_endpoint), "provider_credentialed", NULL},
    {&SANDBOX(network_endpoint), "json_rpc_max_body_bytes", NULL},
};

struct reading {
	struct arena *arena;
	struct why *why;
};

static enum err
wrong(struct reading *reading, const struct yaml_node *node, const char *words)
{
	char key[80] = "", value[80] = "";
	struct text k = TEXT_OF(key), v = TEXT_OF(value);

	text_add_escaped(&k, span_head(node->key, 60));
	if (node->kind == YAML_SCALAR)
		text_add_escaped(&v, span_head(node->text, 60));
	return fail(reading->why, ERR_INVALID, "line %zu, column %zu: %s%s%s%s%s%s", node->line, node->column, key,
	    key[0] == '\0' ? "" : ": ", value[0] == '\0' ? "" : "\"", value, value[0] == '\0' ? "" : "\" ", words);
}

static enum err read_message(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to);

static ProtobufCMessage *
message_new(struct reading *reading, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message = arena_alloc(reading->arena, type->sizeof_message);

	if (message != NULL)
		type->message_init(message);
	return message;
}

static const ProtobufCFieldDescriptor *
field_of(const ProtobufCMessageDescriptor *type, struct span key)
{
	char name[64];

	if (!span_copy(key, name, sizeof(name)))
		return NULL;
	for (size_t i = 0; i < COUNT(renamed); i++)
		if (renamed[i].in == type && strcmp(renamed[i].key, name) == 0)
			return renamed[i].field == NULL
			    ? NULL
			    : protobuf_c_message_descriptor_get_field_by_name(type, renamed[i].field);
	return protobuf_c_message_descriptor_get_field_by_name(type, name);
}

static enum err
read_number(struct reading *reading, const struct yaml_node *node, uint64_t high, void *to)
{
	uint64_t value;
	char words[80];

	snprintf(words, sizeof(words), "is not a number from 0 to %llu", (unsigned long long)high);
	if (node->kind != YAML_SCALAR || !node->plain || number_parse(node->text, 0, high, &value, NULL) != OK)
		return wrong(reading, node, words);
	*(uint32_t *)to = (uint32_t)value;
	return OK;
}

static enum err
read_text(struct reading *reading, const struct yaml_node *node, void *to)
{
	char *text;

	if (node->kind != YAML_SCALAR)
		return wrong(reading, node, "a text is wanted here");
	if ((text = arena_text(reading->arena, node->text)) == NULL)
		return fail(reading->why, ERR_LIMIT, "the policy is too large");
	*(char **)to = text;
	return OK;
}

/* "glob", or {any: [glob, ...]}. */
static enum err
read_matcher(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	Openshell__Sandbox__V1__L7QueryMatcher *matcher = (Openshell__Sandbox__V1__L7QueryMatcher *)to;

	return node->kind == YAML_SCALAR ? read_text(reading, node, &matcher->glob) : read_message(reading, node, to);
}

static enum err
read_one(struct reading *reading, const struct yaml_node *node, const ProtobufCFieldDescriptor *field, void *to)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;
	ProtobufCMessage *message;
	bool flag;

	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		if (node->kind != YAML_SCALAR || yaml_flag(node, &flag, NULL) != OK)
			return wrong(reading, node, "is neither true nor false");
		*(protobuf_c_boolean *)to = flag;
		return OK;
	case PROTOBUF_C_TYPE_UINT32:
		return read_number(reading, node, UINT32_MAX, to);
	case PROTOBUF_C_TYPE_INT32:
		return read_number(reading, node, INT32_MAX, to);
	case PROTOBUF_C_TYPE_STRING:
		return read_text(reading, node, to);
	case PROTOBUF_C_TYPE_MESSAGE:
		if ((message = message_new(reading, type)) == NULL)
			return fail(reading->why, ERR_LIMIT, "the policy is too large");
		*(ProtobufCMessage **)to = message;
		return type == &SANDBOX(l7_query_matcher) ? read_matcher(reading, node, message)
							  : read_message(reading, node, message);
	default:
		return wrong(reading, node, "cannot be written in this file");
	}
}

static size_t
size_of(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32:
		return sizeof(uint32_t);
	default:
		return sizeof(void *);
	}
}

/* A map in YAML is a list of entries {key 1, value 2} in protobuf. */
static enum err
read_entry(struct reading *reading, const struct yaml_node *item, const ProtobufCFieldDescriptor *field, void *to)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;
	ProtobufCMessage *entry = message_new(reading, type);
	char *key = entry == NULL ? NULL : arena_text(reading->arena, item->key);

	if (key == NULL)
		return fail(reading->why, ERR_LIMIT, "the policy is too large");
	*(char **)((char *)entry + type->fields[0].offset) = key;
	*(ProtobufCMessage **)to = entry;
	return read_one(reading, item, &type->fields[1], (char *)entry + type->fields[1].offset);
}

static bool
is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;

	return field->type == PROTOBUF_C_TYPE_MESSAGE && type->n_fields == 2 &&
	    strcmp(type->fields[0].name, "key") == 0 && strcmp(type->fields[1].name, "value") == 0;
}

static enum err
read_repeated(struct reading *reading, const struct yaml_node *node, const ProtobufCFieldDescriptor *field, char *base)
{
	bool map = is_map(field);
	size_t size = size_of(field), n = 0;
	char *items;
	enum err r;

	if (node->kind != (map ? YAML_MAP : YAML_LIST))
		return wrong(reading, node, map ? "a map is wanted here" : "a list is wanted here");
	if ((items = arena_array(reading->arena, node->count + 1, size)) == NULL)
		return fail(reading->why, ERR_LIMIT, "the policy is too large");
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next, n++)
		if ((r = map ? read_entry(reading, item, field, items + n * size)
			     : read_one(reading, item, field, items + n * size)) != OK)
			return r;
	*(size_t *)(base + field->quantifier_offset) = n;
	*(char **)(base + field->offset) = items;
	return OK;
}

static enum err
read_field(struct reading *reading, const struct yaml_node *node, const ProtobufCFieldDescriptor *field, char *base)
{
	if (yaml_null(node))
		return OK;
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return read_repeated(reading, node, field, base);
	if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
		*(protobuf_c_boolean *)(base + field->quantifier_offset) = true;
	return read_one(reading, node, field, base + field->offset);
}

/* Keys that YAML nests and the wire does not: json_rpc.max_body_bytes and mcp.max_body_bytes, and tool for params.name. */
static enum err
read_body_limit(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	Openshell__Sandbox__V1__NetworkEndpoint *endpoint = (Openshell__Sandbox__V1__NetworkEndpoint *)to;

	endpoint->has_json_rpc_max_body_bytes = true;
	return read_number(reading, node, UINT32_MAX, &endpoint->json_rpc_max_body_bytes);
}

static enum err
read_tool(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	const ProtobufCFieldDescriptor *field = field_of(to->descriptor, SPAN("params"));
	struct yaml_node item = *node, map = *node;

	item.key = SPAN("name");
	item.next = NULL;
	map.kind = YAML_MAP;
	map.first = &item;
	map.count = 1;
	return read_repeated(reading, &map, field, (char *)to);
}

static enum err
read_special(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to, bool *taken)
{
	const struct yaml_node *limit = yaml_get(node, "max_body_bytes");
	bool endpoint = to->descriptor == &SANDBOX(network_endpoint);

	*taken = true;
	if (endpoint && span_is(node->key, "json_rpc")) {
		if (node->kind != YAML_MAP || limit == NULL || node->count != 1)
			return wrong(reading, node, "holds max_body_bytes and nothing else");
		return read_body_limit(reading, limit, to);
	}
	if (endpoint && span_is(node->key, "mcp") && limit != NULL) {
		*taken = false; /* the rest of it is read as a message, which passes over max_body_bytes */
		return read_body_limit(reading, limit, to);
	}
	if (to->descriptor == &SANDBOX(mcp_options) && span_is(node->key, "max_body_bytes"))
		return OK;
	if ((to->descriptor == &SANDBOX(l7_allow) || to->descriptor == &SANDBOX(l7_deny_rule)) &&
	    span_is(node->key, "tool"))
		return read_tool(reading, node, to);
	*taken = false;
	return OK;
}

static enum err
unknown_key(struct reading *reading, const struct yaml_node *node, const ProtobufCMessageDescriptor *type)
{
	char allowed[360], key[64] = "";
	struct text text = TEXT_OF(allowed), shown = TEXT_OF(key);

	allowed[0] = '\0';
	for (unsigned i = 0; i < type->n_fields; i++) {
		const char *name = type->fields[i].name;

		for (size_t j = 0; j < COUNT(renamed); j++)
			if (renamed[j].in == type && renamed[j].field != NULL && strcmp(renamed[j].field, name) == 0)
				name = renamed[j].key;
		if (field_of(type, span_of_text(name)) != NULL)
			text_add(&text, "%s%s", text.length == 0 ? "" : ", ", name);
	}
	text_add_escaped(&shown, span_head(node->key, 40));
	return fail(reading->why, ERR_INVALID, "line %zu, column %zu: unknown key \"%s\"; known here: %s",
	    node->key_line, node->key_column, shown.at, allowed);
}

static enum err
read_message(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	enum err r;

	if (node->kind != YAML_MAP)
		return wrong(reading, node, "a map of keys is wanted here");
	for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
		const ProtobufCFieldDescriptor *field;
		bool taken;

		if ((r = read_special(reading, item, to, &taken)) != OK)
			return r;
		if (taken)
			continue;
		if ((field = field_of(to->descriptor, item->key)) == NULL)
			return unknown_key(reading, item, to->descriptor);
		if ((r = read_field(reading, item, field, (char *)to)) != OK)
			return r;
	}
	return OK;
}

/* ---- checks of the static sections, which files.c knows ---- */

/* The node of "a.b[2]", which is how a failed check begins; NULL when it does not. */
static const struct yaml_node *
node_at(const struct yaml_node *node, struct span place)
{
	while (node != NULL && place.length > 0) {
		struct span rest = place, part = span_cut(&rest, '.'), index = part;
		char key[64];
		uint64_t n;

		place = rest;
		part = span_cut(&index, '[');
		if (!span_copy(part, key, sizeof(key)))
			return NULL;
		node = yaml_get(node, key);
		if (node == NULL || index.length == 0)
			continue;
		if (node->kind != YAML_LIST || number_parse(span_cut(&index, ']'), 0, node->count - 1, &n, NULL) != OK)
			return node;
		for (node = node->first; n > 0; n--)
			node = node->next;
	}
	return node;
}

static enum err
check_words(const Policy *policy, struct why *why)
{
	const char *mode = policy->landlock == NULL ? NULL : policy->landlock->compatibility;

	if (!policy->has_version)
		return fail(why, ERR_INVALID, "version: is missing; write version: 1");
	if (policy->version != 1)
		return fail(why, ERR_INVALID, "version: %u is not known; allowed is 1", policy->version);
	if (mode != NULL && strcmp(mode, "best_effort") != 0 && strcmp(mode, "hard_requirement") != 0)
		return fail(why, ERR_INVALID,
		    "landlock.compatibility: \"%.60s\" is not known; allowed are best_effort and hard_requirement", mode);
	return OK;
}

static enum err
check(const Policy *policy, struct arena *arena, struct why *why)
{
	size_t length = protobuf_c_message_get_packed_size(&policy->base);
	uint8_t *packed = arena_alloc(arena, length + 1);
	struct policy_files files;
	enum err r;

	if (length > POLICY_WIRE_MAX_BYTES || packed == NULL)
		return fail(why, ERR_LIMIT, "the policy has %zu bytes on the wire, at most %d", length,
		    POLICY_WIRE_MAX_BYTES);
	if ((r = check_words(policy, why)) != OK)
		return r;
	protobuf_c_message_pack(&policy->base, packed);
	return policy_files_read(span_of_bytes(packed, length), arena, &files, why);
}

/* Put in front of the words of a failed check where in the file its value stands. */
static enum err
placed(const struct yaml_node *root, enum err r, struct why *why)
{
	struct span rest = span_of_text(why->text), place = span_cut(&rest, ':');
	const struct yaml_node *node;
	char shown[100] = "";
	struct text text = TEXT_OF(shown);

	place = span_cut(&place, ' ');
	if ((node = node_at(root, place)) == NULL)
		return r;
	if (node->kind == YAML_SCALAR && strstr(why->text, node->text.at) == NULL) {
		struct why before = *why;

		text_add_escaped(&text, span_head(node->text, 80));
		fail(why, r, "%.300s, got \"%s\"", before.text, shown);
	}
	return because(why, r, "line %zu, column %zu", node->line, node->column);
}

enum err
policy_from_yaml(struct span text, const char *file, struct arena *arena, Policy **out, struct why *why)
{
	struct reading reading = {arena, why};
	struct yaml_node *root;
	ProtobufCMessage *policy;
	enum err r;

	if ((r = yaml_parse(text, NULL, arena, &root, why)) != OK)
		return because(why, r, "%s", file);
	if ((policy = message_new(&reading, &SANDBOX(sandbox_policy))) == NULL)
		return fail(why, ERR_LIMIT, "%s: the policy is too large", file);
	if ((r = read_message(&reading, root, policy)) != OK)
		return because(why, r, "%s", file);
	if ((r = check((Policy *)policy, arena, why)) != OK) {
		placed(root, r, why);
		return because(why, r, "%s", file);
	}
	*out = (Policy *)policy;
	return OK;
}
