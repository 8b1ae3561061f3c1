/* JSON: what is taken, what is refused, what is read out of it, and jansson's opinion on thousands of texts. */
#include "tests/unit/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/json.h"

static const struct {
	struct span text;
	enum err want;
	enum json_kind kind;
} cases[] = {
    {SPAN("null"), OK, JSON_KIND_NULL},
    {SPAN(" \t\r\ntrue "), OK, JSON_KIND_TRUE},
    {SPAN("false"), OK, JSON_KIND_FALSE},
    {SPAN("0"), OK, JSON_KIND_NUMBER},
    {SPAN("-0.5e+10"), OK, JSON_KIND_NUMBER},
    {SPAN("1e400"), OK, JSON_KIND_NUMBER}, /* kept as text */
    {SPAN("\"\""), OK, JSON_KIND_STRING},
    {SPAN("\"\xc3\xbc \\u00fc \\ud83d\\ude00 \\\" \\\\ \\/ \\b\\f\\n\\r\\t\""), OK, JSON_KIND_STRING},
    {SPAN("\"\\u0000\""), OK, JSON_KIND_STRING},
    {SPAN("\"\x7f\""), OK, JSON_KIND_STRING},
    {SPAN("[]"), OK, JSON_KIND_ARRAY},
    {SPAN("{ }"), OK, JSON_KIND_OBJECT},
    {SPAN("[1, [2], {\"a\" : [ ] } ]"), OK, JSON_KIND_ARRAY},
    {SPAN("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}],\"A\":3,\"\":4}"), OK, JSON_KIND_OBJECT},
    {SPAN(""), ERR_SYNTAX, 0},
    {SPAN(" "), ERR_SYNTAX, 0},
    {SPAN("nul"), ERR_SYNTAX, 0},
    {SPAN("nulL"), ERR_SYNTAX, 0},
    {SPAN("nullx"), ERR_SYNTAX, 0},
    {SPAN("null null"), ERR_SYNTAX, 0},
    {SPAN("null\0"), ERR_SYNTAX, 0},
    {SPAN("\xef\xbb\xbfnull"), ERR_SYNTAX, 0}, /* byte order mark */
    {SPAN("NaN"), ERR_SYNTAX, 0},
    {SPAN("Infinity"), ERR_SYNTAX, 0},
    {SPAN("-"), ERR_SYNTAX, 0},
    {SPAN("-Infinity"), ERR_SYNTAX, 0},
    {SPAN("+1"), ERR_SYNTAX, 0},
    {SPAN("01"), ERR_SYNTAX, 0},
    {SPAN("-01"), ERR_SYNTAX, 0},
    {SPAN("1."), ERR_SYNTAX, 0},
    {SPAN(".1"), ERR_SYNTAX, 0},
    {SPAN("1e"), ERR_SYNTAX, 0},
    {SPAN("1e+-1"), ERR_SYNTAX, 0},
    {SPAN("0x1"), ERR_SYNTAX, 0},
    {SPAN("'a'"), ERR_SYNTAX, 0},
    {SPAN("\""), ERR_SYNTAX, 0},
    {SPAN("\"\\\""), ERR_SYNTAX, 0},
    {SPAN("\"\\x41\""), ERR_SYNTAX, 0},
    {SPAN("\"\\u12\""), ERR_SYNTAX, 0},
    {SPAN("\"\\u123g\""), ERR_SYNTAX, 0},
    {SPAN("\"\\ud83d\""), ERR_SYNTAX, 0}, /* a high half alone */
    {SPAN("\"\\ud83d\\n\""), ERR_SYNTAX, 0},
    {SPAN("\"\\ud83d\\ud83d\""), ERR_SYNTAX, 0}, /* two of them */
    {SPAN("\"\\ude00\""), ERR_SYNTAX, 0},	 /* a low half alone */
    {SPAN("\"a\nb\""), ERR_SYNTAX, 0},
    {SPAN("\"a\0b\""), ERR_SYNTAX, 0},
    {SPAN("\"\xff\""), ERR_SYNTAX, 0},
    {SPAN("\"\xed\xa0\x80\""), ERR_SYNTAX, 0}, /* a surrogate in UTF-8 */
    {SPAN("\"\xc0\x80\""), ERR_SYNTAX, 0},     /* NUL in two bytes */
    {SPAN("["), ERR_SYNTAX, 0},
    {SPAN("]"), ERR_SYNTAX, 0},
    {SPAN("[1,]"), ERR_SYNTAX, 0},
    {SPAN("[,1]"), ERR_SYNTAX, 0},
    {SPAN("[1 2]"), ERR_SYNTAX, 0},
    {SPAN("[1}"), ERR_SYNTAX, 0},
    {SPAN("{\"a\"]"), ERR_SYNTAX, 0},
    {SPAN("{\"a\":1]"), ERR_SYNTAX, 0},
    {SPAN("{\"a\" 1}"), ERR_SYNTAX, 0},
    {SPAN("{\"a\":}"), ERR_SYNTAX, 0},
    {SPAN("{\"a\":1,}"), ERR_SYNTAX, 0},
    {SPAN("{a:1}"), ERR_SYNTAX, 0},
    {SPAN("{1:1}"), ERR_SYNTAX, 0},
    {SPAN("[1]/**/"), ERR_SYNTAX, 0},
    {SPAN("{\"a\":1,\"a\":1}"), ERR_SYNTAX, 0},
    {SPAN("{\"a\":1,\"b\":2,\"\\u0061\":3}"), ERR_SYNTAX, 0}, /* the same name, spelled with an escape */
    {SPAN("[{\"x\":{\"\xc3\xbc\":1,\"\\u00FC\":2}}]"), ERR_SYNTAX, 0},
    {SPAN("{\"\xf0\x9f\x98\x80\":1,\"\\uD83D\\ude00\":2}"), ERR_SYNTAX, 0},
    {SPAN("{\"/\":1,\"\\/\":2}"), ERR_SYNTAX, 0},
    {SPAN("{\"\":1,\"\":2}"), ERR_SYNTAX, 0},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json out = {0}, untouched = {0};
		struct why why = {0};
		enum err r = json_read(cases[i].text, &out, &why);

		if (r != cases[i].want)
			fail_msg("case %zu: %s (%s)", i, err_name(r), why.text);
		assert_int_equal(why.text[0] == '\0', r == OK);
		if (r == OK)
			assert_int_equal(out.kind, cases[i].kind);
		else
			assert_memory_equal(&out, &untouched, sizeof(out));
	}
}

