/* Globs: what each token means with each delimiter, what is refused; and that the automata say what a plain matcher
 * says. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/policy/glob.h"
#include "common/policy/matcher.h"

static bool
one_matches(const char *pattern, enum matcher_use use, const char *text)
{
	auto_arena struct arena keep = {.max_bytes = 64u << 20};
	struct matcher_pattern row = {span_of_text(pattern), 0, use};
	struct matcher matcher;
	struct why why = {0};
	uint64_t bits = 0;

	if (matcher_new(&row, 1, 1, &keep, &matcher, &why) != OK)
		fail_msg("%s: %s", pattern, why.text);
	matcher_run(&matcher, span_of_text(text), &bits);
	return bits == 1;
}

static void
tokens(void **state)
{
	static const struct {
		const char *pattern;
		enum matcher_use use;
		const char *text;
		bool want;
	} cases[] = {
	    {"", MATCHER_PATH, "", true},
	    {"", MATCHER_PATH, "/", false},
	    {"/a", MATCHER_PATH, "/a", true},
	    {"/a", MATCHER_PATH, "/a/", false},
	    {"/a", MATCHER_PATH, "/A", false},
	    {"/*", MATCHER_PATH, "/", true},
	    {"/*", MATCHER_PATH, "/a/b", false},
	    {"/a*c", MATCHER_PATH, "/abbc", true},
	    {"/a*c", MATCHER_PATH, "/ab/c", false},
	    {"/?", MATCHER_PATH, "/x", true},
	    {"/?", MATCHER_PATH, "/", false},
	    {"/?", MATCHER_PATH, "//", false},
	    {"/?", MATCHER_PATH, "/\xc3\xa9", true}, /* one character, two bytes */
	    {"/?", MATCHER_PATH, "/\xc3\xa9x", false},
	    {"/??", MATCHER_PATH, "/\xc3\xa9x", true},
	    {"**", MATCHER_PATH, "", true},
	    {"**", MATCHER_PATH, "/a/b", true},
	    {"/a/**", MATCHER_PATH, "/a/", true},
	    {"/a/**", MATCHER_PATH, "/a/x/y", true},
	    {"/a/**", MATCHER_PATH, "/a", false},
	    {"/a/**", MATCHER_PATH, "/ab/", false},
	    {"/**/x", MATCHER_PATH, "/x", true},
	    {"/**/x", MATCHER_PATH, "/p/q/x", true},
	    {"/**/x", MATCHER_PATH, "/px", false},
	    {"**/x", MATCHER_PATH, "x", true},
	    {"**/x", MATCHER_PATH, "/p/x", true},
	    {"/a/**/b/**/c", MATCHER_PATH, "/a/b/c", true},
	    {"/a/**/b/**/c", MATCHER_PATH, "/a/1/b/2/3/c", true},
	    {"/a/**/b/**/c", MATCHER_PATH, "/a/1/2/3/c", false},
	    {"/a**", MATCHER_PATH, "/abc", true}, /* glued: two stars */
	    {"/a**", MATCHER_PATH, "/a/c", false},
	    {"/**a", MATCHER_PATH, "/x/a", false},
	    {"/***", MATCHER_PATH, "/a/b", false},
	    {"/[abc]", MATCHER_PATH, "/b", true},
	    {"/[abc]", MATCHER_PATH, "/d", false},
	    {"/[a-c]", MATCHER_PATH, "/c", true},
	    {"/[a-c]", MATCHER_PATH, "/-", false},
	    {"/[a-]", MATCHER_PATH, "/-", true},
	    {"/[]]", MATCHER_PATH, "/]", true},
	    {"/[!a]", MATCHER_PATH, "/b", true},
	    {"/[!a]", MATCHER_PATH, "/a", false},
	    {"/[^a]", MATCHER_PATH, "/b", true},
	    {"/x[!a]y", MATCHER_PATH, "/x/y", false}, /* S32 */
	    {"/x[/]y", MATCHER_PATH, "/x/y", false},
	    {"/[!a]", MATCHER_PATH, "/\xc3\xa9", true},
	    {"/{a,bc}", MATCHER_PATH, "/bc", true},
	    {"/{a,bc}", MATCHER_PATH, "/b", false},
	    {"/{a,{b,c}d}e", MATCHER_PATH, "/cde", true},
	    {"/{a,{b,c}d}e", MATCHER_PATH, "/ce", false},
	    {"/{,a}", MATCHER_PATH, "/", false}, /* an empty alternative is none */
	    {"/{}x", MATCHER_PATH, "/x", true},
	    {"/{**,a}/x", MATCHER_PATH, "/p/q/x", true},
	    {"/{a,b}/{c,d}", MATCHER_PATH, "/b/c", true},
	    {"/a,b", MATCHER_PATH, "/a,b", true},
	    {"/\\*", MATCHER_PATH, "/*", true},
	    {"/\\*", MATCHER_PATH, "/a", false},
	    {"/\\{a\\}", MATCHER_PATH, "/{a}", true},
	    {"/[{]", MATCHER_PATH, "/{", true},
	    {"v1.*", MATCHER_VALUE, "v1.2", true},
	    {"v1.*", MATCHER_VALUE, "v1.2.3", false},
	    {"*", MATCHER_VALUE, "a.b", false},
	    {"*", MATCHER_VALUE, "a/b", true},
	    {"*", MATCHER_VALUE, "", true},
	    {"acme/*", MATCHER_VALUE, "acme/a/b", true},
	    {"*", MATCHER_DENIED, "a.b", true}, /* S2 */
	    {"admin*", MATCHER_DENIED, "admin.x", true},
	    {"[!a]x", MATCHER_DENIED, ".x", true},
	    {"*.a.b", MATCHER_HOST, "x.a.b", true},
	    {"*.a.b", MATCHER_HOST, "a.b", false},
	    {"*.a.b", MATCHER_HOST, "x.y.a.b", false},
	    {"**.a.b", MATCHER_HOST, "x.a.b", true},
	    {"**.a.b", MATCHER_HOST, "x.y.a.b", true},
	    {"**.a.b", MATCHER_HOST, "a.b", false},
	    {"*.A.b", MATCHER_HOST, "x.a.b", true},
	    {"*-eu.a.b", MATCHER_HOST, "-eu.a.b", true},
	    {"{x,y}*.a.b", MATCHER_HOST, "y1.a.b", true},
	    {"h?.a.b", MATCHER_HOST, "h?.a.b", true}, /* no star: a text */
	    {"h?.a.b", MATCHER_HOST, "hx.a.b", false},
	    {"/usr/bin/[x]", MATCHER_BINARY, "/usr/bin/[x]", true},
	    {"/usr/*/[x]", MATCHER_BINARY, "/usr/bin/x", true},
	    {"/api/**", MATCHER_ROUTE, "/api", true},
	    {"/api/**", MATCHER_ROUTE, "/api/a/b", true},
	    {"/api/**", MATCHER_ROUTE, "/apix", false},
	    {"/a*z", MATCHER_ROUTE, "/a/b/z", true},
	    {"/a*z", MATCHER_ROUTE, "/a/b/y", false},
	    {"eth_*", MATCHER_EXACT, "eth_*", true},
	    {"eth_*", MATCHER_EXACT, "eth_call", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (one_matches(cases[i].pattern, cases[i].use, cases[i].text) != cases[i].want)
			fail_msg("%s %s: %d is wrong", cases[i].pattern, cases[i].text, !cases[i].want);
}

