/* Compressed messages: the examples of RFC 7692, what zlib makes of larger ones, bombs, and ends in the wrong place. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/clean.h"
#include "common/wire/websocket_inflate.h"

static const struct {
	struct span compressed;
	enum err want;
	struct span text;
} cases[] = {
    /* RFC 7692, 7.2.3.1 to 7.2.3.6 */
    {SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00"), OK, SPAN("Hello")},
    {SPAN("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), OK, SPAN("Hello")},
    {SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), OK, SPAN("Hello")},
    {SPAN("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), OK, SPAN("Hello")}, {SPAN("\x00"), OK, SPAN("")},
    {SPAN(""), ERR_PROTOCOL, SPAN("")},				/* the tail alone is no block */
    {SPAN("\xf2\x00\x11\x00\x00"), ERR_PROTOCOL, SPAN("")},	/* leans on a message before */
    {SPAN("\xf2\x48\xcd\xc9\xc9\x07"), ERR_PROTOCOL, SPAN("")}, /* cut off */
    {SPAN("\xf2\x48\xcd\xc9"), ERR_PROTOCOL, SPAN("")}, {SPAN("\x00\x05\x00\xfa\xff\x48\x65"), ERR_PROTOCOL, SPAN("")},
    {SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00"), ERR_PROTOCOL, SPAN("")}, /* a last block without its padding */
    {SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\x01"), ERR_PROTOCOL, SPAN("")},
    {SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"), ERR_PROTOCOL,
	SPAN("")}, /* and another message */
    {SPAN("\xff\xff\xff"), ERR_PROTOCOL, SPAN("")},
    {SPAN("\x78\x9c\xf2\x48\xcd\xc9\xc9\x07\x00"), ERR_PROTOCOL, SPAN("")}, /* a zlib head */
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span out = SPAN_NONE;
		struct why why = {0};
		enum err r = websocket_inflate(cases[i].compressed, 5, &out, &why);

		if (r != cases[i].want)
			fail_msg("case %zu: %s (%s)", i, err_name(r), why.text);
		if (r != OK) {
			assert_true(out.at == NULL && why.text[0] != '\0');
			continue;
		}
		assert_non_null(out.at);
		assert_true(span_equal(out, cases[i].text));
		free((void *)(uintptr_t)out.at);
	}
}

/* As a client compresses: raw, flushed, without the four bytes of the flush. */
static size_t
deflate_message(struct span text, char *to, size_t room)
{
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)text.at,
	    .avail_in = (uInt)text.length,
	    .next_out = (Bytef *)to,
	    .avail_out = (uInt)room};

	assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(stream.avail_in, 0);
	deflateEnd(&stream);
	return room - stream.avail_out - 4;
}

/* So many bytes, compressed and back: random ones, or all alike. */
static enum err
there_and_back(size_t length, bool alike, size_t max)
{
	auto_free char *text = malloc(length), *compressed = malloc(length + 1024);
	struct span out;
	size_t n;
	enum err r;

	for (size_t i = 0; i < length; i++)
		text[i] = alike ? 'a' : (char)((i * 2654435761u) >> 13);
	n = deflate_message(span_of_bytes(text, length), compressed, length + 1024);
	if ((r = websocket_inflate(span_of_bytes(compressed, n), max, &out, NULL)) != OK)
		return r;
	assert_true(span_equal(out, span_of_bytes(text, length)));
	free((void *)(uintptr_t)out.at);
	return OK;
}

static void
test_bounds(void **state)
{
	static const size_t lengths[] = {1, 4095, 4096, 4097, 8192, 1000000};

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		assert_int_equal(there_and_back(lengths[i], false, lengths[i]), OK);
		if (lengths[i] > 1)
			assert_int_equal(there_and_back(lengths[i], false, lengths[i] - 1), ERR_LIMIT);
	}
	assert_int_equal(there_and_back(WEBSOCKET_RATIO_FREE_BYTES, true, 4 << 20), OK);
	assert_int_equal(there_and_back(4 << 20, true, 4 << 20), ERR_LIMIT); /* a thousand times what it was */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_bounds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
