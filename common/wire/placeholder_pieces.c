/* Heads, targets and texts cut into pieces around their placeholders. */
#include "common/wire/placeholder_inside.h"

#include "common/wire/base64.h"

#define SCHEME_BYTES 64 /* of "Scheme placeholder" */

enum err
placeholder_piece_add(struct placeholder_pieces *pieces, struct placeholder_piece piece, struct why *why)
{
	if (piece.literal.length == 0 && piece.token.length == 0)
		return OK;
	if (pieces->n == pieces->max)
		return fail(why, ERR_LIMIT, "more than %zu pieces around placeholders", pieces->max);
	pieces->at[pieces->n++] = piece;
	pieces->slots += piece.token.length > 0;
	return OK;
}

enum err
placeholder_slot_add(struct placeholder_pieces *pieces, const struct placeholder *found, enum placeholder_place place,
    const struct placeholder_tokens *tokens, struct why *why)
{
	if (found->cut || !placeholder_key(found->token))
		return fail(why, ERR_SYNTAX, "a malformed placeholder");
	if (!tokens->known(tokens->self, found->token))
		return fail(why, ERR_NOT_FOUND, "a placeholder that stands for nothing here");
	return placeholder_piece_add(pieces, (struct placeholder_piece){.token = found->token, .place = place}, why);
}

enum err
placeholder_within(struct span text, enum placeholder_place place, enum placeholder_place around,
    const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces, struct why *why)
{
	struct placeholder found;
	size_t at = 0;
	enum err r;

	while (placeholder_find(text, at, &found)) {
		struct span before = span_head(span_tail(text, at), found.at - at);

		if ((r = placeholder_piece_add(
			 pieces, (struct placeholder_piece){.literal = before, .place = around}, why)) != OK ||
		    (r = placeholder_slot_add(pieces, &found, place, tokens, why)) != OK)
			return r;
		at = found.at + found.length;
	}
	return placeholder_piece_add(
	    pieces, (struct placeholder_piece){.literal = span_tail(text, at), .place = around}, why);
}

/* ---- heads ---- */

/* The one word that all of a value is, or its second. */
static enum err
word_take(
    struct span value, const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces, struct why *why)
{
	struct span scheme = SPAN_NONE, word = value;
	struct placeholder found;
	size_t at;
	enum err r;

	if (span_find(value, ' ', &at) && at <= SCHEME_BYTES) {
		while (at < value.length && value.at[at] == ' ')
			at++;
		scheme = span_head(value, at);
		word = span_tail(value, at);
	}
	if (placeholder_marked(scheme) || !placeholder_find(word, 0, &found) || found.at != 0 ||
	    found.length != word.length)
		return fail(why, ERR_SYNTAX, "a placeholder that is neither the whole value nor behind a scheme");
	if ((r = placeholder_piece_add(pieces, (struct placeholder_piece){.literal = scheme}, why)) != OK)
		return r;
	return placeholder_slot_add(pieces, &found, PLACEHOLDER_HEADER, tokens, why);
}

/* "Basic " in any case of letters, and what it means. */
static bool
basic_decode(struct span value, struct arena *arena, struct span *scheme, struct span *out)
{
	static const char word[] = "basic ";
	size_t at = 0;
	struct why why;
	char *to;

	for (; at < sizeof(word) - 1; at++)
		if (at >= value.length || (value.at[at] | 0x20) != (word[at] | 0x20))
			return false;
	while (at < value.length && value.at[at] == ' ')
		at++;
	*scheme = span_head(value, at);
	value = span_tail(value, at);
	return (to = arena_alloc(arena, value.length + 1)) != NULL && base64_read(value, to, out, &why) == OK;
}

enum err
placeholder_header(struct span value, const struct placeholder_tokens *tokens, struct arena *arena,
    struct placeholder_pieces *pieces, struct why *why)
{
	struct span scheme, inside;
	bool marked = placeholder_marked(value);
	enum err r;

	pieces->n = pieces->slots = 0;
	if (marked)
		return word_take(value, tokens, pieces, why);
	if (!basic_decode(value, arena, &scheme, &inside) || !placeholder_marked(inside))
		return OK;
	if ((r = placeholder_piece_add(pieces, (struct placeholder_piece){.literal = scheme}, why)) != OK ||
	    (r = placeholder_within(inside, PLACEHOLDER_BASIC, PLACEHOLDER_BASIC, tokens, pieces, why)) != OK)
		return r;
	return pieces->slots > 0 ? OK : fail(why, ERR_SYNTAX, "an encoded placeholder within Basic");
}

