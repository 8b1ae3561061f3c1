/* The codec: every row of bus.def there and back, msgpack-c as the second opinion, and what must be refused. */
#include "tests/unit/test.h"

#include <msgpack.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "tests/unit/bus/sample.h"

static void
encode(const struct envelope *e, char **buffer, size_t *length)
{
	struct why why = {0};
	size_t room = 0;

	if (envelope_encode(e, buffer, &room, length, &why) != OK)
		fail_msg("%s", why.text);
}

static void
row_survives(const struct msg_info *row, uint32_t release, enum sample how)
{
	auto_arena struct arena arena = {.max_bytes = 64u << 20};
	auto_free char *buffer = NULL, *again = NULL;
	struct envelope e = {.kind = ENVELOPE_REQUEST, .call = 1000, .release = release}, back = {0};
	struct why why = {0};
	size_t length, length_again, fields;
	msgpack_unpacked oracle;

	e.msg.id = row->id;
	sample_fill(&arena, row, (char *)&e.msg.hello, how);
	encode(&e, &buffer, &length);
	if (envelope_decode(span_of_bytes(buffer, length), release, &arena, &back, &why) != OK)
		fail_msg("%s: %s", row->name, why.text);
	assert_int_equal(back.call, 1000);
	back.release = release;
	encode(&back, &again, &length_again);
	assert_int_equal(length, length_again);
	assert_memory_equal(buffer, again, length);
	msg_rows(row, release, &fields);
	msgpack_unpacked_init(&oracle);
	assert_int_equal(msgpack_unpack_next(&oracle, buffer, length, NULL), MSGPACK_UNPACK_SUCCESS);
	assert_int_equal(oracle.data.type, MSGPACK_OBJECT_ARRAY);
	assert_int_equal(oracle.data.via.array.size, 4);
	assert_int_equal(oracle.data.via.array.ptr[2].via.u64, row->id);
	assert_int_equal(oracle.data.via.array.ptr[3].via.array.size, fields);
	msgpack_unpacked_destroy(&oracle);
}

static void
every_row_survives(void **state)
{
	size_t n;
	const struct msg_info *const *table = msg_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (uint32_t release = msg_since(table[i]); release <= BUS_RELEASE; release++)
			for (enum sample how = SAMPLE_LOW; how <= SAMPLE_HIGH; how++)
				row_survives(table[i], release, how);
}

/* One that is a release behind is not sent what it does not know; what it does not say reads as the least. */
static void
releases_differ(void **state)
{
	auto_arena struct arena arena = {0};
	auto_free char *buffer = NULL;
	struct msg_log_line line = {.source = SPAN("sandbox"), .level = SPAN("INFO"), .number = 77};
	struct envelope e = {.kind = ENVELOPE_REQUEST,
			    .call = 1,
			    .release = 1,
			    .msg = {.id = LOGS_ADD,
				.logs_add = {.lines = &line, .lines_n = 1, .dropped = 3, .first = 9}}},
			back = {0};
	struct why why = {0};
	size_t length, room = 0;

	(void)state;
	encode(&e, &buffer, &length);
	assert_int_equal(envelope_decode(span_of_bytes(buffer, length), 2, &arena, &back, &why), ERR_PROTOCOL);
	assert_int_equal(envelope_decode(span_of_bytes(buffer, length), 1, &arena, &back, &why), OK);
	assert_int_equal(back.msg.logs_add.dropped, 3);
	assert_int_equal(back.msg.logs_add.first, 0);
	assert_int_equal(back.msg.logs_add.lines[0].number, 0);
	e.msg = (struct msg){.id = LOGS_ADDED, .logs_added = {5}};
	assert_int_equal(envelope_encode(&e, &buffer, &room, &length, &why), ERR_STATE);
	assert_non_null(strstr(why.text, "logs_added came with release 2"));
	e.release = 2;
	encode(&e, &buffer, &length);
	assert_int_equal(envelope_decode(span_of_bytes(buffer, length), 2, &arena, &back, &why), OK);
	assert_int_equal(envelope_decode(span_of_bytes(buffer, length), 1, &arena, &back, &why), ERR_PROTOCOL);
}

/* Fields that an older release leaves out read as 0 or empty: so that must be allowed. */
static void
newer_fields_may_be_empty(void **state)
{
	size_t n, fields;
	const struct msg_info *const *table = msg_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t f = msg_rows(table[i], msg_since(table[i]), &fields); f < table[i]->rows; f++)
			if (table[i]->fields[f].kind == FIELD_TEXT || table[i]->fields[f].kind == FIELD_BYTES)
				assert_int_equal(table[i]->fields[f].low, 0);
}

static void
numbers_ascend(void **state)
{
	size_t n;
	const struct msg_info *const *table = msg_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || table[i - 1]->id < table[i]->id);
		assert_ptr_equal(msg_info(table[i]->id), table[i]);
		assert_true(table[i]->from != 0 && table[i]->to != 0);
	}
	assert_null(msg_info(0));
	assert_null(msg_info(0xffff));
}

