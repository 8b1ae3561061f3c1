/* Globs: reading one pattern into the steps that an automaton is made of. */
#include "common/policy/glob.h"

#include "common/policy/braces.h"

/* What a kind means. star: does * cross the delimiter? */
static const struct {
	char delimiter;
	bool crosses, folds, one_or_more;
} kinds[] = {
    [GLOB_NAME] = {'.', false, false, false},
    [GLOB_FREE] = {'\0', true, false, false},
    [GLOB_PATH] = {'/', false, false, false},
    [GLOB_ROUTE] = {'/', true, false, false},
    [GLOB_HOST] = {'.', false, true, true},
};

struct reading {
	struct span text;
	enum glob_kind kind;
	struct byte_sets *sets;
	struct glob_step *steps;
	uint32_t n, room;
	uint32_t none, any, one, more,
	    free; /* sets: nothing, every byte, what begins and what continues a character, what * takes */
	struct why *why;
};

static void
set_put(struct byte_set *set, uint8_t byte, bool in)
{
	uint64_t bit = 1ull << (byte % 64);

	set->words[byte / 64] = in ? set->words[byte / 64] | bit : set->words[byte / 64] & ~bit;
}

static void
set_range(struct byte_set *set, unsigned low, unsigned high, bool in)
{
	for (unsigned byte = low; byte <= high; byte++)
		set_put(set, (uint8_t)byte, in);
}

bool
byte_sets_has(const struct byte_sets *sets, uint32_t number, uint8_t byte)
{
	if (number < 256)
		return number == byte;
	return sets->at[number - 256].words[byte / 64] >> (byte % 64) & 1;
}

static enum err
set_number(struct reading *reading, const struct byte_set *set, uint32_t *out)
{
	struct byte_sets *sets = reading->sets;
	uint32_t i = 0;

	while (i < sets->n && memcmp(&sets->at[i], set, sizeof(*set)) != 0)
		i++;
	if (i == BYTE_SETS_MAX)
		return fail(reading->why, ERR_LIMIT, "more than %d different classes in all patterns", BYTE_SETS_MAX);
	if (i == sets->n)
		sets->at[sets->n++] = *set;
	*out = 256 + i;
	return OK;
}

/* The sets that every pattern of the kind may use. NUL is in none. */
static enum err
sets_usual(struct reading *reading)
{
	struct byte_set none = {0}, any = {0}, one = {0}, more = {0}, free;
	uint8_t delimiter = (uint8_t)kinds[reading->kind].delimiter;
	bool crosses = kinds[reading->kind].crosses;
	enum err r;

	set_range(&any, 1, 255, true);
	set_range(&more, 0x80, 0xbf, true);
	set_range(&one, 1, 0x7f, true);
	set_range(&one, 0xc0, 255, true);
	set_put(&one, delimiter, crosses && delimiter != 0);
	free = any;
	set_put(&free, delimiter, crosses && delimiter != 0);
	if ((r = set_number(reading, &none, &reading->none)) != OK ||
	    (r = set_number(reading, &any, &reading->any)) != OK ||
	    (r = set_number(reading, &one, &reading->one)) != OK ||
	    (r = set_number(reading, &more, &reading->more)) != OK)
		return r;
	return set_number(reading, &free, &reading->free);
}

static enum err
step_add(struct reading *reading, uint32_t on, uint32_t stay, uint32_t skip)
{
	struct glob_step step = {on, stay, skip}, *last = reading->n == 0 ? NULL : &reading->steps[reading->n - 1];

	/* two stars are one */
	if (last != NULL && skip == 1 && last->skip == 1 && last->on == on && last->stay == stay)
		return OK;
	if (reading->n == reading->room)
		return fail(reading->why, ERR_LIMIT, "the pattern is too long");
	reading->steps[reading->n++] = step;
	return OK;
}

/* One character of the set: a byte that begins it, and those that continue it. */
static enum err
character_add(struct reading *reading, uint32_t set, bool ascii)
{
	enum err r = step_add(reading, set, reading->none, 0);

	return r != OK || ascii ? r : step_add(reading, reading->none, reading->more, 1);
}

