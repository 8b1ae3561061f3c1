/* Placeholders found: the mark, its token, and how far both go. */
#include "common/wire/placeholder.h"

#define FIRST_WORD 9 /* bytes of a mark before its first ':' or '-' */

static bool
is_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* What an alias is made of. */
static bool
is_word(char c)
{
	return is_key(c) || c == '.' || c == '~' || c == '-';
}

bool
placeholder_key(struct span text)
{
	if (text.length == 0 || text.length > PLACEHOLDER_TOKEN_BYTES || (text.at[0] >= '0' && text.at[0] <= '9'))
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (!is_key(text.at[i]))
			return false;
	return true;
}

/* Every field of every request is looked through: by the rarest of its letters, which stands behind the first word. */
static bool
find_mark(struct span text, size_t from, const char *mark, size_t *at)
{
	const char *end = text.at + text.length, *next, *joint;

	if (text.length < PLACEHOLDER_MARK_BYTES || from > text.length - PLACEHOLDER_MARK_BYTES)
		return false;
	for (next = text.at + from + FIRST_WORD; (joint = memchr(next, mark[FIRST_WORD], (size_t)(end - next))) != NULL;
	     next = joint + 1) {
		if ((size_t)(end - joint) < PLACEHOLDER_MARK_BYTES - FIRST_WORD)
			return false;
		if (memcmp(joint - FIRST_WORD, mark, PLACEHOLDER_MARK_BYTES) == 0) {
			*at = (size_t)(joint - FIRST_WORD - text.at);
			return true;
		}
	}
	return false;
}

bool
placeholder_find(struct span text, size_t from, struct placeholder *out)
{
	size_t plain = text.length, alias = text.length, end;
	bool any = find_mark(text, from, PLACEHOLDER_MARK, &plain);

	any |= find_mark(span_head(text, plain), from, PLACEHOLDER_ALIAS, &alias);
	if (!any)
		return false;
	*out = (struct placeholder){.alias = alias < plain, .at = alias < plain ? alias : plain};
	end = out->at + PLACEHOLDER_MARK_BYTES;
	while (end < text.length && is_key(text.at[end]))
		end++;
	out->token =
	    span_head(span_tail(text, out->at + PLACEHOLDER_MARK_BYTES), end - out->at - PLACEHOLDER_MARK_BYTES);
	out->cut = out->alias && end < text.length && is_word(text.at[end]);
	while (out->alias && out->at > from && is_word(text.at[out->at - 1]))
		out->at--;
	out->length = end - out->at;
	return true;
}

/* The byte that stands at *at, percent-decoded; moves behind it. */
static char
decoded(struct span text, size_t *at)
{
	size_t i = *at;
	int high, low;

	*at = i + 1;
	if (text.at[i] != '%' || text.length - i < 3 || (high = hex_digit(text.at[i + 1])) < 0 ||
	    (low = hex_digit(text.at[i + 2])) < 0)
		return text.at[i];
	*at = i + 3;
	return (char)(high << 4 | low);
}

static bool
stands_decoded(struct span text, size_t at, const char *mark)
{
	for (size_t i = 0; i < PLACEHOLDER_MARK_BYTES; i++)
		if (at >= text.length || decoded(text, &at) != mark[i])
			return false;
	return true;
}

bool
placeholder_marked(struct span text)
{
	struct placeholder found;
	size_t at;

	if (text.length < PLACEHOLDER_MARK_BYTES)
		return false;
	if (placeholder_find(text, 0, &found))
		return true;
	if (!span_find(text, '%', &at))
		return false;
	for (size_t i = 0; i < text.length; i++)
		if (stands_decoded(text, i, PLACEHOLDER_MARK) || stands_decoded(text, i, PLACEHOLDER_ALIAS))
			return true;
	return false;
}

void
placeholder_show(const struct placeholder_pieces *pieces, struct text *to)
{
	for (size_t i = 0; i < pieces->n; i++)
		text_add_span(to, pieces->at[i].token.length > 0 ? SPAN(PLACEHOLDER_SHOWN) : pieces->at[i].literal);
}

/* ---- streams ---- */

/* Is there a known token? One that the text's end may have cut counts only with the last bytes. */
static bool
holds(struct span text, bool last, const struct placeholder_tokens *tokens)
{
	struct placeholder found;

	/* on from behind the mark: what is no token may be the next one's beginning */
	for (size_t at = 0; placeholder_find(text, at, &found); at = found.at + found.length - found.token.length)
		if ((last || found.at + found.length < text.length) && placeholder_key(found.token) &&
		    tokens->known(tokens->self, found.token))
			return true;
	return false;
}

/* What is kept: the end of all that came. */
static void
tail_keep(struct placeholder_tail *tail, struct span bytes)
{
	size_t most = sizeof(tail->bytes), keep;

	if (bytes.length >= most) {
		memcpy(tail->bytes, bytes.at + bytes.length - most, most);
		tail->n = most;
		return;
	}
	keep = tail->n < most - bytes.length ? tail->n : most - bytes.length;
	memmove(tail->bytes, tail->bytes + tail->n - keep, keep);
	memcpy(tail->bytes + keep, bytes.at, bytes.length);
	tail->n = keep + bytes.length;
}

bool
placeholder_passes(struct placeholder_tail *tail, struct span bytes, bool last, const struct placeholder_tokens *tokens)
{
	char joint[2 * sizeof(tail->bytes)];
	struct span head = span_head(bytes, sizeof(tail->bytes));
	bool whole = head.length == bytes.length;

	memcpy(joint, tail->bytes, tail->n);
	if (head.length > 0)
		memcpy(joint + tail->n, head.at, head.length);
	if (holds(span_of_bytes(joint, tail->n + head.length), last && whole, tokens) ||
	    (!whole && holds(bytes, last, tokens)))
		return false;
	if (bytes.length > 0)
		tail_keep(tail, bytes);
	return true;
}
