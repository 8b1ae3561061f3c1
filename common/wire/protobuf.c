/* protobuf vetting: one pass over the bytes by the type's descriptor, with a stack of its own; then protobuf-c. */
#include "common/wire/protobuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/text.h"

#define FIELDS_MAX	 512 /* of one message type; our largest has under 100 */
#define VARINT_BYTES_MAX 10  /* 64 bits in groups of 7 */
#define TAG_BYTES_MAX	 5   /* 32 bits in groups of 7; protobuf-c reads as many */

/* A message that is being walked. */
struct frame {
	const ProtobufCMessageDescriptor *type;
	const ProtobufCFieldDescriptor *field; /* in its parent, for the path; NULL for the outermost */
	const char *end;
	uint64_t seen[FIELDS_MAX / 64]; /* singular message fields that came already, by their index in type */
};

struct walk {
	const char *start, *at;
	struct frame frames[PROTOBUF_DEPTH_MAX];
	size_t depth; /* frames in use */
	size_t elements;
};

/* fail with "template.labels.value: at byte 12: words". */
static enum err __attribute__((format(printf, 5, 6))) refuse(const struct walk *walk,
    const ProtobufCFieldDescriptor *field, struct why *why, enum err code, const char *format, ...)
{
	char path[256], words[128];
	struct text t = TEXT_OF(path);
	va_list args;

	path[0] = '\0';
	for (size_t i = 1; i < walk->depth; i++)
		text_add(&t, "%s.", walk->frames[i].field->name);
	if (field != NULL)
		text_add(&t, "%s", field->name);
	else if (t.length > 0)
		path[t.length - 1] = '\0';
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return fail(why, code, "%s%sat byte %zu: %s", path, path[0] == '\0' ? "" : ": ",
	    (size_t)(walk->at - walk->start), words);
}

static const char *
end_of(const struct walk *walk)
{
	return walk->frames[walk->depth - 1].end;
}

/* A varint of at most bytes_max bytes before end. */
static bool
varint(const char **at, const char *end, size_t bytes_max, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes_max && (size_t)(end - *at) > i; i++) {
		uint8_t byte = (uint8_t)(*at)[i];

		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*at += i + 1;
			*out = value;
			return true;
		}
	}
	return false;
}

static enum err
count(struct walk *walk, const ProtobufCFieldDescriptor *field, size_t more, struct why *why)
{
	if (more > PROTOBUF_ELEMENTS_MAX - walk->elements)
		return refuse(
		    walk, field, why, ERR_LIMIT, "more than %d elements in the message", PROTOBUF_ELEMENTS_MAX);
	walk->elements += more;
	return OK;
}

static int
wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	default:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

/* Numbers one behind the other in one length-delimited field. */
static enum err
packed(struct walk *walk, const ProtobufCFieldDescriptor *field, struct span body, struct why *why)
{
	int wire = wire_type_of(field->type);
	const char *at = body.at, *end = body.at + body.length;
	size_t size = wire == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4, n = 0;
	uint64_t value;

	if (wire != PROTOBUF_C_WIRE_TYPE_VARINT) {
		if (body.length % size != 0)
			return refuse(walk, field, why, ERR_SYNTAX, "packed numbers are truncated");
		return count(walk, field, body.length / size, why);
	}
	for (; at < end; n++)
		if (!varint(&at, end, VARINT_BYTES_MAX, &value))
			return refuse(walk, field, why, ERR_SYNTAX, "a packed number is truncated or too long");
	return count(walk, field, n, why);
}

