/* Placeholders: where one counts it becomes a slot, where none counts it is refused, and nothing else is touched. */
#include "tests/unit/test.h"

#include "common/wire/base64.h"
#include "common/wire/placeholder.h"

#define M     PLACEHOLDER_MARK
#define A     PLACEHOLDER_ALIAS
#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static bool
known(const void *self, struct span token)
{
	static const char *const all[] = {"v1_TOK", "v1_TOKEN", "v12_TOK", "TOK", "s" HEX64 "_TOK"};

	(void)self;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (span_is(token, all[i]))
			return true;
	return false;
}

static const struct placeholder_tokens tokens = {known, NULL};

/* Pieces in one line: literals as they are, slots as <token/place>, literals of Basic as {..}. */
static void
write_down(const struct placeholder_pieces *pieces, struct text *to)
{
	for (size_t i = 0; i < pieces->n; i++) {
		const struct placeholder_piece *piece = &pieces->at[i];

		if (piece->token.length > 0)
			text_add(to, "<" SPAN_FORMAT "/%d>", SPAN_ARGS(piece->token), (int)piece->place);
		else if (piece->place == PLACEHOLDER_BASIC)
			text_add(to, "{" SPAN_FORMAT "}", SPAN_ARGS(piece->literal));
		else
			text_add_span(to, piece->literal);
	}
}

enum what { HEADER, BASIC, PATH, QUERY, FORM, TEXT, JSON };

