/* Groups: collecting patterns under numbers. */
#include "common/policy/groups.h"

static enum err
limit(struct why *why)
{
	return fail(why, ERR_LIMIT, "the policy needs too much memory");
}

/* Use and patterns as one text, NUL between them, to find the same ones again. */
static enum err
key_make(struct arena *arena, enum matcher_use use, const struct span *patterns, size_t n, struct span *out)
{
	size_t length = 1, at = 1;
	char *key;

	for (size_t i = 0; i < n; i++)
		length += patterns[i].length + 1;
	if ((key = arena_alloc(arena, length)) == NULL)
		return ERR_LIMIT;
	key[0] = (char)use;
	for (size_t i = 0; i < n; i++) {
		if (patterns[i].length > 0)
			memcpy(key + at, patterns[i].at, patterns[i].length);
		at += patterns[i].length + 1;
	}
	*out = (struct span){key, length};
	return OK;
}

static enum err
pattern_add(struct groups *groups, struct matcher_pattern pattern)
{
	size_t room = groups->patterns_room == 0 ? 16 : groups->patterns_room * 2;
	struct matcher_pattern *more;

	if (groups->patterns_n == groups->patterns_room) {
		if ((more = arena_array(groups->names.arena, room, sizeof(*more))) == NULL)
			return ERR_LIMIT;
		if (groups->patterns_n > 0)
			memcpy(more, groups->patterns, groups->patterns_n * sizeof(*more));
		groups->patterns = more;
		groups->patterns_room = room;
	}
	groups->patterns[groups->patterns_n++] = pattern;
	return arena_span(groups->names.arena, pattern.text, &groups->patterns[groups->patterns_n - 1].text);
}

enum err
groups_put(
    struct groups *groups, enum matcher_use use, const struct span *patterns, size_t n, uint32_t *out, struct why *why)
{
	uint32_t known = groups->names.n;
	struct span key;
	enum err r;

	if (key_make(groups->names.arena, use, patterns, n, &key) != OK)
		return limit(why);
	if ((r = names_put(&groups->names, key, out, why)) != OK || *out < known)
		return r;
	for (size_t i = 0; i < n; i++)
		if (pattern_add(groups, (struct matcher_pattern){patterns[i], *out, use}) != OK)
			return limit(why);
	return OK;
}

enum err
groups_compile(const struct groups *groups, struct arena *keep, struct matcher *out, struct why *why)
{
	return matcher_new(groups->patterns, groups->patterns_n, groups->names.n, keep, out, why);
}
