/* The chunked coding: bodies whole and in every possible two pieces, and the ways to write a size that we refuse. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/wire/http_chunk.h"

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X252 X64 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *text;
	enum err want;
	const char *data;
	size_t left; /* behind the body */
	size_t trailers;
} cases[] = {
    {"0\r\n\r\n", OK, "", 0, 0},
    {"5\r\nhello\r\n0\r\n\r\n", OK, "hello", 0, 0},
    {"5\r\nhello\r\nA\r\n worldwide\r\n0\r\n\r\nGET / HTTP/1.1", OK, "hello worldwide", 14, 0},
    {"05\r\nhello\r\n000\r\n\r\n", OK, "hello", 0, 0},
    {"5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n", OK, "hello", 0, 0},
    {"0\r\ngrpc-status: 0\r\nX: y\r\n\r\n", OK, "", 0, 2},
    {"1;" X252 "\r\n", ERR_MORE, NULL, 0, 0}, /* 256 bytes: the longest line */
    {"1;" X252 "x\r\n", ERR_RANGE, NULL, 0, 0},
    {"4000000000000000\r\n", ERR_MORE, NULL, 0, 0},
    {"4000000000000001\r\n", ERR_RANGE, NULL, 0, 0},
    {"00000000000000005\r\n", ERR_RANGE, NULL, 0, 0}, /* 17 digits: it may wrap elsewhere */
    {"", ERR_MORE, NULL, 0, 0},
    {"5\r", ERR_MORE, NULL, 0, 0},
    {"5\r\nhello\r\n0\r\n\r", ERR_MORE, NULL, 0, 0},
    {"5\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5\r\nhello\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5\r\nhelloX\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5\r\nhello\rX0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"0x5\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"+5\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"-5\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {" 5\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5 \r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5 ;a\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5,5\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"\r\nhello", ERR_SYNTAX, NULL, 0, 0},
    {";a\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"g\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5;a\rb\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"5;a\x01\r\nhello\r\n0\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"0\r\n folded: x\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"0\r\nno colon\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
    {"0\r\na: b\n\r\n\r\n", ERR_SYNTAX, NULL, 0, 0},
};

struct reading {
	struct http_chunk chunk;
	struct http_trailers trailers;
	char data[512];
	size_t data_n, at;
};

/* Read on as far as the first n bytes of text go, `most` bytes of data at a time. */
static enum err
read_on(struct reading *reading, struct span text, size_t n, size_t most, struct why *why)
{
	while (reading->chunk.state != HTTP_CHUNK_END) {
		struct span data;
		size_t used;
		enum err r = http_chunk_next(&reading->chunk, span_tail(span_head(text, n), reading->at), most, &used,
		    &data, &reading->trailers, why);

		if (r != OK)
			return r;
		memcpy(reading->data + reading->data_n, data.at == NULL ? "" : data.at, data.length);
		reading->data_n += data.length;
		reading->at += used;
	}
	return OK;
}

static void
check(size_t i, size_t cut, size_t most)
{
	struct span text = span_of_text(cases[i].text);
	struct reading reading = {0};
	struct why why = {0};
	enum err r = read_on(&reading, text, cut, most, &why);

	if (r == ERR_MORE)
		r = read_on(&reading, text, text.length, most, &why);
	if (r != cases[i].want)
		fail_msg("case %zu cut at %zu: %s (%s)", i, cut, err_name(r), why.text);
	assert_int_equal(why.text[0] == '\0', r == OK || r == ERR_MORE);
	if (r != OK)
		return;
	assert_true(span_is(span_of_bytes(reading.data, reading.data_n), cases[i].data));
	assert_int_equal(text.length - reading.at, cases[i].left);
	assert_int_equal(reading.trailers.fields_n, cases[i].trailers);
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
			check(i, cut, SIZE_MAX);
			check(i, cut, 1);
		}
}

static void
test_bounds(void **state)
{
	struct http_chunk chunk = {0};
	struct span data = SPAN_NONE;
	char text[HTTP_TRAILERS_BYTES + 1];
	struct why why = {0};
	size_t used;

	(void)state;
	/* without room for data, lines are read all the same */
	assert_int_equal(http_chunk_next(&chunk, SPAN("2\r\nab\r\n"), 0, &used, &data, NULL, &why), OK);
	assert_int_equal(http_chunk_next(&chunk, SPAN("ab\r\n"), 0, &used, &data, NULL, &why), ERR_MORE);
	assert_int_equal(http_chunk_next(&chunk, SPAN("ab\r\n"), 9, &used, &data, NULL, &why), OK);
	assert_int_equal(data.length, 2);
	/* trailers over their bound */
	memset(text, 'x', sizeof(text));
	chunk = (struct http_chunk){.state = HTTP_CHUNK_TRAILERS};
	assert_int_equal(
	    http_chunk_next(&chunk, span_of_bytes(text, HTTP_TRAILERS_BYTES - 1), 0, &used, &data, NULL, &why),
	    ERR_MORE);
	assert_int_equal(
	    http_chunk_next(&chunk, span_of_bytes(text, HTTP_TRAILERS_BYTES), 0, &used, &data, NULL, &why), ERR_RANGE);
	chunk.state = HTTP_CHUNK_END;
	assert_int_equal(http_chunk_next(&chunk, SPAN("0"), 0, &used, &data, NULL, &why), ERR_STATE);
}

static void
test_written(void **state)
{
	char room[HTTP_CHUNK_HEAD_BYTES];

	(void)state;
	assert_true(span_is(span_of_bytes(room, http_chunk_head(room, 255)), "ff\r\n"));
	assert_true(span_is(span_of_bytes(room, http_chunk_head(room, UINT64_MAX)), "ffffffffffffffff\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
