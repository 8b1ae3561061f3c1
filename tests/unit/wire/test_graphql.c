/* GraphQL requests as they come: POST, batch, GET, persisted, over a WebSocket; half of them refused. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/graphql.h"

#define HASH_OF_A	"460c3a93211614ac783c0f1d1bbbcb45a6da87d6421b5c0771772588f1015ff8" /* of {a} */
#define PERSISTED(hash) "\"extensions\":{\"persistedQuery\":{\"version\":1,\"sha256Hash\":\"" hash "\"}}"

struct example {
	const char *text, *query;
	enum err want;
	const char *shown; /* type, name, fields, #hash, =id; a semicolon between operations */
};

/* clang-format off */
static const struct example posts[] = {
	{"{\"query\":\"{a}\"}", "", OK, "q () a"},
	{" {\"query\" : \"query A {a} mutation B {b}\", \"operationName\" : \"B\" } ", "x=1", OK, "m (B) b"},
	{"{\"query\":\"{\\u0061}\",\"variables\":{\"query\":\"{b}\"}}", "", OK, "q () a"},
	{"{\"query\":\"{a}\",\"operationName\":null,\"variables\":null,\"extensions\":null,\"id\":null}", "", OK, "q () a"},
	{"{\"query\":\"{a}\",\"operationName\":\"\"}", "", OK, "q () a"},
	{"{\"query\":\"{a}\",\"extensions\":{\"other\":1}}", "", OK, "q () a"},
	{"{\"query\":\"{a}\",\"other\":[]}", "", OK, "q () a"},
	{"[{\"query\":\"{a}\"},{\"query\":\"mutation{b}\"}]", "", OK, "q () a;m () b"},
	{"{" PERSISTED("sha-me") "}", "", OK, "p () #sha-me"},
	{"{\"query\":\"\",\"operationName\":\"N\"," PERSISTED("sha-me") "}", "", OK, "p (N) #sha-me"},
	{"{\"id\":\"7\"}", "", OK, "p () =7"},
	{"{\"documentId\":\"sha256:7\",\"id\":\"\"}", "", OK, "p () =sha256:7"},
	{"{\"queryId\":\"7\"}", "", OK, "p () =7"},
	{"{\"query\":\"{a}\"," PERSISTED(HASH_OF_A) "}", "", OK, "q () a"},
	{"{\"query\":\"{b}\"," PERSISTED(HASH_OF_A) "}", "", ERR_SYNTAX, NULL}, /* the hash is another's */
	{"{\"query\":\"{a}\",\"id\":\"7\"}", "", ERR_SYNTAX, NULL},
	{"{\"id\":\"7\"," PERSISTED("sha-me") "}", "", ERR_SYNTAX, NULL},
	{"{\"id\":\"7\",\"queryId\":\"7\"}", "", ERR_SYNTAX, NULL},
	{"{\"id\":7}", "", ERR_SYNTAX, NULL},
	{"{\"id\":\"a\\u0000b\"}", "", ERR_LIMIT, NULL},
	{"{\"query\":\"{a}\",\"query\":\"{b}\"}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\",\"quer\\u0079\":\"{b}\"}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\",\"Query\":\"{b}\"}", "", ERR_SYNTAX, NULL},
	{"{\"query\":[\"{a}\"]}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\\u0000{b}\"}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"query A {a} query B {b}\"}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\",\"operationName\":1}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\",\"variables\":\"{}\"}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\",\"extensions\":[]}", "", ERR_SYNTAX, NULL},
	{"{\"extensions\":{\"persistedQuery\":\"h\"}}", "", ERR_SYNTAX, NULL},
	{"{\"extensions\":{\"persistedQuery\":{\"version\":1}}}", "", ERR_SYNTAX, NULL},
	{"{\"extensions\":{\"persistedQuery\":{\"sha256Hash\":1}}}", "", ERR_SYNTAX, NULL},
	{"{\"extensions\":{\"persistedQuery\":{\"version\":\"1\",\"sha256Hash\":\"h\"}}}", "", ERR_SYNTAX, NULL},
	{"{\"extensions\":{\"persistedQuery\":{\"sha256Hash\":\"h\",\"SHA256Hash\":\"i\"}}}", "", ERR_SYNTAX, NULL},
	{"{}", "", ERR_SYNTAX, NULL},
	{"{\"query\":\"\"}", "", ERR_SYNTAX, NULL},
	{"[]", "", ERR_SYNTAX, NULL},
	{"[[{\"query\":\"{a}\"}]]", "", ERR_SYNTAX, NULL},
	{"[{\"query\":\"{a}\"},{}]", "", ERR_SYNTAX, NULL},
	{"\"{a}\"", "", ERR_SYNTAX, NULL},
	{"{a}", "", ERR_SYNTAX, NULL},
	{"query={a}", "", ERR_SYNTAX, NULL},
	{"", "", ERR_SYNTAX, NULL},
    /* S19 */
	{"{\"query\":\"{a}\"}", "query={b}", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "x=1&quer%79={b}", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "x=1;query={b}", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "operationName", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "+QUERY[0]=x", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "extensions=", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "%zz=1", ERR_SYNTAX, NULL},
	{"{\"query\":\"{a}\"}", "x=query&queryy=1&=query", OK, "q () a"},
};
/* clang-format on */

