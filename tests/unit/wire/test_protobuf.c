/* protobuf_read: what it takes, and every attack it must refuse before protobuf-c sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clean.h"
#include "common/wire/protobuf.h"
#include "openshell/openshell.pb-c.h"

#include <cmocka.h> /* last: it has a macro named fail */

/* Bytes being built back to front, so that lengths are known when they are written. */
struct back {
	size_t at;
	char bytes[2 << 20];
};

static struct back back;

static void
back_start(void)
{
	back.at = sizeof(back.bytes);
}

static void
back_put(const char *bytes, size_t n)
{
	back.at -= n;
	memcpy(back.bytes + back.at, bytes, n);
}

/* A length-delimited field around all that is there. */
static void
back_wrap(unsigned number)
{
	size_t length = sizeof(back.bytes) - back.at;
	char head[16];
	size_t n = 0;

	for (uint64_t v = (uint64_t)number << 3 | 2; v > 0 || n == 0; v >>= 7)
		head[n++] = (char)(v >> 7 ? (v & 0x7f) | 0x80 : v);
	for (uint64_t v = length, first = 1; v > 0 || first; v >>= 7, first = 0)
		head[n++] = (char)(v >> 7 ? (v & 0x7f) | 0x80 : v);
	back_put(head, n);
}

static struct span
back_span(void)
{
	return span_of_bytes(back.bytes + back.at, sizeof(back.bytes) - back.at);
}

static const struct {
	const char *what;
	const ProtobufCMessageDescriptor *type;
	struct span bytes;
	enum err want;
	const char *why; /* part of the reason */
} cases[] = {
#define LIST  &openshell__v1__list_sandboxes_request__descriptor
#define SPEC  &openshell__v1__create_sandbox_request__descriptor
#define VALUE &google__protobuf__value__descriptor
#define POINT &openshell__sandbox__v1__network_endpoint__descriptor
    {"nothing", LIST, SPAN(""), OK, NULL},
    {"a number", LIST, SPAN("\x08\x05"), OK, NULL},
    {"a number of ten bytes", LIST, SPAN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), OK, NULL},
    {"a number over 64 bits", LIST, SPAN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), ERR_SYNTAX, "limit: at byte"},
    {"a number of eleven bytes", LIST, SPAN("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), ERR_SYNTAX,
	"too long"},
    {"a number cut short", LIST, SPAN("\x08\x80"), ERR_SYNTAX, "truncated"},
    {"a tag alone", LIST, SPAN("\x08"), ERR_SYNTAX, "limit"},
    {"a tag cut short", LIST, SPAN("\x88"), ERR_SYNTAX, "not a field's tag"},
    {"field number 0", LIST, SPAN("\x00\x01"), ERR_SYNTAX, "not a field's tag"},
    {"a tag of six bytes", LIST, SPAN("\x88\x80\x80\x80\x80\x00\x01"), ERR_SYNTAX, "not a field's tag"},
    {"a tag over 32 bits", LIST, SPAN("\xff\xff\xff\xff\x7f\x01"), ERR_SYNTAX, "not a field's tag"},
    {"text", LIST,
	SPAN("\x1a\x03"
	     "a=b"),
	OK, NULL},
    {"text with NUL", LIST,
	SPAN("\x1a\x03"
	     "a\0b"),
	ERR_SYNTAX, "UTF-8"},
    {"text not UTF-8", LIST, SPAN("\x1a\x02\xc0\x80"), ERR_SYNTAX, "UTF-8"},
    {"text longer than the rest", LIST,
	SPAN("\x1a\x04"
	     "a=b"),
	ERR_SYNTAX, "truncated: 4 bytes said, 3 are there"},
    {"a length of 2^32 - 1", LIST,
	SPAN("\x1a\xff\xff\xff\xff\x0f"
	     "a"),
	ERR_SYNTAX, "truncated"},
    {"a length of six bytes", LIST,
	SPAN("\x1a\x81\x80\x80\x80\x80\x00"
	     "a"),
	ERR_SYNTAX, "length"},
    {"number where text belongs", LIST, SPAN("\x18\x01"), ERR_SYNTAX, "wire type 0 instead of 2"},
    {"text where a number belongs", LIST, SPAN("\x0a\x01\x01"), ERR_SYNTAX, "wire type 2 instead of 0"},
    {"group starts", LIST, SPAN("\x0b\x0c"), ERR_SYNTAX, "wire type 3"},
    {"unknown group", LIST, SPAN("\xfb\x07\xfc\x07"), ERR_SYNTAX, "wire type 3"},
    {"wire type 7", LIST, SPAN("\x0f\x01"), ERR_SYNTAX, "wire type 7"},
    {"unknown fields of all kinds", LIST,
	SPAN("\xf8\x07\x01\xf9\x07"
	     "12345678"
	     "\xfa\x07\x01\xff\xfd\x07"
	     "1234"),
	OK, NULL},
    {"unknown fixed64 cut", LIST,
	SPAN("\xf9\x07"
	     "1234567"),
	ERR_SYNTAX, "truncated"},
    {"unknown fixed32 cut", LIST,
	SPAN("\xfd\x07"
	     "123"),
	ERR_SYNTAX, "truncated"},
    {"double cut", VALUE,
	SPAN("\x11"
	     "1234567"),
	ERR_SYNTAX, "number_value"},
    {"a singular message twice", SPEC, SPAN("\x0a\x00\x0a\x00"), ERR_SYNTAX, "spec: at byte 4: it may be there once"},
    {"inner text is named by its path", SPEC, SPAN("\x0a\x05\x32\x03\x0a\x01\xff"), ERR_SYNTAX, "spec.template.image"},
    {"map entries may repeat", SPEC,
	SPAN("\x1a\x06\x0a\x01"
	     "a"
	     "\x12\x01"
	     "b"
	     "\x1a\x00"),
	OK, NULL},
    {"a map's message value twice", &google__protobuf__struct__descriptor,
	SPAN("\x0a\x07\x0a\x01"
	     "a"
	     "\x12\x00\x12\x00"),
	ERR_SYNTAX, "fields.value"},
    {"packed numbers", POINT, SPAN("\x4a\x03\x50\xbb\x03"), OK, NULL},
    {"the same unpacked", POINT, SPAN("\x48\x50\x48\xbb\x03"), OK, NULL},
    {"packed numbers cut", POINT, SPAN("\x4a\x03\x50\xbb\x83"), ERR_SYNTAX, "ports"},
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_arena struct arena arena = {0};
		ProtobufCMessage *message = NULL;
		struct why why = {0};
		enum err r = protobuf_read(cases[i].type, cases[i].bytes, &arena, &message, &why);

		if (r != cases[i].want || (cases[i].why != NULL && strstr(why.text, cases[i].why) == NULL))
			fail_msg("%s: %s: %s", cases[i].what, err_name(r), why.text);
		assert_int_equal(message != NULL, r == OK);
	}
}

