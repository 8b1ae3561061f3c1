/* The decision about requests: which endpoint they are for, what all matching endpoints say, what that means there. */
#include "common/policy/engine_judging.h"

#include "common/base/clean.h"

#define METHOD_MAX 64
#define SHOWN_MAX  300 /* bytes of a path in a reason */
#define REASON_MAX 500

/* The number of a method; what no rule names has none. */
static uint32_t
method_number(const struct engine *engine, struct span method)
{
	char upper[METHOD_MAX];
	uint32_t found;

	if (method.length > METHOD_MAX)
		return METHOD_UNKNOWN;
	for (size_t i = 0; i < method.length; i++)
		upper[i] = (char)(method.at[i] >= 'a' && method.at[i] <= 'z' ? method.at[i] - 'a' + 'A' : method.at[i]);
	found = names_find(&engine->methods, (struct span){upper, method.length});
	return found == NAMES_NONE ? METHOD_UNKNOWN : METHOD_FIRST + found;
}

static void
method_set(struct judging *j, struct span method)
{
	if (j->request->upgrade && j->selected->protocol == PROTOCOL_WEBSOCKET)
		method = SPAN("GET"); /* also where HTTP/2 calls it CONNECT (RFC 8441) */
	if (j->request->kind == ENGINE_TEXT)
		method = SPAN("WEBSOCKET_TEXT");
	if (j->request->kind == ENGINE_BINARY)
		method = SPAN("WEBSOCKET_BINARY");
	j->method = method_number(j->engine, method);
	j->also = judging_word_is(method, "HEAD") ? method_number(j->engine, SPAN("GET")) : j->method;
}

/* The endpoint whose settings apply (4.3): the only one that inspects, or the most specific whose path agrees. */
static const struct engine_endpoint *
endpoint_select(const struct judging *j, const uint64_t *routes)
{
	const struct engine_endpoint *best = NULL, *last = NULL;
	size_t inspecting = 0;

	for (size_t i = 0; i < j->admission->endpoints_n; i++) {
		const struct engine_endpoint *endpoint = &j->engine->endpoints[j->admission->endpoints[i]];

		if (endpoint->protocol < PROTOCOL_REST)
			continue;
		last = endpoint;
		inspecting++;
		if (endpoint->route != ENGINE_PATH_ANY && !bit_get(routes, endpoint->route))
			continue;
		if (best == NULL || endpoint->specificity >= best->specificity)
			best = endpoint;
	}
	return inspecting == 1 ? last : best;
}

/* By the method that was sent and by each that a header puts in its place (S20): the worst of them. */
static enum err
judge_methods(struct judging *j, struct outcome *out)
{
	struct engine_request request = *j->request;
	struct outcome one;
	enum err r;

	method_set(j, request.method);
	if ((r = judging_protocol(j, out)) != OK)
		return r;
	for (size_t i = 0; i < j->request->overrides_n && request.kind == ENGINE_HTTP; i++) {
		struct judging other = *j;

		request.method = j->request->overrides[i];
		other.request = &request;
		method_set(&other, request.method);
		if ((r = judging_protocol(&other, &one)) != OK)
			return r;
		if (one.kind < out->kind)
			*out = one;
	}
	return OK;
}

static bool
has_nul(struct span text)
{
	return text.length > 0 && memchr(text.at, '\0', text.length) != NULL;
}

/* Texts with NUL would match no pattern, and so escape what denies. */
static bool
texts_sound(const struct engine_request *request)
{
	bool sound = !has_nul(request->method) && !has_nul(request->path);

	for (size_t i = 0; i < request->calls_n; i++)
		sound = sound && !has_nul(request->calls[i].method) && !has_nul(request->calls[i].tool);
	for (size_t i = 0; i < request->operations_n; i++) {
		sound = sound && !has_nul(request->operations[i].name);
		for (size_t k = 0; k < request->operations[i].fields_n; k++)
			sound = sound && !has_nul(request->operations[i].fields[k]);
	}
	return sound;
}

static bool
slash_survives(struct span path)
{
	return path.length > 0 && memmem(path.at, path.length, "%2F", 3) != NULL;
}

static enum err
judge(struct judging *j, struct outcome *out)
{
	const struct engine *engine = j->engine;
	uint64_t *routes = matcher_bits(&engine->routes, j->request->path, j->arena);
	enum err r;

	j->paths = matcher_bits(&engine->paths, j->request->path, j->arena);
	if (routes == NULL || j->paths == NULL)
		return ERR_LIMIT;
	if ((j->selected = endpoint_select(j, routes)) == NULL) {
		*out = outcome_hard("no_path", "no L7 endpoint path matched request");
		return OK;
	}
	*out = outcome_hard("syntax", "request rejected: malformed method, path or query");
	if (!texts_sound(j->request))
		return OK;
	if ((r = engine_query_read(engine, j->request->query, j->arena, &j->query)) != OK)
		return r == ERR_SYNTAX ? OK : r;
	if (!j->selected->encoded_slash && slash_survives(j->request->path)) {
		*out = outcome_hard("encoded_slash", "request rejected: encoded slash in path");
		return OK;
	}
	return judge_methods(j, out);
}