static uint8_t
lower(char byte)
{
	return (uint8_t)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

static enum err
literal_add(struct reading *reading, char byte)
{
	return step_add(reading, kinds[reading->kind].folds ? lower(byte) : (uint8_t)byte, reading->none, 0);
}

/* One member of a class, at i: a byte or a range. */
static enum err
member_add(struct reading *reading, struct span members, size_t *i, struct byte_set *set)
{
	uint8_t low = (uint8_t)members.at[*i], high = low;

	if (members.length - *i >= 3 && members.at[*i + 1] == '-') {
		high = (uint8_t)members.at[*i + 2];
		*i += 2;
	}
	if (low >= 0x80 || high >= 0x80 || low == '\\' || high == '\\')
		return fail(reading->why, ERR_INVALID, "a class may hold ASCII without backslash only");
	if (low > high)
		return fail(reading->why, ERR_INVALID, "the range %c-%c in a class is upside down", low, high);
	for (unsigned byte = low; byte <= high; byte++)
		set_put(set, kinds[reading->kind].folds ? lower((char)byte) : (uint8_t)byte, true);
	return OK;
}

static enum err
class_add(struct reading *reading, struct span inner)
{
	bool negated = inner.length > 0 && (inner.at[0] == '!' || inner.at[0] == '^');
	struct byte_set set = {0}, one = reading->sets->at[reading->one - 256];
	struct span members = span_tail(inner, negated ? 1 : 0);
	uint32_t number;
	enum err r;

	for (size_t i = 0; i < members.length; i++)
		if ((r = member_add(reading, members, &i, &set)) != OK)
			return r;
	for (int i = 0; i < 4; i++) /* the delimiter is in neither (S32) */
		set.words[i] = one.words[i] & (negated ? ~set.words[i] : set.words[i]);
	if (kinds[reading->kind].delimiter != 0)
		set_put(&set, (uint8_t)kinds[reading->kind].delimiter, false);
	if ((r = set_number(reading, &set, &number)) != OK)
		return r;
	return character_add(reading, number, !negated);
}

static bool
delimiter_at(const struct reading *reading, size_t at)
{
	return kinds[reading->kind].delimiter != 0 && reading->text.at[at] == kinds[reading->kind].delimiter;
}

/* Is there ** at this place as a whole piece? */
static bool
pieces_at(const struct reading *reading, size_t at)
{
	struct span text = reading->text;

	return kinds[reading->kind].delimiter != 0 && text.length - at >= 2 && text.at[at] == '*' &&
	       text.at[at + 1] == '*' && (at == 0 || delimiter_at(reading, at - 1)) &&
	       (text.length - at == 2 || delimiter_at(reading, at + 2));
}

/* Any number of pieces with their delimiters; says how many bytes of the pattern that was. */
static enum err
pieces_add(struct reading *reading, size_t at, size_t *length)
{
	uint8_t delimiter = (uint8_t)kinds[reading->kind].delimiter;
	enum err r;

	*length = 2;
	if (kinds[reading->kind].one_or_more && (r = step_add(reading, reading->free, reading->none, 0)) != OK)
		return r;
	if (kinds[reading->kind].one_or_more || reading->text.length - at == 2)
		return step_add(reading, reading->none, reading->any, 1);
	*length = 3;
	if ((r = step_add(reading, reading->none, reading->none, 2)) != OK)
		return r;
	return step_add(reading, delimiter, reading->any, 0);
}

static enum err
token_add(struct reading *reading, size_t at, size_t *length)
{
	struct span text = reading->text;
	enum err r;

	if (pieces_at(reading, at))
		return pieces_add(reading, at, length);
	if ((r = token_length(text, at, length, reading->why)) != OK)
		return r;
	switch (text.at[at]) {
	case '*':
		return step_add(reading, reading->none, reading->free, 1);
	case '?':
		return character_add(reading, reading->one, false);
	case '[':
		return class_add(reading, (struct span){text.at + at + 1, *length - 2});
	default:
		return literal_add(reading, text.at[at + *length - 1]);
	}
}

static enum err
branch_read(struct reading *reading, struct span text, struct arena *arena, struct glob_branch *out)
{
	size_t length;
	enum err r;

	reading->text = text;
	reading->n = 0;
	reading->room = (uint32_t)text.length * 2 + 2;
	if ((reading->steps = arena_array(arena, reading->room, sizeof(*reading->steps))) == NULL)
		return fail(reading->why, ERR_LIMIT, "the patterns need too much memory");
	for (size_t at = 0; at < text.length; at += length)
		if ((r = token_add(reading, at, &length)) != OK)
			return r;
	*out = (struct glob_branch){reading->steps, reading->n};
	return OK;
}

/* On a route, /a/ and ** at the end also means /a. */
static bool
directory_of(struct span text, enum glob_kind kind, struct span *out)
{
	*out = span_head(text, text.length < 3 ? 0 : text.length - 3);
	return kind == GLOB_ROUTE && text.length >= 3 && memcmp(text.at + text.length - 3, "/**", 3) == 0;
}

enum err
glob_compile(struct span text, enum glob_kind kind, struct arena *arena, struct byte_sets *sets, struct glob *out,
    struct why *why)
{
	struct reading reading = {.kind = kind, .sets = sets, .why = why};
	struct span *flat, directory;
	struct glob glob = {0};
	uint32_t n;
	enum err r;

	if (text.length > GLOB_MAX_BYTES)
		return fail(why, ERR_LIMIT, "the pattern has %zu bytes, at most %d", text.length, GLOB_MAX_BYTES);
	if (text.length > 0 && memchr(text.at, '\0', text.length) != NULL)
		return fail(why, ERR_INVALID, "the pattern has a NUL byte");
	if ((r = sets_usual(&reading)) != OK || (r = braces_expand(text, arena, &flat, &n, why)) != OK)
		return r;
	if ((glob.branches = arena_array(arena, n * 2, sizeof(*glob.branches))) == NULL)
		return fail(why, ERR_LIMIT, "the patterns need too much memory");
	for (uint32_t i = 0; i < n; i++) {
		if ((r = branch_read(&reading, flat[i], arena, &glob.branches[glob.n++])) != OK)
			return r;
		if (directory_of(flat[i], kind, &directory) &&
		    (r = branch_read(&reading, directory, arena, &glob.branches[glob.n++])) != OK)
			return r;
	}
	*out = glob;
	return OK;
}

/* Bytes that make a pattern of a text. */
static const bool special[256] = {
    ['\0'] = true, ['*'] = true, ['?'] = true, ['['] = true, ['{'] = true, ['}'] = true, ['\\'] = true};

bool
glob_literal(struct span text, enum glob_kind kind)
{
	for (size_t i = 0; i < text.length; i++)
		if (special[(uint8_t)text.at[i]] && (kind != GLOB_HOST || text.at[i] == '*' || text.at[i] == '\0'))
			return false;
	return true;
}

enum err
glob_check(struct span text, enum glob_kind kind, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	struct byte_sets *sets = arena_alloc(&arena, sizeof(*sets));
	struct glob glob;

	return glob_compile(text, kind, &arena, sets, &glob, why);
}