static void
what_cannot_be_read(void **state)
{
	static const struct {
		struct span text;
		enum err want;
	} cases[] = {
	    {SPAN("/a["), ERR_INVALID},
	    {SPAN("/a[b"), ERR_INVALID},
	    {SPAN("/a[]"), ERR_INVALID}, /* ] is its first member */
	    {SPAN("/a[!]"), ERR_INVALID},
	    {SPAN("/a[z-a]"), ERR_INVALID},
	    {SPAN("/a[\\]]"), ERR_INVALID}, /* read in two ways elsewhere */
	    {SPAN("/[\xc3\xa9]"), ERR_INVALID},
	    {SPAN("/{a"), ERR_INVALID},
	    {SPAN("/{a,{b}"), ERR_INVALID},
	    {SPAN("/a}"), ERR_INVALID},
	    {SPAN("/a\\"), ERR_INVALID},
	    {SPAN("/a\0b"), ERR_INVALID},
	    {SPAN("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"), OK}, /* 256 */
	    {SPAN("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"), ERR_LIMIT},
	    {SPAN("/a]"), OK},
	    {SPAN("/[a-b-c]"), OK},
	    {SPAN(""), OK},
	};
	static char longest[GLOB_MAX_BYTES + 1];
	struct why why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		why.text[0] = '\0';
		assert_int_equal(glob_check(cases[i].text, GLOB_PATH, &why), cases[i].want);
		assert_true((why.text[0] == '\0') == (cases[i].want == OK));
	}
	memset(longest, '?', sizeof(longest));
	assert_int_equal(glob_check(span_of_bytes(longest, GLOB_MAX_BYTES), GLOB_PATH, &why), OK);
	assert_int_equal(glob_check(span_of_bytes(longest, GLOB_MAX_BYTES + 1), GLOB_PATH, &why), ERR_LIMIT);
}

