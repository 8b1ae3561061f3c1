/* spec: the limits of a sandbox's specification, and what of it the rest of the house wants to know. */
#include <math.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/provider/type.h"
#include "common/wire/protobuf.h"
#include "services/api/candidate.h"
#include "services/api/check.h"

#define TEMPLATE_TEXT_BYTES   1024
#define TEMPLATE_STRUCT_BYTES 65536
#define LOG_LEVEL_BYTES	      32
#define MAIN_ARGUMENTS_MAX    256

static enum err
check_text(const char *field, const char *text, size_t bytes_max, struct why *why)
{
	size_t length = text == NULL ? 0 : strlen(text);

	if (length > bytes_max)
		return fail(why, ERR_INVALID, "%s has %zu bytes, at most %zu are allowed", field, length, bytes_max);
	return OK;
}

static enum err
check_struct(const char *field, const Google__Protobuf__Struct *value, struct why *why)
{
	size_t length = value == NULL ? 0 : google__protobuf__struct__get_packed_size(value);

	if (length > TEMPLATE_STRUCT_BYTES)
		return fail(why, ERR_INVALID, "%s has %zu bytes encoded, at most %d are allowed", field, length,
		    TEMPLATE_STRUCT_BYTES);
	return OK;
}

/* A quantity: text, or a number as JSON has it. */
static enum err
quantity(const char *field, const Google__Protobuf__Value *value, char to[32], struct span *out, struct why *why)
{
	struct text t = {to, 0, 32, false};

	to[0] = '\0';
	if (value != NULL && value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE) {
		*out = span_of_text(value->string_value);
		return OK;
	}
	if (value == NULL || value->kind_case != GOOGLE__PROTOBUF__VALUE__KIND_NUMBER_VALUE ||
	    !(value->number_value >= 0 && value->number_value < 9e15))
		return fail(why, ERR_INVALID, "%s must be a text like 500m or 1Gi, or a number", field);
	if (value->number_value == floor(value->number_value))
		text_add(&t, "%.0f", value->number_value);
	else
		text_add(&t, "%.3f", value->number_value);
	*out = text_span(&t);
	return OK;
}

/* {"cpu": ..., "memory": ...} */
static enum err
check_amounts(
    const char *field, const Google__Protobuf__Value *value, uint32_t *milli, uint64_t *bytes, struct why *why)
{
	const Google__Protobuf__Struct *amounts;
	enum err r = OK;

	if (value == NULL || value->kind_case != GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE)
		return fail(why, ERR_INVALID, "%s must be a map of cpu and memory", field);
	amounts = value->struct_value;
	for (size_t i = 0; i < amounts->n_fields && r == OK; i++) {
		struct span key = span_of_text(amounts->fields[i]->key), text;
		char name[80], number[32];
		struct text t = TEXT_OF(name);

		text_add(&t, "%s.", field);
		text_add_span(&t, span_head(key, 16));
		if (!span_is(key, "cpu") && !span_is(key, "memory"))
			r = fail(why, ERR_INVALID, "%s: only cpu and memory are known, not %s", field, log_quote(key));
		else if ((r = quantity(name, amounts->fields[i]->value, number, &text, why)) == OK)
			r = span_is(key, "cpu") ? check_cpu(name, text, milli, why)
						: check_memory(name, text, bytes, why);
	}
	return r;
}

static enum err
check_resources(const Google__Protobuf__Struct *resources, struct wanted *out, struct why *why)
{
	uint32_t milli; /* what is requested at least has no use on one machine; it is checked all the same */
	uint64_t bytes;
	enum err r = OK;

	for (size_t i = 0; resources != NULL && i < resources->n_fields && r == OK; i++) {
		struct span key = span_of_text(resources->fields[i]->key);
		const Google__Protobuf__Value *value = resources->fields[i]->value;

		if (span_is(key, "limits"))
			r = check_amounts(
			    "spec.template.resources.limits", value, &out->cpu_milli, &out->memory_bytes, why);
		else if (span_is(key, "requests"))
			r = check_amounts("spec.template.resources.requests", value, &milli, &bytes, why);
		else
			r = fail(why, ERR_INVALID,
			    "spec.template.resources: only limits and requests are known, not %s", log_quote(key));
	}
	return r;
}

static enum err
check_template(struct arena *arena, const Openshell__V1__SandboxTemplate *template, struct wanted *out, struct why *why)
{
	struct pair *pairs;
	size_t n;
	enum err r;

	if ((r = check_text("spec.template.image", template->image, TEMPLATE_TEXT_BYTES, why)) != OK ||
	    (r = check_text(
		 "spec.template.runtime_class_name", template->runtime_class_name, TEMPLATE_TEXT_BYTES, why)) != OK ||
	    (r = check_text("spec.template.agent_socket", template->agent_socket, TEMPLATE_TEXT_BYTES, why)) != OK ||
	    (r = check_struct("spec.template.resources", template->resources, why)) != OK ||
	    (r = check_struct("spec.template.driver_config", template->driver_config, why)) != OK)
		return r;
	if ((r = pairs_of(arena, template->labels, template->n_labels, &pairs, &n, why)) != OK)
		return because(why, r, "spec.template.labels");
	if ((r = check_labels("spec.template.labels", pairs, n, why)) != OK)
		return r;
	if ((r = pairs_of(arena, template->annotations, template->n_annotations, &pairs, &n, why)) != OK)
		return because(why, r, "spec.template.annotations");
	if ((r = check_annotations("spec.template.annotations", pairs, n, why)) != OK)
		return r;
	if (template->driver_config != NULL && template->driver_config->n_fields > 0)
		return fail(why, ERR_STATE, "spec.template.driver_config: no driver of this gateway takes settings");
	out->image = span_of_text(template->image);
	return check_resources(template->resources, out, why);
}