/* "[[[ ... ]]]" so deep. */
static enum err
nested(size_t depth)
{
	auto_free char *text = malloc(2 * depth);
	struct json out;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return json_read(span_of_bytes(text, 2 * depth), &out, NULL);
}

/* An object of so many members. */
static enum err
broad(size_t members)
{
	auto_free char *at = malloc(members * 12 + 2);
	struct text text = {at, 0, members * 12 + 2, false};
	struct json out;

	for (size_t i = 0; i < members; i++)
		text_add(&text, "%c\"%06zx\":0", i == 0 ? '{' : ',', i);
	text_add(&text, "}");
	assert_false(text.cut);
	return json_read(text_span(&text), &out, NULL);
}

static void
test_bounds(void **state)
{
	(void)state;
	assert_int_equal(nested(JSON_DEPTH_MAX), OK);
	assert_int_equal(nested(JSON_DEPTH_MAX + 1), ERR_LIMIT);
	assert_int_equal(broad(JSON_NAMES_MAX), OK);
	assert_int_equal(broad(JSON_NAMES_MAX + 1), ERR_LIMIT);
}

static struct json
json_of(const char *text)
{
	struct json out = {0};

	assert_int_equal(json_read(span_of_text(text), &out, NULL), OK);
	return out;
}

static void
test_walk(void **state)
{
	struct json root = json_of(" { \"a\" : [ 1 , \"]\\\"}\" , { \"b\" : null } ] , \"c\\u0064\" : -2.5 } "), name,
		    value;
	struct json_walk walk = json_walk(root);

	(void)state;
	assert_true(json_next(&walk, &name, &value));
	assert_true(json_is(name, "a") && value.kind == JSON_KIND_ARRAY);
	assert_true(span_is(value.text, "[ 1 , \"]\\\"}\" , { \"b\" : null } ]"));
	assert_true(json_next(&walk, &name, &value));
	assert_true(json_is(name, "cd") && span_is(value.text, "-2.5"));
	assert_false(json_next(&walk, &name, &value));

	walk = json_walk(json_get(root, "a"));
	assert_true(json_next(&walk, &name, &value) && value.kind == JSON_KIND_NUMBER && name.kind == JSON_KIND_NONE);
	assert_true(json_next(&walk, NULL, &value) && json_is(value, "]\"}"));
	assert_true(json_next(&walk, NULL, &value) && json_get(value, "b").kind == JSON_KIND_NULL);
	assert_false(json_next(&walk, NULL, &value));

	assert_int_equal(json_get(root, "b").kind, JSON_KIND_NONE);
	assert_int_equal(json_get(json_of("[\"a\"]"), "a").kind, JSON_KIND_NONE);
	walk = json_walk(json_of("\"a\""));
	assert_false(json_next(&walk, NULL, &value));
}