static void
overlaps(void **state)
{
	static const struct {
		const char *a, *b;
		enum glob_kind kind;
		bool want;
	} cases[] = {
	    {"a.test", "A.Test", GLOB_HOST, true},
	    {"a.test", "b.test", GLOB_HOST, false},
	    {"", "b.test", GLOB_HOST, true},
	    {"*.acme.test", "x.acme.test", GLOB_HOST, true},
	    {"*.acme.test", "x.y.acme.test", GLOB_HOST, false},
	    {"**.acme.test", "x.y.acme.test", GLOB_HOST, true},
	    {"**.acme.test", "acme.test", GLOB_HOST, false},
	    {"*.acme.test", "*.other.test", GLOB_HOST, false},
	    {"a*.acme.test", "*z.acme.test", GLOB_HOST, true},
	    {"a*.acme.test", "b*.acme.test", GLOB_HOST, false},
	    {"*.s3.*.acme.test", "x.*.eu.acme.test", GLOB_HOST, true},
	    {"x?.acme.test", "xy.acme.test", GLOB_HOST, false}, /* no star: a text */
	    {"*.[ab].test", "x.c.test", GLOB_HOST, false},
	    {"/api/**", "/api/admin/**", GLOB_PATH, true},
	    {"/api/**", "/api", GLOB_PATH, false},
	    {"/api/**", "/api", GLOB_ROUTE, true},
	    {"/api/*", "/api/a/b", GLOB_PATH, false},
	    {"/api/*", "/api/a/b", GLOB_ROUTE, true},
	    {"/**/x", "/x", GLOB_PATH, true},
	    {"**/x", "x", GLOB_PATH, true},
	    {"/{a,b}/c", "/b/*", GLOB_PATH, true},
	    {"/{a,b}/c", "/d/*", GLOB_PATH, false},
	    {"/\\*", "/*", GLOB_PATH, true},
	    {"/a\\*", "/ab", GLOB_PATH, false},
	    {"", "/a", GLOB_PATH, true},
	    {"/graphql", "/api/**", GLOB_PATH, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int turned = 0; turned < 2; turned++) {
			struct span a = span_of_text(cases[i].a), b = span_of_text(cases[i].b);

			if (glob_overlap(turned ? b : a, turned ? a : b, cases[i].kind) != cases[i].want)
				fail_msg("%s and %s: %d is wrong", cases[i].a, cases[i].b, !cases[i].want);
		}
}

/* The property: a plain matcher, written straight from the words of the specification, over patterns without braces. */

struct naive {
	const char *pattern; /* its beginning, to look back from a place */
	char delimiter;
};

static bool naive_match(const struct naive *n, const char *p, const char *t);

static bool
piece_star(const struct naive *n, const char *p)
{
	return p[0] == '*' && p[1] == '*' && (p == n->pattern || p[-1] == n->delimiter) &&
	       (p[2] == '\0' || p[2] == n->delimiter);
}

static bool
naive_pieces(const struct naive *n, const char *p, const char *t)
{
	if (p[2] == '\0')
		return true;
	if (naive_match(n, p + 3, t))
		return true;
	for (; *t != '\0'; t++)
		if (*t == n->delimiter && naive_match(n, p + 3, t + 1))
			return true;
	return false;
}

/* One member list such as [a-c] or [!b]; *end behind it. */
static bool
naive_class(const struct naive *n, const char *p, char byte, const char **end)
{
	bool negated = p[1] == '!', found = false;
	const char *at = p + (negated ? 2 : 1);

	for (; *at != ']'; at++) {
		if (at[1] == '-' && at[2] != ']') {
			found = found || (byte >= at[0] && byte <= at[2]);
			at += 2;
		} else {
			found = found || byte == at[0];
		}
	}
	*end = at + 1;
	return byte != '\0' && byte != n->delimiter && found != negated;
}

static bool
naive_match(const struct naive *n, const char *p, const char *t)
{
	const char *end;

	if (*p == '\0')
		return *t == '\0';
	if (piece_star(n, p))
		return naive_pieces(n, p, t);
	if (*p == '*') {
		if (naive_match(n, p + 1, t))
			return true;
		return *t != '\0' && *t != n->delimiter && naive_match(n, p, t + 1);
	}
	if (*p == '?')
		return *t != '\0' && *t != n->delimiter && naive_match(n, p + 1, t + 1);
	if (*p == '[')
		return naive_class(n, p, *t, &end) && naive_match(n, end, t + 1);
	if (*p == '\\')
		return *t == p[1] && naive_match(n, p + 2, t + 1);
	return *t == *p && naive_match(n, p + 1, t + 1);
}

static uint32_t
chance(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % n;
}

static void
make(uint64_t *seed, const char *const *parts, uint32_t parts_n, char *to)
{
	uint32_t n = chance(seed, 9);

	to[0] = '\0';
	for (uint32_t i = 0, at = 0; i < n; i++) {
		const char *part = parts[chance(seed, parts_n)];

		memcpy(to + at, part, strlen(part) + 1);
		at += (uint32_t)strlen(part);
	}
}

#define TOGETHER 24

/* Some patterns in one matcher, some texts: each bit as the plain matcher has it. */
static void
agree(uint64_t *seed, enum matcher_use use, char delimiter, const char *const *pattern_parts, uint32_t pattern_parts_n,
    const char *const *text_parts, uint32_t text_parts_n)
{
	auto_arena struct arena keep = {.max_bytes = 64u << 20};
	struct matcher_pattern patterns[TOGETHER];
	char pattern[TOGETHER][64], text[64];
	struct matcher matcher;
	struct why why = {0};

	for (uint32_t i = 0; i < TOGETHER; i++) {
		make(seed, pattern_parts, pattern_parts_n, pattern[i]);
		patterns[i] = (struct matcher_pattern){span_of_text(pattern[i]), i, use};
	}
	if (matcher_new(patterns, TOGETHER, TOGETHER, &keep, &matcher, &why) != OK)
		fail_msg("%s", why.text);
	for (int k = 0; k < 60; k++) {
		uint64_t bits = 0;

		make(seed, text_parts, text_parts_n, text);
		matcher_run(&matcher, span_of_text(text), &bits);
		for (uint32_t i = 0; i < TOGETHER; i++)
			if ((bits >> i & 1) != naive_match(&(struct naive){pattern[i], delimiter}, pattern[i], text))
				fail_msg(
				    "'%s' and '%s': the automaton says %d", pattern[i], text, (int)(bits >> i & 1));
	}
}

static void
automata_agree_with_a_plain_matcher(void **state)
{
	static const char *const paths[] = {
	    "/", "/", "a", "b", "ab", "*", "**", "/**", "**/", "/**/", "?", "[ab]", "[!a]", "[a-c]", "\\*"};
	static const char *const path_texts[] = {"/", "/", "a", "b", "c", "ab", "*", "/a", "/b/"};
	static const char *const values[] = {".", "a", "b", "*", "**", "**.", ".**", "?", "[!.]", "/"};
	static const char *const value_texts[] = {".", "a", "b", "/", "ab"};
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 400; i++) {
		agree(&seed, MATCHER_PATH, '/', paths, COUNT(paths), path_texts, COUNT(path_texts));
		agree(&seed, MATCHER_VALUE, '.', values, COUNT(values), value_texts, COUNT(value_texts));
	}
}