/* Every prefix of a good message is an answer, never a crash. */
static void
test_prefixes(void **state)
{
	static const char good[] = "\x0a\x0e\x2a\x06\x0a\x01"
				   "A"
				   "\x12\x01"
				   "b"
				   "\x32\x04\x0a\x02"
				   "ab"
				   "\x12\x03"
				   "box";

	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		auto_arena struct arena arena = {0};
		auto_free char *copy = malloc(n + 1); /* exact, so that ASan sees a byte too far */
		ProtobufCMessage *message = NULL;
		struct why why = {0};

		memcpy(copy, good, n);
		if (protobuf_read(SPEC, span_of_bytes(copy, n), &arena, &message, &why) == OK)
			assert_non_null(message);
		else
			assert_true(why.text[0] != '\0');
	}
}

static void
test_values(void **state)
{
	auto_arena struct arena arena = {0};
	const Openshell__V1__CreateSandboxRequest *request;
	const Openshell__Sandbox__V1__NetworkEndpoint *endpoint;
	ProtobufCMessage *message = NULL;
	struct span again;
	struct why why = {0};

	(void)state;
	assert_int_equal(protobuf_read(SPEC,
			     SPAN("\x12\x03"
				  "box"
				  "\x1a\x06\x0a\x01"
				  "a"
				  "\x12\x01"
				  "b"),
			     &arena, &message, &why),
	    OK);
	request = (const Openshell__V1__CreateSandboxRequest *)message;
	assert_string_equal(request->name, "box");
	assert_int_equal(request->n_labels, 1);
	assert_string_equal(request->labels[0]->value, "b");
	assert_int_equal(protobuf_write(message, &arena, &again, &why), OK);
	assert_true(span_equal(again, SPAN("\x12\x03"
					   "box"
					   "\x1a\x06\x0a\x01"
					   "a"
					   "\x12\x01"
					   "b")));
	assert_int_equal(protobuf_read(POINT, SPAN("\x4a\x03\x50\xbb\x03\x48\x16"), &arena, &message, &why), OK);
	endpoint = (const Openshell__Sandbox__V1__NetworkEndpoint *)message;
	assert_int_equal(endpoint->n_ports, 3);
	assert_int_equal(endpoint->ports[1], 443);
	assert_int_equal(endpoint->ports[2], 22);
}

