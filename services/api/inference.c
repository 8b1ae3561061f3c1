/* inference: where inference.local leads for a workspace: several providers and models stand with commas in the public fields. */
#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "openshell/inference.pb-c.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/methods.h"

#define WORKSPACE_DEFAULT "default"
#define ROUTE_DEFAULT	  "inference.local"
#define ROUTE_SYSTEM	  "sandbox-system"
#define BACKENDS_MAX	  16
#define PROVIDER_BYTES	  253
#define MODEL_BYTES	  256
#define TIMEOUT_MAX_S	  3600
#define VERIFY_MS	  120000 /* sixteen models, one after the other */

static enum err
route_name(const char *name, struct span *out, struct why *why)
{
	*out = name == NULL || name[0] == '\0' ? SPAN(ROUTE_DEFAULT) : span_of_text(name);
	if (span_is(*out, ROUTE_DEFAULT) || span_is(*out, ROUTE_SYSTEM))
		return OK;
	return fail(why, ERR_INVALID, "route_name: '%s' is no route; there are " ROUTE_DEFAULT " and " ROUTE_SYSTEM,
	    log_quote(span_head(*out, 64)));
}

static enum err
workspace_name(const char *name, struct span *out, struct why *why)
{
	*out = name == NULL || name[0] == '\0' ? SPAN(WORKSPACE_DEFAULT) : span_of_text(name);
	return check_name("workspace", *out, why);
}

/* "a,b" into its parts; none of them empty. */
static enum err
list_read(
    const char *field, const char *text, size_t bytes_max, struct span out[BACKENDS_MAX], size_t *n, struct why *why)
{
	struct span rest = span_of_text(text);

	*n = 0;
	if (rest.length == 0)
		return fail(why, ERR_INVALID, "%s is required", field);
	for (bool more = true; more;) {
		size_t comma;

		more = span_find(rest, ',', &comma);
		if (*n == BACKENDS_MAX)
			return fail(why, ERR_INVALID, "%s: over %d entries", field, BACKENDS_MAX);
		out[*n] = span_cut(&rest, ',');
		if (out[*n].length == 0 || out[*n].length > bytes_max || !span_utf8(out[*n]))
			return fail(why, ERR_INVALID, "%s: entry %zu has %zu bytes, 1 to %zu are allowed", field,
			    *n + 1, out[*n].length, bytes_max);
		(*n)++;
	}
	return OK;
}

static enum err
put_read(const Openshell__Inference__V1__SetInferenceRouteRequest *in, struct span lists[2][BACKENDS_MAX],
    struct msg_inference_put *out, struct why *why)
{
	enum err r;

	out->providers = lists[0];
	out->models = lists[1];
	if ((r = route_name(in->route_name, &out->route, why)) != OK ||
	    (r = workspace_name(in->workspace, &out->workspace, why)) != OK ||
	    (r = list_read("provider_name", in->provider_name, PROVIDER_BYTES, lists[0], &out->providers_n, why)) !=
		OK ||
	    (r = list_read("model_id", in->model_id, MODEL_BYTES, lists[1], &out->models_n, why)) != OK)
		return r;
	if (out->providers_n != out->models_n)
		return fail(why, ERR_INVALID, "model_id: %zu models for %zu providers; give one for each",
		    out->models_n, out->providers_n);
	if (in->timeout_secs > TIMEOUT_MAX_S)
		return fail(why, ERR_INVALID, "timeout_secs: %llu is over %d", (unsigned long long)in->timeout_secs,
		    TIMEOUT_MAX_S);
	out->timeout_s = (uint32_t)in->timeout_secs;
	out->verify = !(in->has_no_verify && in->no_verify);
	return OK;
}

/* ---- what is answered ---- */

static enum err
joined(struct arena *arena, const struct span *list, size_t n, char **out)
{
	size_t length = 0;
	char *at;

	for (size_t i = 0; i < n; i++)
		length += list[i].length + 1;
	if ((*out = at = arena_alloc(arena, length + 1)) == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ',';
		memcpy(at, list[i].at, list[i].length);
		at += list[i].length;
	}
	return OK;
}

/* What all answers tell of a route. */
struct shown {
	char *provider, *model, *route, *workspace;
};

static enum err
show(struct arena *arena, const struct msg_inference_route *row, struct shown *out, struct why *why)
{
	if (joined(arena, row->providers, row->providers_n, &out->provider) != OK ||
	    joined(arena, row->models, row->models_n, &out->model) != OK ||
	    (out->route = arena_text(arena, row->route)) == NULL ||
	    (out->workspace = arena_text(arena, row->workspace)) == NULL)
		return fail(why, ERR_LIMIT, "the answer is too large");
	return OK;
}

