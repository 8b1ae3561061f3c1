/* GraphQL documents: what is one and what is not, and which operation and root fields are read out of it. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/graphql_document.h"

static const struct {
	const char *document, *chosen;
	enum err want;
	const char *shown; /* type, name, fields */
} cases[] = {
    {"{viewer}", "", OK, "q () viewer"},
    {"query{viewer billing}", "", OK, "q () viewer billing"},
    {"query Q { a b a }", "", OK, "q (Q) a b"},
    {"mutation IssueNew { createIssue(input: {title: \"t\", n: [1, -2.5e+3, $x, true, null, ENUM]}) { id } }", "", OK,
	"m (IssueNew) createIssue"},
    {"subscription{s}", "", OK, "s () s"},
    {"{viewer: billing}", "", OK, "q () billing"}, /* an alias */
    {"{ on query mutation fragment true: null }", "", OK, "q () on query mutation fragment null"},
    {"\xef\xbb\xbf,{,a,,b # c } d\r\n\te\xef\xbb\xbf}", "", OK, "q () a b e"},
    {"query Q($a: Int! = 1 @d, $b: [[String!]!] = [\"x\"], $c: In = {a: [{}]}) @d(x: $a) @e { a }", "", OK, "q (Q) a"},
    {"{ a(x: \"}{ b \\\" \\u007D\") { c } }", "", OK, "q () a"},
    {"{ a(x: \"\"\"} b \"quoted\" \\\"\"\" { \n c\"\"\") d }", "", OK, "q () a d"},
    {"{ a(x: \"\" y: \"\"\"\"\"\") }", "", OK, "q () a"},
    {"{ a @skip(if: true) b @include(if: $no) }", "", OK, "q () a b"},
    /* fragments */
    {"{ ... { a } ... on Q { b } ... @d { c ... { d } } }", "", OK, "q () a b c d"},
    {"{ ...F x } fragment F on Query @d { a ...G } fragment G on Query { b a { c } }", "", OK, "q () a b x"},
    {"fragment F on Query { a } query { ...F ...F }", "", OK, "q () a"},
    {"{ a { ...F } } fragment F on T { secret }", "", OK, "q () a"},
    {"{ a { ...F } } fragment F on T { b { ...F } }", "", OK, "q () a"}, /* not of the root */
    {"{ ...onX } fragment onX on T { b }", "", OK, "q () b"},
    {"{ ...query } fragment query on T { b }", "", OK, "q () b"},
    {"{ ...F }", "", ERR_SYNTAX, NULL},
    {"{ ...F } fragment F on Q { ...F }", "", ERR_SYNTAX, NULL},
    {"{ ...F } fragment F on Q { a ...G } fragment G on Q { b ... { ...F } }", "", ERR_SYNTAX, NULL},
    {"{ ...F } fragment F on Q { a } fragment F on Q { b }", "", ERR_SYNTAX, NULL},
    {"{ ...on } fragment on on Q { a }", "", ERR_SYNTAX, NULL},
    {"{ ... on { a } }", "", ERR_SYNTAX, NULL},
    {"{ ... on Q }", "", ERR_SYNTAX, NULL},
    {"{ ... }", "", ERR_SYNTAX, NULL},
    {"{ ...F{a} } fragment F on Q { a }", "", ERR_SYNTAX, NULL},
    {"{ a } fragment F { a }", "", ERR_SYNTAX, NULL},
    {"{ a } fragment F($x: Int) on Q { a }", "", ERR_SYNTAX, NULL},
    {"fragment F on Q { a }", "", ERR_SYNTAX, NULL},
    /* which operation */
    {"query A { a } mutation B { b }", "B", OK, "m (B) b"},
    {"query A { a } mutation B { b }", "A", OK, "q (A) a"},
    {"query A { a }", "A", OK, "q (A) a"},
    {"query A { a } mutation B { b }", "", ERR_SYNTAX, NULL},
    {"query A { a } mutation B { b }", "C", ERR_SYNTAX, NULL},
    {"query A { a } mutation A { b }", "A", ERR_SYNTAX, NULL},
    {"query A { a } { b }", "A", ERR_SYNTAX, NULL},
    {"{ a } { b }", "", ERR_SYNTAX, NULL},
    {"{ a }", "A", ERR_SYNTAX, NULL},
    {"query A { a }", "a", ERR_SYNTAX, NULL},
    {"query A { a } fragment B on Q { b }", "B", ERR_SYNTAX, NULL},
    /* no documents */
    {"", "", ERR_SYNTAX, NULL},
    {" # nothing", "", ERR_SYNTAX, NULL},
    {"{}", "", ERR_SYNTAX, NULL},
    {"{ a {} }", "", ERR_SYNTAX, NULL},
    {"{ a() }", "", ERR_SYNTAX, NULL},
    {"query Q() { a }", "", ERR_SYNTAX, NULL},
    {"{ a", "", ERR_SYNTAX, NULL},
    {"{ a } }", "", ERR_SYNTAX, NULL},
    {"{ a } b", "", ERR_SYNTAX, NULL},
    {"query", "", ERR_SYNTAX, NULL},
    {"Query { a }", "", ERR_SYNTAX, NULL},
    {"type T { a: Int }", "", ERR_SYNTAX, NULL},
    {"\"described\" query { a }", "", ERR_SYNTAX, NULL},
    {"{ a: b: c }", "", ERR_SYNTAX, NULL},
    {"{ a: 1 }", "", ERR_SYNTAX, NULL},
    {"{ 1a }", "", ERR_SYNTAX, NULL},
    {"{ a-b }", "", ERR_SYNTAX, NULL},
    {"{ a..b }", "", ERR_SYNTAX, NULL},
    {"{ a(x) }", "", ERR_SYNTAX, NULL},
    {"{ a(x:) }", "", ERR_SYNTAX, NULL},
    {"{ a(1: 2) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: [1) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: {b 1}) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: 01) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: 1.) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: 1e) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: 1b: 2) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: 0xF) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: .5) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: -) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: $) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"b) }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"b\nc\") }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"\\x\") }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"\\u12G4\") }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"\\u{41}\") }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"\"\"b\"\") }", "", ERR_SYNTAX, NULL},
    {"{ a(x: 'b') }", "", ERR_SYNTAX, NULL},
    {"{ a @ }", "", ERR_SYNTAX, NULL},
    {"query ($a: Int = $b) { a }", "", ERR_SYNTAX, NULL},
    {"query (a: Int) { a }", "", ERR_SYNTAX, NULL},
    {"query ($a: [Int) { a }", "", ERR_SYNTAX, NULL},
    {"query ($a: Int!!) { a }", "", ERR_SYNTAX, NULL},
    {"{ a # b\x01\n }", "", ERR_SYNTAX, NULL},
    {"{ a # \xe2\x80\xa8 b\n }", "", ERR_SYNTAX, NULL}, /* a line's end to old readers */
    {"{ \xc3\xbc }", "", ERR_SYNTAX, NULL},
    {"{ a\xc2\xa0 }", "", ERR_SYNTAX, NULL},
    {"{ a(x: \"\xff\") }", "", ERR_SYNTAX, NULL},
    {"{ a } \x0c", "", ERR_SYNTAX, NULL},
    {"{ a & b | c }", "", ERR_SYNTAX, NULL},
    {"{ a ; b }", "", ERR_SYNTAX, NULL},
};