static const struct {
	enum what what;
	const char *text;
	enum err want;
	const char *pieces; /* "": no mark, as it is */
} cases[] = {
    /* header values: whole, or behind a scheme */
    {HEADER, M "v1_TOK", OK, "<v1_TOK/1>"}, {HEADER, "Bearer " M "v1_TOK", OK, "Bearer <v1_TOK/1>"},
    {HEADER, "Bearer   " M "s" HEX64 "_TOK", OK, "Bearer   <s" HEX64 "_TOK/1>"},
    {HEADER, "token sk-" A "v1_TOK", OK, "token <v1_TOK/1>"}, {HEADER, A "v12_TOK", OK, "<v12_TOK/1>"},
    {HEADER, "openshell:resolve:env", OK, ""}, /* a colon too few */
    {HEADER, "OpenShell:resolve:env:v1_TOK", OK, ""}, {HEADER, "an ordinary value", OK, ""}, {HEADER, "", OK, ""},
    {HEADER, M "v1_TOX", ERR_NOT_FOUND, NULL},
    {HEADER, M "v1_TOKENS", ERR_NOT_FOUND, NULL}, /* the longest run, not the longest known beginning */
    {HEADER, M, ERR_SYNTAX, NULL}, {HEADER, M "1_TOK", ERR_SYNTAX, NULL},
    {HEADER, "prefix-" M "v1_TOK", ERR_SYNTAX, NULL}, {HEADER, M "v1_TOK ", ERR_SYNTAX, NULL},
    {HEADER, M "v1_TOK;x", ERR_SYNTAX, NULL}, {HEADER, M "v1_TOK " M "v1_TOK", ERR_SYNTAX, NULL},
    {HEADER, "a b " M "v1_TOK", ERR_SYNTAX, NULL},
    {HEADER, "sk-" A "v1_TOK.x", ERR_SYNTAX, NULL}, /* an alias is a whole word */
    {HEADER, "Bearer x%6fpenshell:resolve:env:v1_TOK", ERR_SYNTAX, NULL},
    {HEADER, "%6fpenshell%3aresolve:env:v1_TOK", ERR_SYNTAX, NULL}, /* encoded: only as a whole in a query */
    /* Basic, decoded */
    {BASIC, "u:" M "v1_TOK", OK, "Basic {u:}<v1_TOK/2>"}, {BASIC, M "TOK:x", OK, "Basic <TOK/2>{:x}"},
    {BASIC, M "TOK:" M "v1_TOK", OK, "Basic <TOK/2>{:}<v1_TOK/2>"}, {BASIC, "u:p", OK, ""},
    {BASIC, "u:" M "v1_TOX", ERR_NOT_FOUND, NULL}, {BASIC, "u:" M, ERR_SYNTAX, NULL},
    {BASIC, "u:%6fpenshell:resolve:env:v1_TOK", ERR_SYNTAX, NULL},
    /* paths */
    {PATH, "/repos/" M "v1_TOK/x", OK, "/repos/<v1_TOK/4>/x"},
    {PATH, "/bot" M "v1_TOK:sub/send", OK, "/bot<v1_TOK/4>:sub/send"},
    {PATH, "/" M "v1_TOK/" M "TOK", OK, "/<v1_TOK/4>/<TOK/4>"}, {PATH, "/x/tok-" A "v1_TOK/y", OK, "/x/<v1_TOK/4>/y"},
    {PATH, "/repos/x", OK, ""}, {PATH, "/" M "v1_TOX", ERR_NOT_FOUND, NULL}, {PATH, "/" M "/v1_TOK", ERR_SYNTAX, NULL},
    {PATH, "/x/tok-" A "v1_TOK.json", ERR_SYNTAX, NULL},
    /* queries: values, never names */
    {QUERY, "k=" M "v1_TOK", OK, "k=<v1_TOK/3>"}, {QUERY, "a=1&k=" M "v1_TOK&b=2&c", OK, "a=1&k=<v1_TOK/3>&b=2&c"},
    {QUERY, "k=openshell%3Aresolve%3Aenv%3av1_TOK&b", OK, "k=<v1_TOK/3>&b"},
    {QUERY, "k=a-" M "v1_TOK.b", OK, "k=a-<v1_TOK/3>.b"},
    {QUERY, "a=" M "TOK&b=" M "v12_TOK", OK, "a=<TOK/3>&b=<v12_TOK/3>"}, {QUERY, "a=1&b=2", OK, ""},
    {QUERY, "", OK, ""}, {QUERY, M "v1_TOK=1", ERR_SYNTAX, NULL}, {QUERY, M "v1_TOK", ERR_SYNTAX, NULL},
    {QUERY, "%6fpenshell:resolve:env:v1_TOK=1", ERR_SYNTAX, NULL},
    {QUERY, "k=x%6fpenshell:resolve:env:v1_TOK", ERR_SYNTAX, NULL},
    {QUERY, "k=" M "v1_TOK-%6fpenshell:resolve:env:v1_TOK", ERR_SYNTAX, NULL},
    {QUERY, "k=" M "v2_TOK", ERR_NOT_FOUND, NULL}, {QUERY, "k=" M, ERR_SYNTAX, NULL},
    /* forms: the same in another place */
    {FORM, "k=" M "v1_TOK&x=%20", OK, "k=<v1_TOK/6>&x=%20"}, {FORM, M "v1_TOK=1", ERR_SYNTAX, NULL},
    /* texts */
    {TEXT, "say " M "v1_TOK, " M "TOK.", OK, "say <v1_TOK/7>, <TOK/7>."}, {TEXT, M "v1_TOK", OK, "<v1_TOK/7>"},
    {TEXT, "say nothing", OK, ""}, {TEXT, "say " M "v9_TOK", ERR_NOT_FOUND, NULL}, {TEXT, "say " M, ERR_SYNTAX, NULL},
    /* JSON: inside of strings that are values */
    {JSON, "{\"k\": \"" M "v1_TOK\", \"n\": 1}", OK, "{\"k\": \"<v1_TOK/5>\", \"n\": 1}"},
    {JSON, "[\"a\\\"" M "v1_TOK b\",\"c\"]", OK, "[\"a\\\"<v1_TOK/5> b\",\"c\"]"},
    {JSON, "\"" M "v1_TOK\"", OK, "\"<v1_TOK/5>\""},
    {JSON, "{\"a\":[\"" M "TOK\",{\"b\":\"x-" A "v1_TOK\"}]}", OK, "{\"a\":[\"<TOK/5>\",{\"b\":\"<v1_TOK/5>\"}]}"},
    {JSON, "{\"k\":\"\\\\\"}", OK, ""}, {JSON, "{}", OK, ""}, {JSON, "{not json}", OK, ""},
    {JSON, "{\"" M "v1_TOK\" : 1}", ERR_SYNTAX, NULL}, {JSON, "{\"k\":\"" M "v1_TOX\"}", ERR_NOT_FOUND, NULL},
    {JSON, "{\"k\":\"openshell\\u003aresolve:env:v1_TOK\"}", ERR_SYNTAX, NULL},
    {JSON, "{\"k\":\"" M "v1_TOK\"", ERR_SYNTAX, NULL}, /* cut off: no JSON */
};

static enum err
cut(enum what what, struct span text, struct arena *arena, struct placeholder_pieces *pieces, struct why *why)
{
	char basic[512] = "Basic ";

	switch (what) {
	case HEADER:
		return placeholder_header(text, &tokens, arena, pieces, why);
	case BASIC:
		text = span_of_bytes(basic, 6 + base64_write(text, basic + 6));
		assert_int_equal(arena_span(arena, text, &text), OK);
		return placeholder_header(text, &tokens, arena, pieces, why);
	case PATH:
		return placeholder_path(text, &tokens, pieces, why);
	case QUERY:
	case FORM:
		return placeholder_query(
		    text, what == QUERY ? PLACEHOLDER_QUERY : PLACEHOLDER_FORM, &tokens, arena, pieces, why);
	case TEXT:
		return placeholder_text(text, &tokens, pieces, why);
	default:
		return placeholder_json(text, &tokens, arena, pieces, why);
	}
}

