/* What is in force for a sandbox: the gateway's policy or its own, the settings of both, and the one number for it all. */
#include <endian.h>
#include <sodium.h>

#include "common/base/log.h"
#include "common/policy/hash.h"
#include "services/state/planning.h"

#define POLICY_BYTES_MAX 262144u /* as in bus.def */

uint64_t
config_revision(unsigned flags, uint32_t version, struct span hash, const struct effective *of)
{
	crypto_hash_sha256_state state;
	uint32_t big = htobe32(version);
	uint8_t digest[32], source = (uint8_t)flags;
	uint64_t first;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, &source, sizeof(source));
	crypto_hash_sha256_update(&state, (const uint8_t *)&big, sizeof(big));
	crypto_hash_sha256_update(&state, (const uint8_t *)hash.at, hash.length);
	for (size_t i = 0; i < of->settings_n; i++) { /* NUL is in no setting */
		crypto_hash_sha256_update(&state, (const uint8_t *)of->settings[i].at, of->settings[i].length);
		crypto_hash_sha256_update(&state, (const uint8_t *)"", 1);
	}
	if (of->layers.length > 0)
		crypto_hash_sha256_update(&state, (const uint8_t *)of->layers.at, of->layers.length);
	crypto_hash_sha256_final(&state, digest);
	memcpy(&first, digest, sizeof(first));
	return le64toh(first);
}

unsigned
revision_flags(const struct state *state, bool global)
{
	bool retain = state->config.policy_validation_failure_mode == RETAIN_LAST_VALID;

	return (global ? REVISION_GLOBAL : 0u) | (retain ? REVISION_RETAIN : 0u);
}

static enum err
setting_add(struct effective *out, struct arena *arena, const struct rows *rows, int row)
{
	struct span key = rows_span(rows, row, 0);
	const char *text =
	    arena_format(arena, SPAN_FORMAT "=" SPAN_FORMAT, SPAN_ARGS(key), SPAN_ARGS(rows_span(rows, row, 1)));

	if (text == NULL)
		return ERR_LIMIT;
	out->settings[out->settings_n++] = span_of_text(text);
	if (!rows_flag(rows, row, 2))
		return OK;
	return arena_span(arena, key, &out->managed[out->managed_n++]);
}

static enum err
layers_read(struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	out->layers = SPAN_NONE;
	if (id_none(sandbox))
		return OK;
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_LAYERS, &args, &rows, why)) != OK)
		return r;
	return arena_span(arena, rows_span(&rows, 0, 0), &out->layers);
}

enum err
settings_effective(struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	out->settings_n = out->managed_n = 0;
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_SETTINGS, &args, &rows, why)) != OK)
		return r;
	if (rows.n > SETTINGS_MAX)
		return fail(why, ERR_LIMIT, "%d settings are in force, at most %d", rows.n, SETTINGS_MAX);
	out->settings = arena_array(arena, (size_t)rows.n + 1, sizeof(*out->settings));
	out->managed = arena_array(arena, (size_t)rows.n + 1, sizeof(*out->managed));
	r = out->settings == NULL || out->managed == NULL ? ERR_LIMIT : OK;
	for (int i = 0; i < rows.n && r == OK; i++)
		r = setting_add(out, arena, &rows, i);
	if (r != OK)
		return fail(why, ERR_LIMIT, "the settings are too long");
	return layers_read(state, sandbox, arena, out, why);
}

bool
effective_derives(const struct effective *of)
{
	bool managed = false, on = false;

	for (size_t i = 0; i < of->managed_n; i++)
		managed |= span_is(of->managed[i], "providers_v2_enabled");
	for (size_t i = 0; i < of->settings_n; i++)
		on |= span_is(of->settings[i], "providers_v2_enabled=true");
	return managed && on && of->global_version == 0;
}

/* What providers add to the policy, and which endpoints are theirs. Where they do not go together, nothing. */
static enum err
layered(struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why)
{
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct planned planned;
	struct policy_form form;
	enum err r;

	if ((r = plan_make(state, sandbox, out->policy, effective_derives(out), arena, &planned, why)) == OK &&
	    (r = policy_compose(
		 planned.question.policy, planned.plan.layers, planned.plan.layers_count, arena, &policy, why)) == OK)
		r = policy_form(policy, arena, &form, why);
	if (r == OK && form.bytes.length > POLICY_BYTES_MAX)
		r = fail(why, ERR_LIMIT, "the policy with what providers add has %zu bytes, at most %u",
		    form.bytes.length, POLICY_BYTES_MAX);
	if (r == ERR_UNAVAILABLE)
		return r;
	if (r != OK) {
		log_warning("policy.layers", "sandbox=%s why=%s", id_text(sandbox), log_quote(span_of_text(why->text)));
		return OK;
	}
	out->policy = form.bytes;
	return arena_span(arena, span_of_bytes(form.hash, sizeof(form.hash)), &out->hash);
}

