/* The tokens of a pattern, and its braces written out. */
#include "common/policy/braces.h"

static bool
class_end(struct span text, size_t at, size_t *out)
{
	size_t i = at + 1;

	if (i < text.length && (text.at[i] == '!' || text.at[i] == '^'))
		i++;
	if (i < text.length && text.at[i] == ']')
		i++;
	while (i < text.length && text.at[i] != ']')
		i++;
	*out = i + 1 - at;
	return i < text.length;
}

enum err
token_length(struct span text, size_t at, size_t *out, struct why *why)
{
	*out = 1;
	if (text.at[at] == '\\') {
		*out = 2;
		if (text.length - at < 2)
			return fail(why, ERR_INVALID, "nothing follows the last backslash");
	}
	if (text.at[at] == '[' && !class_end(text, at, out))
		return fail(why, ERR_INVALID, "the [ at byte %zu is not closed", at + 1);
	return OK;
}

/* The first braces: where they open and where they close; both the text's length when there are none. */
static enum err
braces_find(struct span text, size_t *open, size_t *close, struct why *why)
{
	size_t depth = 0, length;
	enum err r;

	*open = *close = text.length;
	for (size_t i = 0; i < text.length; i += length) {
		if ((r = token_length(text, i, &length, why)) != OK)
			return r;
		if (text.at[i] == '{' && depth++ == 0)
			*open = i;
		if (text.at[i] == '}' && depth == 0)
			return fail(why, ERR_INVALID, "the } at byte %zu was not opened", i + 1);
		if (text.at[i] == '}' && --depth == 0) {
			*close = i;
			return OK;
		}
	}
	if (depth > 0)
		return fail(why, ERR_INVALID, "the { at byte %zu is not closed", *open + 1);
	return OK;
}

struct expansion {
	struct arena *arena;
	struct span *at;
	uint32_t n;
	struct why *why;
};

static enum err
branch_set(struct expansion *e, uint32_t place, struct span head, struct span middle, struct span tail)
{
	char *copy;

	if (place >= BRACES_BRANCHES_MAX)
		return fail(e->why, ERR_LIMIT, "its braces stand for more than %d patterns", BRACES_BRANCHES_MAX);
	copy = arena_format(
	    e->arena, SPAN_FORMAT SPAN_FORMAT SPAN_FORMAT, SPAN_ARGS(head), SPAN_ARGS(middle), SPAN_ARGS(tail));
	if (copy == NULL)
		return fail(e->why, ERR_LIMIT, "the pattern needs too much memory");
	e->at[place] = (struct span){copy, head.length + middle.length + tail.length};
	return OK;
}

/* The next alternative of what is between braces; false after the last one. */
static bool
alternative_next(struct span inner, size_t *at, struct span *out)
{
	size_t start = *at, depth = 0, length;

	if (start > inner.length)
		return false;
	for (size_t i = start; i < inner.length; i += length) {
		if (token_length(inner, i, &length, NULL) != OK)
			return false;
		depth += (size_t)(inner.at[i] == '{') - (size_t)(inner.at[i] == '}');
		if (inner.at[i] == ',' && depth == 0) {
			*out = (struct span){inner.at + start, i - start};
			*at = i + 1;
			return true;
		}
	}
	*out = (struct span){inner.at + start, inner.length - start};
	*at = inner.length + 1;
	return true;
}

/* Put the first alternative in the place of the branch, the others behind all. */
static enum err
branch_expand(struct expansion *e, uint32_t place, size_t open, size_t close)
{
	struct span text = e->at[place], head = span_head(text, open), tail = span_tail(text, close + 1);
	struct span inner = {text.at + open + 1, close - open - 1}, one;
	bool first = true;
	enum err r;

	for (size_t at = 0; alternative_next(inner, &at, &one);) {
		if (one.length == 0)
			continue;
		if ((r = branch_set(e, first ? place : e->n, head, one, tail)) != OK)
			return r;
		e->n += first ? 0 : 1;
		first = false;
	}
	return first ? branch_set(e, place, head, SPAN_NONE, tail) : OK;
}

enum err
braces_expand(struct span text, struct arena *arena, struct span **out, uint32_t *n, struct why *why)
{
	struct expansion e = {.arena = arena, .n = 1, .why = why};
	size_t open, close;
	enum err r;

	if ((e.at = arena_array(arena, BRACES_BRANCHES_MAX, sizeof(*e.at))) == NULL)
		return fail(why, ERR_LIMIT, "the pattern needs too much memory");
	e.at[0] = text;
	for (uint32_t i = 0; i < e.n;) {
		if ((r = braces_find(e.at[i], &open, &close, why)) != OK)
			return r;
		if (open == e.at[i].length)
			i++;
		else if ((r = branch_expand(&e, i, open, close)) != OK)
			return r;
	}
	*out = e.at;
	*n = e.n;
	return OK;
}
