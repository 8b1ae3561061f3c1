/* update: UpdateConfig, which changes one thing: a policy, parts of one, or a setting. State decides who came first. */
#include "services/api/update.h"

#include "common/base/text.h"
#include "common/wire/protobuf.h"
#include "services/api/ask.h"
#include "services/api/candidate.h"
#include "services/api/methods.h"

#define TRIES_MAX   5		/* while others write the same policy */
#define ARENA_BYTES (48u << 20) /* policies unpacked, for each try */

static ask_answered current_came;

/* ---- what comes back ---- */

static void
update_failed(struct ask *ask, enum err r, struct why *why)
{
	if (r == ERR_NOT_FOUND)
		(void)fail(why, r, "sandbox not found");
	ask_fail(ask, r, why);
}

static void
changed_send(struct ask *ask, const struct msg_config_changed *changed)
{
	struct update *update = ask->detail;
	Openshell__V1__UpdateConfigResponse out = OPENSHELL__V1__UPDATE_CONFIG_RESPONSE__INIT;
	char hash[65];

	out.has_version = out.has_settings_revision = out.has_deleted = true;
	out.version = changed->version;
	out.settings_revision = changed->settings_revision;
	out.deleted = changed->removed;
	if (changed->hash.length == 32) {
		hex_write(changed->hash.at, 32, hash);
		out.policy_hash = hash;
	}
	if (update->quoted) { /* entries of both maps are alike */
		out.n_annotations = update->in->n_annotations;
		out.annotations = (Openshell__V1__UpdateConfigResponse__AnnotationsEntry **)update->in->annotations;
	}
	ask_send(ask, &out.base);
}

static void
current_ask(struct ask *ask)
{
	const struct update *update = ask->detail;
	const struct msg question = {
	    .id = CONFIG_GET, .config_get = {.workspace = update->workspace, .name = update->name}};

	ask_put(ask, ROLE_STATE, &question, CONFIG, current_came);
}

static void
changed_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct update *update = ask->detail;

	if (r == OK) {
		log_info("config.update", "what=%s of=" SPAN_FORMAT " version=%u subject=\"%s\"",
		    msg_info(update->question.id)->name, SPAN_ARGS(update->name), answer->config_changed.version,
		    log_quote(methods_subject(ask->work.api, ask->work.call)));
		changed_send(ask, &answer->config_changed);
	} else if (r == ERR_CONFLICT && update->quoted && update->name.length > 0 && ++update->tries < TRIES_MAX) {
		current_ask(ask); /* another came first: once more, from what is there now */
	} else
		update_failed(ask, r, why);
}

/* ---- a policy, from what is in force ---- */

static enum err
current_read(struct arena *arena, const struct update *update, const struct msg_config *config,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why)
{
	uint64_t expected = update->in->expected_resource_version;
	ProtobufCMessage *policy;
	enum err r;

	if (config->global_version != 0)
		return fail(why, ERR_STATE,
		    "policy is managed globally: delete the global policy before one sandbox's is "
		    "changed");
	if (expected != 0 && expected != config->resource_version)
		return fail(why, ERR_CONFLICT, "the sandbox has changed: current resource_version: %lu",
		    (unsigned long)config->resource_version);
	if ((r = protobuf_read(
		 &openshell__sandbox__v1__sandbox_policy__descriptor, config->policy, arena, &policy, why)) != OK)
		return because(why, ERR_INTERNAL, "stored policy");
	*out = (Openshell__Sandbox__V1__SandboxPolicy *)policy;
	return OK;
}

static enum err
candidate(struct arena *arena, struct update *update, const struct msg_config *config, struct why *why)
{
	const Openshell__V1__UpdateConfigRequest *in = update->in;
	struct msg_policy_set *m = &update->question.policy_set;
	Openshell__Sandbox__V1__SandboxPolicy *current = NULL;
	enum err r;

	if ((r = current_read(arena, update, config, &current, why)) != OK)
		return r;
	m->base = config->version;
	if (in->policy != NULL)
		return candidate_whole(arena, in->policy, current, false, &m->policy, why);
	return candidate_merged(arena, current, in->merge_operations, in->n_merge_operations, &m->policy, why);
}

static void
change_put(struct ask *ask, enum err r, struct why *why)
{
	struct update *update = ask->detail;

	if (r == OK && update->question.id == POLICY_SET && update->question.policy_set.policy.length == 0)
		r = fail(why, ERR_INVALID, "policy is empty: version is required");
	if (r != OK)
		update_failed(ask, r, why);
	else
		ask_put(ask, ROLE_STATE, &update->question, CONFIG_CHANGED, changed_came);
}

static void
current_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	struct update *update = ask->detail;
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};

	if (r == OK)
		r = candidate(&arena, update, &answer->config, why);
	change_put(ask, r, why);
}

static void
update_put(struct ask *ask)
{
	struct update *update = ask->detail;
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};
	struct why why = {0};
	enum err r = OK;

	if (update->question.id == POLICY_SET && update->name.length > 0) {
		current_ask(ask);
		return;
	}
	if (update->question.id == POLICY_SET)
		r = candidate_whole(&arena, update->in->policy, NULL, true, &update->question.policy_set.policy, &why);
	change_put(ask, r, &why);
}

/*
 * UpdateConfig: a whole policy, parts of one, or a setting; of a sandbox or of the gateway.
 *
 * errors  INVALID_ARGUMENT not exactly one of them, a policy that may not be, a static section that changes;
 *         FAILED_PRECONDITION managed globally, ambiguous, an operation that does not fit; ABORTED another
 *         resource_version; NOT_FOUND
 */
void
config_update(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	struct ask *ask = ask_new(self, call, message, sizeof(struct update));
	struct update *update;
	struct span subject;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	update = ask->detail;
	update->in = (const Openshell__V1__UpdateConfigRequest *)message;
	if ((r = update_read(rpc_arena(call), update, &why)) != OK) {
		update_failed(ask, r, &why);
		return;
	}
	subject = span_head(methods_subject(self, call), 253);
	if (update->question.id == POLICY_SET)
		update->question.policy_set.subject = subject;
	else if (update->question.id == POLICY_CLEAR)
		update->question.policy_clear.subject = subject;
	else
		update->question.setting_set.subject = subject;
	update_put(ask);
}
