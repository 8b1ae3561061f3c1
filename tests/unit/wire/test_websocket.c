/* WebSocket frames: scripts of frames and what must come of them, read at once and byte by byte; what we write, read
 * back. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/websocket.h"

#define KEY "\1\2\3\4"

/* Frames are written here with the mask bit and KEY set, but their payload in clear: "op len KEY payload". */
static const struct {
	struct span frames;
	const char *want; /* pieces joined: T text, B binary, P ping, O pong, C close, "." the end of a message */
	uint16_t code;	  /* 0: all is well, and nothing is left over */
	bool deflate;
} cases[] = {
    {SPAN("\x81\x85" KEY "hello"), "T(hello).", 0, false},
    {SPAN("\x82\x83" KEY "\0\xff\1"), "B(?\?\?).", 0, false},
    {SPAN("\x81\x80" KEY), "T().", 0, false},
    {SPAN("\x01\x82" KEY "he"
	  "\x00\x80" KEY "\x80\x83" KEY "llo"),
	"T(hello).", 0, false},
    {SPAN("\x01\x82" KEY "he"
	  "\x89\x81" KEY "p"
	  "\x80\x83" KEY "llo"),
	"T(heP(p)llo).", 0, false},
    {SPAN("\x01\x81" KEY "\xe2"
	  "\x00\x81" KEY "\x82"
	  "\x80\x81" KEY "\xac"),
	"T(??\?).", 0, false},
    {SPAN("\x8a\x80" KEY "\x81\x81" KEY "a"
	  "\x81\x81" KEY "b"),
	"O()T(a).T(b).", 0, false},
    {SPAN("\x88\x80" KEY), "C()", 0, false},
    {SPAN("\x88\x82" KEY "\x03\xe8"), "C(1000)", 0, false},
    {SPAN("\x88\x84" KEY "\x0f\xa0ok"), "C(4000 ok)", 0, false},
    {SPAN("\xc1\x83" KEY "abc"), "t(abc).", 0, true},
    {SPAN("\x41\x82" KEY "\xff\xff"
	  "\x80\x81" KEY "c"),
	"t(?\?c).", 0, true}, /* not looked at before it is inflated */
    {SPAN("\x81\x83" KEY "abc"), "T(abc).", 0, true},
    /* RFC 6455, 5.1 and 5.2 */
    {SPAN("\x81\x05hello"), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\xc1\x85" KEY "hello"), "", WEBSOCKET_PROTOCOL, false}, /* RSV1 without permessage-deflate */
    {SPAN("\xa1\x85" KEY "hello"), "", WEBSOCKET_PROTOCOL, true},
    {SPAN("\x91\x85" KEY "hello"), "", WEBSOCKET_PROTOCOL, true},
    {SPAN("\xc9\x80" KEY), "", WEBSOCKET_PROTOCOL, true}, /* on a control frame */
    {SPAN("\x41\x81" KEY "a"
	  "\xc0\x81" KEY "b"),
	"t(a", WEBSOCKET_PROTOCOL, true}, /* on a continuation */
    {SPAN("\x83\x80" KEY), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x87\x80" KEY), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x8b\x80" KEY), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x8f\x80" KEY), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x81\xfe\0\x7d" KEY), "", WEBSOCKET_PROTOCOL, false},	       /* 125 in two bytes */
    {SPAN("\x81\xff\0\0\0\0\0\0\xff\xff" KEY), "", WEBSOCKET_PROTOCOL, false}, /* 65535 in eight */
    {SPAN("\x81\xff\x80\0\0\0\0\0\0\0" KEY), "", WEBSOCKET_PROTOCOL, false},
    /* 5.4 and 5.5 */
    {SPAN("\x80\x81" KEY "a"), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x00\x81" KEY "a"), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x01\x81" KEY "a"
	  "\x81\x81" KEY "b"),
	"T(a", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x01\x81" KEY "a"
	  "\x02\x81" KEY "b"),
	"T(a", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x81\x81" KEY "a"
	  "\x80\x81" KEY "b"),
	"T(a).", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x09\x80" KEY), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x89\xfe\0\x7e" KEY), "", WEBSOCKET_PROTOCOL, false}, /* a ping of 126 bytes */
    {SPAN("\x88\x81" KEY "\3"), "", WEBSOCKET_PROTOCOL, false},
    {SPAN("\x88\x82" KEY "\x03\xe7"), "", WEBSOCKET_PROTOCOL, false}, /* 999 */
    {SPAN("\x88\x82" KEY "\x03\xec"), "", WEBSOCKET_PROTOCOL, false}, /* 1004 */
    {SPAN("\x88\x82" KEY "\x03\xed"), "", WEBSOCKET_PROTOCOL, false}, /* 1005 */
    {SPAN("\x88\x82" KEY "\x03\xf7"), "", WEBSOCKET_PROTOCOL, false}, /* 1015 */
    {SPAN("\x88\x82" KEY "\x13\x88"), "", WEBSOCKET_PROTOCOL, false}, /* 5000 */
    {SPAN("\x88\x80" KEY "\x81\x81" KEY "a"), "C()", WEBSOCKET_PROTOCOL, false},
    /* UTF-8 */
    {SPAN("\x81\x81" KEY "\xff"), "", WEBSOCKET_NOT_UTF8, false},
    {SPAN("\x81\x82" KEY "a\xc3"), NULL, WEBSOCKET_NOT_UTF8, false}, /* a letter that has no end */
    {SPAN("\x81\x83" KEY "\xed\xa0\x80"), NULL, WEBSOCKET_NOT_UTF8, false},
    {SPAN("\x01\x81" KEY "\xe2"
	  "\x80\x81" KEY "a"),
	"T(?", WEBSOCKET_NOT_UTF8, false},
    {SPAN("\x88\x83" KEY "\x03\xe8\xff"), "", WEBSOCKET_NOT_UTF8, false},
    /* limits */
    {SPAN("\x81\xff\0\0\0\0\0\x40\0\1" KEY "a"), "", WEBSOCKET_TOO_BIG, false}, /* 4 MiB and one byte */
    {SPAN("\x82\xff\0\0\0\0\1\0\0\1" KEY), "", WEBSOCKET_TOO_BIG, false},
    {SPAN("\x01\x81" KEY "a"
	  "\x80\xff\0\0\0\0\0\x40\0\0" KEY "a"),
	"T(a", WEBSOCKET_TOO_BIG, false},
};

