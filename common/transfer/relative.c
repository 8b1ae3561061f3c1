/* Relative paths, byte by byte. */
#include "common/transfer/relative.h"

#define NAME_MAX_BYTES 255

static enum err
name_check(struct span name, struct why *why)
{
	if (name.length == 0)
		return fail(why, ERR_INVALID, "a path with an empty name in it, or an absolute one");
	if (name.length > NAME_MAX_BYTES)
		return fail(why, ERR_INVALID, "a name of %zu bytes, at most %d", name.length, NAME_MAX_BYTES);
	if (span_is(name, ".") || span_is(name, ".."))
		return fail(why, ERR_INVALID, "a path with \"%.*s\" in it", SPAN_ARGS(name));
	if (span_starts(name, SPAN(RELATIVE_PART)))
		return fail(why, ERR_INVALID, "a name that begins with " RELATIVE_PART);
	return OK;
}

enum err
relative_check(struct span path, struct why *why)
{
	struct span rest = path;
	unsigned depth = 0;
	size_t unused;
	enum err r;

	if (path.length == 0 || path.length > RELATIVE_MAX_BYTES)
		return fail(why, ERR_INVALID, "a path of %zu bytes, at most %d", path.length, RELATIVE_MAX_BYTES);
	if (span_find(path, '\0', &unused))
		return fail(why, ERR_INVALID, "a path with a NUL in it");
	if (path.at[path.length - 1] == '/')
		return fail(why, ERR_INVALID, "a path that ends with a slash");
	while (rest.length > 0) {
		if ((r = name_check(span_cut(&rest, '/'), why)) != OK)
			return r;
		if (++depth > RELATIVE_MAX_DEPTH)
			return fail(why, ERR_INVALID, "a path of more than %d names", RELATIVE_MAX_DEPTH);
	}
	return OK;
}

/* The slash comes before every other byte, so that a directory's entries stand together. */
static int
weight(char c)
{
	return c == '/' ? 0 : (unsigned char)c;
}

int
relative_order(struct span a, struct span b)
{
	size_t least = a.length < b.length ? a.length : b.length;

	for (size_t i = 0; i < least; i++)
		if (a.at[i] != b.at[i])
			return weight(a.at[i]) - weight(b.at[i]);
	return a.length < b.length ? -1 : a.length > b.length;
}

bool
relative_within(struct span path, struct span above)
{
	return span_starts(path, above) &&
	       (path.length == above.length || above.length == 0 || path.at[above.length] == '/');
}

static size_t
last_slash(struct span path)
{
	size_t at = path.length;

	while (at > 0 && path.at[at - 1] != '/')
		at--;
	return at; /* one behind it; 0: none */
}

struct span
relative_parent(struct span path)
{
	size_t at = last_slash(path);

	return at == 0 ? SPAN_NONE : span_head(path, at - 1);
}

struct span
relative_base(struct span path)
{
	return span_tail(path, last_slash(path));
}
