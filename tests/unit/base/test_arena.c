/* Arenas: the ceiling holds, memory is zeroed and aligned, products do not overflow. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/arena.h"

static void
ceiling(void **state)
{
	auto_arena struct arena arena = {.max_bytes = 4096};
	struct span out = SPAN("before");

	(void)state;
	assert_non_null(arena_alloc(&arena, 4000));
	assert_null(arena_alloc(&arena, 200));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
	assert_int_equal(arena_span(&arena, (struct span){"x", 500}, &out), ERR_LIMIT);
	assert_true(span_is(out, "before"));
	arena_reset(&arena);
	assert_non_null(arena_alloc(&arena, 4000));
}

static void
many_pieces(void **state)
{
	auto_arena struct arena arena = {0};

	(void)state;
	for (size_t i = 1; i < 3000; i++) {
		char *at = arena_alloc(&arena, i % 97 + 1);

		assert_true((uintptr_t)at % 16 == 0);
		for (size_t j = 0; j <= i % 97; j++)
			assert_int_equal(at[j], 0);
		memset(at, 0xff, i % 97 + 1);
	}
	assert_string_equal(arena_format(&arena, "%d %s", 7, "x"), "7 x");
	assert_string_equal(arena_text(&arena, SPAN("abc")), "abc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ceiling), cmocka_unit_test(many_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
