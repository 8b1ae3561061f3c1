/* Tokens: what was told is known and nothing else; a telling that is not whole, or too long, changes nothing. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "sandbox/proxy/proxy.h"
#include "sandbox/proxy/tokens.h"

#define CHUNK 4096 /* as bus.def has it */

static struct proxy proxy;

/* Tell n tokens "tFIRST" ... in one message. */
static enum err
tell(size_t first_number, size_t n, bool first, bool last)
{
	struct span *list = calloc(n + 1, sizeof(*list));
	char *words = calloc(n + 1, 16);
	struct msg m = {.id = SLOTS, .call = 1, .slots = {.tokens = list, .tokens_n = n, .first = first, .last = last}},
		   answer = {0};
	struct why why = {0};
	enum err r;

	for (size_t i = 0; i < n; i++) {
		snprintf(words + 16 * i, 16, "t%zu", first_number + i);
		list[i] = span_of_text(words + 16 * i);
	}
	r = slots(&proxy, &m, &answer, &why);
	assert_int_equal(answer.id, r == OK ? DONE : MSG_NONE);
	free(list);
	free(words);
	return r;
}

static bool
knows(const char *token)
{
	const struct placeholder_tokens tokens = tokens_of(&proxy);

	return tokens.known(tokens.self, span_of_text(token));
}

static int
forget(void **state)
{
	(void)state;
	tokens_free(proxy.tokens);
	proxy.tokens = NULL;
	return 0;
}

static void
nothing_is_known_at_first(void **state)
{
	(void)state;
	assert_false(tokens_any(&proxy) || knows("t1") || knows(""));
	assert_int_equal(tell(0, 0, true, true), OK);
	assert_false(tokens_any(&proxy) || knows("t1") || knows(""));
}

static void
many_are_found(void **state)
{
	char token[16];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(tell(i * CHUNK, CHUNK, i == 0, i == 9), OK);
	assert_true(tokens_any(&proxy));
	for (size_t i = 0; i < 10 * CHUNK; i++) {
		snprintf(token, sizeof(token), "t%zu", i);
		assert_true(knows(token));
	}
	assert_false(knows("t40960") || knows("t") || knows("u1") || knows("t01") || knows(""));
}

static void
a_new_telling_holds_when_it_is_whole(void **state)
{
	(void)state;
	assert_int_equal(tell(1, 1, true, true), OK);
	assert_int_equal(tell(2, 1, true, false), OK);
	assert_true(knows("t1") && !knows("t2"));
	assert_int_equal(tell(3, 1, true, false), OK); /* begun anew: what came of the one before is forgotten */
	assert_int_equal(tell(4, 1, false, true), OK);
	assert_true(!knows("t1") && !knows("t2") && knows("t3") && knows("t4"));
}

static void
too_many_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(tell(1, 1, true, true), OK);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(tell(i * CHUNK, CHUNK, i == 0, false), OK);
	assert_int_equal(tell(0, CHUNK, false, false), OK); /* the same again are no more */
	assert_int_equal(tell(32 * CHUNK, 1, false, true), ERR_LIMIT);
	assert_true(knows("t1") && !knows("t2"));
	assert_int_equal(tell(5, 1, true, true), OK);
	assert_true(knows("t5"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, forget)
	const struct CMUnitTest tests[] = {TEST(nothing_is_known_at_first), TEST(many_are_found),
	    TEST(a_new_telling_holds_when_it_is_whole), TEST(too_many_change_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
