/* Sandboxes as the command line shows and finds them. */
#include "clients/cli/sandbox.h"

#include <string.h>

#include "common/base/clean.h"

const char *
phase_name(int phase)
{
	static const char *const names[] = {
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_PROVISIONING] = "Provisioning",
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY] = "Ready",
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR] = "Error",
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_DELETING] = "Deleting",
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPING] = "Stopping",
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPED] = "Stopped",
	    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STARTING] = "Starting",
	};

	return phase >= 0 && phase < (int)COUNT(names) && names[phase] != NULL ? names[phase] : "Unknown";
}

int
sandbox_phase(const Openshell__V1__Sandbox *sandbox)
{
	return sandbox == NULL || sandbox->status == NULL ? 0 : (int)sandbox->status->phase;
}

#define PAIRS_JSON(object, entries, count)                                                                             \
	for (size_t pair_ = 0; pair_ < (count); pair_++) {                                                             \
		json_t *key_ = json_text((entries)[pair_]->key);                                                       \
                                                                                                                       \
		json_object_set_new(object, json_string_value(key_), json_text((entries)[pair_]->value));              \
		json_decref(key_);                                                                                     \
	}

json_t *
sandbox_json(const Openshell__V1__Sandbox *sandbox)
{
	static const Openshell__Datamodel__V1__ObjectMeta none = OPENSHELL__DATAMODEL__V1__OBJECT_META__INIT;
	const Openshell__Datamodel__V1__ObjectMeta *meta = sandbox->metadata == NULL ? &none : sandbox->metadata;
	json_t *json = json_object(), *labels = json_object(), *annotations = json_object();
	char time[TIME_BYTES];

	PAIRS_JSON(labels, meta->labels, meta->n_labels);
	PAIRS_JSON(annotations, meta->annotations, meta->n_annotations);
	json_object_set_new(json, "id", json_text(meta->id));
	json_object_set_new(json, "name", json_text(meta->name));
	json_object_set_new(json, "workspace", json_text(meta->workspace));
	json_object_set_new(json, "labels", labels);
	json_object_set_new(json, "annotations", annotations);
	json_object_set_new(json, "resource_version", json_integer((json_int_t)meta->resource_version));
	json_object_set_new(json, "created_at", json_text(time_text(meta->created_at_ms, time)));
	json_object_set_new(json, "phase", json_text(phase_name(sandbox_phase(sandbox))));
	json_object_set_new(json, "current_policy_version",
	    json_integer(sandbox->status == NULL ? 0 : sandbox->status->current_policy_version));
	return json;
}

bool
condition_true(const Openshell__V1__SandboxCondition *condition)
{
	return condition->status != NULL && strcmp(condition->status, "True") == 0;
}

bool
condition_wall(const Openshell__V1__SandboxCondition *condition)
{
	return condition->type != NULL && span_starts(span_of_text(condition->type), SPAN(WALL_PREFIX));
}

const char *
sandbox_trouble(struct arena *arena, const Openshell__V1__Sandbox *sandbox)
{
	for (size_t i = 0; sandbox->status != NULL && i < sandbox->status->n_conditions; i++) {
		const Openshell__V1__SandboxCondition *condition = sandbox->status->conditions[i];

		if (condition->type == NULL || strcmp(condition->type, "Ready") != 0 || condition_true(condition))
			continue;
		if (condition->message == NULL || condition->message[0] == '\0')
			return shown(arena, condition->reason);
		return arena_format(arena, "%s: %s", shown(arena, condition->reason), shown(arena, condition->message));
	}
	return NULL;
}

enum err
sandbox_choose(struct cli *cli, const char *name, char **out, struct why *why)
{
	if (name == NULL) {
		if (last_sandbox_load(&cli->places, cli->gateway.name, cli_workspace(cli), &cli->arena, &name, NULL) !=
		    OK)
			return cli_usage(cli, why,
			    "which sandbox? None was used yet with gateway %s; name one, or see "
			    "`openshell sandbox list`",
			    cli->gateway.name);
		cli_note(cli, "Using sandbox %s (used last)", shown(&cli->arena, name));
	}
	if ((*out = arena_text(&cli->arena, span_of_text(name))) == NULL)
		return fail(why, ERR_LIMIT, "the command line is too long");
	return OK;
}

enum err
sandbox_fetch(struct cli *cli, char *name, Openshell__V1__SandboxResponse **out, struct why *why)
{
	Openshell__V1__GetSandboxRequest request = OPENSHELL__V1__GET_SANDBOX_REQUEST__INIT;
	enum err r;

	request.name = name;
	request.workspace = cli_workspace(cli);
	if ((r = call_GetSandbox(&cli->connection, &request, out, why)) != OK)
		return because(why, r, "sandbox %s", name);
	if ((*out)->sandbox != NULL && (*out)->sandbox->metadata != NULL && (*out)->sandbox->metadata->id != NULL)
		return OK;
	call_free(*out);
	*out = NULL;
	return fail(why, ERR_PROTOCOL, "the gateway's answer about sandbox %s has no id", name);
}

enum err
sandbox_ready(struct cli *cli, const Openshell__V1__Sandbox *sandbox, const char *name, struct why *why)
{
	const char *trouble;
	int phase = sandbox_phase(sandbox);

	if (phase == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY)
		return OK;
	if (phase == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPED)
		return fail(why, ERR_STATE,
		    "sandbox %s: sandbox is not ready: it is in phase Stopped; `openshell sandbox start %s` starts it",
		    name, name);
	trouble = sandbox_trouble(&cli->arena, sandbox);
	return fail(why, ERR_STATE, "sandbox %s: sandbox is not ready: it is in phase %s%s%.300s", name,
	    phase_name(phase), trouble == NULL ? "" : ", ", trouble == NULL ? "" : trouble);
}

void
sandbox_used(struct cli *cli, const char *name)
{
	struct why why = {0};

	if (last_sandbox_store(&cli->places, cli->gateway.name, cli_workspace(cli), name, &why) != OK)
		cli_note(cli, "Warning: cannot remember sandbox %s as the one used last: %s", name, why.text);
}

enum err
sandbox_enter(struct cli *cli, char *name, Openshell__V1__SandboxResponse **out, struct why *why)
{
	enum err r;

	*out = NULL;
	if ((r = cli_connect(cli, why)) != OK || (r = cli_signals(cli, why)) != OK ||
	    (r = sandbox_fetch(cli, name, out, why)) != OK)
		return r;
	if ((r = sandbox_ready(cli, (*out)->sandbox, name, why)) == OK) {
		sandbox_used(cli, name);
		return OK;
	}
	call_free(*out);
	*out = NULL;
	return r;
}