static void
show(const struct graphql_operation *operation, struct text *to)
{
	text_add(to, "%c (" SPAN_FORMAT ")", "?qms"[operation->type], SPAN_ARGS(operation->name));
	for (size_t i = 0; i < operation->fields_n; i++)
		text_add(to, " " SPAN_FORMAT, SPAN_ARGS(operation->fields[i]));
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct graphql_operation out = {0}, untouched = {0};
		char at[256];
		struct text shown = TEXT_OF(at);
		struct why why = {0};
		enum err r = graphql_document_read(
		    span_of_text(cases[i].document), span_of_text(cases[i].chosen), &arena, &out, &why);

		if (r != cases[i].want)
			fail_msg("%s: %s (%s)", cases[i].document, err_name(r), why.text);
		assert_int_equal(why.text[0] == '\0', r == OK);
		if (r != OK) {
			assert_memory_equal(&out, &untouched, sizeof(out));
			continue;
		}
		show(&out, &shown);
		assert_string_equal(at, cases[i].shown);
	}
}

/* "begin" so often, then "middle", then "end" as often. */
static enum err
repeated(const char *begin, const char *middle, const char *end, size_t n)
{
	size_t room = n * (strlen(begin) + strlen(end)) + strlen(middle) + 64;
	auto_arena struct arena arena = {0};
	auto_free char *at = malloc(room);
	struct text text = {at, 0, room, false};
	struct graphql_operation out;

	at[0] = '\0';
	for (size_t i = 0; i < n; i++)
		text_add(&text, "%s", begin);
	text_add(&text, "%s", middle);
	for (size_t i = 0; i < n; i++)
		text_add(&text, "%s", end);
	assert_false(text.cut);
	return graphql_document_read(text_span(&text), SPAN_NONE, &arena, &out, NULL);
}

