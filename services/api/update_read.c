/* update: exactly one thing is asked for, of the gateway or of one sandbox. */
#include "services/api/update.h"

#include <string.h>

#include "common/policy/merge.h"
#include "services/api/check.h"
#include "services/api/settings.h"

#define WORKSPACE_DEFAULT     "default"
#define ANNOTATIONS_BYTES_MAX 12288 /* together: they are kept with each revision */

static enum err
one_thing(const Openshell__V1__UpdateConfigRequest *in, struct why *why)
{
	bool setting = in->setting_key != NULL && in->setting_key[0] != '\0';
	int things = (in->policy != NULL) + setting + (in->n_merge_operations > 0);

	if (things != 1)
		return fail(why, ERR_INVALID,
		    "exactly one of policy, setting_key and merge_operations is required, not %d", things);
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
		update->workspace = in->workspace == NULL || in->workspace[0] == '\0' ? SPAN(WORKSPACE_DEFAULT)
										      : span_of_text(in->workspace);
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
		return fail(
		    why, ERR_INVALID, "expected_resource_version: is of a sandbox, and cannot be given with global");
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
			return fail(why, ERR_INVALID,
			    "setting_key: 'policy' is reserved; its deletion with global ends the "
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
annotations_read(
    struct arena *arena, const Openshell__V1__UpdateConfigRequest *in, struct msg_policy_set *out, struct why *why)
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

enum err
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
