/* Planning: rows of attached providers as the question that common/provider answers. */
#include "services/state/planning.h"

#include "common/base/clock.h"
#include "common/provider/profile.h"
#include "common/provider/type.h"
#include "common/wire/protobuf.h"
#include "services/state/providers.h"

#define ARENA_BYTES (64u << 20)

static enum err
too_large(struct why *why)
{
	return fail(why, ERR_LIMIT, "the providers of the sandbox need too much memory");
}

static struct provider_key *
key_find(struct provider_key *keys, size_t n, struct span key)
{
	for (size_t i = 0; i < n; i++)
		if (span_is(key, keys[i].key))
			return &keys[i];
	return NULL;
}

/* Keys with a value; then what a refresh owns, with or without one yet. */
static enum err
keys_read(const struct rows *rows, int row, struct arena *arena, struct provider_attached *out)
{
	size_t stored_n, owned_n;
	struct span *stored = rows_texts(rows, row, 4, arena, &stored_n);
	struct span *owned = rows_texts(rows, row, 5, arena, &owned_n);
	struct provider_key *keys = arena_array(arena, stored_n + owned_n + 1, sizeof(*keys));
	uint64_t expires_ms;
	struct span key;

	if (stored == NULL || owned == NULL || keys == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < stored_n; i++)
		if (provider_key_cut(stored[i], &expires_ms, &key))
			keys[out->keys_count++] = (struct provider_key){
			    .key = arena_text(arena, key), .expires_ms = (int64_t)expires_ms, .stored = true};
	for (size_t i = 0; i < owned_n; i++) {
		struct span rest = owned[i], epoch = span_cut(&rest, '=');
		struct provider_key *at = key_find(keys, out->keys_count, rest);

		if (at == NULL) {
			at = &keys[out->keys_count++];
			*at = (struct provider_key){.key = arena_text(arena, rest)};
		}
		at->refreshed = true;
		at->epoch = arena_text(arena, epoch);
	}
	for (size_t i = 0; i < out->keys_count; i++)
		if (keys[i].key == NULL || (keys[i].refreshed && keys[i].epoch == NULL))
			return ERR_LIMIT;
	out->keys = keys;
	return OK;
}

static enum err
config_read(const struct rows *rows, int row, struct arena *arena, struct provider_attached *out)
{
	size_t n;
	struct span *texts = rows_texts(rows, row, 3, arena, &n);
	struct provider_pair *pairs = arena_array(arena, n + 1, sizeof(*pairs));

	if (texts == NULL || pairs == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		struct span value = texts[i], key = span_cut(&value, '=');

		pairs[i] = (struct provider_pair){arena_text(arena, key), arena_text(arena, value)};
		if (pairs[i].key == NULL || pairs[i].value == NULL)
			return ERR_LIMIT;
	}
	out->config = pairs;
	out->config_count = n;
	return OK;
}

static enum err
profile_read(const struct state *state, const struct rows *rows, int row, struct arena *arena,
    struct provider_attached *out, struct why *why)
{
	ProtobufCMessage *profile;
	enum err r;

	if (rows_null(rows, row, 6)) {
		out->profile = provider_profile(&state->builtins, rows_span(rows, row, 2));
		return OK;
	}
	if ((r = protobuf_read(
		 &openshell__v1__provider_profile__descriptor, rows_span(rows, row, 6), arena, &profile, why)) != OK)
		return because(why, r == ERR_LIMIT ? r : ERR_INTERNAL, "profile '" SPAN_FORMAT "'",
		    SPAN_ARGS(rows_span(rows, row, 2)));
	out->profile = (Openshell__V1__ProviderProfile *)profile;
	return OK;
}

static enum err
attached_read(const struct state *state, const struct rows *rows, int row, struct arena *arena,
    struct provider_attached *out, struct why *why)
{
	*out = (struct provider_attached){
	    .id = arena_text(arena, span_of_text(id_text(rows_id(rows, row, 0)))),
	    .name = arena_text(arena, rows_span(rows, row, 1)),
	    .type = arena_text(arena, rows_span(rows, row, 2)),
	};
	if (out->id == NULL || out->name == NULL || out->type == NULL || keys_read(rows, row, arena, out) != OK ||
	    config_read(rows, row, arena, out) != OK)
		return too_large(why);
	return profile_read(state, rows, row, arena, out, why);
}