/* Mask the payloads of well-formed frames in place. */
static void
mask_all(char *bytes, size_t length)
{
	size_t at = 0;

	while (length - at >= 6) {
		size_t n = (uint8_t)bytes[at + 1] & 0x7f, head = n == 127 ? 14 : n == 126 ? 8 : 6;

		if (n > 125 || (bytes[at + 1] & 0x80) == 0 || length - at - head < n)
			return;
		websocket_mask(bytes + at + head, n, (const uint8_t *)KEY, 0);
		at += head + n;
	}
}

static void
piece_show(const struct websocket_piece *piece, struct text *shown)
{
	static const char names[] = "?TB??\???CPO";

	if (piece->first)
		text_add(shown, "%c(", piece->compressed ? 't' : names[piece->opcode]);
	for (size_t i = 0; i < piece->bytes.length && piece->opcode != WEBSOCKET_CLOSE; i++)
		text_add(shown, "%c", piece->bytes.at[i] < ' ' ? '?' : piece->bytes.at[i]);
	if (piece->opcode == WEBSOCKET_CLOSE && piece->bytes.length > 0)
		text_add(shown, "%u%s" SPAN_FORMAT, piece->code, piece->bytes.length > 2 ? " " : "",
		    SPAN_ARGS(span_tail(piece->bytes, 2)));
	if (piece->opcode == WEBSOCKET_CLOSE && piece->bytes.length == 0)
		assert_int_equal(piece->code, 1005);
	if (piece->last)
		text_add(shown, "%s", piece->opcode >= WEBSOCKET_CLOSE ? ")" : ").");
}

