/* Templates: each place has its rule. */
#include "tests/unit/test.h"

#include "sandbox/router/template.h"

static struct span secret;

static bool
value(void *self, const struct msg_piece *pieces, size_t which, struct span *out, struct why *why)
{
	(void)self;
	if (!span_is(pieces[which].slot, "S")) {
		fail(why, ERR_NOT_FOUND, "no such slot");
		return false;
	}
	*out = secret;
	return true;
}

static const struct {
	const char *secret;
	enum place place;
	uint32_t places;
	const char *want; /* NULL: refused */
} cases[] = {
    {"a+b/c=", PLACE_HEADER, IN_FIELD, "<a+b/c=>"},
    {"tab\there", PLACE_HEADER, IN_FIELD, "<tab\there>"},
    {"a\rb", PLACE_HEADER, IN_FIELD, NULL},
    {"a\nb", PLACE_TEXT, IN_BODY, NULL}, /* no secret with a line break goes anywhere */
    {"a\x7f", PLACE_HEADER, IN_FIELD, NULL},
    {"a", PLACE_HEADER, IN_BODY, NULL}, /* a header's rules in a body */
    {"a", PLACE_LITERAL, ~0u, NULL},
    {"a", PLACES, ~0u, NULL}, /* one past the last place */
    {"pass", PLACE_BASIC, IN_FIELD, "<cGFzcw==>"},
    {"a b&c=d%/", PLACE_QUERY, IN_QUERY, "<a%20b%26c%3Dd%25%2F>"},
    {"\xc3\xa9~", PLACE_FORM, IN_BODY, "<%C3%A9~>"},
    {"123:AA-b_c.d", PLACE_PATH, IN_PATH, "<123:AA-b_c.d>"},
    {"a b", PLACE_PATH, IN_PATH, "<a%20b>"},
    {"a/b", PLACE_PATH, IN_PATH, NULL},
    {"a\\b", PLACE_PATH, IN_PATH, NULL},
    {"a?b", PLACE_PATH, IN_PATH, NULL},
    {"a#b", PLACE_PATH, IN_PATH, NULL},
    {"a;b", PLACE_PATH, IN_PATH, NULL}, /* a parameter would be cut */
    {"%2e", PLACE_PATH, IN_PATH, NULL}, /* whoever decodes twice would see a dot */
    {"a..b", PLACE_PATH, IN_PATH, NULL},
    {"a.b", PLACE_PATH, IN_PATH, "<a.b>"},
    {"q\"\\\x01", PLACE_JSON, IN_BODY, "<q\\\"\\\\\\u0001>"},
    {"\xc3\xa9", PLACE_JSON, IN_BODY, "<\xc3\xa9>"},
    {"\xc3", PLACE_JSON, IN_BODY, NULL},
    {"\xff any", PLACE_TEXT, IN_BODY, "<\xff any>"},
};

static void
places_have_rules(void **unused)
{
	const struct filler filler = {.value = value};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_piece pieces[] = {{.literal = SPAN("<")},
		    {.slot = SPAN("S"), .place = (uint8_t)cases[i].place}, {.literal = SPAN(">")}};
		struct bytes out = {0};
		struct why why = {0};
		enum err r;

		secret = span_of_text(cases[i].secret);
		r = template_write(pieces, 3, cases[i].places, &filler, &out, &why);
		if ((r == OK) != (cases[i].want != NULL) || (r == OK && !span_is(bytes_span(&out), cases[i].want)))
			fail_msg("case %zu: %s, %zu bytes", i, why.text, bytes_length(&out));
		assert_true(r == OK || why.text[0] != 0);
		bytes_free(&out);
	}
}

static void
neighbours_in_basic_are_one(void **unused)
{
	const struct filler filler = {.value = value};
	struct msg_piece pieces[] = {{.literal = SPAN("Basic ")}, {.literal = SPAN("user:"), .place = PLACE_BASIC},
	    {.slot = SPAN("S"), .place = PLACE_BASIC}, {.literal = SPAN("!"), .place = PLACE_BASIC}};
	struct bytes out = {0};
	struct why why;

	(void)unused;
	secret = SPAN("pw");
	assert_int_equal(template_write(pieces, 4, IN_FIELD, &filler, &out, &why), OK);
	assert_true(span_is(bytes_span(&out), "Basic dXNlcjpwdyE="));
	bytes_free(&out);
}

static void
who_has_no_value_fills_nothing(void **unused)
{
	const struct filler filler = {.value = value};
	struct msg_piece piece = {.slot = SPAN("T"), .place = PLACE_HEADER};
	struct bytes out = {0};
	struct why why = {0};

	(void)unused;
	assert_int_equal(template_write(&piece, 1, IN_FIELD, &filler, &out, &why), ERR_NOT_FOUND);
	assert_int_equal(bytes_length(&out), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places_have_rules),
	    cmocka_unit_test(neighbours_in_basic_are_one),
	    cmocka_unit_test(who_has_no_value_fills_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