/* Go down into a message; its bytes are walked next, and walk->at is at their start. */
static enum err
enter(struct walk *walk, const ProtobufCFieldDescriptor *field, struct span body, struct why *why)
{
	struct frame *frame = &walk->frames[walk->depth - 1];
	size_t index = (size_t)(field - frame->type->fields);
	const ProtobufCMessageDescriptor *type = field->descriptor;
	uint64_t bit = 1ull << (index % 64);

	if (field->label != PROTOBUF_C_LABEL_REPEATED) {
		if ((frame->seen[index / 64] & bit) != 0)
			return refuse(walk, field, why, ERR_SYNTAX, "it may be there once, and is twice");
		frame->seen[index / 64] |= bit;
	}
	if (walk->depth == PROTOBUF_DEPTH_MAX)
		return refuse(walk, NULL, why, ERR_LIMIT, "nested deeper than %d", PROTOBUF_DEPTH_MAX);
	if (type->n_fields > FIELDS_MAX)
		return refuse(walk, field, why, ERR_INTERNAL, "%s has more than %d fields", type->name, FIELDS_MAX);
	walk->at = body.at;
	walk->frames[walk->depth++] = (struct frame){.type = type, .field = field, .end = body.at + body.length};
	return OK;
}

/* A length-delimited field; at is behind its tag. */
static enum err
delimited(struct walk *walk, const ProtobufCFieldDescriptor *field, struct why *why)
{
	struct span body;
	uint64_t length;

	if (!varint(&walk->at, end_of(walk), TAG_BYTES_MAX, &length))
		return refuse(walk, field, why, ERR_SYNTAX, "a length is truncated or too long");
	if (length > (size_t)(end_of(walk) - walk->at))
		return refuse(walk, field, why, ERR_SYNTAX, "truncated: %llu bytes said, %zu are there",
		    (unsigned long long)length, (size_t)(end_of(walk) - walk->at));
	body = span_of_bytes(walk->at, (size_t)length);
	walk->at += length;
	if (field == NULL || field->type == PROTOBUF_C_TYPE_BYTES)
		return OK;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return enter(walk, field, body, why);
	if (field->type != PROTOBUF_C_TYPE_STRING)
		return packed(walk, field, body, why);
	if (!span_utf8(body))
		return refuse(walk, field, why, ERR_SYNTAX, "text must be UTF-8 without NUL");
	return OK;
}

