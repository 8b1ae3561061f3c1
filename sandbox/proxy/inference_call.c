/* Model calls: tables of what is known, and the few ways in which backends differ. */
#include "sandbox/proxy/inference_call.h"

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/http_target.h"
#include "common/wire/json_edit.h"

#define PATH_MAX_BYTES 1024

static const struct inference_api apis[] = {
    {"POST", "/v1/chat/completions", "openai_chat_completions", true, true, false},
    {"POST", "/v1/completions", "openai_completions", true, true, false},
    {"POST", "/v1/responses", "openai_responses", true, true, false},
    {"POST", "/v1/messages", "anthropic_messages", true, true, false},
    {"POST", "/v1/embeddings", "openai_embeddings", false, true, false},
    {"GET", "/v1/models", "model_discovery", false, false, false},
    {"GET", "/v1/models/**", "model_discovery", false, false, false},
    {"POST", "/model/*/invoke", "aws_bedrock_invoke", false, true, true},
};

static bool
path_is(struct span path, const char *pattern)
{
	struct span rest = span_of_text(pattern), head = span_cut(&rest, '*');

	if (head.length == strlen(pattern))
		return span_is(path, pattern);
	if (!span_starts(path, head))
		return false;
	path = span_tail(path, head.length);
	if (span_is(rest, "*")) /* whatever is below */
		return path.length > 0;
	return span_cut(&path, '/').length > 0 && span_equal(path, span_tail(rest, 1));
}

const struct inference_api *
inference_api(struct span method, struct span path)
{
	for (size_t i = 0; i < COUNT(apis); i++)
		if (http_same(method, span_of_text(apis[i].method)) && path_is(path, apis[i].path))
			return &apis[i];
	return NULL;
}

bool
inference_speaks(const struct msg_inference_backend *backend, const char *route, const char *protocol)
{
	if (!span_is(backend->route, route))
		return false;
	for (size_t i = 0; i < backend->protocols_n; i++)
		if (span_is(backend->protocols[i], protocol))
			return true;
	return false;
}

/* ---- the path ---- */

/* Vertex: a stream of raw predictions has a name of its own. */
static void
override_add(struct text *text, struct span path, bool stream)
{
	struct span raw = SPAN(":rawPredict");

	if (!stream || path.length < raw.length || !span_equal(span_tail(path, path.length - raw.length), raw)) {
		text_add_span(text, path);
		return;
	}
	text_add_span(text, span_head(path, path.length - raw.length));
	text_add(text, ":streamRawPredict");
}

enum err
inference_path(const struct msg_inference_backend *backend, const struct inference_api *api, struct span path,
    bool stream, struct arena *arena, struct span *out, struct why *why)
{
	char bytes[PATH_MAX_BYTES + 1];
	struct text text = TEXT_OF(bytes);

	if (backend->path_override.length > 0) {
		override_add(&text, backend->path_override, stream);
	} else if (api->path_model && backend->model.length > 0) {
		text_add_span(&text, backend->base_path);
		text_add(&text, "/model/");
		text_add_span(&text, backend->model);
		text_add(&text, "/invoke");
	} else {
		text_add_span(&text, backend->base_path);
		text_add_span(&text, http_behind_base(backend->base_path, path));
	}
	if (text.cut || arena_span(arena, text_span(&text), out) != OK)
		return fail(why, ERR_LIMIT, "the path is over %d bytes", PATH_MAX_BYTES);
	return OK;
}

/* ---- the body ---- */

bool
inference_streams(const struct inference_api *api, struct json body)
{
	return api->streaming && json_get(body, "stream").kind == JSON_KIND_TRUE;
}

/* The publisher's own raw form of a Claude model. */
static bool
is_raw_vertex(const struct msg_inference_backend *backend)
{
	struct span raw = SPAN(":rawPredict"), path = backend->path_override;

	return path.length >= raw.length && span_equal(span_tail(path, path.length - raw.length), raw);
}

/* OpenAI's streams tell their tokens only when asked to. */
static bool
wants_usage(const struct inference_api *api, struct json body)
{
	bool openai =
	    strcmp(api->protocol, "openai_chat_completions") == 0 || strcmp(api->protocol, "openai_completions") == 0;

	return openai && inference_streams(api, body) && json_get(body, "stream_options").kind == JSON_KIND_NONE;
}

