/* Any protobuf message as JSON. */
#include "clients/cli/message_json.h"

#include <string.h>

#include "clients/cli/output.h"

static json_t *
enum_json(const ProtobufCEnumDescriptor *descriptor, int number)
{
	const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);

	return value == NULL ? json_integer(number) : json_text(value->name);
}

/* The value at one place of a message. */
static json_t *
value_json(const ProtobufCFieldDescriptor *field, const void *at)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return json_text(*(const char *const *)at);
	case PROTOBUF_C_TYPE_MESSAGE:
		return message_json(*(const ProtobufCMessage *const *)at);
	case PROTOBUF_C_TYPE_BYTES:
		return json_integer((json_int_t)((const ProtobufCBinaryData *)at)->len);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)at);
	case PROTOBUF_C_TYPE_ENUM:
		return enum_json(field->descriptor, *(const int *)at);
	case PROTOBUF_C_TYPE_DOUBLE:
		return json_real(*(const double *)at);
	case PROTOBUF_C_TYPE_FLOAT:
		return json_real((double)*(const float *)at);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_integer(*(const uint32_t *)at);
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_integer(*(const int32_t *)at);
	default:
		return json_integer(*(const int64_t *)at);
	}
}

static size_t
item_bytes(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return 8;
	default:
		return 4;
	}
}

/* A map is a list of messages whose name ends in Entry, with a text key first and a value second. */
static bool
is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	size_t length;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return false;
	length = strlen(entry->short_name);
	return length > 5 && strcmp(entry->short_name + length - 5, "Entry") == 0 && entry->n_fields == 2 &&
	       strcmp(entry->fields[0].name, "key") == 0 && entry->fields[0].type == PROTOBUF_C_TYPE_STRING;
}

static json_t *
map_json(const ProtobufCFieldDescriptor *field, ProtobufCMessage *const *entries, size_t count)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;
	json_t *map = json_object();

	for (size_t i = 0; i < count; i++) {
		const char *bytes = (const char *)entries[i];
		const char *key = *(const char *const *)(bytes + entry->fields[0].offset);
		json_t *safe = json_text(key);

		json_object_set_new(
		    map, json_string_value(safe), value_json(&entry->fields[1], bytes + entry->fields[1].offset));
		json_decref(safe);
	}
	return map;
}

static json_t *
repeated_json(const ProtobufCFieldDescriptor *field, const char *items, size_t count)
{
	json_t *list;

	if (is_map(field))
		return map_json(field, (ProtobufCMessage *const *)(const void *)items, count);
	list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, value_json(field, items + i * item_bytes(field->type)));
	return list;
}

static bool
is_present(const ProtobufCFieldDescriptor *field, const char *message)
{
	if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
		return *(const uint32_t *)(message + field->quantifier_offset) == field->id;
	if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(const void *const *)(message + field->offset) != NULL &&
		       *(const void *const *)(message + field->offset) != field->default_value;
	return field->label == PROTOBUF_C_LABEL_REQUIRED ||
	       *(const protobuf_c_boolean *)(message + field->quantifier_offset);
}

json_t *
message_json(const ProtobufCMessage *message)
{
	json_t *object = json_object();

	for (unsigned i = 0; message != NULL && i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		const char *bytes = (const char *)message;

		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t count = *(const size_t *)(bytes + field->quantifier_offset);

			if (count > 0)
				json_object_set_new(object, field->name,
				    repeated_json(field, *(const char *const *)(bytes + field->offset), count));
		} else if (is_present(field, bytes)) {
			json_object_set_new(object, field->name, value_json(field, bytes + field->offset));
		}
	}
	return object;
}
