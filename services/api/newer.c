/* newer: one table of the fields that changed, one pass over the fields of a message that has any of them. */
#include "services/api/newer.h"

#include <assert.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/protobuf.h"

#define VARINT PROTOBUF_C_WIRE_TYPE_VARINT
#define BYTES  PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED

enum kind {
	SCOPE,	 /* WorkspaceSelector -> text */
	TOKEN,	 /* of a page -> offset */
	SECONDS, /* Duration -> whole seconds, rounded up */
	REFUSED, /* unless it says nothing */
	WITHIN,	 /* a message whose own fields change as those of ExecSandbox do */
	DEFAULT, /* refused, unless it says nothing or the first value, which is what we do */
};

static const struct change {
	const char *path;
	uint32_t number; /* in the newer message */
	unsigned wire;
	enum kind kind;
	uint32_t to, to_all; /* in ours; to_all: where a flag says all workspaces, 0: nowhere */
	const char *name;
} changes[] = {
#define PATH "/openshell.v1.OpenShell/"
    {PATH "CreateSandbox", 5, VARINT, REFUSED, 0, 0, "await_main_process_attachment"},
    {PATH "CreateSandbox", 6, BYTES, REFUSED, 0, 0, "workload_template"},
    {PATH "CreateSandbox", 7, BYTES, SCOPE, 5, 0, "workspace_scope"},
    {PATH "CreateSandbox", 9, BYTES, REFUSED, 0, 0, "service_exposures"},
    {PATH "GetSandbox", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "ListSandboxes", 2, BYTES, TOKEN, 2, 0, "page_token"},
    {PATH "ListSandboxes", 4, BYTES, SCOPE, 4, 5, "workspace_scope"},
    {PATH "StopSandbox", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "StartSandbox", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "DeleteSandbox", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "ListSandboxProviders", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "AttachSandboxProvider", 4, BYTES, SCOPE, 4, 0, "workspace_scope"},
    {PATH "DetachSandboxProvider", 4, BYTES, SCOPE, 4, 0, "workspace_scope"},
    {PATH "CreateProvider", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "GetProvider", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "ListProviders", 3, BYTES, SCOPE, 3, 4, "workspace_scope"},
    {PATH "UpdateProvider", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "DeleteProvider", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "ListProviderProfiles", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "GetProviderProfile", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "ImportProviderProfiles", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "UpdateProviderProfiles", 4, BYTES, SCOPE, 4, 0, "workspace_scope"},
    {PATH "LintProviderProfiles", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "DeleteProviderProfile", 2, BYTES, SCOPE, 2, 0, "workspace_scope"},
    {PATH "GetProviderRefreshStatus", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "ConfigureProviderRefresh", 7, BYTES, SCOPE, 7, 0, "workspace_scope"},
    {PATH "RotateProviderCredential", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "DeleteProviderRefresh", 4, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "ListProviders", 4, BYTES, REFUSED, 0, 0, "label_selector"},
    {PATH "UpdateProvider", 102, BYTES, REFUSED, 0, 0, "credential_expiration_times"},
    {PATH "UpdateProvider", 103, BYTES, REFUSED, 0, 0, "clear_credential_expiration_keys"},
    {PATH "ConfigureProviderRefresh", 106, BYTES, REFUSED, 0, 0, "expiration_time"},
    {PATH "ListProviders", 2, BYTES, TOKEN, 2, 0, "page_token"},
    {PATH "ListProviderProfiles", 2, BYTES, TOKEN, 2, 0, "page_token"},
    {PATH "UpdateConfig", 10, BYTES, SCOPE, 10, 0, "workspace_scope"},
    {PATH "GetSandboxPolicyStatus", 4, BYTES, SCOPE, 4, 0, "workspace_scope"},
    {PATH "ListSandboxPolicies", 3, BYTES, TOKEN, 3, 0, "page_token"},
    {PATH "ListSandboxPolicies", 5, BYTES, SCOPE, 5, 0, "workspace_scope"},
    {PATH "GetSandboxConfig", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "ExposeService", 5, BYTES, SCOPE, 5, 0, "workspace_scope"},
    {PATH "ExposeService", 7, VARINT, DEFAULT, 0, 0, "authorization_mode"},
    {PATH "GetService", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "ListServices", 3, BYTES, TOKEN, 3, 0, "page_token"},
    {PATH "ListServices", 4, BYTES, SCOPE, 4, 5, "workspace_scope"},
    {PATH "DeleteService", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "ExecSandboxInteractive", 1, BYTES, WITHIN, 1, 0, "start"},
    {PATH "CreateSshSession", 3, BYTES, SCOPE, 3, 0, "workspace_scope"},
    {PATH "ExecSandbox", 12, BYTES, SCOPE, 12, 0, "workspace_scope"},
    {PATH "ExecSandbox", 105, BYTES, SECONDS, 5, 0, "execution_timeout"},
};

/* What has been written; never more than came in, since every change makes a field shorter or leaves its length. */
struct shape {
	char *at;
	size_t length, room;
	struct arena *arena; /* for messages within */
};

static void
put(struct shape *to, struct span bytes)
{
	assert(bytes.length <= to->room - to->length);
	if (bytes.length > 0)
		memcpy(to->at + to->length, bytes.at, bytes.length);
	to->length += bytes.length;
}

static void
put_varint(struct shape *to, uint64_t value)
{
	char byte;

	do {
		byte = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		put(to, span_of_bytes(&byte, 1));
	} while ((value >>= 7) > 0);
}