static enum err
policy_read(const struct rows *rows, int column, struct arena *arena, struct effective *out)
{
	out->version = (uint32_t)rows_number(rows, 0, column + 1);
	if (arena_span(arena, rows_span(rows, 0, column), &out->policy) != OK)
		return ERR_LIMIT;
	return arena_span(arena, rows_span(rows, 0, column + 2), &out->hash);
}

static enum err
box_read(const struct rows *rows, struct arena *arena, struct effective *out)
{
	out->tty = rows_flag(rows, 0, 4);
	out->resource_version = rows_number(rows, 0, 5);
	out->settings_revision = rows_number(rows, 0, 6);
	out->global_version = (uint32_t)rows_number(rows, 0, 10);
	if (arena_span(arena, rows_span(rows, 0, 0), &out->workspace) != OK ||
	    arena_span(arena, rows_span(rows, 0, 1), &out->name) != OK ||
	    (out->command = rows_texts(rows, 0, 2, arena, &out->command_n)) == NULL ||
	    (out->environment = rows_texts(rows, 0, 3, arena, &out->environment_n)) == NULL)
		return ERR_LIMIT;
	return policy_read(rows, 7, arena, out);
}

static enum err
gateway_read(const struct rows *rows, struct arena *arena, struct effective *out)
{
	enum err r = policy_read(rows, 0, arena, out);

	out->global_version = out->version;
	out->settings_revision = rows_number(rows, 0, 3);
	return r;
}

enum err
effective_stored(struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why)
{
	bool gateway = id_none(sandbox);
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*out = (struct effective){0};
	args_id(&args, sandbox);
	if ((r = db_run(&state->db, gateway ? SQL_EFFECTIVE_GATEWAY : SQL_EFFECTIVE, gateway ? NULL : &args, &rows,
		 why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	if ((gateway ? gateway_read(&rows, arena, out) : box_read(&rows, arena, out)) != OK)
		return fail(why, ERR_LIMIT, "the configuration is too long for an answer");
	if ((r = settings_effective(state, sandbox, arena, out, why)) != OK)
		return r;
	out->retain = state->config.policy_validation_failure_mode == RETAIN_LAST_VALID;
	out->revision = config_revision(revision_flags(state, out->global_version != 0), out->version, out->hash, out);
	return OK;
}

enum err
effective_read(struct state *state, struct id sandbox, struct arena *arena, struct effective *out, struct why *why)
{
	enum err r = effective_stored(state, sandbox, arena, out, why);

	return r != OK || out->layers.length == 0 ? r : layered(state, sandbox, arena, out, why);
}

enum err
effective_revision(struct state *state, struct id sandbox, uint64_t *out, struct why *why)
{
	auto_arena struct arena arena = {0};
	struct effective effective;
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	args_id(&args, sandbox);
	if ((r = db_run(&state->db, SQL_EFFECTIVE_KEY, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	if ((r = settings_effective(state, sandbox, &arena, &effective, why)) != OK)
		return r;
	*out = config_revision(revision_flags(state, rows_flag(&rows, 0, 2)), (uint32_t)rows_number(&rows, 0, 0),
	    rows_span(&rows, 0, 1), &effective);
	return OK;
}

enum err
sandbox_named(
    struct state *state, struct id id, struct span workspace, struct span name, struct id *out, struct why *why)
{
	struct args args = {0};
	auto_rows rows = {0};
	enum err r;

	*out = id;
	if (!id_none(id) || name.length == 0)
		return OK;
	args_text(&args, workspace);
	args_text(&args, name);
	if ((r = db_run(&state->db, SQL_SANDBOX_ID, &args, &rows, why)) != OK)
		return r;
	if (rows.n == 0)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	*out = rows_id(&rows, 0, 0);
	return OK;
}

static void
config_fill(struct msg_config *to, const struct effective *from, struct id sandbox)
{
	*to = (struct msg_config){
	    .workspace = from->workspace,
	    .policy = from->policy,
	    .version = from->version,
	    .hash = from->hash,
	    .config_revision = from->revision,
	    .settings = from->settings,
	    .settings_n = from->settings_n,
	    .sandbox = sandbox,
	    .global_version = from->global_version,
	    .managed = from->managed,
	    .managed_n = from->managed_n,
	    .settings_revision = from->settings_revision,
	    .resource_version = from->resource_version,
	    .retain = from->retain,
	};
}

/*
 * The policy and settings in force for a sandbox, or the gateway's own.
 *
 * in      config_get, from api
 * out     config
 * errors  ERR_NOT_FOUND
 */
enum err
config_get(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	const struct msg_config_get *in = &m->config_get;
	struct effective effective;
	struct id sandbox;
	enum err r;

	if ((r = state_serving(self, why)) != OK ||
	    (r = sandbox_named(self, in->sandbox, in->workspace, in->name, &sandbox, why)) != OK ||
	    (r = effective_read(self, sandbox, m->arena, &effective, why)) != OK)
		return r;
	answer->id = CONFIG;
	config_fill(&answer->config, &effective, sandbox);
	return OK;
}
