/* Matchers: patterns parted into texts and globs, both compiled. */
#include "common/policy/matcher.h"

#include "common/base/clean.h"
#include "common/base/text.h"

#define SCRATCH_MAX_BYTES (256u << 20)

/* How each use is read; two kinds: a text that either reading matches is matched. */
static const struct {
	enum glob_kind kinds[2];
	uint8_t kinds_n;
	bool star_only; /* without '*' it is a text, whatever else is in it */
} uses[] = {
    [MATCHER_HOST] = {{GLOB_HOST}, 1, true},
    [MATCHER_BINARY] = {{GLOB_PATH}, 1, true},
    [MATCHER_PATH] = {{GLOB_PATH}, 1, false},
    [MATCHER_ROUTE] = {{GLOB_ROUTE}, 1, false},
    [MATCHER_VALUE] = {{GLOB_NAME}, 1, false},
    [MATCHER_DENIED] = {{GLOB_NAME, GLOB_FREE}, 2, false},
    [MATCHER_EXACT] = {{GLOB_FREE}, 0, false},
};

struct compiling {
	struct arena *scratch, *keep;
	struct byte_sets *sets;
	struct automaton_branch *branches;
	uint32_t n, room;
	struct why *why;
};

static bool
pattern_is_text(const struct matcher_pattern *pattern)
{
	if (uses[pattern->use].kinds_n == 0)
		return true;
	if (uses[pattern->use].star_only)
		return pattern->text.length == 0 || memchr(pattern->text.at, '*', pattern->text.length) == NULL;
	return glob_literal(pattern->text, uses[pattern->use].kinds[0]);
}

static enum err
branch_add(struct compiling *c, struct glob_branch branch, uint32_t group)
{
	uint32_t room = c->room == 0 ? 64 : c->room * 2;
	struct automaton_branch *more;

	if (c->n == c->room) {
		if ((more = arena_array(c->scratch, room, sizeof(*more))) == NULL)
			return fail(c->why, ERR_LIMIT, "the patterns need too much memory");
		if (c->n > 0)
			memcpy(more, c->branches, c->n * sizeof(*more));
		c->branches = more;
		c->room = room;
	}
	c->branches[c->n++] = (struct automaton_branch){branch, group};
	return OK;
}

static enum err
glob_add(struct compiling *c, const struct matcher_pattern *pattern)
{
	char shown[160] = "";
	struct text text = TEXT_OF(shown);
	struct glob glob;
	enum err r;

	for (uint8_t k = 0; k < uses[pattern->use].kinds_n; k++) {
		if ((r = glob_compile(
			 pattern->text, uses[pattern->use].kinds[k], c->scratch, c->sets, &glob, c->why)) != OK) {
			text_add_escaped(&text, span_head(pattern->text, 100));
			return because(c->why, r, "pattern '%s'", shown);
		}
		for (uint32_t i = 0; i < glob.n; i++)
			if ((r = branch_add(c, glob.branches[i], pattern->group)) != OK)
				return r;
	}
	return OK;
}

/* Texts of patterns, and behind each the groups that want it. */
static enum err
texts_make(struct compiling *c, const struct matcher_pattern *patterns, size_t n, struct matcher *matcher)
{
	uint32_t *number = arena_array(c->scratch, n + 1, sizeof(*number)), *first, *groups;
	enum err r;

	matcher->texts.arena = c->keep;
	for (size_t i = 0; number != NULL && i < n; i++)
		if (pattern_is_text(&patterns[i]) &&
		    (r = names_put(&matcher->texts, patterns[i].text, &number[i], c->why)) != OK)
			return r;
	first = arena_array(c->keep, matcher->texts.n + 3u, sizeof(*first));
	groups = arena_array(c->keep, n + 1, sizeof(*groups));
	if (number == NULL || first == NULL || groups == NULL)
		return fail(c->why, ERR_LIMIT, "the patterns need too much memory");
	for (size_t i = 0; i < n; i++) /* counting sort by text */
		if (pattern_is_text(&patterns[i]))
			first[number[i] + 2]++;
	for (uint32_t i = 2; i < matcher->texts.n + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < n; i++)
		if (pattern_is_text(&patterns[i]))
			groups[first[number[i] + 1]++] = patterns[i].group;
	matcher->first = first;
	matcher->groups = groups;
	return OK;
}

enum err
matcher_new(const struct matcher_pattern *patterns, size_t n, uint32_t groups_n, struct arena *keep,
    struct matcher *out, struct why *why)
{
	auto_arena struct arena scratch = {.max_bytes = SCRATCH_MAX_BYTES};
	struct compiling c = {.scratch = &scratch, .keep = keep, .why = why};
	struct matcher matcher = {.groups_n = groups_n, .words = groups_n / 64 + 1};
	enum err r;

	if ((c.sets = arena_alloc(&scratch, sizeof(*c.sets))) == NULL)
		return fail(why, ERR_LIMIT, "the patterns need too much memory");
	if ((r = texts_make(&c, patterns, n, &matcher)) != OK)
		return r;
	for (size_t i = 0; i < n; i++)
		if (!pattern_is_text(&patterns[i]) && (r = glob_add(&c, &patterns[i])) != OK)
			return r;
	if ((r = automaton_new(c.branches, c.n, c.sets, keep, &matcher.automaton, why)) != OK)
		return r;
	*out = matcher;
	return OK;
}

void
matcher_run(const struct matcher *matcher, struct span text, uint64_t *groups)
{
	uint32_t found = names_find(&matcher->texts, text);

	if (text.length > 0 && memchr(text.at, '\0', text.length) != NULL)
		return;
	for (uint32_t i = found == NAMES_NONE ? 0 : matcher->first[found];
	     found != NAMES_NONE && i < matcher->first[found + 1]; i++)
		groups[matcher->groups[i] / 64] |= 1ull << (matcher->groups[i] % 64);
	automaton_run(matcher->automaton, text, groups);
}

uint64_t *
matcher_bits(const struct matcher *matcher, struct span text, struct arena *arena)
{
	uint64_t *bits = arena_array(arena, matcher->words, sizeof(*bits));

	if (bits != NULL)
		matcher_run(matcher, text, bits);
	return bits;
}