static size_t
edits_of(const struct msg_inference_backend *backend, const struct inference_api *api, struct json body,
    struct span model, struct json_edit edits[3])
{
	if (is_raw_vertex(backend)) {
		edits[0] = (struct json_edit){"model", SPAN_NONE};
		edits[1] = (struct json_edit){"context_management", SPAN_NONE};
		edits[2] = (struct json_edit){"anthropic_version", SPAN("\"vertex-2023-10-16\"")};
		return 3;
	}
	edits[0] = (struct json_edit){"model", model};
	if (!wants_usage(api, body))
		return 1;
	edits[1] = (struct json_edit){"stream_options", SPAN("{\"include_usage\":true}")};
	return 2;
}

enum err
inference_body(const struct msg_inference_backend *backend, const struct inference_api *api, struct json body,
    struct arena *arena, struct span *out, struct why *why)
{
	char quoted[2048];
	struct text model = TEXT_OF(quoted);
	struct json_edit edits[3];
	size_t n;
	char *to;

	if (body.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_INVALID, "the body is %s, not a JSON object", json_kind_name(body.kind));
	if (api->path_model || backend->model.length == 0) { /* Bedrock: as it is */
		*out = body.text;
		return OK;
	}
	json_string_write(&model, backend->model);
	n = edits_of(backend, api, body, text_span(&model), edits);
	if (model.cut || (to = arena_alloc(arena, json_edit_room(body, edits, n))) == NULL)
		return fail(why, ERR_LIMIT, "the body is too large");
	return json_edit(body, edits, n, to, out, why);
}

/* ---- the fields ---- */

/* Which of the agent's fields a kind of provider gets besides the common ones; and what it is told by default. */
static const struct {
	const char *provider, *name, *otherwise;
} passed[] = {
    {NULL, "accept", NULL},
    {NULL, "user-agent", NULL},
    {"openai", "openai-organization", NULL},
    {"openai", "x-model-id", NULL},
    {"nvidia", "x-model-id", NULL},
    {"deepinfra", "x-model-id", NULL},
    {"anthropic", "anthropic-version", "2023-06-01"},
    {"anthropic", "anthropic-beta", NULL},
};

static bool
field_write(
    struct msg_route_field *field, const char *name, struct arena *arena, struct msg_piece first, struct msg_piece then)
{
	size_t n = then.literal.length + then.slot.length > 0 ? 2 : 1;

	if ((field->value = arena_array(arena, 2, sizeof(*field->value))) == NULL)
		return false;
	field->name = span_of_text(name);
	field->value_n = n;
	field->value[0] = first;
	if (n == 2)
		field->value[1] = then;
	return true;
}

static struct span
value_of(const struct http_head *request, const char *name, const char *otherwise)
{
	const struct http_field *field = http_find_text(request, name);

	return field != NULL ? field->value : span_of_text(otherwise);
}

/*
 * What the body is was read here: another word for it, a form's or another charset's, and the server could read another
 * model in it than we have written.
 */
static bool
type_write(struct arena *arena, struct msg_route_field *field)
{
	return field_write(field, "content-type", arena, (struct msg_piece){.literal = SPAN("application/json")},
	    (struct msg_piece){0});
}

static bool
key_write(const struct msg_inference_backend *backend, struct arena *arena, struct msg_route_field *field)
{
	struct msg_piece key = {.slot = backend->slot, .place = 1}, bearer = {.literal = SPAN("Bearer ")};

	if (backend->auth == 1)
		return field_write(field, "authorization", arena, bearer, key);
	return field_write(field, "x-api-key", arena, key, (struct msg_piece){0});
}

size_t
inference_fields(const struct msg_inference_backend *backend, const struct inference_api *api,
    const struct http_head *request, struct arena *arena, struct msg_route_field out[INFERENCE_FIELDS_MAX])
{
	size_t n = 0;

	if (api->body && !type_write(arena, &out[n++]))
		return 0;
	for (size_t i = 0; i < COUNT(passed) && n + 1 < INFERENCE_FIELDS_MAX; i++) {
		struct span value = value_of(request, passed[i].name, passed[i].otherwise);

		if (value.length == 0 ||
		    (passed[i].provider != NULL && !span_is(backend->provider, passed[i].provider)))
			continue;
		if (!field_write(
			&out[n++], passed[i].name, arena, (struct msg_piece){.literal = value}, (struct msg_piece){0}))
			return 0;
	}
	if (backend->auth != 0 && !key_write(backend, arena, &out[n++]))
		return 0;
	return n;
}
