/* GraphQL requests: their parts out of JSON or a URL, then the one operation that each of them runs. */
#include "common/wire/graphql.h"

#include <strings.h>

#include "common/base/clean.h"
#include "common/wire/digest.h"
#include "common/wire/graphql_document.h"
#include "common/wire/graphql_url.h"
#include "common/wire/json.h"

/* What a request says, wherever it stood. */
struct request {
	struct span text, chosen, hash, id;
};

static bool
absent(struct json value)
{
	return value.kind == JSON_KIND_NONE || value.kind == JSON_KIND_NULL;
}

/* A string, or nothing. */
static enum err
text_read(struct json value, const char *what, struct arena *arena, struct span *out, struct why *why)
{
	enum err r;

	if (absent(value))
		return OK;
	if ((r = json_unescape(value, arena, out, why)) != OK)
		return because(why, r == ERR_INVALID ? ERR_SYNTAX : r, "%s", what);
	return OK;
}

static enum err
object_want(struct json value, const char *what, struct why *why)
{
	if (value.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "\"%s\" is %s", what, json_kind_name(value.kind));
	return OK;
}

/* extensions.persistedQuery.sha256Hash (Apollo's automatic persisted queries). */
static enum err
extensions_read(struct json extensions, struct arena *arena, struct span *hash, struct why *why)
{
	static const char *const outer[] = {"persistedQuery"}, *const inner[] = {"sha256Hash", "version"};
	struct json persisted, parts[2];
	enum err r;

	if (absent(extensions))
		return OK;
	if ((r = object_want(extensions, "extensions", why)) != OK ||
	    (r = json_pick(extensions, outer, 1, &persisted, why)) != OK || absent(persisted))
		return r;
	if ((r = object_want(persisted, "persistedQuery", why)) != OK ||
	    (r = json_pick(persisted, inner, 2, parts, why)) != OK)
		return r;
	if (absent(parts[0]) || (!absent(parts[1]) && !json_whole(parts[1])))
		return fail(why, ERR_SYNTAX, "\"persistedQuery\" without a hash, or with a version that is no number");
	return text_read(parts[0], "sha256Hash", arena, hash, why);
}

static bool
holds_control(struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return true;
	return false;
}

/* At most one id of the three. */
static enum err
id_choose(const struct span ids[3], struct span *out, struct why *why)
{
	struct span found = SPAN_NONE;

	for (size_t i = 0; i < 3; i++) {
		if (ids[i].length > 0 && found.length > 0)
			return fail(why, ERR_SYNTAX, "several of id, documentId and queryId");
		if (ids[i].length > 0)
			found = ids[i];
	}
	*out = found;
	return OK;
}

/* The document is there too: its hash must be its own, else a server that knows the hash would run something else. */
static enum err
document_operation(const struct request *request, struct arena *arena, struct graphql_operation *out, struct why *why)
{
	char hash[DIGEST_SHA256_HEX_BYTES];

	if (request->id.length > 0)
		return fail(why, ERR_SYNTAX, "a document and the id of one at once");
	if (request->hash.length > 0) {
		digest_sha256_hex(request->text, hash);
		if (!span_is(request->hash, hash))
			return fail(why, ERR_SYNTAX, "a hash that is not the document's");
	}
	return graphql_document_read(request->text, request->chosen, arena, out, why);
}

static enum err
persisted_operation(const struct request *request, struct graphql_operation *out, struct why *why)
{
	const struct span texts[] = {request->hash, request->id, request->chosen};

	if (request->hash.length > 0 && request->id.length > 0)
		return fail(why, ERR_SYNTAX, "a hash and an id at once");
	if (request->hash.length == 0 && request->id.length == 0)
		return fail(why, ERR_SYNTAX, "neither a document nor the hash or id of one");
	for (size_t i = 0; i < COUNT(texts); i++)
		if (texts[i].length > GRAPHQL_NAME_BYTES || holds_control(texts[i]))
			return fail(why, ERR_LIMIT,
			    "a hash, id or name of more than %d bytes, or with a control byte in it",
			    GRAPHQL_NAME_BYTES);
	*out = (struct graphql_operation){.name = request->chosen, .hash = request->hash, .persisted_id = request->id};
	return OK;
}

static enum err
operation_read(const struct request *request, struct arena *arena, struct graphql_operation *out, struct why *why)
{
	if (request->text.length > 0)
		return document_operation(request, arena, out, why);
	return persisted_operation(request, out, why);
}