static void
cuts_into_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_arena struct arena arena = {0};
		struct placeholder_piece room[16];
		struct placeholder_pieces pieces = {.at = room, .max = 16};
		struct why why = {0};
		char line[512] = "";
		struct text text = TEXT_OF(line);
		enum err r = cut(cases[i].what, span_of_text(cases[i].text), &arena, &pieces, &why);

		if (r != cases[i].want)
			fail_msg("case %zu, %s: %d %s", i, cases[i].text, (int)r, why.text);
		if (r != OK) {
			assert_true(why.text[0] != '\0');
			continue;
		}
		write_down(&pieces, &text);
		assert_string_equal(line, cases[i].pieces);
	}
}

static void
has_bounds(void **state)
{
	struct placeholder_piece room[3];
	struct placeholder_pieces pieces = {.at = room, .max = 3};
	auto_arena struct arena arena = {0};
	char word[PLACEHOLDER_TOKEN_BYTES + 2];
	struct why why;

	(void)state;
	assert_int_equal(placeholder_text(SPAN("a " M "TOK b"), &tokens, &pieces, &why), OK);
	assert_int_equal(placeholder_text(SPAN("a " M "TOK b " M "TOK"), &tokens, &pieces, &why), ERR_LIMIT);
	assert_int_equal(
	    placeholder_query(SPAN("a=" M "TOK&b=" M "TOK"), PLACEHOLDER_QUERY, &tokens, &arena, &pieces, &why),
	    ERR_LIMIT);
	memset(word, 'a', sizeof(word));
	assert_true(placeholder_key(span_of_bytes(word, PLACEHOLDER_TOKEN_BYTES)));
	assert_false(placeholder_key(span_of_bytes(word, PLACEHOLDER_TOKEN_BYTES + 1)));
	assert_false(placeholder_key(SPAN_NONE));
	assert_false(placeholder_key(SPAN("0a")));
	assert_false(placeholder_key(SPAN("a-b")));
}

static void
shows_no_token(void **state)
{
	struct placeholder_piece room[8];
	struct placeholder_pieces pieces = {.at = room, .max = 8};
	char line[64];
	struct text text = TEXT_OF(line);
	struct why why;

	(void)state;
	assert_int_equal(placeholder_path(SPAN("/a/" M "TOK/b"), &tokens, &pieces, &why), OK);
	placeholder_show(&pieces, &text);
	assert_string_equal(line, "/a/[CREDENTIAL]/b");
}

/* Streams: whether it passes does not depend on where it is cut. */
static const struct {
	const char *text;
	bool passes;
} streams[] = {
    {"nothing in it", true},
    {"", true},
    {"x " M "v1_TOK y", false},
    {"x " M "v1_TOK", false},
    {"x " M "v1_TOKX y", true}, /* letters like others */
    {"x " M " y", true},
    {"sk-" A "v1_TOK", false},
    {"sk-" A "v1_TO", true},
    {M M "v1_TOK", false},
};

static bool
passes(struct span text, size_t cut_at)
{
	struct placeholder_tail tail = {0};

	return placeholder_passes(&tail, span_head(text, cut_at), false, &tokens) &&
	       placeholder_passes(&tail, span_tail(text, cut_at), false, &tokens) &&
	       placeholder_passes(&tail, SPAN_NONE, true, &tokens);
}

static bool
passes_bytewise(struct span text)
{
	struct placeholder_tail tail = {0};

	for (size_t i = 0; i < text.length; i++)
		if (!placeholder_passes(&tail, span_of_bytes(text.at + i, 1), false, &tokens))
			return false;
	return placeholder_passes(&tail, SPAN_NONE, true, &tokens);
}

static void
scans_streams(void **state)
{
	static char far[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		struct span text = span_of_text(streams[i].text);

		for (size_t at = 0; at <= text.length; at++)
			assert_int_equal(passes(text, at), streams[i].passes);
		assert_int_equal(passes_bytewise(text), streams[i].passes);
	}
	memset(far, 'x', sizeof(far));
	memcpy(far + 2000, M "v1_TOK", sizeof(M "v1_TOK") - 1);
	far[2000 + sizeof(M "v1_TOK") - 1] = ' ';
	for (size_t at = 0; at <= sizeof(far); at += 7)
		assert_false(passes(span_of_bytes(far, sizeof(far)), at));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cuts_into_pieces),
	    cmocka_unit_test(has_bounds),
	    cmocka_unit_test(shows_no_token),
	    cmocka_unit_test(scans_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
