/* Keys and values of a policy file into messages: keys are found in the protobuf descriptors. */
#include "common/policy/yaml_reading.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/messages.h"

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

/* Keys that are read their own way (yaml_special.c), for the list of what is known. */
static const struct {
	const ProtobufCMessageDescriptor *in;
	const char *key;
} specials[] = {
    {&SANDBOX(network_endpoint), "json_rpc"},
    {&SANDBOX(mcp_options), "max_body_bytes"},
    {&SANDBOX(l7_allow), "tool"},
    {&SANDBOX(l7_deny_rule), "tool"},
};

static void
finding_at(struct reading *reading, bool warning, size_t line, size_t column, const char *text)
{
	size_t before = reading->findings->count;

	finding_add(reading->findings, warning, NULL, NULL, "%s", text);
	if (reading->findings->count > before) {
		reading->findings->items[before].line = line;
		reading->findings->items[before].column = column;
	}
}

void
yaml_reading_wrong(struct reading *reading, const struct yaml_node *node, const char *words)
{
	char all[400] = "";
	struct text text = TEXT_OF(all);

	text_add_escaped(&text, span_head(node->key, 60));
	if (node->key.length > 0)
		text_add(&text, ": ");
	if (node->kind == YAML_SCALAR && node->text.length > 0) {
		text_add(&text, "\"");
		text_add_escaped(&text, span_head(node->text, FINDINGS_VALUE));
		text_add(&text, "\" ");
	}
	text_add(&text, "%s", words);
	finding_at(reading, false, node->line, node->column, all);
}

void
yaml_reading_place(struct reading *reading, const void *at, const struct yaml_node *node)
{
	bool by_key = node->kind != YAML_SCALAR && node->key.length > 0;
	struct place *more;

	if (reading->places_count == reading->places_room) {
		size_t room = reading->places_room == 0 ? 128 : reading->places_room * 2;

		if ((more = yaml_reading_alloc(reading, room, sizeof(*more))) == NULL)
			return;
		if (reading->places_count > 0)
			memcpy(more, reading->places, reading->places_count * sizeof(*more));
		reading->places = more;
		reading->places_room = room;
	}
	reading->places[reading->places_count++] =
	    (struct place){at, by_key ? node->key_line : node->line, by_key ? node->key_column : node->column};
}

void *
yaml_reading_alloc(struct reading *reading, size_t count, size_t size)
{
	void *at = arena_array(reading->arena, count, size);

	reading->full |= at == NULL;
	return at;
}

char *
yaml_reading_text(struct reading *reading, struct span text)
{
	char *copy = arena_text(reading->arena, text);

	reading->full |= copy == NULL;
	return copy;
}

ProtobufCMessage *
yaml_reading_message(struct reading *reading, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message = yaml_reading_alloc(reading, 1, type->sizeof_message);

	if (message != NULL)
		type->message_init(message);
	return message;
}

/* ---- values ---- */

bool
yaml_read_number(struct reading *reading, const struct yaml_node *node, uint64_t high, uint32_t *to)
{
	uint64_t value;
	char words[80];

	if (node->kind == YAML_SCALAR && node->plain && number_parse(node->text, 0, high, &value, NULL) == OK) {
		*to = (uint32_t)value;
		return true;
	}
	if (node->kind == YAML_SCALAR && !node->plain && number_parse(node->text, 0, high, &value, NULL) == OK)
		snprintf(words, sizeof(words), "is a text: write the number without quotes");
	else
		snprintf(words, sizeof(words), "is not a number from 0 to %llu", (unsigned long long)high);
	yaml_reading_wrong(reading, node, words);
	return false;
}

static void
read_wide(struct reading *reading, const struct yaml_node *node, uint64_t *to)
{
	uint64_t value;

	if (node->kind == YAML_SCALAR && node->plain && number_parse(node->text, 0, INT64_MAX, &value, NULL) == OK)
		*to = value;
	else
		yaml_reading_wrong(reading, node, "is not a whole number from 0 on");
}

