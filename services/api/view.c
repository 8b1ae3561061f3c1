/* view: from messages of the bus to messages of the public interface. */
#include "services/api/view.h"

#include <time.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/wire/protobuf.h"
#include "services/api/viewing.h"

#define EXIT_CODE_NONE 256

/* RFC 3339 in UTC with milliseconds. */
static char *
time_text(struct arena *arena, uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (wall_ms > 253402300799000 || gmtime_r(&seconds, &tm) == NULL) /* the end of the year 9999 */
		return arena_text(arena, SPAN(""));
	return arena_format(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	    tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(wall_ms % 1000));
}

static char *
id_copy(struct arena *arena, struct id id)
{
	return arena_text(arena, span_of_text(id_text(id)));
}

static Openshell__Datamodel__V1__ObjectMeta *
view_meta(struct arena *arena, const struct msg_sandbox_row *row)
{
	Openshell__Datamodel__V1__ObjectMeta *meta =
	    message_new(arena, Openshell__Datamodel__V1__ObjectMeta, openshell__datamodel__v1__object_meta);

	if (meta == NULL || (meta->id = id_copy(arena, row->sandbox)) == NULL ||
	    (meta->name = arena_text(arena, row->name)) == NULL ||
	    (meta->workspace = arena_text(arena, row->workspace)) == NULL ||
	    (meta->created_time = view_time(arena, row->created_ms)) == NULL ||
	    (meta->labels = map_new(arena, row->labels, row->labels_n,
		 &openshell__datamodel__v1__object_meta__labels_entry__descriptor)) == NULL ||
	    (meta->annotations = map_new(arena, row->annotations, row->annotations_n,
		 &openshell__datamodel__v1__object_meta__annotations_entry__descriptor)) == NULL)
		return NULL;
	meta->n_labels = row->labels_n;
	meta->n_annotations = row->annotations_n;
	meta->has_created_at_ms = meta->has_resource_version = true;
	meta->created_at_ms = (int64_t)row->created_ms;
	meta->resource_version = row->resource_version;
	return meta;
}

static Openshell__V1__SandboxCondition *
view_condition_of(struct arena *arena, const struct msg_condition *condition)
{
	Openshell__V1__SandboxCondition *out =
	    message_new(arena, Openshell__V1__SandboxCondition, openshell__v1__sandbox_condition);

	if (out == NULL || (out->type = arena_text(arena, condition->type)) == NULL ||
	    (out->status = arena_text(arena, condition->status)) == NULL ||
	    (out->reason = arena_text(arena, condition->reason)) == NULL ||
	    (out->message = arena_text(arena, condition->message)) == NULL ||
	    (out->last_transition_time = time_text(arena, condition->since_ms)) == NULL ||
	    (out->transition_time = view_time(arena, condition->since_ms)) == NULL)
		return NULL;
	return out;
}

static Openshell__V1__SandboxStatus *
view_status(struct arena *arena, const struct msg_sandbox_row *row)
{
	Openshell__V1__SandboxStatus *status =
	    message_new(arena, Openshell__V1__SandboxStatus, openshell__v1__sandbox_status);

	if (status == NULL || (status->sandbox_name = arena_text(arena, row->name)) == NULL ||
	    (status->conditions = arena_array(arena, row->conditions_n, sizeof(*status->conditions))) == NULL)
		return NULL;
	for (size_t i = 0; i < row->conditions_n; i++)
		if ((status->conditions[i] = view_condition_of(arena, &row->conditions[i])) == NULL)
			return NULL;
	status->n_conditions = row->conditions_n;
	status->has_phase = status->has_current_policy_version = true;
	status->phase = (Openshell__V1__SandboxPhase)row->phase;
	status->current_policy_version = row->policy_version;
	if (!id_none(row->instance) && (status->main_process_instance_id = id_copy(arena, row->instance)) == NULL)
		return NULL;
	status->has_exit_code = row->exit_code != EXIT_CODE_NONE;
	status->exit_code = status->has_exit_code ? row->exit_code : 0;
	return status;
}

/* What is attached now takes the place of what the spec began with. */
static enum err
view_attached(struct arena *arena, const struct msg_sandbox_row *row, Openshell__V1__SandboxSpec *spec)
{
	if ((spec->providers = arena_array(arena, row->providers_n + 1, sizeof(*spec->providers))) == NULL)
		return ERR_LIMIT;
	spec->n_providers = 0;
	for (size_t i = 0; i < row->providers_n; i++)
		if ((spec->providers[spec->n_providers++] = arena_text(arena, row->providers[i])) == NULL)
			return ERR_LIMIT;
	return OK;
}