/* clang-format off */
static const struct example gets[] = {
	{"query={a}", NULL, OK, "q () a"},
	{"query=%7Ba+b%0A%7D&x=%zz", NULL, OK, "q () a b"}, /* what others say is theirs */
	{"operationName=B&query=query%20A{a}query%20B{b}&variables={}", NULL, OK, "q (B) b"},
	{"extensions={%22persistedQuery%22:{%22sha256Hash%22:%22h%22}}&query=", NULL, OK, "p () #h"},
	{"id=7&operationName=N", NULL, OK, "p (N) =7"},
	{"query={a}&query={a}", NULL, ERR_SYNTAX, NULL},
	{"query={a}&quer%79={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a}&query[]={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a}&Query={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a}&+query={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a}&query%00={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a}&query.x={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a};query={b}", NULL, ERR_SYNTAX, NULL},
	{"query={a(x:%22;%22)}", NULL, ERR_SYNTAX, NULL},
	{"query={a(x:%22%3B%22)}", NULL, OK, "q () a"},
	{"query={a}%", NULL, ERR_SYNTAX, NULL},
	{"query={a}%2", NULL, ERR_SYNTAX, NULL},
	{"query={a(x:%22%ff%22)}", NULL, ERR_SYNTAX, NULL},
	{"query={a}%00", NULL, ERR_SYNTAX, NULL},
	{"query={a}&variables=[]", NULL, ERR_SYNTAX, NULL},
	{"query={a}&variables={", NULL, ERR_SYNTAX, NULL},
	{"query={a}&extensions=1", NULL, ERR_SYNTAX, NULL},
	{"query={a}&id=1", NULL, ERR_SYNTAX, NULL},
	{"id=1&queryId=1", NULL, ERR_SYNTAX, NULL},
	{"x=1", NULL, ERR_SYNTAX, NULL},
	{"", NULL, ERR_SYNTAX, NULL},
};
/* clang-format on */

/* clang-format off */
static const struct example messages[] = {
	{"{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{\"query\":\"subscription{s}\"}}", NULL, OK, "s () s"},
	{"{\"id\":\"1\",\"type\":\"start\",\"payload\":{\"query\":\"{a}\"}}", NULL, OK, "q () a"},
	{"{\"type\":\"connection_init\",\"payload\":{\"query\":\"{a}\"}}", NULL, OK, "control"},
	{"{\"type\":\"connection_terminate\"}", NULL, OK, "control"},
	{"{\"type\":\"ping\"}", NULL, OK, "control"},
	{"{\"type\":\"pong\"}", NULL, OK, "control"},
	{"{\"type\":\"complete\",\"id\":\"1\"}", NULL, OK, "control"},
	{"{\"type\":\"stop\",\"id\":\"1\"}", NULL, OK, "control"},
	{"{\"type\":\"sto\\u0070\"}", NULL, OK, "control"},
	{"{\"type\":\"next\",\"id\":\"1\"}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"Subscribe\",\"id\":\"1\",\"payload\":{\"query\":\"{a}\"}}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"ping\",\"Type\":\"start\",\"id\":\"1\",\"payload\":{\"query\":\"{a}\"}}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"ping\",\"type\":\"start\"}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":1}", NULL, ERR_SYNTAX, NULL},
	{"{\"id\":\"1\"}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"start\",\"id\":\"\",\"payload\":{\"query\":\"{a}\"}}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"start\",\"id\":1,\"payload\":{\"query\":\"{a}\"}}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"start\",\"payload\":{\"query\":\"{a}\"}}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"start\",\"id\":\"1\"}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"start\",\"id\":\"1\",\"payload\":[{\"query\":\"{a}\"}]}", NULL, ERR_SYNTAX, NULL},
	{"{\"type\":\"start\",\"id\":\"1\",\"payload\":{\"query\":\"{\"}}", NULL, ERR_SYNTAX, NULL},
	{"[{\"type\":\"ping\"}]", NULL, ERR_SYNTAX, NULL},
	{"ping", NULL, ERR_SYNTAX, NULL},
	{"", NULL, ERR_SYNTAX, NULL},
};
/* clang-format on */

