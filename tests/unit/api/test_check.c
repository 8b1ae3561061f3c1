/* The limits of requests, each at its edge. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "services/api/check.h"

#define LONG_63 "a23456789012345678901234567890123456789012345678901234567890123"

/* Field, value and what is allowed are in each refusal. */
static void
refused(enum err r, enum err want, const struct why *why, const char *words, const char *what)
{
	if (r != want || (want != OK && strstr(why->text, words) == NULL))
		fail_msg("%s: %s \"%s\"", what, err_name(r), why->text);
}

static void
names(void **unused)
{
	static const struct {
		const char *name;
		enum err want;
		const char *words;
	} cases[] = {
	    {"a", OK, ""},
	    {"brave-otter", OK, ""},
	    {"0123456789012345678", OK, ""},
	    {"01234567890123456789", ERR_INVALID, "has 20 characters, at most 19"},
	    {"", ERR_INVALID, "name is required"},
	    {"Demo", ERR_INVALID, "name \"Demo\" must hold only lowercase alphanumeric"},
	    {"de_mo", ERR_INVALID, "lowercase alphanumeric"},
	    {"d\xc3\xa9mo", ERR_INVALID, "lowercase alphanumeric"},
	    {"-demo", ERR_INVALID, "must not start or end with a hyphen"},
	    {"demo-", ERR_INVALID, "must not start or end with a hyphen"},
	    {"-", ERR_INVALID, "must not start or end with a hyphen"},
	    {"de--mo", ERR_INVALID, "two hyphens"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct why why = {0};

		refused(check_name("name", span_of_text(cases[i].name), &why), cases[i].want, &why, cases[i].words,
		    cases[i].name);
	}
}

static void
labels(void **unused)
{
	static const struct {
		const char *key, *value;
		enum err want;
	} cases[] = {
	    {"team", "red", OK},
	    {"team", "", OK},
	    {"example.org/team", "A_b.c-9", OK},
	    {LONG_63, LONG_63, OK},
	    {LONG_63 "4", "", ERR_INVALID},
	    {"a", LONG_63 "4", ERR_INVALID},
	    {"", "x", ERR_INVALID},
	    {"-a", "x", ERR_INVALID},
	    {"a.", "x", ERR_INVALID},
	    {"a b", "x", ERR_INVALID},
	    {"a=b", "x", ERR_INVALID},
	    {"/a", "x", ERR_INVALID},
	    {"a/", "x", ERR_INVALID},
	    {"a/b/c", "x", ERR_INVALID},
	    {"Example.org/a", "x", ERR_INVALID},
	    {"a..b/c", "x", ERR_INVALID},
	    {"a./c", "x", ERR_INVALID},
	    {"a", "-x", ERR_INVALID},
	    {"a", "x y", ERR_INVALID},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct pair pair = {span_of_text(cases[i].key), span_of_text(cases[i].value)};
		struct why why = {0};

		refused(check_labels("labels", &pair, 1, &why), cases[i].want, &why, "labels: ", cases[i].key);
	}
}

static char *
letters(size_t n)
{
	char *text = malloc(n + 1);

	assert_non_null(text);
	memset(text, 'x', n);
	text[n] = '\0';
	return text;
}

static void
environment(void **unused)
{
	auto_free char *key_256 = letters(256), *key_257 = letters(257), *value_8192 = letters(8192),
		       *value_8193 = letters(8193), *value_32767 = letters(32767), *value_32766 = letters(32766);
	const struct {
		const char *key, *value;
		enum check_variables whose;
		enum err want;
		const char *words;
	} cases[] = {
	    {"A", "b", CHECK_MAIN, OK, ""},
	    {"_a9", "", CHECK_MAIN, OK, ""},
	    {key_256, "b", CHECK_MAIN, OK, ""},
	    {key_257, "b", CHECK_MAIN, ERR_INVALID, "has 257 bytes"},
	    {"", "b", CHECK_MAIN, ERR_INVALID, "has 0 bytes"},
	    {"9a", "b", CHECK_MAIN, ERR_INVALID, "no digit"},
	    {"A-B", "b", CHECK_MAIN, ERR_INVALID, "\"A-B\" must hold only"},
	    {"A", value_8192, CHECK_MAIN, OK, ""},
	    {"A", value_8193, CHECK_MAIN, ERR_INVALID, "has 8193 bytes, at most 8192"},
	    {"A", value_32766, CHECK_EXEC, OK, ""},
	    {"A", value_32767, CHECK_EXEC, ERR_INVALID, "at most"},
	    {"A", "b\nc", CHECK_EXEC, ERR_INVALID, "line end"},
	    {"A", "b\rc", CHECK_MAIN, ERR_INVALID, "line end"},
	    {"OPENSHELL_TOKEN", "b", CHECK_EXEC, ERR_INVALID, "reserved"},
	    {"OPENSHELL_PYFUNC_B64", "b", CHECK_EXEC, OK, ""},
	    {"OPENSHELL_PYFUNC_B64", "b", CHECK_MAIN, ERR_INVALID, "reserved"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct pair pair = {span_of_text(cases[i].key), span_of_text(cases[i].value)};
		struct why why = {0};

		refused(check_environment("environment", &pair, 1, cases[i].whose, &why), cases[i].want, &why,
		    cases[i].words, span_head(pair.key, 20).at);
	}
}

/* 256 KiB in all. */
static void
environment_total(void **unused)
{
	auto_free char *value = letters(8191);
	struct pair pairs[33];
	struct why why = {0};

	(void)unused;
	for (size_t i = 0; i < COUNT(pairs); i++)
		pairs[i] = (struct pair){SPAN("A"), span_of_text(value)};
	assert_int_equal(check_environment("environment", pairs, 32, CHECK_MAIN, &why), OK);
	refused(check_environment("environment", pairs, 33, CHECK_MAIN, &why), ERR_INVALID, &why, "at most 262144",
	    "total");
}

static void
commands(void **unused)
{
	auto_free char *all = letters(32768), *more = letters(32769);
	char *many[1025], *good[] = {(char *)"sh", all}, *long_one[] = {(char *)"sh", more}, *empty[] = {(char *)""},
			  *heavy[9];
	struct why why = {0};

	(void)unused;
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (char *)"x";
	for (size_t i = 0; i < COUNT(heavy); i++)
		heavy[i] = all;
	assert_int_equal(check_command("command", good, 2, 256, &why), OK);
	assert_int_equal(check_command("command", many, 1024, 1024, &why), OK);
	refused(check_command("command", many, 1025, 1024, &why), ERR_INVALID, &why, "has 1025 arguments, at most 1024",
	    "1025");
	refused(check_command("command", many, 0, 256, &why), ERR_INVALID, &why, "command is required", "none");
	refused(
	    check_command("command", long_one, 2, 256, &why), ERR_INVALID, &why, "command[1] has 32769 bytes", "long");
	refused(check_command("command", empty, 1, 256, &why), ERR_INVALID, &why, "command[0] is empty", "empty");
	refused(check_command("command", heavy, 8, 256, &why), ERR_INVALID, &why, "at most 262144", "heavy");
}

static void
quantities(void **unused)
{
	static const struct {
		const char *text;
		uint64_t milli; /* 0: refused */
		uint64_t bytes;
	} cases[] = {
	    {"500m", 500, 0},
	    {"1m", 1, 0},
	    {"0m", 0, 0},
	    {"m", 0, 0},
	    {"2", 2000, 2},
	    {"0", 0, 0},
	    {"0.5", 500, 0},
	    {"1.25", 1250, 0},
	    {"0.001", 1, 0},
	    {"0.0001", 0, 0},
	    {"1.", 0, 0},
	    {".5", 0, 0},
	    {"-1", 0, 0},
	    {"", 0, 0},
	    {"1024", 1024000, 1024},
	    {"1025", 0, 1025},
	    {"1024000m", 1024000, 0},
	    {"1024001m", 0, 0},
	    {"512Mi", 0, 512ull << 20},
	    {"1Gi", 0, 1ull << 30},
	    {"1G", 0, 1000000000},
	    {"15Ei", 0, 15ull << 60},
	    {"16Ei", 0, 0},
	    {"1Zi", 0, 0},
	    {"Gi", 0, 0},
	    {"0Gi", 0, 0},
	    {"1 Gi", 0, 0},
	    {"01", 0, 0},
	    {"1e3", 0, 0},
	    {"18446744073709551615", 0, UINT64_MAX},
	    {"18446744073709551616", 0, 0},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span text = span_of_text(cases[i].text);
		struct why why = {0};
		uint32_t milli = 0;
		uint64_t bytes = 0;

		refused(check_cpu("cpu", text, &milli, &why), cases[i].milli == 0 ? ERR_INVALID : OK, &why, "cores",
		    cases[i].text);
		assert_int_equal(milli, cases[i].milli);
		refused(check_memory("memory", text, &bytes, &why), cases[i].bytes == 0 ? ERR_INVALID : OK, &why,
		    "bytes", cases[i].text);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void
selectors(void **unused)
{
	auto_arena struct arena arena = {0};
	char many[64 * 6 + 5] = "";
	struct why why = {0};
	struct span *texts;
	size_t n;

	(void)unused;
	assert_int_equal(check_selector(&arena, SPAN(""), &texts, &n, &why), OK);
	assert_int_equal(n, 0);
	assert_int_equal(check_selector(&arena, SPAN("a=b,example.org/c="), &texts, &n, &why), OK);
	assert_int_equal(n, 2);
	assert_true(span_is(texts[0], "a=b") && span_is(texts[1], "example.org/c="));
	refused(check_selector(&arena, SPAN("a"), &texts, &n, &why), ERR_INVALID, &why, "\"a\" is not key=value", "a");
	refused(check_selector(&arena, SPAN("a=b,,c=d"), &texts, &n, &why), ERR_INVALID, &why, "not key=value", "gap");
	refused(check_selector(&arena, SPAN("a=b=c"), &texts, &n, &why), ERR_INVALID, &why, "value", "twice");
	for (size_t i = 0; i < 64; i++)
		memcpy(many + 4 * i, "a=b,", 5);
	assert_int_equal(check_selector(&arena, span_of_bytes(many, 4 * 64 - 1), &texts, &n, &why), OK);
	memcpy(many + 4 * 64, "a=b", 4);
	refused(check_selector(&arena, span_of_text(many), &texts, &n, &why), ERR_INVALID, &why, "more than 64", "65");
}

/* The last of a key that is there twice counts. */
static void
pairs(void **unused)
{
	Openshell__V1__ExecSandboxRequest__EnvironmentEntry entries[3], *list[200];
	auto_arena struct arena arena = {0};
	struct span *texts;
	struct pair *out;
	struct why why = {0};
	size_t n;

	(void)unused;
	for (size_t i = 0; i < COUNT(entries); i++)
		openshell__v1__exec_sandbox_request__environment_entry__init(&entries[i]);
	entries[0].key = entries[2].key = (char *)"A";
	entries[0].value = (char *)"old";
	entries[1].key = (char *)"B"; /* no value: empty */
	entries[2].value = (char *)"new";
	for (size_t i = 0; i < COUNT(list); i++)
		list[i] = &entries[i % 3];
	assert_int_equal(pairs_of(&arena, list, 3, &out, &n, &why), OK);
	assert_int_equal(n, 2);
	assert_int_equal(pairs_texts(&arena, out, n, &texts, &why), OK);
	assert_true(span_is(texts[0], "A=new") && span_is(texts[1], "B="));
	assert_int_equal(pairs_of(&arena, list, 128, &out, &n, &why), OK);
	refused(pairs_of(&arena, list, 129, &out, &n, &why), ERR_INVALID, &why, "129 entries, at most 128", "129");
}

/* {"limits": {KEY: TEXT}} */
static enum err
resources(const char *outer, const char *key, const char *text, struct wanted *wanted, struct why *why)
{
	static char *command[] = {(char *)"sh"};
	auto_arena struct arena arena = {0};
	Openshell__V1__SandboxSpec spec = OPENSHELL__V1__SANDBOX_SPEC__INIT;
	Openshell__V1__SandboxTemplate template = OPENSHELL__V1__SANDBOX_TEMPLATE__INIT;
	Google__Protobuf__Struct all = GOOGLE__PROTOBUF__STRUCT__INIT, limits = GOOGLE__PROTOBUF__STRUCT__INIT;
	Google__Protobuf__Struct__FieldsEntry entry = GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT, inner = entry;
	Google__Protobuf__Struct__FieldsEntry *entries[] = {&entry}, *inners[] = {&inner};
	Google__Protobuf__Value value = GOOGLE__PROTOBUF__VALUE__INIT, amount = value;

	spec.command = command;
	spec.n_command = 1;
	spec.template_ = &template;
	template.resources = &all;
	all.fields = entries;
	all.n_fields = 1;
	entry.key = (char *)outer;
	entry.value = &value;
	value.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE;
	value.struct_value = &limits;
	limits.fields = inners;
	limits.n_fields = 1;
	inner.key = (char *)key;
	inner.value = &amount;
	amount.kind_case = GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE;
	amount.string_value = (char *)text;
	return check_spec(&arena, &spec, wanted, why);
}

static void
specs(void **unused)
{
	struct wanted wanted;
	struct why why = {0};

	(void)unused;
	assert_int_equal(resources("limits", "cpu", "500m", &wanted, &why), OK);
	assert_int_equal(wanted.cpu_milli, 500);
	assert_int_equal(resources("limits", "memory", "1Gi", &wanted, &why), OK);
	assert_int_equal(wanted.memory_bytes, 1u << 30);
	assert_int_equal(resources("requests", "memory", "1Gi", &wanted, &why), OK);
	assert_int_equal(wanted.memory_bytes, 0);
	refused(resources("limits", "memory", "lots", &wanted, &why), ERR_INVALID, &why,
	    "spec.template.resources.limits.memory: \"lots\"", "lots");
	refused(
	    resources("limits", "nvidia.com/gpu", "1", &wanted, &why), ERR_INVALID, &why, "only cpu and memory", "gpu");
	refused(
	    resources("claims", "cpu", "1", &wanted, &why), ERR_INVALID, &why, "only limits and requests", "claims");
}

static void
ids(void **unused)
{
	struct why why = {0};
	struct id id;

	(void)unused;
	assert_int_equal(check_id("id", SPAN("01020304-0506-4708-890a-0b0c0d0e0f10"), &id, &why), OK);
	refused(check_id("id", SPAN(""), &id, &why), ERR_INVALID, &why, "id is required", "none");
	refused(check_id("id", SPAN("x"), &id, &why), ERR_NOT_FOUND, &why, "sandbox not found", "x");
	refused(check_id("id", SPAN("00000000-0000-0000-0000-000000000000"), &id, &why), ERR_NOT_FOUND, &why,
	    "sandbox not found", "zero");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names),
	    cmocka_unit_test(labels),
	    cmocka_unit_test(environment),
	    cmocka_unit_test(environment_total),
	    cmocka_unit_test(commands),
	    cmocka_unit_test(quantities),
	    cmocka_unit_test(selectors),
	    cmocka_unit_test(pairs),
	    cmocka_unit_test(specs),
	    cmocka_unit_test(ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