/* Overlap is found whenever a text that both match is; texts are tried at random. */
static void
overlap_is_never_missed(void **state)
{
	static const char *const paths[] = {"/", "/", "a", "b", "*", "**", "/**/", "?", "[ab]", "/**", "**/"};
	static const char *const texts[] = {"/", "/", "a", "b", "ab", "/a"};
	char a[64], b[64], text[64];
	uint64_t seed = 5;
	int both = 0;

	(void)state;
	for (int i = 0; i < 40000; i++) {
		make(&seed, paths, COUNT(paths), a);
		make(&seed, paths, COUNT(paths), b);
		make(&seed, texts, COUNT(texts), text);
		if (!naive_match(&(struct naive){a, '/'}, a, text) || !naive_match(&(struct naive){b, '/'}, b, text))
			continue;
		both++;
		if (!glob_overlap(span_of_text(a), span_of_text(b), GLOB_PATH))
			fail_msg("'%s' and '%s' both match '%s'", a, b, text);
	}
	assert_true(both > 100);
}

/* A pattern whose deterministic automaton would have 2^30 states. */
static void
what_explodes_is_walked(void **state)
{
	auto_arena struct arena keep = {.max_bytes = 64u << 20};
	struct matcher_pattern patterns[] = {
	    {SPAN("/*a??????????????????????????????"), 0, MATCHER_PATH},
	    {SPAN("/*b??????????????????????????????"), 1, MATCHER_PATH},
	    {SPAN("/*c{d,e}?????????????????????????????"
		  "/**/x"),
		2, MATCHER_PATH},
	    {SPAN("/plain/*"), 3, MATCHER_PATH},
	};
	static const struct {
		const char *text;
		uint64_t want;
	} cases[] = {
	    {"/xa123456789012345678901234567890", 1},
	    {"/xa12345678901234567890123456789", 0},
	    {"/abx123456789012345678901234567890", 0},
	    {"/ab123456789012345678901234567890", 2},
	    {"/ab12345678901234567890123456789b", 2},
	    {"/ce12345678901234567890123456789/x", 4},
	    {"/ce12345678901234567890123456789/p/q/x", 4},
	    {"/plain/x", 8},
	};
	struct matcher matcher;
	size_t machines, states;

	(void)state;
	assert_int_equal(matcher_new(patterns, COUNT(patterns), COUNT(patterns), &keep, &matcher, NULL), OK);
	automaton_size(matcher.automaton, &machines, &states);
	assert_true(machines >= 4 && states < 5000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t bits = 0;

		matcher_run(&matcher, span_of_text(cases[i].text), &bits);
		if (bits != cases[i].want)
			fail_msg("%s: %llu", cases[i].text, (unsigned long long)bits);
	}
}