/* A document of so many different root fields, or of fragments in a chain. */
static enum err
numbered(size_t n, const char *open, const char *format_close, bool chain)
{
	auto_arena struct arena arena = {0};
	auto_free char *at = malloc(n * 64 + 64);
	struct text text = {at, 0, n * 64 + 64, false};
	struct graphql_operation out;

	at[0] = '\0';
	text_add(&text, "%s", open);
	for (size_t i = 0; i < n; i++)
		if (chain)
			text_add(&text, "fragment f%zu on T{...f%zu ...f%zu}", i, i + 1, i + 1);
		else
			text_add(&text, " f%zu", i);
	text_add(&text, "%s", format_close);
	if (chain)
		text_add(&text, "fragment f%zu on T{a}", n);
	assert_false(text.cut);
	return graphql_document_read(text_span(&text), SPAN_NONE, &arena, &out, NULL);
}

static void
test_bounds(void **state)
{
	char name[600] = "{";
	struct graphql_operation out;
	auto_arena struct arena arena = {0}, small = {.max_bytes = 32};

	(void)state;
	assert_int_equal(repeated("{a", "", "}", GRAPHQL_DEPTH_MAX), OK);
	assert_int_equal(repeated("{a", "", "}", GRAPHQL_DEPTH_MAX + 1), ERR_LIMIT);
	assert_int_equal(repeated("{...", "{a}", "}", GRAPHQL_DEPTH_MAX - 1), OK);
	assert_int_equal(repeated("{...", "{a}", "}", GRAPHQL_DEPTH_MAX), ERR_LIMIT);
	assert_int_equal(numbered(GRAPHQL_FIELDS_MAX, "{", "}", false), OK);
	assert_int_equal(numbered(GRAPHQL_FIELDS_MAX + 1, "{", "}", false), ERR_LIMIT);
	/* each fragment twice in the one before it: 2 to the 100th fields if they were not read once */
	assert_int_equal(numbered(100, "{...f0}", "", true), OK);
	assert_int_equal(numbered(GRAPHQL_DEPTH_MAX, "{...f0}", "", true), ERR_LIMIT);
	memset(name + 1, 'a', GRAPHQL_NAME_BYTES);
	memcpy(name + 1 + GRAPHQL_NAME_BYTES, "}", 2);
	assert_int_equal(graphql_document_read(span_of_text(name), SPAN_NONE, &arena, &out, NULL), OK);
	memcpy(name + 1 + GRAPHQL_NAME_BYTES, "a}", 3);
	assert_int_equal(graphql_document_read(span_of_text(name), SPAN_NONE, &arena, &out, NULL), ERR_LIMIT);
	assert_int_equal(graphql_document_read(SPAN("{a}"), SPAN_NONE, &small, &out, NULL), ERR_LIMIT);
}

static enum err
tokens(size_t n)
{
	auto_arena struct arena arena = {0};
	auto_free char *at = malloc(2 * n + 2);
	struct graphql_operation out;

	/* n tokens: two braces, n - 3 names, and the end */
	for (size_t i = 0; i < n - 3; i++)
		memcpy(at + 2 * i, i == 0 ? "{a" : " a", 2);
	at[2 * (n - 3)] = '}';
	return graphql_document_read(span_of_bytes(at, 2 * (n - 3) + 1), SPAN_NONE, &arena, &out, NULL);
}

static void
test_tokens(void **state)
{
	(void)state;
	assert_int_equal(tokens(GRAPHQL_TOKENS_MAX), OK);
	assert_int_equal(tokens(GRAPHQL_TOKENS_MAX + 1), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
