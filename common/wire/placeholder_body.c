/* Bodies cut into pieces around their placeholders: text as it stands, JSON in strings that are values. */
#include "common/wire/json.h"
#include "common/wire/json_letter.h"
#include "common/wire/placeholder_inside.h"

enum err
placeholder_text(
    struct span body, const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces, struct why *why)
{
	struct placeholder found;

	pieces->n = pieces->slots = 0;
	if (!placeholder_find(body, 0, &found))
		return OK;
	return placeholder_within(body, PLACEHOLDER_TEXT, PLACEHOLDER_LITERAL, tokens, pieces, why);
}

/* The next string of a checked text at or behind *at: its inside; *at moves behind it. false: none. */
static bool
string_next(struct span text, size_t *at, struct span *inside)
{
	size_t begin, end;

	if (*at >= text.length || !span_find(span_tail(text, *at), '"', &begin))
		return false;
	begin += *at + 1;
	for (end = begin; end < text.length && text.at[end] != '"'; end++)
		end += text.at[end] == '\\';
	*inside = span_head(span_tail(text, begin), end - begin);
	*at = end + 1;
	return true;
}

/* Is what ends before at the name of a member? */
static bool
is_name(struct span text, size_t at)
{
	while (at < text.length && json_space(text.at[at]))
		at++;
	return at < text.length && text.at[at] == ':';
}

/* Does it say a mark by escapes? */
static enum err
check_escaped(struct span text, size_t end, struct span inside, struct arena *arena, struct why *why)
{
	struct json string = {JSON_KIND_STRING, span_head(span_tail(text, end - inside.length - 2), inside.length + 2)};
	struct placeholder found;
	struct span said;
	size_t at;
	enum err r;

	if (!span_find(inside, '\\', &at))
		return OK;
	if ((r = json_unescape(string, arena, &said, why)) != OK)
		return r;
	return placeholder_find(said, 0, &found) ? fail(why, ERR_SYNTAX, "a placeholder that is written with escapes")
						 : OK;
}

static enum err
string_take(struct span text, size_t end, struct span inside, size_t *from, const struct placeholder_tokens *tokens,
    struct arena *arena, struct placeholder_pieces *pieces, struct why *why)
{
	struct placeholder found;
	struct span before;
	enum err r;

	if (!placeholder_find(inside, 0, &found))
		return check_escaped(text, end, inside, arena, why);
	if (is_name(text, end))
		return fail(why, ERR_SYNTAX, "a placeholder in the name of a member");
	before = span_head(span_tail(text, *from), (size_t)(inside.at - text.at) - *from);
	if ((r = placeholder_piece_add(pieces, (struct placeholder_piece){.literal = before}, why)) != OK ||
	    (r = placeholder_within(inside, PLACEHOLDER_JSON, PLACEHOLDER_LITERAL, tokens, pieces, why)) != OK)
		return r;
	*from = end - 1;
	return OK;
}

enum err
placeholder_json(struct span body, const struct placeholder_tokens *tokens, struct arena *arena,
    struct placeholder_pieces *pieces, struct why *why)
{
	size_t at = 0, from = 0;
	struct placeholder found;
	struct json json;
	struct span inside;
	enum err r;

	pieces->n = pieces->slots = 0;
	if (json_read(body, &json, why) != OK)
		return placeholder_find(body, 0, &found) ? fail(why, ERR_SYNTAX, "a placeholder in what is no JSON")
							 : OK;
	while (string_next(body, &at, &inside))
		if ((r = string_take(body, at, inside, &from, tokens, arena, pieces, why)) != OK)
			return r;
	if (pieces->slots == 0)
		return OK;
	return placeholder_piece_add(pieces, (struct placeholder_piece){.literal = span_tail(body, from)}, why);
}
