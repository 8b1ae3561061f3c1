/* JSON-RPC and MCP bodies: each dialect's opinion on the same texts, and what calls are read out of them. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/wire/rpc.h"

#define CALL(rest)	     "{\"jsonrpc\":\"2.0\"," rest "}"
#define REQUEST(method)	     CALL("\"id\":1,\"method\":\"" method "\"")
#define WITH(method, params) CALL("\"id\":1,\"method\":\"" method "\",\"params\":" params)
#define TELL(method, params) CALL("\"method\":\"" method "\",\"params\":" params)
#define INFO		     "\"clientInfo\":{\"name\":\"n\",\"version\":\"1\"}"

static const struct {
	const char *text;
	enum err plain, mcp, tools; /* in each dialect */
} cases[] = {
    {REQUEST("ping"), OK, OK, OK}, {REQUEST("eth_call"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"method\":\"eth_call\""), OK, ERR_SYNTAX, ERR_SYNTAX}, /* a notification */
    {CALL("\"id\":null,\"method\":\"ping\""), OK, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":\"a\",\"method\":\"ping\""), OK, OK, OK},
    {CALL("\"id\":1.5,\"method\":\"ping\""), OK, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":{},\"method\":\"ping\""), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":true,\"method\":\"ping\""), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("ping", "[]"), OK, ERR_SYNTAX, ERR_SYNTAX}, {WITH("ping", "{}"), OK, OK, OK},
    {WITH("ping", "null"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("ping", "\"a\""), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {REQUEST("p\\u0069ng"), OK, OK, OK}, /* the same word */
    {REQUEST("PING"), OK, ERR_SYNTAX, ERR_SYNTAX}, {REQUEST("pi\\u0000ng"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {REQUEST("ping\\n"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX}, {REQUEST(""), ERR_LIMIT, ERR_LIMIT, ERR_LIMIT},
    {CALL("\"id\":1,\"method\":7"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"method\":null,\"result\":{}"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"method\":\"ping\",\"Method\":\"pong\""), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"method\":\"ping\",\"\\u006dethod\":\"pong\""), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"method\":\"ping\",\"result\":{}"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"method\":\"ping\",\"extra\":{}"), OK, OK, OK},
    {"{\"id\":1,\"method\":\"ping\"}", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {"[]", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX}, {"[[" REQUEST("ping") "]]", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {"[" REQUEST("ping") ",1]", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {"[" REQUEST("ping") "," REQUEST("ping") "]", OK, OK, OK},
    {"[" REQUEST("ping") "," REQUEST("eth_call") "]", OK, ERR_SYNTAX, ERR_SYNTAX},
    {"\"ping\"", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX}, {"", ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {REQUEST("ping") REQUEST("ping"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    /* answers */
    {CALL("\"id\":1,\"result\":{}"), OK, OK, OK}, {CALL("\"id\":1,\"result\":7"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"error\":{\"code\":-1,\"message\":\"m\"}"), OK, OK, OK},
    {CALL("\"id\":null,\"error\":{\"code\":-1,\"message\":\"m\"}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"error\":{\"code\":\"1\",\"message\":\"m\"}"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"error\":{\"code\":1}"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"error\":\"m\""), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1,\"result\":{},\"error\":{\"code\":-1,\"message\":\"m\"}"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"id\":1"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX}, {CALL("\"result\":{}"), ERR_SYNTAX, ERR_SYNTAX, ERR_SYNTAX},
    /* tools */
    {WITH("tools/call", "{\"name\":\"a\"}"), OK, OK, OK},
    {WITH("tools/call", "{\"name\":\"a\",\"arguments\":{\"x\":[1]}}"), OK, OK, OK},
    {WITH("tools/call", "{\"name\":\"a\",\"arguments\":[]}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("tools/call", "{\"name\":\"a b\"}"), OK, OK, ERR_SYNTAX},
    {WITH("tools/call", "{\"name\":\"\\u00fc\"}"), OK, OK, ERR_SYNTAX},
    {WITH("tools/call", "{\"name\":\"a\\tb\"}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("tools/call", "{\"name\":\"\"}"), OK, ERR_LIMIT, ERR_LIMIT},
    {WITH("tools/call", "{\"name\":1}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("tools/call", "{\"Name\":\"b\",\"name\":\"a\"}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("tools/call", "{}"), OK, ERR_SYNTAX, ERR_SYNTAX}, {REQUEST("tools/call"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {TELL("tools/call", "{\"name\":\"a\"}"), OK, ERR_SYNTAX, ERR_SYNTAX}, /* a request without id */
									  /* the other methods */
    {WITH("initialize", "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," INFO "}"), OK, OK, OK},
    {WITH("initialize", "{\"protocolVersion\":\"2025-06-18\"," INFO "}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("initialize", "{\"protocolVersion\":1,\"capabilities\":{}," INFO "}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("initialize", "{\"protocolVersion\":\"1\",\"capabilities\":{},\"clientInfo\":{\"name\":\"n\"}}"), OK,
	ERR_SYNTAX, ERR_SYNTAX},
    {REQUEST("tools/list"), OK, OK, OK},
    {WITH("tools/list", "{\"cursor\":\"c\",\"_meta\":{\"progressToken\":\"t\"}}"), OK, OK, OK},
    {WITH("tools/list", "{\"cursor\":1}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("tools/list", "{\"_meta\":{\"progressToken\":[]}}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("resources/templates/list", "{\"_meta\":1}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("resources/read", "{\"uri\":\"file:///a\"}"), OK, OK, OK},
    {WITH("resources/subscribe", "{}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("prompts/get", "{\"name\":\"p\",\"arguments\":{\"a\":\"b\"}}"), OK, OK, OK},
    {WITH("prompts/get", "{\"name\":\"p\",\"arguments\":{\"a\":1}}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("logging/setLevel", "{\"level\":\"emergency\"}"), OK, OK, OK},
    {WITH("logging/setLevel", "{\"level\":\"loud\"}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("completion/complete", "{\"ref\":{\"type\":\"ref/resource\",\"uri\":\"u\"},\"argument\":{\"name\":\"a\","
				 "\"value\":\"b\"}}"),
	OK, OK, OK},
    {WITH("completion/complete", "{\"ref\":{\"type\":\"ref/prompt\",\"uri\":\"u\"},\"argument\":{\"name\":\"a\","
				 "\"value\":\"b\"}}"),
	OK, ERR_SYNTAX, ERR_SYNTAX},
    {WITH("completion/complete", "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"u\"}}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {CALL("\"method\":\"notifications/initialized\""), OK, OK, OK},
    {REQUEST("notifications/initialized"), OK, ERR_SYNTAX, ERR_SYNTAX}, /* with an id */
    {TELL("notifications/cancelled", "{\"requestId\":1,\"reason\":\"r\"}"), OK, OK, OK},
    {TELL("notifications/cancelled", "{}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {TELL("notifications/progress", "{\"progressToken\":1,\"progress\":0.5,\"total\":1}"), OK, OK, OK},
    {TELL("notifications/progress", "{\"progressToken\":1,\"progress\":\"half\"}"), OK, ERR_SYNTAX, ERR_SYNTAX},
    {TELL("notifications/message", "{}"), OK, ERR_SYNTAX, ERR_SYNTAX}, /* a server's */
    {REQUEST("sampling/createMessage"), OK, ERR_SYNTAX, ERR_SYNTAX},   /* a server's */
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const enum err wants[] = {cases[i].plain, cases[i].mcp, cases[i].tools};

		for (int dialect = RPC_PLAIN; dialect <= RPC_MCP_TOOLS; dialect++) {
			auto_arena struct arena arena = {0};
			struct rpc_body out = {0}, untouched = {0};
			struct why why = {0};
			enum err r =
			    rpc_read(span_of_text(cases[i].text), (enum rpc_dialect)dialect, &arena, &out, &why);

			if (r != wants[dialect])
				fail_msg("%s in dialect %d: %s (%s)", cases[i].text, dialect, err_name(r), why.text);
			assert_int_equal(why.text[0] == '\0', r == OK);
			assert_true(strlen(why.text) <= 200);
			if (r != OK)
				assert_memory_equal(&out, &untouched, sizeof(out));
		}
	}
}

static void
test_calls(void **state)
{
	static const char text[] = " [" WITH("tools/call", "{\"name\":\"se\\u0061rch\"}") "," REQUEST(
	    "p\\u0069ng") "," CALL("\"id\":2,\"result\":{}") "] ";
	auto_arena struct arena arena = {0};
	struct rpc_body out;

	(void)state;
	assert_int_equal(rpc_read(span_of_text(text), RPC_MCP_TOOLS, &arena, &out, NULL), OK);
	assert_true(out.batch && out.calls_n == 3);
	assert_true(span_is(out.calls[0].method, "tools/call") && span_is(out.calls[0].tool, "search"));
	assert_true(out.calls[0].has_tool && !out.calls[0].response);
	assert_true(span_is(out.calls[1].method, "ping") && !out.calls[1].has_tool && !out.calls[1].response);
	assert_true(out.calls[2].response && out.calls[2].method.length == 0);
	assert_int_equal(rpc_read(SPAN(WITH("tools/call", "{\"name\":\"a\"}")), RPC_PLAIN, &arena, &out, NULL), OK);
	assert_true(!out.batch && out.calls_n == 1 && !out.calls[0].has_tool); /* plain JSON-RPC knows no tools */
}

static enum err
read_batch(size_t n)
{
	auto_arena struct arena arena = {0};
	auto_free char *at = malloc(64 * n);
	struct text text = {at, 0, 64 * n, false};
	struct rpc_body out;

	for (size_t i = 0; i < n; i++)
		text_add(&text, "%s" REQUEST("a"), i == 0 ? "[" : ",");
	text_add(&text, "]");
	return rpc_read(text_span(&text), RPC_PLAIN, &arena, &out, NULL);
}

static enum err
read_names(size_t length, enum rpc_dialect dialect, const char *before, const char *behind)
{
	auto_arena struct arena arena = {0};
	char name[300] = {0}, text[512];
	struct rpc_body out;

	memset(name, 'a', length);
	snprintf(text, sizeof(text), "%s%s%s", before, name, behind);
	return rpc_read(span_of_text(text), dialect, &arena, &out, NULL);
}

static void
test_bounds(void **state)
{
	static const char method[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"";
	static const char tool[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"";
	auto_arena struct arena small = {.max_bytes = 16};
	struct rpc_body out;

	(void)state;
	assert_int_equal(read_batch(RPC_CALLS_MAX), OK);
	assert_int_equal(read_batch(RPC_CALLS_MAX + 1), ERR_LIMIT);
	assert_int_equal(read_names(RPC_NAME_BYTES, RPC_PLAIN, method, "\"}"), OK);
	assert_int_equal(read_names(RPC_NAME_BYTES + 1, RPC_PLAIN, method, "\"}"), ERR_LIMIT);
	assert_int_equal(read_names(RPC_NAME_BYTES, RPC_MCP, tool, "\"}}"), OK);
	assert_int_equal(read_names(RPC_NAME_BYTES + 1, RPC_MCP, tool, "\"}}"), ERR_LIMIT);
	assert_int_equal(read_names(RPC_TOOL_STRICT_BYTES, RPC_MCP_TOOLS, tool, "\"}}"), OK);
	assert_int_equal(read_names(RPC_TOOL_STRICT_BYTES + 1, RPC_MCP_TOOLS, tool, "\"}}"), ERR_SYNTAX);
	assert_int_equal(rpc_read(SPAN(REQUEST("a")), RPC_PLAIN, &small, &out, NULL), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