static void
show(const struct graphql_request *request, struct text *to)
{
	for (size_t i = 0; i < request->operations_n; i++) {
		const struct graphql_operation *operation = &request->operations[i];

		text_add(to, "%s%c (" SPAN_FORMAT ")", i == 0 ? "" : ";", "pqms"[operation->type],
		    SPAN_ARGS(operation->name));
		for (size_t j = 0; j < operation->fields_n; j++)
			text_add(to, " " SPAN_FORMAT, SPAN_ARGS(operation->fields[j]));
		if (operation->hash.length > 0)
			text_add(to, " #" SPAN_FORMAT, SPAN_ARGS(operation->hash));
		if (operation->persisted_id.length > 0)
			text_add(to, " =" SPAN_FORMAT, SPAN_ARGS(operation->persisted_id));
	}
}

static void
check(const struct example *example, enum err r, const struct graphql_message *out, const struct why *why)
{
	static const struct graphql_message untouched;
	char at[512];
	struct text shown = TEXT_OF(at);

	if (r != example->want)
		fail_msg("%s %s: %s (%s)", example->text, example->query, err_name(r), why->text);
	assert_int_equal(why->text[0] == '\0', r == OK);
	assert_true(strlen(why->text) <= 200);
	if (r != OK) {
		assert_memory_equal(out, &untouched, sizeof(untouched));
		return;
	}
	if (out->control)
		text_add(&shown, "control");
	show(&out->request, &shown);
	assert_string_equal(at, example->shown);
}

static void
test_posts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(posts); i++) {
		auto_arena struct arena arena = {0};
		struct graphql_message out = {0};
		struct why why = {0};
		enum err r =
		    graphql_post(span_of_text(posts[i].text), span_of_text(posts[i].query), &arena, &out.request, &why);

		check(&posts[i], r, &out, &why);
	}
}

static void
test_gets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(gets); i++) {
		auto_arena struct arena arena = {0};
		struct graphql_message out = {0};
		struct why why = {0};

		check(&gets[i], graphql_get(span_of_text(gets[i].text), &arena, &out.request, &why), &out, &why);
	}
}

static void
test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		auto_arena struct arena arena = {0};
		struct graphql_message out = {0};
		struct why why = {0};

		check(
		    &messages[i], graphql_message_read(span_of_text(messages[i].text), &arena, &out, &why), &out, &why);
	}
}

static enum err
batch(size_t n)
{
	auto_arena struct arena arena = {0};
	char at[2048];
	struct text text = TEXT_OF(at);
	struct graphql_request out;

	for (size_t i = 0; i < n; i++)
		text_add(&text, "%s{\"query\":\"{a}\"}", i == 0 ? "[" : ",");
	text_add(&text, "]");
	return graphql_post(text_span(&text), SPAN_NONE, &arena, &out, NULL);
}

static enum err
id_of(size_t length)
{
	auto_arena struct arena arena = {0};
	char at[512] = "id=";
	struct graphql_request out;

	memset(at + 3, 'x', length);
	return graphql_get(span_of_bytes(at, 3 + length), &arena, &out, NULL);
}

static void
test_bounds(void **state)
{
	auto_arena struct arena small = {.max_bytes = 16};
	struct graphql_request out;

	(void)state;
	assert_int_equal(batch(GRAPHQL_OPERATIONS_MAX), OK);
	assert_int_equal(batch(GRAPHQL_OPERATIONS_MAX + 1), ERR_LIMIT);
	assert_int_equal(id_of(GRAPHQL_NAME_BYTES), OK);
	assert_int_equal(id_of(GRAPHQL_NAME_BYTES + 1), ERR_LIMIT);
	assert_int_equal(graphql_post(SPAN("{\"query\":\"{a}\"}"), SPAN_NONE, &small, &out, NULL), ERR_LIMIT);
	assert_int_equal(graphql_get(SPAN("query={a}"), &small, &out, NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_posts),
	    cmocka_unit_test(test_gets),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
