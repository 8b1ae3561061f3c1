/* GraphQL parameters in URLs: cut, decoded, and their names compared closely enough that no server sees another one. */
#include "common/wire/graphql_url.h"

#include <strings.h>

#include "common/base/text.h"

const char *const graphql_part_names[GRAPHQL_PARTS] = {
    "query", "operationName", "variables", "extensions", "id", "documentId", "queryId"};

/* Percent-decoded, "+" for a space (application/x-www-form-urlencoded). */
static enum err
decode(struct span text, struct arena *arena, struct span *out, struct why *why)
{
	char *to = arena_alloc(arena, text.length + 1);
	size_t n = 0;

	if (to == NULL)
		return fail(why, ERR_LIMIT, "a query that needs too much memory");
	for (size_t i = 0; i < text.length; i++, n++) {
		to[n] = text.at[i] == '+' ? ' ' : text.at[i];
		if (text.at[i] != '%')
			continue;
		if (!hex_read(span_head(span_tail(text, i + 1), 2), &to[n], 1))
			return fail(why, ERR_SYNTAX, "a query with an escape that is none");
		i += 2;
	}
	*out = (struct span){to, n};
	return OK;
}

/* As lenient servers read names: without space before, cut at a bracket, a dot or NUL, in any case. */
static bool
is_like(struct span name, const char *part)
{
	size_t n = 0;

	while (name.length > 0 && (unsigned char)name.at[0] <= ' ')
		name = span_tail(name, 1);
	while (n < name.length && strchr("[.", name.at[n]) == NULL)
		n++;
	return n == strlen(part) && strncasecmp(name.at, part, n) == 0;
}

/* Which part a parameter is; GRAPHQL_PARTS: none. ERR_SYNTAX it is almost one. */
static enum err
part_find(struct span name, enum graphql_part *out, struct why *why)
{
	for (size_t i = 0; i < GRAPHQL_PARTS; i++) {
		if (!is_like(name, graphql_part_names[i]))
			continue;
		if (!span_is(name, graphql_part_names[i]))
			return fail(why, ERR_SYNTAX, "a parameter that is almost \"%s\"", graphql_part_names[i]);
		*out = (enum graphql_part)i;
		return OK;
	}
	*out = GRAPHQL_PARTS;
	return OK;
}

static enum err
parameter_read(struct span parameter, struct arena *arena, struct span *parts, bool *seen, struct why *why)
{
	struct span name = SPAN_NONE, value = parameter;
	enum graphql_part part = GRAPHQL_PARTS;
	enum err r;

	if ((r = decode(span_cut(&value, '='), arena, &name, why)) != OK || (r = part_find(name, &part, why)) != OK ||
	    part == GRAPHQL_PARTS)
		return r;
	if (seen[part])
		return fail(why, ERR_SYNTAX, "parameter \"%s\" is there twice", graphql_part_names[part]);
	seen[part] = true;
	if ((r = decode(value, arena, &parts[part], why)) != OK)
		return r;
	return span_utf8(parts[part]) ? OK : fail(why, ERR_SYNTAX, "a parameter that is not UTF-8");
}

enum err
graphql_url_read(struct span query, struct arena *arena, struct span out[GRAPHQL_PARTS], struct why *why)
{
	struct span parts[GRAPHQL_PARTS] = {0};
	bool seen[GRAPHQL_PARTS] = {0};
	size_t at;
	enum err r;

	if (span_find(query, ';', &at))
		return fail(why, ERR_SYNTAX, "a query with a semicolon");
	while (query.length > 0)
		if ((r = parameter_read(span_cut(&query, '&'), arena, parts, seen, why)) != OK)
			return r;
	memcpy(out, parts, sizeof(parts));
	return OK;
}

enum err
graphql_url_none(struct span query, struct arena *arena, struct why *why)
{
	struct span name = SPAN_NONE;
	enum graphql_part part = GRAPHQL_PARTS;
	enum err r;

	while (query.length > 0) {
		struct span parameters = span_cut(&query, '&');

		while (parameters.length > 0) {
			struct span parameter = span_cut(&parameters, ';');

			if ((r = decode(span_cut(&parameter, '='), arena, &name, why)) != OK ||
			    (r = part_find(name, &part, why)) != OK)
				return r;
			if (part != GRAPHQL_PARTS)
				return fail(why, ERR_SYNTAX, "\"%s\" in the query of a POST", graphql_part_names[part]);
		}
	}
	return OK;
}
