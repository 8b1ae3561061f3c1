/* Copies: each span and list of a message into an arena. */
#include "sandbox/proxy/copy.h"

static enum err
copy_texts(struct arena *arena, const struct span *from, size_t n, struct span **out)
{
	struct span *texts = n == 0 ? NULL : arena_array(arena, n, sizeof(*texts));
	enum err r = n > 0 && texts == NULL ? ERR_LIMIT : OK;

	for (size_t i = 0; r == OK && i < n; i++)
		r = arena_span(arena, from[i], &texts[i]);
	*out = texts;
	return r;
}

enum err
copy_connection_judged(
    struct arena *arena, const struct msg_connection_judged *from, struct msg_connection_judged *out, struct why *why)
{
	enum err r;

	*out = *from;
	if ((r = arena_span(arena, from->code, &out->code)) != OK ||
	    (r = arena_span(arena, from->reason, &out->reason)) != OK ||
	    (r = arena_span(arena, from->policy, &out->policy)) != OK ||
	    (r = arena_span(arena, from->binary, &out->binary)) != OK ||
	    (r = copy_texts(arena, from->allowed_ips, from->allowed_ips_n, &out->allowed_ips)) != OK)
		return fail(why, r, "the decision is too long");
	/* Ancestors are for events alone: what does not fit is left out. */
	while (copy_texts(arena, from->ancestors, out->ancestors_n, &out->ancestors) != OK)
		out->ancestors_n = 0;
	return OK;
}

static enum err
copy_operation(struct arena *arena, const struct msg_graphql_operation *from, struct msg_graphql_operation *out)
{
	enum err r;

	*out = *from;
	if ((r = arena_span(arena, from->name, &out->name)) != OK ||
	    (r = arena_span(arena, from->hash, &out->hash)) != OK ||
	    (r = arena_span(arena, from->persisted_id, &out->persisted_id)) != OK)
		return r;
	return copy_texts(arena, from->fields, from->fields_n, &out->fields);
}

static enum err
copy_call(struct arena *arena, const struct msg_rpc_call *from, struct msg_rpc_call *out)
{
	enum err r;

	*out = *from;
	if ((r = arena_span(arena, from->method, &out->method)) != OK)
		return r;
	return arena_span(arena, from->tool, &out->tool);
}

static enum err
copy_body(struct arena *arena, const struct msg_question *from, struct msg_question *out)
{
	enum err r = OK;

	out->operations = arena_array(arena, from->operations_n + 1, sizeof(*out->operations));
	out->calls = arena_array(arena, from->calls_n + 1, sizeof(*out->calls));
	if (out->operations == NULL || out->calls == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; r == OK && i < from->operations_n; i++)
		r = copy_operation(arena, &from->operations[i], &out->operations[i]);
	for (size_t i = 0; r == OK && i < from->calls_n; i++)
		r = copy_call(arena, &from->calls[i], &out->calls[i]);
	return r;
}

enum err
copy_question(struct arena *arena, const struct msg_question *from, struct msg_question *out)
{
	enum err r;

	*out = *from;
	if ((r = arena_span(arena, from->method, &out->method)) != OK ||
	    (r = arena_span(arena, from->path, &out->path)) != OK ||
	    (r = arena_span(arena, from->query, &out->query)) != OK ||
	    (r = arena_span(arena, from->refusal, &out->refusal)) != OK ||
	    (r = copy_texts(arena, from->overrides, from->overrides_n, &out->overrides)) != OK)
		return r;
	if (from->operations_n == 0 && from->calls_n == 0)
		return OK;
	return copy_body(arena, from, out);
}