static void
read_word(struct reading *reading, const struct yaml_node *node, const ProtobufCEnumDescriptor *type, uint32_t *to)
{
	int value;

	if (node->kind == YAML_SCALAR && reading->ways != NULL && reading->ways->word != NULL &&
	    reading->ways->word(type, node->text, &value))
		*to = (uint32_t)value;
	else
		yaml_reading_wrong(reading, node, "is none of the words that are known here");
}

static void
read_signed(struct reading *reading, const struct yaml_node *node, int32_t *to)
{
	bool minus = node->kind == YAML_SCALAR && span_starts(node->text, SPAN("-"));
	uint64_t value;

	if (node->kind == YAML_SCALAR && node->plain &&
	    number_parse(span_tail(node->text, minus), 0, INT32_MAX, &value, NULL) == OK)
		*to = minus ? -(int32_t)value : (int32_t)value;
	else
		yaml_reading_wrong(reading, node, "is not a number from -2147483647 to 2147483647");
}

void
yaml_read_text(struct reading *reading, const struct yaml_node *node, char **to)
{
	if (node->kind == YAML_SCALAR)
		*to = yaml_reading_text(reading, node->text);
	else
		yaml_reading_wrong(reading, node, "a text is wanted here");
}

static void
read_flag(struct reading *reading, const struct yaml_node *node, protobuf_c_boolean *to)
{
	bool flag;

	if (node->kind == YAML_SCALAR && yaml_flag(node, &flag, NULL) == OK)
		*to = flag;
	else
		yaml_reading_wrong(reading, node, "is neither true nor false");
}

static void
read_inner(struct reading *reading, const struct yaml_node *node, const ProtobufCMessageDescriptor *type,
    ProtobufCMessage **to)
{
	if ((*to = yaml_reading_message(reading, type)) == NULL)
		return;
	yaml_reading_place(reading, *to, node);
	if (reading->ways != NULL && reading->ways->message != NULL && reading->ways->message(reading, node, *to))
		return;
	if (!yaml_read_own_way(reading, node, *to))
		yaml_read_message(reading, node, *to);
}

static void
read_one(struct reading *reading, const struct yaml_node *node, const ProtobufCFieldDescriptor *field, void *to)
{
	yaml_reading_place(reading, to, node);
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		read_flag(reading, node, to);
		return;
	case PROTOBUF_C_TYPE_UINT32:
		yaml_read_number(reading, node, UINT32_MAX, to);
		return;
	case PROTOBUF_C_TYPE_INT32:
		read_signed(reading, node, to);
		return;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		read_wide(reading, node, to);
		return;
	case PROTOBUF_C_TYPE_ENUM:
		read_word(reading, node, field->descriptor, to);
		return;
	case PROTOBUF_C_TYPE_STRING:
		yaml_read_text(reading, node, to);
		return;
	case PROTOBUF_C_TYPE_MESSAGE:
		read_inner(reading, node, field->descriptor, to);
		return;
	default:
		yaml_reading_wrong(reading, node, "cannot be written in this file");
	}
}

/* ---- lists and maps ---- */

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
static void
read_entry(struct reading *reading, const struct yaml_node *item, const ProtobufCFieldDescriptor *field, void *to)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;
	struct yaml_node key = *item;
	ProtobufCMessage *entry;

	*(ProtobufCMessage **)to = entry = yaml_reading_message(reading, type);
	if (entry == NULL)
		return;
	key.line = item->key_line;
	key.column = item->key_column;
	yaml_reading_place(reading, entry, &key);
	*(char **)((char *)entry + type->fields[0].offset) = yaml_reading_text(reading, item->key);
	read_one(reading, item, &type->fields[1], (char *)entry + type->fields[1].offset);
}

static bool
is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *type = field->descriptor;

	return field->type == PROTOBUF_C_TYPE_MESSAGE && type->n_fields == 2 &&
	       strcmp(type->fields[0].name, "key") == 0 && strcmp(type->fields[1].name, "value") == 0;
}

