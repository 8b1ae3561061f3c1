/* viewing: messages made in an arena, and what goes wrong with that. */
#include "services/api/viewing.h"

enum err
view_too_large(struct why *why)
{
	return fail(why, ERR_LIMIT, "the answer needs too much memory");
}

/* All entry types of map<string, string> look like this. */
struct entry {
	ProtobufCMessage base;
	char *key, *value;
};

void *
map_new(struct arena *arena, const struct span *texts, size_t n, const ProtobufCMessageDescriptor *type)
{
	struct entry **entries = arena_array(arena, n, sizeof(*entries));

	for (size_t i = 0; entries != NULL && i < n; i++) {
		struct span value = texts[i], key = span_cut(&value, '=');

		if ((entries[i] = arena_alloc(arena, sizeof(**entries))) == NULL)
			return NULL;
		protobuf_c_message_init(type, entries[i]);
		if ((entries[i]->key = arena_text(arena, key)) == NULL ||
		    (entries[i]->value = arena_text(arena, value)) == NULL)
			return NULL;
	}
	return entries;
}

Google__Protobuf__Timestamp *
view_time(struct arena *arena, uint64_t wall_ms)
{
	Google__Protobuf__Timestamp *out = message_new(arena, Google__Protobuf__Timestamp, google__protobuf__timestamp);

	if (out == NULL)
		return NULL;
	out->seconds = (int64_t)(wall_ms / 1000);
	out->nanos = (int32_t)(wall_ms % 1000 * 1000000);
	return out;
}
