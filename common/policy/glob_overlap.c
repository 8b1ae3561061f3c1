/* Whether two globs can match one text: both are walked at once over all pairs of places. */
#include "common/policy/glob.h"

/* Two branches walked together; seen has a bit for each pair of places, todo those still to be left. */
struct walk {
	const struct byte_sets *sets;
	struct glob_branch a, b;
	uint64_t *seen;
	uint32_t *todo;
	size_t todo_n;
};

static void
walk_reach(struct walk *walk, uint32_t a, uint32_t b)
{
	size_t pair = (size_t)a * (walk->b.n + 1) + b;

	if (walk->seen[pair / 64] >> (pair % 64) & 1)
		return;
	walk->seen[pair / 64] |= 1ull << (pair % 64);
	walk->todo[walk->todo_n++] = (uint32_t)pair;
}

static bool
sets_meet(const struct byte_sets *sets, uint32_t a, uint32_t b)
{
	uint64_t common = 0;

	if (a < 256)
		return byte_sets_has(sets, b, (uint8_t)a);
	if (b < 256)
		return byte_sets_has(sets, a, (uint8_t)b);
	for (int i = 0; i < 4; i++)
		common |= sets->at[a - 256].words[i] & sets->at[b - 256].words[i];
	return common != 0;
}

static void
walk_skip(struct walk *walk, uint32_t a, uint32_t b)
{
	for (uint32_t i = 1; a < walk->a.n && i <= walk->a.steps[a].skip; i++)
		walk_reach(walk, a + i, b);
	for (uint32_t i = 1; b < walk->b.n && i <= walk->b.steps[b].skip; i++)
		walk_reach(walk, a, b + i);
}

static void
walk_byte(struct walk *walk, uint32_t a, uint32_t b)
{
	const struct glob_step *x = &walk->a.steps[a], *y = &walk->b.steps[b];

	if (sets_meet(walk->sets, x->on, y->on))
		walk_reach(walk, a + 1, b + 1);
	if (sets_meet(walk->sets, x->on, y->stay))
		walk_reach(walk, a + 1, b);
	if (sets_meet(walk->sets, x->stay, y->on))
		walk_reach(walk, a, b + 1);
}

/* Past the memory for it they are taken to meet. */
static bool
branches_meet(const struct byte_sets *sets, struct glob_branch a, struct glob_branch b)
{
	auto_arena struct arena arena = {.max_bytes = 64u << 20};
	size_t pairs = (size_t)(a.n + 1) * (b.n + 1);
	struct walk walk = {.sets = sets, .a = a, .b = b};

	walk.seen = arena_array(&arena, pairs / 64 + 1, sizeof(*walk.seen));
	walk.todo = arena_array(&arena, pairs, sizeof(*walk.todo));
	if (walk.seen == NULL || walk.todo == NULL)
		return true;
	walk_reach(&walk, 0, 0);
	while (walk.todo_n > 0) {
		uint32_t pair = walk.todo[--walk.todo_n], i = pair / (b.n + 1), k = pair % (b.n + 1);

		if (i == a.n && k == b.n)
			return true;
		walk_skip(&walk, i, k);
		if (i < a.n && k < b.n)
			walk_byte(&walk, i, k);
	}
	return false;
}

static char
lower(char byte)
{
	return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

static bool
literals_equal(struct span a, struct span b, enum glob_kind kind)
{
	if (a.length != b.length)
		return false;
	for (size_t i = 0; i < a.length; i++)
		if (kind == GLOB_HOST ? lower(a.at[i]) != lower(b.at[i]) : a.at[i] != b.at[i])
			return false;
	return true;
}

/* A host without a star is text, whatever else is in it: its steps say so. */
static enum err
compile(struct span text, enum glob_kind kind, struct arena *arena, struct byte_sets *sets, struct glob *out)
{
	struct glob_step *steps;
	struct glob other;

	if (kind != GLOB_HOST || !glob_literal(text, kind))
		return glob_compile(text, kind, arena, sets, out, NULL);
	if (glob_compile(SPAN_NONE, kind, arena, sets, &other, NULL) != OK ||
	    (steps = arena_array(arena, text.length + 1, sizeof(*steps))) == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < text.length; i++)
		steps[i] = (struct glob_step){(uint8_t)lower(text.at[i]), BYTE_SETS_NONE, 0};
	other.branches[0] = (struct glob_branch){steps, (uint32_t)text.length};
	*out = other;
	return OK;
}

/* Bytes that mean something in a pattern. */
static const bool special[256] = {
    ['*'] = true, ['?'] = true, ['['] = true, [']'] = true, ['{'] = true, ['}'] = true, ['\\'] = true};

/* What every text that matches begins with, and ends with. */
static void
ends_of(struct span text, enum glob_kind kind, struct span *head, struct span *tail)
{
	size_t first = text.length, after = 0;

	*head = *tail = text;
	if (glob_literal(text, kind))
		return;
	for (size_t i = 0; i < text.length; i++) {
		bool escape = text.at[i] == '\\';

		if (!special[(uint8_t)text.at[i]])
			continue;
		first = first < i ? first : i;
		i += escape ? 1 : 0;
		after = i + 1;
	}
	*head =
	    span_head(text, kind == GLOB_ROUTE && first > 0 ? first - 1 : first); /* a route covers /a by /a/ and ** */
	*tail = span_tail(text, after);
	if (tail->length > 0 && (tail->at[0] == '/' || tail->at[0] == '.'))
		*tail = span_tail(*tail, 1); /* behind ** there may be no piece, and so no delimiter */
}

/* Do the heads or the tails alone tell that nothing matches both? */
static bool
ends_differ(struct span a, struct span b, enum glob_kind kind)
{
	struct span head_a, tail_a, head_b, tail_b;
	size_t n;

	ends_of(a, kind, &head_a, &tail_a);
	ends_of(b, kind, &head_b, &tail_b);
	n = head_a.length < head_b.length ? head_a.length : head_b.length;
	if (!literals_equal(span_head(head_a, n), span_head(head_b, n), kind))
		return true;
	n = tail_a.length < tail_b.length ? tail_a.length : tail_b.length;
	return !literals_equal(span_tail(tail_a, tail_a.length - n), span_tail(tail_b, tail_b.length - n), kind);
}

bool
glob_overlap(struct span a, struct span b, enum glob_kind kind)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	struct byte_sets *sets;
	struct glob x, y;

	if (a.length == 0 || b.length == 0)
		return true;
	if (glob_literal(a, kind) && glob_literal(b, kind))
		return literals_equal(a, b, kind);
	if (ends_differ(a, b, kind))
		return false;
	sets = arena_alloc(&arena, sizeof(*sets));
	if (compile(a, kind, &arena, sets, &x) != OK || compile(b, kind, &arena, sets, &y) != OK)
		return true;
	for (uint32_t i = 0; i < x.n; i++)
		for (uint32_t k = 0; k < y.n; k++)
			if (branches_meet(sets, x.branches[i], y.branches[k]))
				return true;
	return false;
}
