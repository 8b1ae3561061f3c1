/* update: UpdateConfig, which changes one thing: a policy, parts of one, or a setting. State decides who came first. */
#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/merge.h"
#include "common/wire/protobuf.h"
#include "services/api/ask.h"
#include "services/api/candidate.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/settings.h"
#include "services/api/view.h"

#define WORKSPACE_DEFAULT     "default"
#define TRIES_MAX	      5 /* while others write the same policy */
#define ANNOTATIONS_BYTES_MAX 12288 /* together: they are kept with each revision */
#define ARENA_BYTES	      (48u << 20) /* policies unpacked, for each try */

/* What an update keeps while state is asked. */
struct update {
	const Openshell__V1__UpdateConfigRequest *in;
	struct span workspace, name; /* both empty: the gateway's */
	struct msg question;	     /* policy_set, policy_clear or setting_set */
	unsigned tries;
	bool quoted; /* the answer is about a policy: with its version and hash */
};

static ask_answered current_came;

/* ---- what is asked ---- */

static enum err
one_thing(const Openshell__V1__UpdateConfigRequest *in, struct why *why)
{
	bool setting = in->setting_key != NULL && in->setting_key[0] != '\0';
	int things = (in->policy != NULL) + setting + (in->n_merge_operations > 0);

	if (things != 1)
		return fail(why, ERR_INVALID, "exactly one of policy, setting_key and merge_operations is required, not %d",
		    things);
	if (!setting && (in->setting_value != NULL || (in->has_delete_setting && in->delete_setting)))
		return fail(why, ERR_INVALID, "setting_key is required with setting_value and delete_setting");
	if (in->n_merge_operations > POLICY_MERGE_MAX)
		return fail(why, ERR_INVALID, "merge_operations has %zu entries, at most %d are allowed",
		    in->n_merge_operations, POLICY_MERGE_MAX);
	return OK;
}

/* Whose: the gateway's, or that of the sandbox of that name. */
static enum err
whose(struct update *update, struct why *why)
{
	const Openshell__V1__UpdateConfigRequest *in = update->in;
	bool global = in->has_global && in->global;
	struct why ignored;

	update->name = span_of_text(in->name);
	if (!global) {
		update->workspace = in->workspace == NULL || in->workspace[0] == '\0' ? SPAN(WORKSPACE_DEFAULT) :
											  span_of_text(in->workspace);
		if (update->name.length == 0)
			return fail(why, ERR_INVALID, "name is required");
		if (check_name("name", update->name, &ignored) != OK ||
		    check_name("workspace", update->workspace, &ignored) != OK)
			return fail(why, ERR_NOT_FOUND, "sandbox not found");
		return OK;
	}
	if (update->name.length > 0)
		return fail(why, ERR_INVALID, "name: must be empty with global");
	if (in->n_merge_operations > 0)
		return fail(why, ERR_INVALID, "merge_operations: the global policy can only be replaced as a whole");
	if (in->expected_resource_version != 0)
		return fail(why, ERR_INVALID, "expected_resource_version: is of a sandbox, and cannot be given with global");
	return OK;
}

static enum err
setting_question(struct update *update, struct msg_setting_set *out, struct why *why)
{
	const Openshell__V1__UpdateConfigRequest *in = update->in;
	const struct setting_key *key;
	enum err r;

	out->workspace = update->workspace;
	out->name = update->name;
	out->expected = in->expected_resource_version;
	out->remove = in->has_delete_setting && in->delete_setting;
	if (strcmp(in->setting_key, SETTING_POLICY) == 0) {
		if (update->name.length > 0 || !out->remove)
			return fail(why, ERR_INVALID, "setting_key: 'policy' is reserved; its deletion with global ends the "
						      "global policy");
		update->question.id = POLICY_CLEAR;
		update->question.policy_clear = (struct msg_policy_clear){SPAN_NONE};
		return OK;
	}
	if ((r = setting_key_find(span_of_text(in->setting_key), &key, why)) != OK)
		return r;
	out->key = span_of_text(key->key);
	if (out->remove && in->setting_value != NULL)
		return fail(why, ERR_INVALID, "setting_value and delete_setting cannot be given together");
	if (!out->remove && in->setting_value == NULL)
		return fail(why, ERR_INVALID, "setting_value is required");
	return out->remove ? OK : setting_value_read(key, in->setting_value, &out->value, why);
}

static enum err
annotations_read(struct arena *arena, const Openshell__V1__UpdateConfigRequest *in, struct msg_policy_set *out,
    struct why *why)
{
	struct pair *pairs;
	size_t bytes = 0;
	enum err r;

	if ((r = pairs_of(arena, in->annotations, in->n_annotations, &pairs, &out->annotations_n, why)) != OK)
		return because(why, r, "annotations");
	if ((r = check_annotations("annotations", pairs, out->annotations_n, why)) != OK ||
	    (r = pairs_texts(arena, pairs, out->annotations_n, &out->annotations, why)) != OK)
		return r;
	for (size_t i = 0; i < out->annotations_n; i++)
		bytes += out->annotations[i].length;
	if (bytes > ANNOTATIONS_BYTES_MAX)
		return fail(why, ERR_INVALID, "annotations: have %zu bytes together, at most %d are allowed", bytes,
		    ANNOTATIONS_BYTES_MAX);
	return OK;
}

static enum err
update_read(struct arena *arena, struct update *update, struct why *why)
{
	const Openshell__V1__UpdateConfigRequest *in = update->in;
	struct msg_policy_set *m = &update->question.policy_set;
	enum err r;

	if ((r = one_thing(in, why)) != OK || (r = whose(update, why)) != OK)
		return r;
	if (in->policy == NULL && in->n_merge_operations == 0) {
		update->question.id = SETTING_SET;
		return setting_question(update, &update->question.setting_set, why);
	}
	update->question.id = POLICY_SET;
	update->quoted = true;
	m->workspace = update->workspace;
	m->name = update->name;
	m->merged = in->n_merge_operations > 0;
	m->expected = in->expected_resource_version;
	return annotations_read(arena, in, m, why);
}

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
	const struct msg question = {.id = CONFIG_GET,
	    .config_get = {.workspace = update->workspace, .name = update->name}};

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
		return fail(why, ERR_STATE, "policy is managed globally: delete the global policy before one sandbox's is "
					    "changed");
	if (expected != 0 && expected != config->resource_version)
		return fail(why, ERR_CONFLICT, "the sandbox has changed: current resource_version: %lu",
		    (unsigned long)config->resource_version);
	if ((r = protobuf_read(&openshell__sandbox__v1__sandbox_policy__descriptor, config->policy, arena, &policy, why)) !=
	    OK)
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