static void
put_number(struct shape *to, uint32_t number, uint64_t value)
{
	put_varint(to, (uint64_t)number << 3 | VARINT);
	put_varint(to, value);
}

static void
put_text(struct shape *to, uint32_t number, struct span text)
{
	put_varint(to, (uint64_t)number << 3 | BYTES);
	put_varint(to, text.length);
	put(to, text);
}

/* A selector has its first byte from a tag, 0x0a or 0x12; a text that is none stays what it is. */
static enum err
put_scope(struct shape *to, const struct change *change, struct span body, struct why *why)
{
	struct protobuf_field field;
	struct why ignored;
	struct span rest = body, name = SPAN_NONE;
	bool all = false;

	if (rest.length == 0 || (rest.at[0] != 0x0a && rest.at[0] != 0x12)) {
		put_text(to, change->to, body);
		return OK;
	}
	while (rest.length > 0) {
		if (protobuf_field_take(&rest, &field, &ignored) != OK)
			return fail(why, ERR_INVALID, "%s: not a workspace selector", change->name);
		if (field.wire != BYTES || (field.number != 1 && field.number != 2))
			continue;
		all = field.number == 2; /* a oneof: the last one counts */
		name = all ? SPAN_NONE : field.body;
	}
	if (all && change->to_all == 0)
		return fail(why, ERR_INVALID, "%s: one workspace must be named", change->name);
	if (all)
		put_number(to, change->to_all, 1);
	else
		put_text(to, change->to, name);
	return OK;
}

static enum err
put_seconds(struct shape *to, const struct change *change, struct span body, struct why *why)
{
	uint64_t parts[3] = {0};
	struct protobuf_field field;
	struct span rest = body;
	struct why ignored;

	while (rest.length > 0) {
		if (protobuf_field_take(&rest, &field, &ignored) != OK)
			return fail(why, ERR_INVALID, "%s: not a duration", change->name);
		if (field.wire == VARINT && field.number < 3)
			parts[field.number] = field.value;
	}
	if ((int64_t)parts[1] < 0 || (int64_t)parts[2] < 0)
		return fail(why, ERR_INVALID, "%s: it must not be negative", change->name);
	if (parts[1] >= UINT32_MAX)
		parts[1] = UINT32_MAX - 1; /* refused later, as too long */
	put_number(to, change->to, parts[1] + (parts[2] > 0));
	return OK;
}

static enum err rewrite(const char *path, struct span bytes, struct arena *arena, struct span *out, struct why *why);

static enum err
put_within(struct shape *to, const struct change *change, struct span body, struct why *why)
{
	struct span inner;
	enum err r = rewrite(PATH "ExecSandbox", body, to->arena, &inner, why);

	if (r == OK)
		put_text(to, change->to, inner);
	return r;
}

static enum err
put_changed(struct shape *to, const struct change *change, const struct protobuf_field *field, struct why *why)
{
	struct why ignored;
	uint64_t offset;

	switch (change->kind) {
	case SCOPE:
		return put_scope(to, change, field->body, why);
	case SECONDS:
		return put_seconds(to, change, field->body, why);
	case WITHIN:
		return put_within(to, change, field->body, why);
	case TOKEN:
		if (field->body.length == 0)
			return OK;
		if (number_parse(field->body, 0, UINT32_MAX, &offset, &ignored) != OK)
			return fail(why, ERR_INVALID, "%s: not one that this gateway gave", change->name);
		put_number(to, change->to, offset);
		return OK;
	case REFUSED:
	case DEFAULT:
		if (field->value <= (change->kind == DEFAULT) && field->body.length == 0)
			return OK;
		return fail(why, ERR_UNIMPLEMENTED, "%s is not implemented", change->name);
	}
	return fail(why, ERR_INTERNAL, "%s: a change that nobody knows", change->name);
}

static const struct change *
change_of(const char *path, const struct protobuf_field *field)
{
	for (size_t i = 0; i < COUNT(changes); i++)
		if (changes[i].number == field->number && changes[i].wire == field->wire &&
		    strcmp(changes[i].path, path) == 0)
			return &changes[i];
	return NULL;
}

/* Has it a field that changes? Most messages have none, and stay where they are. */
static bool
concerned(const char *path, struct span bytes)
{
	struct protobuf_field field;
	struct why ignored;

	while (bytes.length > 0 && protobuf_field_take(&bytes, &field, &ignored) == OK)
		if (change_of(path, &field) != NULL)
			return true;
	return false;
}

static enum err
rewrite(const char *path, struct span bytes, struct arena *arena, struct span *out, struct why *why)
{
	const struct change *change;
	struct protobuf_field field;
	struct span rest = bytes;
	struct why ignored;
	struct shape to;
	enum err r;

	*out = bytes;
	if (!concerned(path, bytes))
		return OK;
	to = (struct shape){arena_alloc(arena, bytes.length), 0, bytes.length, arena};
	if (to.at == NULL)
		return fail(why, ERR_LIMIT, "the message needs too much memory");
	while (rest.length > 0) {
		if (protobuf_field_take(&rest, &field, &ignored) != OK)
			return OK;
		if ((change = change_of(path, &field)) == NULL)
			put(&to, field.whole);
		else if ((r = put_changed(&to, change, &field, why)) != OK)
			return r;
	}
	*out = span_of_bytes(to.at, to.length);
	return OK;
}

enum err
newer_request(
    const struct rpc_method *method, struct span bytes, struct arena *arena, struct span *out, struct why *why)
{
	return rewrite(method->path, bytes, arena, out, why);
}