static enum err
value_walk(struct walk *walk, const ProtobufCFieldDescriptor *field, unsigned wire, struct why *why)
{
	size_t size = wire == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
	uint64_t value;

	if (wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
		return delimited(walk, field, why);
	if (wire == PROTOBUF_C_WIRE_TYPE_VARINT) {
		if (!varint(&walk->at, end_of(walk), VARINT_BYTES_MAX, &value))
			return refuse(walk, field, why, ERR_SYNTAX, "a number is truncated or too long");
		return OK;
	}
	if ((size_t)(end_of(walk) - walk->at) < size)
		return refuse(walk, field, why, ERR_SYNTAX, "a number is truncated");
	walk->at += size;
	return OK;
}

static bool
wire_fits(const ProtobufCFieldDescriptor *field, unsigned wire)
{
	int own = wire_type_of(field->type);

	return wire == (unsigned)own ||
	       (field->label == PROTOBUF_C_LABEL_REPEATED && wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

/* One field: tag and value. */
static enum err
field_walk(struct walk *walk, struct why *why)
{
	const ProtobufCMessageDescriptor *type = walk->frames[walk->depth - 1].type;
	const ProtobufCFieldDescriptor *field;
	unsigned wire;
	uint64_t tag;
	enum err r;

	if (!varint(&walk->at, end_of(walk), TAG_BYTES_MAX, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
		return refuse(walk, NULL, why, ERR_SYNTAX, "not a field's tag");
	wire = tag & 7;
	field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
	if (wire == 3 || wire == 4 || wire > 5)
		return refuse(walk, field, why, ERR_SYNTAX, "field %u has wire type %u, which is not used",
		    (unsigned)(tag >> 3), wire);
	if (field != NULL && !wire_fits(field, wire))
		return refuse(
		    walk, field, why, ERR_SYNTAX, "wire type %u instead of %d", wire, wire_type_of(field->type));
	if ((r = count(walk, field, 1, why)) != OK)
		return r;
	return value_walk(walk, field, wire, why);
}

static enum err
vet(const ProtobufCMessageDescriptor *type, struct span bytes, struct why *why)
{
	struct walk walk = {.start = bytes.at, .at = bytes.at, .depth = 1};
	enum err r;

	if (type->n_fields > FIELDS_MAX)
		return fail(why, ERR_INTERNAL, "%s has more than %d fields", type->name, FIELDS_MAX);
	walk.frames[0] = (struct frame){.type = type, .end = bytes.at + bytes.length};
	while (walk.depth > 0) {
		if (walk.at == end_of(&walk))
			walk.depth--;
		else if ((r = field_walk(&walk, why)) != OK)
			return r;
	}
	return OK;
}

/* What protobuf-c allocates from: the arena, and whether it was ever full. */
struct pool {
	struct arena *arena;
	bool full;
};

static void *
pool_alloc(void *data, size_t size)
{
	struct pool *pool = data;
	void *at = arena_alloc(pool->arena, size);

	pool->full = pool->full || at == NULL;
	return at;
}

static void
pool_free(void *data, void *at)
{
	(void)data;
	(void)at;
}

enum err
protobuf_read(const ProtobufCMessageDescriptor *type, struct span bytes, struct arena *arena, ProtobufCMessage **out,
    struct why *why)
{
	struct pool pool = {.arena = arena};
	ProtobufCAllocator allocator = {.alloc = pool_alloc, .free = pool_free, .allocator_data = &pool};
	ProtobufCMessage *message;
	enum err r;

	if (bytes.length == 0)
		bytes = SPAN("");
	if ((r = vet(type, bytes, why)) != OK)
		return because(why, r, "%s", type->short_name);
	message = protobuf_c_message_unpack(type, &allocator, bytes.length, (const uint8_t *)bytes.at);
	if (message == NULL && pool.full)
		return fail(why, ERR_LIMIT, "%s: needs more memory than a call may use", type->short_name);
	if (message == NULL)
		return fail(why, ERR_SYNTAX, "%s: malformed", type->short_name);
	*out = message;
	return OK;
}

enum err
protobuf_write(const ProtobufCMessage *message, struct arena *arena, struct span *out, struct why *why)
{
	size_t length = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_alloc(arena, length + 1);

	if (bytes == NULL)
		return fail(why, ERR_LIMIT, "%s: %zu bytes are more than a call may use",
		    message->descriptor->short_name, length);
	*out = span_of_bytes(bytes, protobuf_c_message_pack(message, bytes));
	return OK;
}

enum err
protobuf_field_take(struct span *rest, struct protobuf_field *out, struct why *why)
{
	const char *at = rest->at, *end = rest->at + rest->length;
	struct protobuf_field field = {0};
	uint64_t tag, length = 0;

	if (!varint(&at, end, TAG_BYTES_MAX, &tag) || tag >> 3 == 0 || tag > UINT32_MAX)
		return fail(why, ERR_SYNTAX, "not a field's tag");
	field.number = (uint32_t)(tag >> 3);
	field.wire = tag & 7;
	if (field.wire == PROTOBUF_C_WIRE_TYPE_64BIT || field.wire == PROTOBUF_C_WIRE_TYPE_32BIT)
		length = field.wire == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
	else if (field.wire == PROTOBUF_C_WIRE_TYPE_VARINT
		     ? !varint(&at, end, VARINT_BYTES_MAX, &field.value)
		     : field.wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || !varint(&at, end, TAG_BYTES_MAX, &length))
		return fail(
		    why, ERR_SYNTAX, "field %u is truncated, too long or of a wire type not used", field.number);
	if (length > (size_t)(end - at))
		return fail(why, ERR_SYNTAX, "field %u is truncated", field.number);
	field.body = span_of_bytes(at, (size_t)length);
	at += length;
	field.whole = span_of_bytes(rest->at, (size_t)(at - rest->at));
	*rest = span_of_bytes(at, (size_t)(end - at));
	*out = field;
	return OK;
}