static enum err
show_places(struct arena *arena, const struct msg_inference_route *row,
    Openshell__Inference__V1__SetInferenceRouteResponse *out, struct why *why)
{
	out->validated_endpoints = arena_array(arena, row->places_n + 1, sizeof(*out->validated_endpoints));
	for (size_t i = 0; out->validated_endpoints != NULL && i < row->places_n; i++) {
		Openshell__Inference__V1__ValidatedEndpoint *place = arena_alloc(arena, sizeof(*place));

		if (place == NULL)
			break;
		openshell__inference__v1__validated_endpoint__init(place);
		place->url = arena_text(arena, row->places[i].url);
		place->protocol = arena_text(arena, row->places[i].protocol);
		out->validated_endpoints[out->n_validated_endpoints++] = place;
	}
	return out->n_validated_endpoints == row->places_n ? OK : fail(why, ERR_LIMIT, "the answer is too large");
}

static void
put_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__Inference__V1__SetInferenceRouteResponse out =
	    OPENSHELL__INFERENCE__V1__SET_INFERENCE_ROUTE_RESPONSE__INIT;
	const struct msg_inference_route *row = &answer->inference_route;
	auto_arena struct arena arena = {0};
	struct shown shown;

	if (r != OK || (r = show(&arena, row, &shown, why)) != OK || (r = show_places(&arena, row, &out, why)) != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.provider_name = shown.provider;
	out.model_id = shown.model;
	out.route_name = shown.route;
	out.workspace = shown.workspace;
	out.has_version = out.has_validation_performed = out.has_timeout_secs = true;
	out.version = row->version;
	out.validation_performed = row->verified;
	out.timeout_secs = row->timeout_s;
	ask_send(ask, &out.base);
}

/* SetInferenceRoute. */
void
inference_route_set(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__Inference__V1__SetInferenceRouteRequest *in =
	    (const Openshell__Inference__V1__SetInferenceRouteRequest *)message;
	struct msg question = {.id = INFERENCE_PUT};
	struct span lists[2][BACKENDS_MAX];
	struct why why = {0};
	struct ask *ask;
	enum err r;

	if ((r = put_read(in, lists, &question.inference_put, &why)) != OK) {
		call_fail(call, r, &why);
		return;
	}
	question.inference_put.subject = methods_subject(self, call);
	if ((ask = ask_new(self, call, message, 0)) == NULL)
		return;
	ask->patience_ms = VERIFY_MS;
	ask_put(ask, ROLE_STATE, &question, INFERENCE_ROUTE, put_answered);
}

/* ---- get ---- */

static void
get_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__Inference__V1__GetInferenceRouteResponse out =
	    OPENSHELL__INFERENCE__V1__GET_INFERENCE_ROUTE_RESPONSE__INIT;
	const struct msg_inference_route *row = &answer->inference_route;
	auto_arena struct arena arena = {0};
	struct shown shown;

	if (r != OK || (r = show(&arena, row, &shown, why)) != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.provider_name = shown.provider;
	out.model_id = shown.model;
	out.route_name = shown.route;
	out.workspace = shown.workspace;
	out.has_version = out.has_timeout_secs = true;
	out.version = row->version;
	out.timeout_secs = row->timeout_s;
	ask_send(ask, &out.base);
}

/* GetInferenceRoute. */
void
inference_route_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__Inference__V1__GetInferenceRouteRequest *in =
	    (const Openshell__Inference__V1__GetInferenceRouteRequest *)message;
	struct msg question = {.id = INFERENCE_GET};
	struct msg_inference_get *m = &question.inference_get;
	struct why why = {0};
	struct ask *ask;
	enum err r;

	if ((r = route_name(in->route_name, &m->route, &why)) != OK ||
	    (r = workspace_name(in->workspace, &m->workspace, &why)) != OK)
		call_fail(call, r, &why);
	else if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, INFERENCE_ROUTE, get_answered);
}

/* ---- delete ---- */

static void
delete_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__Inference__V1__DeleteInferenceRouteResponse out =
	    OPENSHELL__INFERENCE__V1__DELETE_INFERENCE_ROUTE_RESPONSE__INIT;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_deleted = true;
	out.deleted = answer->inference_deleted.deleted;
	ask_send(ask, &out.base);
}

/* DeleteInferenceRoute. */
void
inference_route_delete(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__Inference__V1__DeleteInferenceRouteRequest *in =
	    (const Openshell__Inference__V1__DeleteInferenceRouteRequest *)message;
	struct msg question = {.id = INFERENCE_DELETE};
	struct msg_inference_delete *m = &question.inference_delete;
	struct why why = {0};
	struct ask *ask;
	enum err r;

	m->subject = methods_subject(self, call);
	if ((r = route_name(in->route_name, &m->route, &why)) != OK ||
	    (r = workspace_name(in->workspace, &m->workspace, &why)) != OK)
		call_fail(call, r, &why);
	else if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, INFERENCE_DELETED, delete_answered);
}