static void
test_pick(void **state)
{
	static const char *const names[] = {"method", "params", "task"};
	static const char *const alike[] = {
	    "{\"method\":1,\"Method\":2}", "{\"PARAMS\":1}", "{\"param\\u017f\":1}", "{\"tas\xe2\x84\xaa\":1}"};
	struct json out[3], untouched[3];

	(void)state;
	assert_int_equal(json_pick(json_of("{\"x\":0,\"params\":[],\"\\u006dethod\":\"m\",\"metho\":1,\"methods\":2}"),
			     names, 3, out, NULL),
	    OK);
	assert_true(json_is(out[0], "m"));
	assert_int_equal(out[1].kind, JSON_KIND_ARRAY);
	assert_int_equal(out[2].kind, JSON_KIND_NONE);
	memcpy(untouched, out, sizeof(out));
	for (size_t i = 0; i < COUNT(alike); i++) {
		struct why why = {0};

		assert_int_equal(json_pick(json_of(alike[i]), names, 3, out, &why), ERR_SYNTAX);
		assert_true(why.text[0] != '\0');
		assert_memory_equal(out, untouched, sizeof(out));
	}
}

static void
test_text(void **state)
{
	auto_arena struct arena arena = {.max_bytes = 64};
	struct json string = json_of("\"\\u0041\\u00fc\\u20ac\\ud83d\\ude00\\n\\/\xc3\xbc\"");
	struct span text, same;

	(void)state;
	assert_int_equal(json_unescape(string, &arena, &text, NULL), OK);
	assert_true(span_is(text, "A\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\n/\xc3\xbc"));
	assert_int_equal(json_unescape(json_of("\"a\\u0000b\""), &arena, &text, NULL), OK);
	assert_true(span_equal(text, SPAN("a\0b")));
	assert_int_equal(json_unescape(string, &arena, &text, NULL), ERR_LIMIT);
	string = json_of("\"plain\"");
	assert_int_equal(json_unescape(string, &arena, &same, NULL), OK);
	assert_ptr_equal(same.at, string.text.at + 1); /* nothing was copied */
	assert_int_equal(json_unescape(json_of("1"), &arena, &same, NULL), ERR_INVALID);
	assert_true(json_whole(json_of("-12")) && !json_whole(json_of("1e2")) && !json_whole(json_of("\"1\"")));
	assert_false(json_is(string, "plai") || json_is(string, "plainer") || json_is(json_of("[]"), ""));
}

/* jansson on the same text; it also refuses numbers that are too large for it and \u0000 in names, and takes a NUL for
 * the end. */
static void
ask_jansson(struct span text)
{
	json_error_t error;
	json_t *theirs =
	    json_loadb(text.at, text.length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	enum json_error_code code = theirs != NULL ? json_error_unknown : json_error_code(&error);
	struct json ours;
	bool taken = json_read(text, &ours, NULL) == OK;

	json_decref(theirs);
	if (code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
	    code == json_error_null_character)
		return;
	if (taken != (theirs != NULL))
		fail_msg("we %s, jansson says %s: %.*s", taken ? "take it" : "refuse it", theirs ? "yes" : error.text,
		    (int)text.length, text.at);
}

static void
test_second_opinion(void **state)
{
	static const char letters[] = "{}[]\",:\\u0041nulltruefalse-1.5e+ \n\xc3\xbc\x01\xff/bd8";
	uint64_t random = 20260101;
	char text[256];

	(void)state;
	for (size_t i = 0; i < 200000; i++) {
		struct span seed = cases[i % COUNT(cases)].text;
		size_t changes = i / COUNT(cases) % 4;

		if (seed.length == 0 || seed.length > sizeof(text))
			continue;
		memcpy(text, seed.at, seed.length);
		for (size_t j = 0; j < changes; j++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			text[(random >> 33) % seed.length] = letters[(random >> 20) % (sizeof(letters) - 1)];
		}
		if (memchr(text, '\0', seed.length) == NULL)
			ask_jansson(span_of_bytes(text, seed.length));
	}
}

static void
batches(void **unused)
{
	static const struct {
		const char *text;
		enum err want;
		size_t n;
	} counts[] = {
	    {"[1]", OK, 1}, {"[{}, [], null]", OK, 3}, {"[]", ERR_SYNTAX, 9},
	    {"[1,2,3,4]", ERR_LIMIT, 9}, /* one past the most */
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct why why = {0};
		size_t n = 9;

		assert_int_equal(json_batch(json_of(counts[i].text), 3, &n, &why), counts[i].want);
		assert_int_equal(n, counts[i].want == OK ? counts[i].n : 9);
		assert_int_equal(why.text[0] != '\0', counts[i].want != OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(batches),
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_walk),
	    cmocka_unit_test(test_pick),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_second_opinion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