/* Cut anywhere, and each byte changed to each of some values: refused or read, never a crash, never left over. */
static void
damage_is_refused_or_read(void **state)
{
	size_t n;
	const struct msg_info *const *table = msg_table(&n);
	static const uint8_t values[] = {0x00, 0x7f, 0x80, 0x90, 0xa0, 0xc0, 0xc4, 0xc6, 0xcf, 0xdb, 0xdc, 0xdd, 0xff};

	(void)state;
	for (size_t i = 0; i < n; i++) {
		auto_arena struct arena arena = {.max_bytes = 64u << 20};
		auto_free char *buffer = NULL;
		struct envelope e = {.kind = ENVELOPE_EVENT}, back;
		size_t length;

		e.msg.id = table[i]->id;
		sample_fill(&arena, table[i], (char *)&e.msg.hello, SAMPLE_SOME);
		encode(&e, &buffer, &length);
		for (size_t cut = 0; cut < length; cut++) {
			auto_free char *shorter = malloc(cut + 1);
			auto_arena struct arena scratch = {0};

			memcpy(shorter, buffer, cut);
			assert_int_equal(
			    envelope_decode(span_of_bytes(shorter, cut), BUS_RELEASE, &scratch, &back, NULL),
			    ERR_PROTOCOL);
		}
		for (size_t at = 0; at < length; at++)
			for (size_t v = 0; v < sizeof(values); v++) {
				auto_arena struct arena scratch = {0};
				char before = buffer[at];

				buffer[at] = (char)values[v];
				(void)!envelope_decode(
				    span_of_bytes(buffer, length), BUS_RELEASE, &scratch, &back, NULL);
				buffer[at] = before;
			}
	}
}

static void
refused_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *what;
	} cases[] = {
#define CASE(bytes, what) {bytes, sizeof(bytes) - 1, what}
	    CASE("", "nothing"),
	    CASE("\x94", "array alone"),
	    CASE("\x93\x01\x01\x03\x90", "three in the envelope"),
	    CASE("\x94\x05\x01\x03\x90", "no such kind"),
	    CASE("\x94\x01\x00\x03\x90", "request without call"),
	    CASE("\x94\x04\x01\x03\x90", "event with call"),
	    CASE("\x94\x01\x01\x04\x90", "no such message"),
	    CASE("\x94\x01\x01\x03\x91\x01", "a field too many"),
	    CASE("\x94\x01\x01\x03\x90\x00", "left over"),
	    CASE("\x94\x01\x01\xcc\x03\x90", "number not shortest"),
	    CASE("\x94\x01\x01\x03\xdc\x00\x00", "array not shortest"),
	    CASE("\x94\x01\x01\x01\x92\x01\xd9\x01x", "text not shortest"),
	    CASE("\x94\x01\x01\x01\x92\x00\xa1x", "release 0 is out of bounds"),
	    CASE("\x94\x01\x01\x01\x92\x01\xa0", "empty name"),
	    CASE("\x94\x01\x01\x01\x92\x01\xa2\xc3\x28", "not UTF-8"),
	    CASE("\x94\x01\x01\x01\x92\x01\xa1\x00", "NUL in text"),
	    CASE("\x94\x01\x01\x01\x92\x01\xdb\xff\xff\xff\xff", "text of 4 GiB"),
	    CASE("\x94\x01\x01\x01\x92\xa1x\xa1x", "text for a number"),
	    CASE("\x94\x03\x01\x00\x92\xa5"
		 "ERR_X\xa1\xff",
		"error with bad words"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct envelope out = {.call = 77};
		struct why why = {0};

		if (envelope_decode(span_of_bytes(cases[i].bytes, cases[i].length), BUS_RELEASE, &arena, &out, &why) !=
		    ERR_PROTOCOL)
			fail_msg("taken: %s", cases[i].what);
		assert_int_equal(out.call, 77);
		assert_true(why.text[0] != '\0');
	}
}

static void
out_of_bounds_is_not_sent(void **state)
{
	auto_free char *buffer = NULL;
	struct envelope e = {.kind = ENVELOPE_EVENT,
	    .msg = {.id = STREAM_DATA, .stream_data = {.stream = 1, .channel = 9, .bytes = SPAN("x")}}};
	size_t room = 0, length;
	struct why why = {0};

	(void)state;
	assert_int_equal(envelope_encode(&e, &buffer, &room, &length, &why), ERR_RANGE);
	assert_non_null(strstr(why.text, "channel is 9, allowed is 0 to 3"));
}

static void
errors_travel(void **state)
{
	auto_free char *buffer = NULL;
	auto_arena struct arena arena = {0};
	struct envelope e = {.kind = ENVELOPE_ERROR, .call = 5, .error = ERR_NOT_FOUND, .words = SPAN("no sandbox")},
			back;
	size_t length;

	(void)state;
	encode(&e, &buffer, &length);
	assert_int_equal(envelope_decode(span_of_bytes(buffer, length), BUS_RELEASE, &arena, &back, NULL), OK);
	assert_int_equal(back.error, ERR_NOT_FOUND);
	assert_true(span_is(back.words, "no sandbox"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_ascend), cmocka_unit_test(every_row_survives),
	    cmocka_unit_test(releases_differ), cmocka_unit_test(newer_fields_may_be_empty),
	    cmocka_unit_test(damage_is_refused_or_read), cmocka_unit_test(refused_bytes),
	    cmocka_unit_test(out_of_bounds_is_not_sent), cmocka_unit_test(errors_travel)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