/* Read a case with at most step more bytes at a time: what came before its end, its code. */
static uint16_t
run(size_t i, size_t step, struct text *shown, size_t *left)
{
	struct websocket_reader reader = {.deflate = cases[i].deflate};
	struct websocket_piece piece, untouched;
	char bytes[256];
	size_t length = cases[i].frames.length, from = 0, here = 0, used;
	uint16_t code = 0, later;
	struct why why = {0};
	enum err r = ERR_MORE;

	memcpy(bytes, cases[i].frames.at, length);
	mask_all(bytes, length);
	while (r == OK || (r == ERR_MORE && from + here < length)) {
		if (r == ERR_MORE)
			here = from + here + step < length ? here + step : length - from;
		memset(&piece, 0x55, sizeof(piece));
		untouched = piece;
		r = websocket_read(&reader, bytes + from, here, &used, &piece, &code, &why);
		if (r != OK) {
			assert_int_equal(used, 0);
			assert_memory_equal(&piece, &untouched, sizeof(piece));
			continue;
		}
		piece_show(&piece, shown);
		from += used;
		here -= used;
	}
	*left = here;
	if (r == ERR_MORE)
		return 0;
	assert_true(why.text[0] != '\0');
	assert_int_equal(websocket_read(&reader, bytes, 1, &used, &piece, &later, NULL), ERR_PROTOCOL); /* for good */
	return code;
}

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t step = 1; step < 80; step += step < 20 ? 1 : 58) {
			char at[256];
			struct text shown = TEXT_OF(at);
			size_t left;
			uint16_t code;

			at[0] = '\0';
			code = run(i, step, &shown, &left);
			if (code != cases[i].code)
				fail_msg("case %zu in steps of %zu: code %u, %s", i, step, code, at);
			if (cases[i].want != NULL && strcmp(at, cases[i].want) != 0)
				fail_msg("case %zu in steps of %zu: %s", i, step, at);
			assert_true(code != 0 || left == 0);
		}
}

/* A frame of so many bytes is announced; only its first byte of payload comes. */
static enum err
announce(struct websocket_reader *reader, enum websocket_opcode opcode, uint64_t length, uint16_t *code)
{
	char bytes[WEBSOCKET_HEAD_BYTES + 1];
	struct websocket_piece piece;
	size_t used, head;

	head = websocket_head_write(
	    opcode, opcode != WEBSOCKET_CONTINUATION, false, length, (const uint8_t *)KEY, (uint8_t *)bytes);
	bytes[head] = 'a' ^ 1;
	return websocket_read(reader, bytes, head + 1, &used, &piece, code, NULL);
}

static void
test_bounds(void **state)
{
	struct websocket_reader reader = {0};
	struct websocket_piece piece;
	uint16_t code = 0;
	char frame[6];
	size_t used;
	enum err r = OK;
	uint32_t n;

	(void)state;
	assert_int_equal(announce(&reader, WEBSOCKET_TEXT, WEBSOCKET_TEXT_BYTES, &code), OK);
	reader = (struct websocket_reader){0};
	assert_int_equal(announce(&reader, WEBSOCKET_TEXT, WEBSOCKET_TEXT_BYTES + 1, &code), ERR_LIMIT);
	assert_int_equal(code, WEBSOCKET_TOO_BIG);
	reader = (struct websocket_reader){0};
	assert_int_equal(announce(&reader, WEBSOCKET_BINARY, WEBSOCKET_BINARY_BYTES, &code), OK);
	reader = (struct websocket_reader){0};
	assert_int_equal(announce(&reader, WEBSOCKET_BINARY, WEBSOCKET_BINARY_BYTES + 1, &code), ERR_LIMIT);

	reader = (struct websocket_reader){0};
	for (n = 0; r == OK && n <= WEBSOCKET_FRAGMENTS_MAX; n++) {
		memcpy(frame, n == 0 ? "\x02\x80" KEY : "\x00\x80" KEY, 6);
		r = websocket_read(&reader, frame, 6, &used, &piece, &code, NULL);
	}
	assert_int_equal(r, ERR_LIMIT);
	assert_int_equal(n, WEBSOCKET_FRAGMENTS_MAX + 1);
	assert_int_equal(code, WEBSOCKET_TOO_BIG);
}