/* levels of ListValue in Value in ListValue ..., which protobuf-c alone follows until the stack ends. */
static enum err
read_nested(size_t levels, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = 16u << 20};
	ProtobufCMessage *message = NULL;

	back_start();
	for (size_t i = 1; i < levels; i++)
		back_wrap(i % 2 == (levels % 2) ? 1 : 6); /* ListValue.values, Value.list_value */
	return protobuf_read(VALUE, back_span(), &arena, &message, why);
}

static void
test_nesting(void **state)
{
	struct why why = {0};

	(void)state;
	assert_int_equal(read_nested(PROTOBUF_DEPTH_MAX - 1, &why), OK);
	assert_int_equal(read_nested(PROTOBUF_DEPTH_MAX, &why), OK);
	assert_int_equal(read_nested(PROTOBUF_DEPTH_MAX + 1, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "nested deeper than 64"));
	assert_int_equal(read_nested(200000, &why), ERR_LIMIT); /* about 1 MiB */
}

/* 1 MiB of the same singular message again and again: protobuf-c alone takes a minute and a half. */
static void
test_merging(void **state)
{
	static char bytes[1 << 20];
	auto_arena struct arena arena = {0};
	ProtobufCMessage *message = NULL;
	struct why why = {0};
	clock_t before = clock(); /* our own time: others run, too */

	(void)state;
	for (size_t i = 0; i + 2 <= sizeof(bytes); i += 2)
		memcpy(bytes + i, "\x0a\x00", 2);
	assert_int_equal(protobuf_read(SPEC, span_of_bytes(bytes, sizeof(bytes)), &arena, &message, &why), ERR_SYNTAX);
	assert_true(clock() - before < CLOCKS_PER_SEC);
}

static void
test_many(void **state)
{
	static char bytes[2 * (PROTOBUF_ELEMENTS_MAX + 1)];
	auto_arena struct arena arena = {.max_bytes = 64u << 20}, small = {.max_bytes = 64u << 10};
	ProtobufCMessage *message = NULL;
	struct why why = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i += 2)
		memcpy(bytes + i, "\x08\x01", 2);
	assert_int_equal(protobuf_read(LIST, span_of_bytes(bytes, sizeof(bytes) - 2), &arena, &message, &why), OK);
	assert_int_equal(protobuf_read(LIST, span_of_bytes(bytes, sizeof(bytes)), &arena, &message, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "more than 200000 elements"));
	message = NULL;
	assert_int_equal(protobuf_read(LIST, span_of_bytes(bytes, 200000), &small, &message, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "memory"));
	assert_null(message);
}

/* Packed numbers are elements too. */
static void
test_many_packed(void **state)
{
	auto_arena struct arena arena = {.max_bytes = 64u << 20};
	ProtobufCMessage *message = NULL;
	struct why why = {0};

	(void)state;
	back_start();
	back.at -= PROTOBUF_ELEMENTS_MAX;
	memset(back.bytes + back.at, 1, PROTOBUF_ELEMENTS_MAX);
	back_wrap(9);
	assert_int_equal(protobuf_read(POINT, back_span(), &arena, &message, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "ports"));
}

/* The arena's ceiling is met at every allocation in turn. */
static void
test_ceilings(void **state)
{
	static const char good[] = "\x0a\x0e\x2a\x06\x0a\x01"
				   "A"
				   "\x12\x01"
				   "b"
				   "\x32\x04\x0a\x02"
				   "ab"
				   "\x12\x03"
				   "box";
	enum err r = ERR_LIMIT;

	(void)state;
	for (size_t max = 1; r != OK; max += 8) {
		auto_arena struct arena arena = {.max_bytes = max};
		ProtobufCMessage *message = NULL;
		struct why why = {0};

		r = protobuf_read(SPEC, span_of_bytes(good, sizeof(good) - 1), &arena, &message, &why);
		assert_true(r == OK || r == ERR_LIMIT);
		assert_true(max < 1u << 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_prefixes),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_nesting),
	    cmocka_unit_test(test_merging),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_many_packed),
	    cmocka_unit_test(test_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