/* The template's variables, and over them the spec's. */
static enum err
check_variables_of(struct arena *arena, const Openshell__V1__SandboxSpec *spec, struct wanted *out, struct why *why)
{
	const Openshell__V1__SandboxTemplate *template = spec->template_;
	size_t below = template == NULL ? 0 : template->n_environment, n = below + spec->n_environment;
	const void **entries;
	struct pair *pairs;
	enum err r;

	if (below > CHECK_PAIRS_MAX || spec->n_environment > CHECK_PAIRS_MAX || n > CHECK_PAIRS_MAX)
		return fail(why, ERR_INVALID,
		    "spec.environment: has %zu entries with the template's, at most %d are "
		    "allowed",
		    n, CHECK_PAIRS_MAX);
	if ((entries = arena_array(arena, n, sizeof(*entries))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < n; i++)
		entries[i] = i < below ? (const void *)template->environment[i] : spec->environment[i - below];
	if ((r = pairs_read(arena, entries, n, &pairs, &out->environment_n, why)) != OK ||
	    (r = check_environment("spec.environment", pairs, out->environment_n, CHECK_MAIN, why)) != OK)
		return r;
	return pairs_texts(arena, pairs, out->environment_n, &out->environment, why);
}

static enum err
check_policy(
    struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *policy, struct wanted *out, struct why *why)
{
	enum err r;

	if (policy == NULL)
		return OK;
	if ((r = candidate_whole(arena, policy, NULL, false, &out->policy, why)) != OK)
		return because(why, r, "spec.policy");
	return OK;
}

/* What the API knows and this gateway has not yet. */
static enum err
check_absent(const Openshell__V1__SandboxSpec *spec, struct why *why)
{
	const Openshell__V1__ResourceRequirements *needs = spec->resource_requirements;

	if (needs != NULL && needs->gpu != NULL && needs->gpu->has_count && needs->gpu->count == 0)
		return fail(
		    why, ERR_INVALID, "spec.resource_requirements.gpu.count: 0 is not within 1 to %u", UINT32_MAX);
	if (needs != NULL && needs->gpu != NULL)
		return fail(why, ERR_STATE, "spec.resource_requirements.gpu: no driver of this gateway has GPUs");
	return OK;
}

/* Each once, in the order of the first. */
static enum err
check_providers(struct arena *arena, const Openshell__V1__SandboxSpec *spec, struct wanted *out, struct why *why)
{
	if (spec->n_providers > PROVIDER_ATTACHED_MAX)
		return fail(why, ERR_INVALID, "spec.providers has %zu entries, at most %d are allowed",
		    spec->n_providers, PROVIDER_ATTACHED_MAX);
	if ((out->providers = arena_array(arena, spec->n_providers + 1, sizeof(*out->providers))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < spec->n_providers; i++) {
		struct span name = span_of_text(spec->providers[i]);
		struct why ignored;
		size_t same = 0;

		if (provider_name_check(name, &ignored) != OK)
			return fail(why, ERR_STATE, "provider '%s' not found", log_quote(span_head(name, 64)));
		while (same < out->providers_n && !span_equal(out->providers[same], name))
			same++;
		out->providers[same] = name;
		out->providers_n += same == out->providers_n;
	}
	return OK;
}

enum err
check_spec(struct arena *arena, const Openshell__V1__SandboxSpec *spec, struct wanted *out, struct why *why)
{
	struct wanted wanted = {.command_n = spec->n_command};
	enum err r;

	if ((r = check_text("spec.log_level", spec->log_level, LOG_LEVEL_BYTES, why)) != OK ||
	    (r = check_command("spec.command", spec->command, spec->n_command, MAIN_ARGUMENTS_MAX, why)) != OK ||
	    (r = check_absent(spec, why)) != OK || (r = check_providers(arena, spec, &wanted, why)) != OK ||
	    (r = check_variables_of(arena, spec, &wanted, why)) != OK ||
	    (r = check_policy(arena, spec->policy, &wanted, why)) != OK)
		return r;
	if (spec->template_ != NULL && (r = check_template(arena, spec->template_, &wanted, why)) != OK)
		return r;
	if ((wanted.command = arena_array(arena, wanted.command_n, sizeof(*wanted.command))) == NULL)
		return fail(why, ERR_LIMIT, "the request needs too much memory");
	for (size_t i = 0; i < wanted.command_n; i++)
		wanted.command[i] = span_of_text(spec->command[i]);
	*out = wanted;
	return OK;
}