/* Thousands that explode are refused within seconds, not compiled for minutes. */
static void
too_much_work_is_refused(void **state)
{
	enum { MANY = 8000 };
	auto_arena struct arena keep = {.max_bytes = 512u << 20}, texts = {.max_bytes = 64u << 20};
	struct matcher_pattern *patterns = arena_array(&texts, MANY, sizeof(*patterns));
	struct matcher matcher;
	struct why why = {0};

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		patterns[i] = (struct matcher_pattern){
		    span_of_text(arena_format(&texts, "/*%u????????????????", i)), i, MATCHER_PATH};
	assert_int_equal(matcher_new(patterns, MANY, MANY, &keep, &matcher, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "too wild"));
}

static void
nul_matches_nothing(void **state)
{
	auto_arena struct arena keep = {0};
	struct matcher_pattern patterns[] = {{SPAN("**"), 0, MATCHER_PATH}, {SPAN("/a"), 1, MATCHER_PATH}};
	struct matcher matcher;
	uint64_t bits = 0;

	(void)state;
	assert_int_equal(matcher_new(patterns, 2, 2, &keep, &matcher, NULL), OK);
	matcher_run(&matcher, SPAN("/a\0"), &bits);
	assert_int_equal(bits, 0);
	matcher_run(&matcher, SPAN("/a"), &bits);
	assert_int_equal(bits, 3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens),
	    cmocka_unit_test(what_cannot_be_read),
	    cmocka_unit_test(overlaps),
	    cmocka_unit_test(automata_agree_with_a_plain_matcher),
	    cmocka_unit_test(overlap_is_never_missed),
	    cmocka_unit_test(what_explodes_is_walked),
	    cmocka_unit_test(too_much_work_is_refused),
	    cmocka_unit_test(nul_matches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