/* On the wire an empty list and none are one and the same. */
static void
warn_empty(struct reading *reading, const struct yaml_node *node)
{
	static const char *const lists[] = {"rules", "deny_rules", "fields"};
	char words[80];

	for (size_t i = 0; i < COUNT(lists); i++) {
		if (node->count > 0 || !span_is(node->key, lists[i]))
			continue;
		snprintf(words, sizeof(words), "%s: an empty list means the same as none", lists[i]);
		finding_at(reading, true, node->key_line, node->key_column, words);
	}
}

static void
read_repeated(struct reading *reading, const struct yaml_node *node, const ProtobufCFieldDescriptor *field, char *base)
{
	bool map = is_map(field);
	size_t size = size_of(field), n = 0;
	char *items;

	yaml_reading_place(reading, base + field->offset, node);
	if (node->kind != (map ? YAML_MAP : YAML_LIST)) {
		yaml_reading_wrong(reading, node, map ? "a map is wanted here" : "a list is wanted here");
		return;
	}
	warn_empty(reading, node);
	if ((items = yaml_reading_alloc(reading, node->count + 1, size)) == NULL)
		return;
	for (const struct yaml_node *item = node->first; item != NULL && !reading->full; item = item->next, n++)
		if (map)
			read_entry(reading, item, field, items + n * size);
		else
			read_one(reading, item, field, items + n * size);
	*(size_t *)(base + field->quantifier_offset) = n;
	*(char **)(base + field->offset) = items;
}

static void
read_field(struct reading *reading, const struct yaml_node *node, const ProtobufCFieldDescriptor *field, char *base)
{
	if (yaml_null(node))
		return;
	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		read_repeated(reading, node, field, base);
		return;
	}
	if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
		*(protobuf_c_boolean *)(base + field->quantifier_offset) = true;
	read_one(reading, node, field, base + field->offset);
}

/* ---- messages ---- */

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

static void
unknown_key(struct reading *reading, const struct yaml_node *node, const ProtobufCMessageDescriptor *type)
{
	char all[600] = "";
	struct text text = TEXT_OF(all);
	const char *between = "; known here: ";

	text_add(&text, "unknown key \"");
	text_add_escaped(&text, span_head(node->key, 40));
	text_add(&text, "\"");
	for (unsigned i = 0; i < type->n_fields; i++) {
		const char *name = type->fields[i].name;

		for (size_t j = 0; j < COUNT(renamed); j++)
			if (renamed[j].in == type && renamed[j].field != NULL && strcmp(renamed[j].field, name) == 0)
				name = renamed[j].key;
		if (field_of(type, span_of_text(name)) == NULL)
			continue;
		text_add(&text, "%s%s", between, name);
		between = ", ";
	}
	for (size_t i = 0; i < COUNT(specials); i++)
		if (specials[i].in == type)
			text_add(&text, ", %s", specials[i].key);
	finding_at(reading, false, node->key_line, node->key_column, all);
}

void
yaml_read_message(struct reading *reading, const struct yaml_node *node, ProtobufCMessage *to)
{
	const ProtobufCFieldDescriptor *field;

	if (node->kind != YAML_MAP) {
		char words[80];

		snprintf(words, sizeof(words), "a map of keys is wanted here, as {%.30s: ...}",
		    to->descriptor->n_fields == 0 ? "key" : to->descriptor->fields[0].name);
		yaml_reading_wrong(reading, node, words);
		return;
	}
	for (const struct yaml_node *item = node->first; item != NULL && !reading->full; item = item->next) {
		if (reading->ways != NULL && reading->ways->item != NULL && reading->ways->item(reading, item, to))
			continue;
		if (yaml_read_special(reading, node, item, to))
			continue;
		if ((field = field_of(to->descriptor, item->key)) == NULL)
			unknown_key(reading, item, to->descriptor);
		else
			read_field(reading, item, field, (char *)to);
	}
}