static struct span
reason_of(const struct judging *j, const struct outcome *outcome)
{
	struct span method = j->request->kind == ENGINE_HTTP   ? span_head(j->request->method, METHOD_MAX)
			     : j->request->kind == ENGINE_TEXT ? SPAN("WEBSOCKET_TEXT")
							       : SPAN("WEBSOCKET_BINARY");
	char *text;

	if (outcome->kind >= OUTCOME_READ)
		return SPAN("");
	if (outcome->reason != NULL)
		return engine_words_cut(span_of_text(outcome->reason), REASON_MAX);
	text = arena_format(j->arena, SPAN_FORMAT " " SPAN_FORMAT " %s", SPAN_ARGS(method),
	    SPAN_ARGS(span_head(j->request->path, SHOWN_MAX)),
	    outcome->kind == OUTCOME_DENIED ? "blocked by deny rule" : "not permitted by policy");
	return text == NULL ? SPAN("request denied by policy") : engine_words_cut(span_of_text(text), REASON_MAX);
}

static enum engine_what
what_of(const struct judging *j, enum outcome_kind kind)
{
	if (kind == OUTCOME_ALLOWED)
		return ENGINE_ALLOW;
	if (kind == OUTCOME_READ)
		return ENGINE_READ_BODY;
	return kind == OUTCOME_HARD || j->selected->enforce ? ENGINE_REFUSE : ENGINE_AUDIT;
}

/* What becomes of placeholders, which the proxy asks about with each request that is let through. */
static void
credentials_write(
    const struct engine_endpoint *endpoint, const struct engine_request *request, struct engine_verdict *out)
{
	if (out->what == ENGINE_REFUSE || request->kind != ENGINE_HTTP)
		return;
	out->rewrite_body = endpoint->rewrite_body;
	out->rewrite_messages = endpoint->rewrite_messages && request->upgrade;
	out->signing = endpoint->signing;
	out->sign_service = endpoint->sign_service;
	out->sign_region = endpoint->sign_region;
}

/* Nothing is judged there: of those that matched, the first with something to say (they may not contradict each other). */
static void
unjudged_write(const struct engine *engine, const struct engine_admission *admission,
    const struct engine_request *request, struct engine_verdict *out)
{
	for (size_t i = 0; i < admission->endpoints_n; i++) {
		const struct engine_endpoint *endpoint = &engine->endpoints[admission->endpoints[i]];

		if (endpoint->rewrite_body || endpoint->rewrite_messages || endpoint->signing != ENGINE_SIGN_NOT) {
			credentials_write(endpoint, request, out);
			return;
		}
	}
}

static void
verdict_write(const struct judging *j, const struct outcome *outcome, struct engine_verdict *out)
{
	const struct engine_endpoint *endpoint = j->selected;
	bool upgraded;

	*out = (struct engine_verdict){.what = what_of(j, outcome->kind),
	    .code = outcome->code,
	    .reason = reason_of(j, outcome),
	    .look = outcome->look};
	if (outcome->rule != NULL) {
		out->rule = outcome->rule->words;
		out->policy = j->engine->policies[j->engine->endpoints[outcome->rule->endpoint].policy];
	}
	if (endpoint == NULL)
		return;
	if (outcome->rule == NULL)
		out->policy = j->engine->policies[endpoint->policy];
	out->protocol = span_of_text(engine_protocol_name(endpoint->protocol));
	if (out->what == ENGINE_READ_BODY) {
		out->body_max = endpoint->body_max;
		out->tool_names = endpoint->protocol == PROTOCOL_MCP && endpoint->strict_tools;
	}
	credentials_write(endpoint, j->request, out);
	upgraded = endpoint->protocol == PROTOCOL_WEBSOCKET && j->request->kind == ENGINE_HTTP && j->request->upgrade;
	out->messages = upgraded && out->what != ENGINE_REFUSE;
	out->messages_graphql = out->messages && endpoint->graphql_rules;
}

enum err
engine_request(const struct engine *engine, const struct engine_admission *admission,
    const struct engine_request *request, struct arena *arena, struct engine_verdict *out, struct why *why)
{
	struct judging j = {.engine = engine, .admission = admission, .request = request, .arena = arena};
	struct outcome outcome = outcome_hard("no_endpoint", "request denied by policy");
	enum err r = OK;

	if (admission->allowed && !admission->inspect)
		outcome = (struct outcome){.kind = OUTCOME_ALLOWED, .code = ""};
	else if (admission->allowed)
		r = judge(&j, &outcome);
	if (r != OK)
		return fail(why, r, "a decision needs too much memory");
	verdict_write(&j, &outcome, out);
	if (admission->allowed && !admission->inspect)
		unjudged_write(engine, admission, request, out);
	if (out->policy.length == 0)
		out->policy = admission->policy;
	return OK;
}
