/* Bodies that a policy looks into: read by their kind, told to policyd as operations or calls, or why they cannot be. */
#include <stdlib.h>

#include "common/wire/graphql.h"
#include "common/wire/rpc.h"
#include "sandbox/proxy/http.h"

/* What was said to policyd is at most so long. */
#define REFUSAL_WORDS 256

static void
cannot(struct arena *arena, struct msg_question *question, const char *words)
{
	struct span text = span_head(span_of_text(words), REFUSAL_WORDS);

	if (arena_span(arena, text, &question->refusal) != OK)
		question->refusal = SPAN("the body is too large to be judged");
}

/* The bytes are what they seem: no coding but identity. */
static bool
is_identity(const struct exchange *exchange)
{
	const struct http_head *request = &exchange->request;

	for (size_t i = 0; i < request->fields_n; i++)
		if (request->fields[i].known == HTTP_CONTENT_ENCODING &&
		    !http_same(request->fields[i].value, SPAN("identity")))
			return false;
	return true;
}

/* application/json, or a kind of it. */
static bool
is_json(const struct exchange *exchange)
{
	const struct http_field *field = http_find(&exchange->request, HTTP_CONTENT_TYPE);
	struct span type = field == NULL ? SPAN_NONE : field->value;

	type = span_cut(&type, ';');
	while (type.length > 0 && type.at[type.length - 1] == ' ')
		type.length--;
	return http_count(&exchange->request, HTTP_CONTENT_TYPE) == 1 &&
	       (http_same(type, SPAN("application/json")) || http_same(type, SPAN("application/graphql+json")));
}

bool
body_operations(const struct graphql_request *request, struct arena *arena, struct msg_question *question)
{
	struct msg_graphql_operation *list = arena_array(arena, request->operations_n, sizeof(*list));

	if (list == NULL)
		return false;
	for (size_t i = 0; i < request->operations_n; i++) {
		const struct graphql_operation *from = &request->operations[i];

		list[i] = (struct msg_graphql_operation){.type = (uint8_t)from->type,
		    .name = from->name,
		    .fields = (struct span *)(uintptr_t)from->fields,
		    .fields_n = from->fields_n,
		    .hash = from->hash,
		    .persisted_id = from->persisted_id};
	}
	question->operations = list;
	question->operations_n = request->operations_n;
	return true;
}

static enum err
graphql(const struct exchange *exchange, struct arena *arena, struct msg_question *question, struct why *why)
{
	struct graphql_request request = {0};
	struct span body = bytes_span(&exchange->collected);
	bool post = span_is(exchange->request.method, "POST");
	enum err r;

	question->body = 1;
	if (!post && !span_is(exchange->request.method, "GET"))
		return fail(why, ERR_SYNTAX, "GraphQL is GET or POST");
	if (!post && body.length > 0)
		return fail(why, ERR_SYNTAX, "a GET with a body");
	if (post && !is_json(exchange))
		return fail(why, ERR_SYNTAX, "the body is not application/json");
	r = post ? graphql_post(body, exchange->target.query, arena, &request, why)
		 : graphql_get(exchange->target.query, arena, &request, why);
	if (r == OK && !body_operations(&request, arena, question))
		return fail(why, ERR_LIMIT, "too many operations");
	return r;
}

static enum err
rpc(const struct exchange *exchange, struct arena *arena, struct msg_question *question, struct why *why)
{
	enum rpc_dialect dialect = exchange->look == LOOK_RPC ? RPC_PLAIN
				   : exchange->tool_names     ? RPC_MCP_TOOLS
							      : RPC_MCP;
	struct rpc_body body = {0};
	enum err r;

	question->body = 2;
	if ((r = rpc_read(bytes_span(&exchange->collected), dialect, arena, &body, why)) != OK)
		return r;
	if ((question->calls = arena_array(arena, body.calls_n, sizeof(*question->calls))) == NULL)
		return fail(why, ERR_LIMIT, "too many calls");
	question->calls_n = body.calls_n;
	for (size_t i = 0; i < body.calls_n; i++)
		question->calls[i] = (struct msg_rpc_call){.method = body.calls[i].method,
		    .response = body.calls[i].response,
		    .has_tool = body.calls[i].has_tool,
		    .tool = body.calls[i].tool};
	return OK;
}

void
body_question(struct exchange *exchange, struct arena *arena, struct msg_question *question)
{
	struct why why = {0};
	enum err r;

	if (!is_identity(exchange))
		r = fail(&why, ERR_SYNTAX, "the body has a content coding");
	else if (exchange->look == LOOK_GRAPHQL)
		r = graphql(exchange, arena, question, &why);
	else
		r = rpc(exchange, arena, question, &why);
	if (r != OK)
		cannot(arena, question, why.text);
}
