/* What merging is made of: lists in an arena, copies of messages, presets written out. */
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/endpoint.h"
#include "common/policy/merging.h"
#include "common/wire/protobuf.h"

enum err
merge_append_any(struct arena *arena, void ***list, size_t *n, void *item, struct why *why)
{
	void **more = arena_array(arena, *n + 1, sizeof(*more));

	if (more == NULL)
		return fail(why, ERR_LIMIT, "the policy is too large");
	if (*n > 0)
		memcpy(more, *list, *n * sizeof(*more));
	more[(*n)++] = item;
	*list = more;
	return OK;
}

/* Same bytes on the wire? */
static enum err
same_message(const ProtobufCMessage *a, const ProtobufCMessage *b, bool *out, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct span one, two;
	enum err r;

	*out = false;
	if (protobuf_c_message_get_packed_size(a) != protobuf_c_message_get_packed_size(b))
		return OK;
	if ((r = protobuf_write(a, &arena, &one, why)) != OK || (r = protobuf_write(b, &arena, &two, why)) != OK)
		return r;
	*out = span_equal(one, two);
	return OK;
}

enum err
merge_append_new(struct arena *arena, void ***list, size_t *n, ProtobufCMessage *item, struct why *why)
{
	bool same = false;
	enum err r;

	for (size_t i = 0; i < *n; i++)
		if ((r = same_message((*list)[i], item, &same, why)) != OK || same)
			return r;
	return merge_append_any(arena, list, n, item, why);
}

enum err
merge_copy(struct arena *arena, const ProtobufCMessage *message, ProtobufCMessage **out, struct why *why)
{
	struct span bytes;
	enum err r;

	if ((r = protobuf_write(message, arena, &bytes, why)) != OK)
		return r;
	return protobuf_read(message->descriptor, bytes, arena, out, why);
}

/* ---- access presets ---- */

static const struct {
	enum endpoint_protocol protocol;
	const char *access, *methods[8];
} presets[] = {
    {ENDPOINT_WEBSOCKET, "read-only", {"GET"}},
    {ENDPOINT_WEBSOCKET, "read-write", {"GET", "WEBSOCKET_TEXT"}},
    {ENDPOINT_WEBSOCKET, "full", {"*"}},
    {ENDPOINT_REST, "read-only", {"GET", "HEAD", "OPTIONS"}},
    {ENDPOINT_REST, "read-write", {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"}},
    {ENDPOINT_REST, "full", {"*"}},
};

static enum err
expand_one(struct arena *arena, Endpoint *endpoint, const char *method, struct why *why)
{
	L7Allow allow = OPENSHELL__SANDBOX__V1__L7_ALLOW__INIT;
	L7Rule rule = OPENSHELL__SANDBOX__V1__L7_RULE__INIT;
	ProtobufCMessage *copy;
	enum err r;

	allow.method = (char *)(uintptr_t)method;
	allow.path = (char *)(uintptr_t) "**";
	rule.allow = &allow;
	if ((r = merge_copy(arena, &rule.base, &copy, why)) != OK)
		return r;
	return merge_append_new(arena, (void ***)(void *)&endpoint->rules, &endpoint->n_rules, copy, why);
}

enum err
merge_expand(struct arena *arena, Endpoint *endpoint, struct why *why)
{
	enum endpoint_protocol protocol = endpoint_protocol(endpoint);
	enum err r;

	for (size_t i = 0; i < COUNT(presets); i++) {
		if (presets[i].protocol != protocol || strcmp(presets[i].access, text_or(endpoint->access)) != 0)
			continue;
		for (size_t j = 0; presets[i].methods[j] != NULL; j++)
			if ((r = expand_one(arena, endpoint, presets[i].methods[j], why)) != OK)
				return r;
		endpoint->access = NULL;
		return OK;
	}
	return fail(why, ERR_STATE, "access '%.30s' cannot be written out as rules", text_or(endpoint->access));
}
