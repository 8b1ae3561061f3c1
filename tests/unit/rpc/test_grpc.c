/* gRPC on the wire: frames, percent-encoding, timeouts, numbers, each at its edge. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/rpc/client.h"
#include "common/rpc/grpc.h"

static void
test_frame(void **state)
{
	static const struct {
		struct span bytes;
		enum err want;
		enum grpc_status status;
		size_t length;
	} cases[] = {
	    {{"\0\0\0\0\2ab", 7}, OK, 0, 2},
	    {{"\0\0\0\0\2abc", 8}, OK, 0, 2},
	    {{"\0\0\0\0\0", 5}, OK, 0, 0},
	    {{"\0\0\0\0", 4}, ERR_MORE, 0, 0},
	    {{"\0\0\0\0\2a", 6}, ERR_MORE, 0, 0},
	    {{"", 0}, ERR_MORE, 0, 0},
	    {{"\0\0\0\0\144", 5}, ERR_MORE, 0, 0},		    /* 100 bytes: the limit */
	    {{"\0\0\0\0\145", 5}, ERR_RANGE, GRPC_OUT_OF_RANGE, 0}, /* one more, refused before it comes */
	    {{"\0\xff\xff\xff\xff", 5}, ERR_RANGE, GRPC_OUT_OF_RANGE, 0},
	    {{"\1\0\0\0\2ab", 7}, ERR_UNIMPLEMENTED, GRPC_UNIMPLEMENTED, 0},
	    {{"\2\0\0\0\2ab", 7}, ERR_SYNTAX, GRPC_INTERNAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum grpc_status status = GRPC_OK;
		struct span out = SPAN_NONE;
		struct why why = {0};

		assert_int_equal(grpc_frame(cases[i].bytes, 100, &out, &status, &why), cases[i].want);
		assert_int_equal(status, cases[i].status);
		assert_int_equal(out.length, cases[i].length);
		assert_int_equal(why.text[0] != '\0', cases[i].want != OK && cases[i].want != ERR_MORE);
	}
}

static void
test_percent(void **state)
{
	static const struct {
		const char *plain, *encoded;
	} cases[] = {
	    {"", ""},
	    {"plain words ~", "plain words ~"},
	    {"100 %", "100 %25"},
	    {"a\nb", "a%0Ab"},
	    {"ü", "%C3%BC"},
	    {"日", "%E6%97%A5"},
	    {"\x7f", "%7F"},
	};
	char bytes[64], back[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text text = TEXT_OF(bytes);

		grpc_percent_encode(&text, span_of_text(cases[i].plain));
		assert_string_equal(bytes, cases[i].encoded);
		grpc_percent_decode(text_span(&text), back, sizeof(back));
		assert_string_equal(back, cases[i].plain);
	}
}

static void
test_percent_edges(void **state)
{
	char eight[8], small[4];
	struct text text = TEXT_OF(eight);

	(void)state;
	grpc_percent_encode(&text, SPAN("ab日")); /* nine more do not fit: no half character */
	assert_string_equal(eight, "ab");
	grpc_percent_decode(SPAN("%zz%4"), eight, sizeof(eight));
	assert_string_equal(eight, "%zz%4");
	grpc_percent_decode(SPAN("%00a"), eight, sizeof(eight)); /* no NUL comes in */
	assert_string_equal(eight, "%00a");
	grpc_percent_decode(SPAN("abcdef"), small, sizeof(small));
	assert_string_equal(small, "abc");
}

static void
test_timeout(void **state)
{
	static const struct {
		const char *text;
		enum err want;
		uint64_t ms;
	} cases[] = {
	    {"1H", OK, 3600000},
	    {"2M", OK, 120000},
	    {"10S", OK, 10000},
	    {"250m", OK, 250},
	    {"1500u", OK, 2},
	    {"1n", OK, 1},
	    {"0n", OK, 0},
	    {"99999999H", OK, 359999996400000},
	    {"", ERR_SYNTAX, 0},
	    {"S", ERR_SYNTAX, 0},
	    {"10", ERR_SYNTAX, 0},
	    {"-1S", ERR_SYNTAX, 0},
	    {"1x", ERR_SYNTAX, 0},
	    {"100000000S", ERR_SYNTAX, 0},
	    {"1 S", ERR_SYNTAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct why why = {0};
		uint64_t ms = 0;

		assert_int_equal(grpc_timeout_parse(span_of_text(cases[i].text), &ms, &why), cases[i].want);
		assert_int_equal(ms, cases[i].ms);
		assert_int_equal(why.text[0] == '\0', cases[i].want == OK);
	}
}

static void
test_numbers(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_true(grpc_err(i) == ERR_INTERNAL || err_grpc(grpc_err(i)) == i);
	assert_int_equal(grpc_err(5), ERR_NOT_FOUND);
	assert_int_equal(grpc_err(-1), ERR_INTERNAL);
	assert_string_equal(rpc_code_words(5), "Some requested entity was not found");
	assert_string_equal(rpc_code_words(16), "The request does not have valid authentication credentials");
	assert_string_equal(rpc_code_words(17), "Unknown error");
	assert_int_equal(grpc_of_http(503), 14);
	assert_int_equal(grpc_of_http(500), 2);
	assert_int_equal(grpc_of_http2(8), 1);
	assert_int_equal(grpc_of_http2(2), 13);
}

static void
test_buffer(void **state)
{
	struct buffer buffer = {0};
	unsigned char next_in = 0, next_out = 0;

	(void)state;
	for (size_t round = 0; round < 3000; round++) {
		for (size_t i = 0; i < round % 97; i++)
			*buffer_extend(&buffer, 1) = (char)next_in++;
		for (size_t i = 0; i < round % 89 && buffer.length > 0; i++, buffer_take(&buffer, 1))
			assert_int_equal((unsigned char)buffer_span(&buffer).at[0], next_out++);
	}
	assert_int_equal((unsigned char)(next_out + buffer.length), next_in);
	buffer_done(&buffer);
	assert_null(buffer_span(&buffer).at);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_frame),
	    cmocka_unit_test(test_percent),
	    cmocka_unit_test(test_percent_edges),
	    cmocka_unit_test(test_timeout),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