/* ---- targets ---- */

enum err
placeholder_path(
    struct span path, const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces, struct why *why)
{
	enum err r;

	pieces->n = pieces->slots = 0;
	if (!placeholder_marked(path))
		return OK;
	if ((r = placeholder_within(path, PLACEHOLDER_PATH, PLACEHOLDER_LITERAL, tokens, pieces, why)) != OK)
		return r;
	return pieces->slots > 0 ? OK : fail(why, ERR_SYNTAX, "an encoded placeholder in the path");
}

/* Percent-decoded once; empty where there is no room. */
static struct span
decode(struct span text, struct arena *arena)
{
	char *to = arena_alloc(arena, text.length + 1);
	size_t n = 0;

	if (to == NULL)
		return SPAN_NONE;
	for (size_t i = 0; i < text.length; i++, n++) {
		int high = text.length - i > 2 && text.at[i] == '%' ? hex_digit(text.at[i + 1]) : -1;
		int low = high < 0 ? -1 : hex_digit(text.at[i + 2]);

		to[n] = low < 0 ? text.at[i] : (char)(high << 4 | low);
		i += low < 0 ? 0 : 2;
	}
	return span_of_bytes(to, n);
}

/* A value that holds a mark: as it stands, with what is around it; or all of it encoded. */
static enum err
value_take(struct span value, enum placeholder_place place, const struct placeholder_tokens *tokens,
    struct arena *arena, struct placeholder_pieces *pieces, struct why *why)
{
	struct placeholder found;
	struct span text;
	size_t at = pieces->n;
	enum err r;

	if (!placeholder_find(value, 0, &found)) {
		text = decode(value, arena);
		if (!placeholder_find(text, 0, &found) || found.at != 0 || found.length != text.length)
			return fail(why, ERR_SYNTAX, "an encoded placeholder that is not all of a value");
		return placeholder_slot_add(pieces, &found, place, tokens, why);
	}
	if ((r = placeholder_within(value, place, PLACEHOLDER_LITERAL, tokens, pieces, why)) != OK)
		return r;
	for (; at < pieces->n; at++)
		if (placeholder_marked(pieces->at[at].literal))
			return fail(why, ERR_SYNTAX, "a placeholder that is encoded in part");
	return OK;
}

static enum err
pair_take(struct span pair, enum placeholder_place place, const struct placeholder_tokens *tokens, struct arena *arena,
    struct placeholder_pieces *pieces, struct why *why)
{
	struct span value = pair, name = span_cut(&value, '=');
	size_t behind = pair.length > name.length ? name.length + 1 : name.length;
	enum err r;

	if (placeholder_marked(name))
		return fail(why, ERR_SYNTAX, "a placeholder in the name of a parameter");
	if (!placeholder_marked(value))
		return placeholder_piece_add(pieces, (struct placeholder_piece){.literal = pair}, why);
	if ((r = placeholder_piece_add(pieces, (struct placeholder_piece){.literal = span_head(pair, behind)}, why)) !=
	    OK)
		return r;
	return value_take(value, place, tokens, arena, pieces, why);
}

enum err
placeholder_query(struct span query, enum placeholder_place place, const struct placeholder_tokens *tokens,
    struct arena *arena, struct placeholder_pieces *pieces, struct why *why)
{
	struct span rest = query, plain = query;
	enum err r;

	pieces->n = pieces->slots = 0;
	if (!placeholder_marked(query))
		return OK;
	while (rest.length > 0) {
		const char *begin = rest.at;
		struct span pair = span_cut(&rest, '&');

		if (!placeholder_marked(pair))
			continue; /* goes with what is before and behind it */
		plain.length = (size_t)(begin - plain.at);
		if ((r = placeholder_piece_add(pieces, (struct placeholder_piece){.literal = plain}, why)) != OK ||
		    (r = pair_take(pair, place, tokens, arena, pieces, why)) != OK)
			return r;
		plain = span_tail(query, (size_t)(pair.at + pair.length - query.at));
	}
	if ((r = placeholder_piece_add(pieces, (struct placeholder_piece){.literal = plain}, why)) != OK)
		return r;
	return pieces->slots > 0 ? OK : fail(why, ERR_SYNTAX, "an encoded placeholder across parameters");
}