static enum err
all_read(struct state *state, const struct rows *rows, struct arena *arena, struct planned *out, struct why *why)
{
	struct provider_attached *attached = arena_array(arena, (size_t)rows->n + 1, sizeof(*attached));
	enum err r = OK;

	out->providers = arena_array(arena, (size_t)rows->n + 1, sizeof(*out->providers));
	if (attached == NULL || out->providers == NULL)
		return too_large(why);
	for (int i = 0; i < rows->n && r == OK; i++) {
		out->providers[i] = rows_id(rows, i, 0);
		r = attached_read(state, rows, i, arena, &attached[i], why);
	}
	out->question.attached = attached;
	out->question.attached_count = (size_t)rows->n;
	return r;
}

enum err
plan_make(struct state *state, struct id sandbox, struct span policy, bool derive, struct arena *arena,
    struct planned *out, struct why *why)
{
	ProtobufCMessage *read = NULL;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	if (arena->max_bytes < ARENA_BYTES)
		arena->max_bytes = ARENA_BYTES;
	*out = (struct planned){.question = {.derive = derive, .metadata = true, .now_ms = clock_wall_ms()}};
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_ATTACHED, &args, &rows, why)) != OK ||
	    (r = all_read(state, &rows, arena, out, why)) != OK)
		return r;
	if (policy.length > 0 && rows.n > 0 &&
	    (r = protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, policy, arena, &read, why)) != OK)
		return because(why, r == ERR_LIMIT ? r : ERR_INTERNAL, "stored policy");
	out->question.policy = (Openshell__Sandbox__V1__SandboxPolicy *)read;
	if ((out->question.sandbox = arena_text(arena, span_of_text(id_text(sandbox)))) == NULL)
		return too_large(why);
	return provider_plan(&out->question, arena, &out->plan, why);
}

enum err
plan_read(struct state *state, struct id sandbox, struct arena *arena, struct planned *out, struct why *why)
{
	struct effective now;
	enum err r;

	if ((r = effective_stored(state, sandbox, arena, &now, why)) != OK)
		return r;
	return plan_make(state, sandbox, now.policy, effective_derives(&now), arena, out, why);
}

enum err
plan_check(struct state *state, struct id sandbox, struct arena *arena, struct planned *out, struct why *why)
{
	enum err r;

	if ((r = plan_read(state, sandbox, arena, out, why)) != OK)
		return r;
	return provider_policy_check(&out->question, &out->plan, why);
}

enum err
plans_check(struct state *state, enum sql sql, const struct args *args, struct why *why)
{
	auto_rows rows = {0};
	enum err r = db_run(&state->db, sql, args, &rows, why);

	for (int i = 0; i < rows.n && r == OK; i++) {
		auto_arena struct arena arena = {0};
		struct planned planned;

		if ((r = plan_check(state, rows_id(&rows, i, 0), &arena, &planned, why)) != OK)
			return because(why, r, "sandbox '" SPAN_FORMAT "'", SPAN_ARGS(rows_span(&rows, i, 1)));
	}
	return r;
}

enum err
plan_warnings(const struct planned *planned, struct arena *arena, struct span **out, size_t *n, struct why *why)
{
	const struct provider_plan *plan = &planned->plan;

	*n = 0;
	if ((*out = arena_array(arena, plan->withheld_count + 1, sizeof(**out))) == NULL)
		return too_large(why);
	for (size_t i = 0; i < plan->withheld_count && i < 64; i++) {
		const struct provider_withheld *it = &plan->withheld[i];
		const char *words = arena_format(arena, "provider '%s': %s is withheld: %s",
		    planned->question.attached[it->provider].name, it->key, it->reason);

		if (words == NULL)
			return too_large(why);
		(*out)[(*n)++] = span_head(span_of_text(words), 600);
	}
	return OK;
}