static void
test_write(void **state)
{
	static const uint64_t lengths[] = {0, 1, 125, 126, 65535, 65536, 1u << 20};
	uint8_t head[WEBSOCKET_HEAD_BYTES];
	uint16_t code;

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct websocket_reader reader = {.deflate = true};
		auto_free char *bytes = calloc(1, lengths[i] + WEBSOCKET_HEAD_BYTES);
		struct websocket_piece piece;
		size_t n, used;

		n = websocket_head_write(
		    WEBSOCKET_BINARY, true, true, lengths[i], (const uint8_t *)KEY, (uint8_t *)bytes);
		for (size_t j = 0; j < lengths[i]; j++)
			bytes[n + j] = (char)(j * 7);
		websocket_mask(bytes + n, 3 % (lengths[i] + 1), (const uint8_t *)KEY, 0); /* in two parts */
		websocket_mask(bytes + n + 3 % (lengths[i] + 1), lengths[i] - 3 % (lengths[i] + 1),
		    (const uint8_t *)KEY, 3 % (lengths[i] + 1));
		assert_int_equal(websocket_read(&reader, bytes, n + lengths[i], &used, &piece, &code, NULL), OK);
		assert_true(used == n + lengths[i] && piece.bytes.length == lengths[i] && piece.first && piece.last);
		assert_true(piece.opcode == WEBSOCKET_BINARY && piece.compressed);
		for (size_t j = 0; j < lengths[i]; j++)
			assert_int_equal(piece.bytes.at[j], (char)(j * 7));
	}
	assert_int_equal(websocket_head_write(WEBSOCKET_TEXT, true, false, 126, NULL, head), 4);
	assert_memory_equal(head, "\x81\x7e\0\x7e", 4);
	assert_int_equal(websocket_head_write(WEBSOCKET_CONTINUATION, false, false, 65536, NULL, head), 10);
	assert_memory_equal(head, "\x00\x7f\0\0\0\0\0\1\0\0", 10);
}

static void
test_close(void **state)
{
	static char reason[200];
	uint8_t to[WEBSOCKET_CLOSE_BYTES];

	(void)state;
	assert_int_equal(websocket_close_write(WEBSOCKET_POLICY, SPAN("no"), NULL, to), 6);
	assert_memory_equal(to, "\x88\x04\x03\xf0no", 6);
	assert_int_equal(websocket_close_write(WEBSOCKET_POLICY, SPAN("no"), (const uint8_t *)KEY, to), 10);
	assert_memory_equal(to, "\x88\x84" KEY "\x02\xf2mk", 10);
	memset(reason, 'a', sizeof(reason));
	assert_int_equal(websocket_close_write(WEBSOCKET_POLICY, span_of_bytes(reason, 200), NULL, to), 127);
	memcpy(reason + 122, "\xc3\xbc", 2); /* a letter across the cut */
	assert_int_equal(websocket_close_write(WEBSOCKET_POLICY, span_of_bytes(reason, 200), NULL, to), 126);
	assert_int_equal(
	    websocket_close_write(WEBSOCKET_POLICY, span_of_bytes(reason, 123), (const uint8_t *)KEY, to), 131);
}

static void
test_utf8(void **state)
{
	static const struct {
		struct span text;
		bool want;
	} texts[] = {
	    {SPAN(""), true},
	    {SPAN("a\0b"), true},
	    {SPAN("\xc2\x80\xdf\xbf"), true},
	    {SPAN("\xe0\xa0\x80"), true},
	    {SPAN("\xed\x9f\xbf\xee\x80\x80"), true},
	    {SPAN("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
	    {SPAN("\x80"), false},
	    {SPAN("\xc1\xbf"), false},
	    {SPAN("\xe0\x9f\xbf"), false},
	    {SPAN("\xed\xa0\x80"), false},
	    {SPAN("\xf0\x8f\xbf\xbf"), false},
	    {SPAN("\xf4\x90\x80\x80"), false},
	    {SPAN("\xf5\x80\x80\x80"), false},
	    {SPAN("\xc3"), false},
	    {SPAN("\xf0\x90\x80"), false},
	    {SPAN("\xe2\x82\xac\x80"), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (websocket_utf8(texts[i].text) != texts[i].want)
			fail_msg("text %zu", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
