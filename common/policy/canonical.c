/* The canonical form of a policy, by walking any message with its descriptor. */
#include "common/policy/canonical.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/messages.h"
#include "common/wire/protobuf.h"

/* An entry of a map while it is sorted. */
struct sorted {
	const char *key;
	size_t index;
	ProtobufCMessage *entry;
};

static int
compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static bool
is_map(const ProtobufCFieldDescriptor *field)
{
	const ProtobufCMessageDescriptor *entry = field->descriptor;

	return field->type == PROTOBUF_C_TYPE_MESSAGE && entry->n_fields == 2 &&
	       strcmp(entry->fields[0].name, "key") == 0 && strcmp(entry->fields[1].name, "value") == 0 &&
	       entry->fields[0].type == PROTOBUF_C_TYPE_STRING;
}

/* No key and no value of a map's entry is missing. */
static enum err
entry_fill(ProtobufCMessage *entry, struct arena *arena, struct why *why)
{
	const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
	char **key = (char **)((char *)entry + entry->descriptor->fields[0].offset);
	ProtobufCMessage **message = (ProtobufCMessage **)((char *)entry + value->offset);

	if (*key == NULL)
		*key = arena_text(arena, SPAN(""));
	if (value->type != PROTOBUF_C_TYPE_MESSAGE || *message != NULL)
		return *key == NULL ? fail(why, ERR_LIMIT, "the policy is too large") : OK;
	if (*key == NULL || (*message = arena_alloc(arena,
				 ((const ProtobufCMessageDescriptor *)value->descriptor)->sizeof_message)) == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	((const ProtobufCMessageDescriptor *)value->descriptor)->message_init(*message);
	return OK;
}

static enum err
map_sort(ProtobufCMessage **entries, size_t *count, struct arena *arena, struct why *why)
{
	struct sorted *sorted = arena_array(arena, *count + 1, sizeof(*sorted));
	size_t kept = 0;
	enum err r;

	if (sorted == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	for (size_t i = 0; i < *count; i++) {
		if ((r = entry_fill(entries[i], arena, why)) != OK)
			return r;
		sorted[i] = (struct sorted){
		    *(char **)((char *)entries[i] + entries[i]->descriptor->fields[0].offset), i, entries[i]};
	}
	qsort(sorted, *count, sizeof(*sorted), compare);
	for (size_t i = 0; i < *count; i++)
		if (i + 1 == *count || strcmp(sorted[i].key, sorted[i + 1].key) != 0)
			entries[kept++] = sorted[i].entry;
	*count = kept;
	return OK;
}

static enum err tidy(ProtobufCMessage *message, struct arena *arena, struct why *why);

static enum err
tidy_repeated(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct arena *arena, struct why *why)
{
	size_t *count = (size_t *)((char *)message + field->quantifier_offset);
	ProtobufCMessage **items = *(ProtobufCMessage ***)((char *)message + field->offset);
	enum err r;

	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return OK;
	if (is_map(field) && (r = map_sort(items, count, arena, why)) != OK)
		return r;
	for (size_t i = 0; i < *count; i++)
		if ((r = tidy(items[i], arena, why)) != OK)
			return r;
	return OK;
}

static bool
is_zero(const ProtobufCFieldDescriptor *field, const void *at)
{
	static const uint64_t zero = 0;
	bool wide = field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64;

	return memcmp(at, &zero, wide ? 8 : 4) == 0;
}

/* A field that is there at most once; protobuf-c keeps a flag beside numbers only. */
static enum err
tidy_single(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, struct arena *arena, struct why *why)
{
	void *at = (char *)message + field->offset;
	bool choice = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
	bool entry = message->descriptor->n_fields == 2 && strcmp(message->descriptor->fields[0].name, "key") == 0;

	if (choice && *(uint32_t *)((char *)message + field->quantifier_offset) != field->id)
		return OK;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(ProtobufCMessage **)at == NULL ? OK : tidy(*(ProtobufCMessage **)at, arena, why);
	if (choice || entry || message->descriptor == &SANDBOX(mcp_options))
		return OK;
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		if (*(char **)at != NULL && **(char **)at == '\0')
			*(char **)at = NULL;
	} else if (is_zero(field, at)) {
		*(protobuf_c_boolean *)((char *)message + field->quantifier_offset) = false;
	}
	return OK;
}

static enum err
tidy(ProtobufCMessage *message, struct arena *arena, struct why *why)
{
	enum err r = OK;

	message->n_unknown_fields = 0;
	for (unsigned i = 0; i < message->descriptor->n_fields && r == OK; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

		r = field->label == PROTOBUF_C_LABEL_REPEATED ? tidy_repeated(message, field, arena, why)
							      : tidy_single(message, field, arena, why);
	}
	return r;
}

static void
fold(char *word)
{
	for (; word != NULL && *word != '\0'; word++)
		if (*word >= 'A' && *word <= 'Z')
			*word = (char)(*word - 'A' + 'a');
}

enum err
policy_copy(const Policy *policy, struct arena *arena, Policy **out, struct why *why)
{
	ProtobufCMessage *message;
	struct span bytes;
	enum err r;

	if ((r = protobuf_write(&policy->base, arena, &bytes, why)) != OK ||
	    (r = protobuf_read(&SANDBOX(sandbox_policy), bytes, arena, &message, why)) != OK)
		return because(why, r, "policy");
	*out = (Policy *)message;
	return OK;
}

enum err
policy_canonical(const Policy *policy, struct arena *arena, Policy **out, struct why *why)
{
	Policy *copy;
	enum err r;

	if ((r = policy_copy(policy, arena, &copy, why)) != OK || (r = tidy(&copy->base, arena, why)) != OK)
		return r;
	for (size_t i = 0; i < copy->n_network_policies; i++) {
		Rule *rule = copy->network_policies[i]->value;

		for (size_t j = 0; j < rule->n_endpoints; j++) {
			fold(rule->endpoints[j]->protocol);
			fold(rule->endpoints[j]->enforcement);
		}
	}
	*out = copy;
	return OK;
}