enum err
view_sandbox(struct arena *arena, const struct msg_sandbox_row *row, Openshell__V1__Sandbox **out, struct why *why)
{
	Openshell__V1__Sandbox *sandbox = message_new(arena, Openshell__V1__Sandbox, openshell__v1__sandbox);
	ProtobufCMessage *spec;
	enum err r;

	if (sandbox == NULL || (sandbox->metadata = view_meta(arena, row)) == NULL ||
	    (sandbox->status = view_status(arena, row)) == NULL)
		return view_too_large(why);
	if ((r = protobuf_read(&openshell__v1__sandbox_spec__descriptor, row->spec, arena, &spec, why)) != OK)
		return because(why, r == ERR_SYNTAX ? ERR_INTERNAL : r, "sandbox %s", id_text(row->sandbox));
	sandbox->spec = (Openshell__V1__SandboxSpec *)spec;
	if (view_attached(arena, row, sandbox->spec) != OK)
		return view_too_large(why);
	*out = sandbox;
	return OK;
}

enum err
view_log_line(struct arena *arena, const char *sandbox, const struct msg_log_line *line,
    Openshell__V1__SandboxLogLine **out, struct why *why)
{
	Openshell__V1__SandboxLogLine *view =
	    message_new(arena, Openshell__V1__SandboxLogLine, openshell__v1__sandbox_log_line);

	if (view == NULL || (view->sandbox_id = arena_text(arena, span_of_text(sandbox))) == NULL ||
	    (view->level = arena_text(arena, line->level)) == NULL ||
	    (view->target = arena_text(arena, line->target)) == NULL ||
	    (view->message = arena_text(arena, line->message)) == NULL ||
	    (view->source = arena_text(arena, line->source)) == NULL ||
	    (view->fields = map_new(arena, line->fields, line->fields_n,
		 &openshell__v1__sandbox_log_line__fields_entry__descriptor)) == NULL)
		return view_too_large(why);
	view->n_fields = line->fields_n;
	view->has_timestamp_ms = true;
	view->timestamp_ms = (int64_t)line->time_ms;
	view->has_number = line->number > 0;
	view->number = line->number;
	view->has_count = line->count > 0;
	view->count = line->count;
	*out = view;
	return OK;
}

const struct msg_condition *
view_condition(const struct msg_sandbox_row *row, const char *type)
{
	for (size_t i = 0; i < row->conditions_n; i++)
		if (span_is(row->conditions[i].type, type))
			return &row->conditions[i];
	return NULL;
}

/* What each phase tells a progress display; hints is up to three "KEY=value". */
static const struct {
	const char *reason, *message;
	const char *hints[3];
} phases[] = {
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_PROVISIONING] = {"Provisioning", "the sandbox is being made",
	{"openshell.progress.complete_step=requesting_sandbox", "openshell.progress.complete_label=Sandbox requested",
	    "openshell.progress.active_step=starting_sandbox"}},
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY] = {"Ready", "the sandbox is ready",
	{"openshell.progress.complete_step=starting_sandbox", "openshell.progress.complete_label=Sandbox started"}},
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR] = {"Error", "the sandbox has failed", {NULL}},
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_DELETING] = {"Deleting", "the sandbox is being removed", {NULL}},
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPING] = {"Stopping", "the sandbox is being stopped", {NULL}},
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STOPPED] = {"Stopped", "the sandbox is stopped", {NULL}},
    [OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_STARTING] = {"Starting", "the sandbox is being started",
	{"openshell.progress.active_step=starting_sandbox"}},
};

enum err
view_event(struct arena *arena, const struct msg_sandbox_row *row, Openshell__V1__PlatformEvent **out, struct why *why)
{
	const struct msg_condition *ready = view_condition(row, "Ready");
	Openshell__V1__PlatformEvent *event;
	struct span reason, message, hints[4];
	char detail[2200];
	struct text t = TEXT_OF(detail);
	size_t n = 0;

	if (row->phase >= COUNT(phases) || phases[row->phase].reason == NULL)
		return OK;
	reason = ready != NULL && ready->reason.length > 0 ? ready->reason : span_of_text(phases[row->phase].reason);
	message =
	    ready != NULL && ready->message.length > 0 ? ready->message : span_of_text(phases[row->phase].message);
	for (; n < 3 && phases[row->phase].hints[n] != NULL; n++)
		hints[n] = span_of_text(phases[row->phase].hints[n]);
	if (n > 0 && row->phase != OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_READY) {
		text_add(&t, "openshell.progress.active_detail=");
		text_add_span(&t, message);
		hints[n++] = text_span(&t);
	}
	if ((event = message_new(arena, Openshell__V1__PlatformEvent, openshell__v1__platform_event)) == NULL ||
	    (event->reason = arena_text(arena, reason)) == NULL ||
	    (event->message = arena_text(arena, message)) == NULL ||
	    (event->metadata = map_new(arena, hints, n, &openshell__v1__platform_event__metadata_entry__descriptor)) ==
		NULL)
		return view_too_large(why);
	event->n_metadata = n;
	event->source = (char *)"gateway";
	event->type = (char *)(row->phase == OPENSHELL__V1__SANDBOX_PHASE__SANDBOX_PHASE_ERROR ? "Warning" : "Normal");
	event->has_timestamp_ms = true;
	event->timestamp_ms = clock_wall_ms();
	*out = event;
	return OK;
}