static enum err
object_read(struct json object, struct arena *arena, struct graphql_operation *out, struct why *why)
{
	struct request request = {0};
	struct json parts[GRAPHQL_PARTS];
	struct span ids[3] = {0};
	enum err r;

	if (object.kind != JSON_KIND_OBJECT)
		return fail(why, ERR_SYNTAX, "a request is %s", json_kind_name(object.kind));
	if ((r = json_pick(object, graphql_part_names, GRAPHQL_PARTS, parts, why)) != OK ||
	    (!absent(parts[GRAPHQL_VARIABLES]) &&
		(r = object_want(parts[GRAPHQL_VARIABLES], "variables", why)) != OK) ||
	    (r = text_read(parts[GRAPHQL_TEXT], "query", arena, &request.text, why)) != OK ||
	    (r = text_read(parts[GRAPHQL_CHOSEN], "operationName", arena, &request.chosen, why)) != OK ||
	    (r = extensions_read(parts[GRAPHQL_EXTENSIONS], arena, &request.hash, why)) != OK)
		return r;
	for (size_t i = 0; i < 3; i++)
		if ((r = text_read(parts[GRAPHQL_ID + i], graphql_part_names[GRAPHQL_ID + i], arena, &ids[i], why)) !=
		    OK)
			return r;
	if ((r = id_choose(ids, &request.id, why)) != OK)
		return r;
	return operation_read(&request, arena, out, why);
}

/* One request, or several in an array. */
static enum err
value_read(struct json value, struct arena *arena, struct graphql_request *out, struct why *why)
{
	struct json_walk walk = json_walk(value);
	struct graphql_operation *operations;
	struct json item;
	size_t n = 1, at = 0;
	enum err r = OK;

	if (value.kind == JSON_KIND_ARRAY && (r = json_batch(value, GRAPHQL_OPERATIONS_MAX, &n, why)) != OK)
		return r;
	if ((operations = arena_array(arena, n, sizeof(*operations))) == NULL)
		return fail(why, ERR_LIMIT, "too much memory is needed");
	if (value.kind != JSON_KIND_ARRAY)
		r = object_read(value, arena, operations, why);
	else
		while (r == OK && json_next(&walk, NULL, &item))
			r = object_read(item, arena, &operations[at++], why);
	if (r == OK)
		*out = (struct graphql_request){operations, n};
	return r;
}

enum err
graphql_post(struct span body, struct span query, struct arena *arena, struct graphql_request *out, struct why *why)
{
	struct json root;
	enum err r;

	if ((r = graphql_url_none(query, arena, why)) != OK || (r = json_read(body, &root, why)) != OK)
		return r;
	return value_read(root, arena, out, why);
}

/* A parameter that holds JSON; an empty one is as good as none. */
static enum err
parameter_json(struct span text, const char *what, struct json *out, struct why *why)
{
	enum err r = text.length == 0 ? OK : json_read(text, out, why);

	return r == OK ? OK : because(why, r, "%s", what);
}

enum err
graphql_get(struct span query, struct arena *arena, struct graphql_request *out, struct why *why)
{
	struct graphql_operation *operation = arena_alloc(arena, sizeof(*operation));
	struct json variables = {0}, extensions = {0};
	struct span parts[GRAPHQL_PARTS] = {0};
	struct request request;
	enum err r;

	if (operation == NULL)
		return fail(why, ERR_LIMIT, "too much memory is needed");
	if ((r = graphql_url_read(query, arena, parts, why)) != OK)
		return r;
	request = (struct request){.text = parts[GRAPHQL_TEXT], .chosen = parts[GRAPHQL_CHOSEN]};
	if ((r = parameter_json(parts[GRAPHQL_VARIABLES], "variables", &variables, why)) != OK ||
	    (!absent(variables) && (r = object_want(variables, "variables", why)) != OK) ||
	    (r = parameter_json(parts[GRAPHQL_EXTENSIONS], "extensions", &extensions, why)) != OK ||
	    (r = extensions_read(extensions, arena, &request.hash, why)) != OK ||
	    (r = id_choose(&parts[GRAPHQL_ID], &request.id, why)) != OK ||
	    (r = operation_read(&request, arena, operation, why)) != OK)
		return r;
	*out = (struct graphql_request){operation, 1};
	return OK;
}

/* subscribe and start: an id and the request. */
static enum err
operation_message(
    struct json id, struct json payload, struct arena *arena, struct graphql_message *out, struct why *why)
{
	struct graphql_message message = {0};
	enum err r;

	if (id.kind != JSON_KIND_STRING || json_is(id, ""))
		return fail(why, ERR_SYNTAX, "a message without an id");
	if ((r = object_want(payload, "payload", why)) != OK ||
	    (r = value_read(payload, arena, &message.request, why)) != OK)
		return r;
	*out = message;
	return OK;
}

enum err
graphql_message_read(struct span text, struct arena *arena, struct graphql_message *out, struct why *why)
{
	static const char *const names[] = {"type", "id", "payload"};
	static const char *const controls[] = {
	    "connection_init", "connection_terminate", "ping", "pong", "complete", "stop"};
	struct json root, parts[3];
	enum err r;

	if ((r = json_read(text, &root, why)) != OK || (r = object_want(root, "message", why)) != OK ||
	    (r = json_pick(root, names, 3, parts, why)) != OK)
		return r;
	if (json_is(parts[0], "subscribe") || json_is(parts[0], "start"))
		return operation_message(parts[1], parts[2], arena, out, why);
	for (size_t i = 0; i < COUNT(controls); i++)
		if (json_is(parts[0], controls[i])) {
			*out = (struct graphql_message){.control = true};
			return OK;
		}
	return fail(why, ERR_SYNTAX, "a message of a type that no client sends");
}
