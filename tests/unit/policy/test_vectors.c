/* Every decision vector that the engine decides, and a count of those that others do. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/policy/canonical.h"
#include "common/policy/check.h"
#include "common/policy/engine.h"
#include "common/policy/yaml.h"
#include "common/wire/graphql.h"
#include "common/wire/http_target.h"
#include "common/wire/rpc.h"
#include "tests/unit/policy/vectors.h"

#define Policy Openshell__Sandbox__V1__SandboxPolicy

static const char *dir;
static struct arena memory = {.max_bytes = 256u << 20};
static struct vector rows[VECTORS_MAX];
static size_t rows_n, bodies; /* bodies: how many were read from bytes too */

/* A vector while it is asked. */
struct asked {
	const struct vector *row;
	struct engine *engine;
	struct engine_admission admission;
};

static const char *
text_of(struct span span)
{
	return arena_text(&memory, span);
}

static bool
link_of_row(void *self, const char *path, char *to, size_t room)
{
	const struct vector *row = self;
	struct span word[3];

	if (pieces(row->column[WITH], ' ', word, 3) != 3 || !span_is(word[0], "symlink") || !span_is(word[1], path))
		return false;
	return span_copy(word[2], to, room);
}

static void
engine_of(struct asked *asked)
{
	const char *name = arena_format(&memory, SPAN_FORMAT ".yaml", SPAN_ARGS(asked->row->column[FRAGMENT]));
	struct span yaml = file_read(&memory, dir, name);
	struct why why = {0};
	Policy *policy;
	size_t at;

	if (policy_from_yaml(yaml, name, &memory, &policy, &why) != OK)
		fail_msg("%s", why.text);
	if (span_find(asked->row->column[WITH], ' ', &at) &&
	    span_is(span_tail(asked->row->column[WITH], at), " advisor")) {
		Openshell__Sandbox__V1__NetworkEndpoint *endpoint = policy->network_policies[0]->value->endpoints[0];

		endpoint->has_advisor_proposed = endpoint->advisor_proposed = true;
	}
	if (engine_new(policy, link_of_row, (void *)(uintptr_t)asked->row, &asked->engine, &why) != OK)
		fail_msg("%s: %s", name, why.text);
}

static void
connect_row(struct asked *asked)
{
	struct span chain[8];
	size_t n = pieces(asked->row->column[BINARY], '<', chain, 8);
	struct engine_process process = {.ancestors = chain + 1, .ancestors_n = n - 1};
	struct why why = {0};
	uint64_t port;

	for (size_t i = 0; i < n; i++) { /* "a < b": without the spaces */
		chain[i] = i > 0 ? span_tail(chain[i], 1) : chain[i];
		chain[i] = i + 1 < n ? span_head(chain[i], chain[i].length - 1) : chain[i];
	}
	process.exe = chain[0];
	process.any = span_is(chain[0], "*");
	assert_int_equal(number_parse(asked->row->column[PORT], 1, 65535, &port, NULL), OK);
	assert_int_equal(engine_connect(asked->engine, asked->row->column[HOST], (uint16_t)port, &process, &memory,
			     &asked->admission, &why),
	    OK);
	assert_true(asked->admission.allowed == (asked->admission.code[0] == '\0'));
	assert_true(asked->admission.allowed == (asked->admission.reason.length == 0));
}

/* "type:name:field,field", "hash:x" or "refusal:why" */
static void
operation_word(struct span word, struct engine_request *request, struct engine_operation *operation)
{
	static const char *const types[] = {"", "query", "mutation", "subscription"};
	struct span *part = arena_array(&memory, 3, sizeof(*part)), *fields = arena_array(&memory, 16, sizeof(*fields));
	size_t n = pieces(word, ':', part, 3);

	if (span_is(part[0], "refusal")) {
		request->refusal = part[1];
		return;
	}
	request->operations_n++;
	if (span_is(part[0], "hash"))
		operation->hash = part[1];
	for (uint8_t i = 1; i < COUNT(types); i++)
		if (span_is(part[0], types[i]))
			operation->type = i;
	assert_true(span_is(part[0], "hash") || (operation->type != 0 && n == 3));
	operation->name = operation->type != 0 ? part[1] : SPAN_NONE;
	operation->fields_n = operation->type != 0 ? pieces(part[2], ',', fields, 16) : 0;
	operation->fields = fields;
}

static void
call_word(struct span word, struct engine_request *request, struct engine_call *call)
{
	struct span rest = word, method = span_cut(&rest, '=');

	if (span_starts(word, SPAN("refusal:"))) {
		request->refusal = span_tail(word, 8);
		return;
	}
	request->calls_n++;
	call->response = span_is(word, "response");
	call->method = call->response ? SPAN_NONE : method;
	call->has_tool = rest.length > 0;
	call->tool = rest;
}

static void
body_read(struct span with, struct engine_request *request)
{
	struct engine_operation *operations = arena_array(&memory, 8, sizeof(*operations));
	struct engine_call *calls = arena_array(&memory, 8, sizeof(*calls));
	struct span word[9];
	size_t n = pieces(with, ' ', word, 9);
	bool graphql = n > 0 && span_is(word[0], "graphql");

	request->body = graphql ? ENGINE_BODY_GRAPHQL : ENGINE_BODY_RPC;
	request->operations = operations;
	request->calls = calls;
	for (size_t i = 1; i < n; i++) {
		if (graphql)
			operation_word(word[i], request, &operations[i - 1]);
		else
			call_word(word[i], request, &calls[i - 1]);
	}
}

static bool
graphql_parse(struct span body, struct engine_request *request, struct why *why)
{
	struct engine_operation *operations;
	struct graphql_request read;

	if (graphql_post(body, request->query, &memory, &read, why) != OK)
		return false;
	operations = arena_array(&memory, read.operations_n, sizeof(*operations));
	for (size_t i = 0; i < read.operations_n; i++) {
		const struct graphql_operation *from = &read.operations[i];

		operations[i] = (struct engine_operation){
		    (uint8_t)from->type, from->name, from->fields, from->fields_n, from->hash, from->persisted_id};
	}
	request->body = ENGINE_BODY_GRAPHQL;
	request->operations = operations;
	request->operations_n = read.operations_n;
	return true;
}

static bool
calls_parse(struct span body, const struct engine_verdict *verdict, struct engine_request *request, struct why *why)
{
	enum rpc_dialect dialect = verdict->look == ENGINE_LOOK_JSON_RPC ? RPC_PLAIN
				   : verdict->tool_names		 ? RPC_MCP_TOOLS
									 : RPC_MCP;
	struct engine_call *calls;
	struct rpc_body read;

	if (rpc_read(body, dialect, &memory, &read, why) != OK)
		return false;
	calls = arena_array(&memory, read.calls_n, sizeof(*calls));
	for (size_t i = 0; i < read.calls_n; i++)
		calls[i] = (struct engine_call){
		    read.calls[i].method, read.calls[i].tool, read.calls[i].response, read.calls[i].has_tool};
	request->body = ENGINE_BODY_RPC;
	request->calls = calls;
	request->calls_n = read.calls_n;
	return true;
}

/* The same question with the body as bytes, read by those who read it in the proxy: the answer must be the same. */
static void
body_says_the_same(
    struct asked *asked, struct engine_request request, const struct engine_verdict *first, enum engine_what want)
{
	struct span body = asked->row->column[BODY];
	struct engine_verdict verdict;
	struct why why = {0};
	bool sound;

	if (body.length == 0 || body.at[0] == '@')
		return;
	sound = first->look == ENGINE_LOOK_GRAPHQL ? graphql_parse(body, &request, &why)
						   : calls_parse(body, first, &request, &why);
	request.refusal = sound ? SPAN_NONE : span_of_text(why.text);
	assert_int_equal(engine_request(asked->engine, &asked->admission, &request, &memory, &verdict, &why), OK);
	if (verdict.what != want)
		fail_msg("vector %s: its body says %d, not %d (" SPAN_FORMAT ")", text_of(asked->row->column[NUMBER]),
		    verdict.what, want, SPAN_ARGS(verdict.reason));
	bodies++;
}

static enum engine_what
request_row(struct asked *asked, struct engine_request *request)
{
	struct span with = asked->row->column[WITH], rest = with, word = span_cut(&rest, ' ');
	bool body = span_is(word, "graphql") || span_is(word, "rpc") || span_is(word, "mcp");
	struct engine_verdict verdict;
	struct why why = {0};

	request->kind = span_is(request->method, "WEBSOCKET_TEXT")     ? ENGINE_TEXT
			: span_is(request->method, "WEBSOCKET_BINARY") ? ENGINE_BINARY
								       : ENGINE_HTTP;
	request->upgrade = span_is(with, "upgrade");
	request->event_stream = span_is(with, "event-stream");
	assert_int_equal(engine_request(asked->engine, &asked->admission, request, &memory, &verdict, &why), OK);
	if (verdict.what == ENGINE_READ_BODY && body) {
		struct engine_request plain = *request;
		struct engine_verdict first = verdict;

		assert_true(verdict.body_max == 65536);
		body_read(with, request);
		assert_int_equal(
		    engine_request(asked->engine, &asked->admission, request, &memory, &verdict, &why), OK);
		body_says_the_same(asked, plain, &first, verdict.what);
	}
	assert_true((verdict.what == ENGINE_ALLOW) == (verdict.reason.length == 0));
	return verdict.what;
}

static const char *
answer_of(enum engine_what what)
{
	static const char *const words[] = {
	    [ENGINE_ALLOW] = "ALLOW", [ENGINE_AUDIT] = "AUDIT", [ENGINE_REFUSE] = "DENY", [ENGINE_READ_BODY] = "READ"};

	return words[what];
}

static const char *
run_engine(struct asked *asked)
{
	struct span target = asked->row->column[TARGET];
	struct engine_request request = {.method = asked->row->column[METHOD], .path = span_cut(&target, '?')};

	request.query = target;
	engine_of(asked);
	connect_row(asked);
	if (span_is(asked->row->column[WITH], "policy"))
		return text_of(asked->admission.policy);
	if (!asked->admission.allowed || span_is(request.method, "CONNECT"))
		return asked->admission.allowed ? "ALLOW" : "DENY";
	return answer_of(request_row(asked, &request));
}

static const char *
run_canonical(struct asked *asked)
{
	struct engine_request request = {.method = asked->row->column[METHOD]};
	char *room = arena_alloc(&memory, HTTP_PATH_BYTES);
	struct http_target target;
	struct why why = {0};

	engine_of(asked);
	connect_row(asked);
	assert_true(asked->admission.inspect);
	if (http_target_parse(asked->row->column[TARGET], asked->admission.encoded_slash, room, &target, &why) != OK)
		return "DENY";
	request.path = target.path;
	request.query = target.query;
	return answer_of(request_row(asked, &request));
}

/* "address,address gateway=ADDRESS" */
static const char *
run_destination(struct asked *asked)
{
	struct span rest = asked->row->column[WITH], list = span_cut(&rest, ' '), text[8];
	struct address addresses[8], gateway;
	size_t n = pieces(list, ',', text, 8);
	bool known = span_starts(rest, SPAN("gateway=")) && address_parse(span_tail(rest, 8), &gateway);
	struct why why = {0};
	uint64_t port;

	engine_of(asked);
	connect_row(asked);
	if (!asked->admission.allowed)
		return "DENY at the connection";
	for (size_t i = 0; i < n; i++)
		assert_true(address_parse(text[i], &addresses[i]));
	if (known && destination_names_gateway(asked->row->column[HOST]))
		asked->admission.destination.mode = DESTINATION_HOST_GATEWAY;
	assert_int_equal(number_parse(asked->row->column[PORT], 1, 65535, &port, NULL), OK);
	return destination_check(
		   &asked->admission.destination, known ? &gateway : NULL, addresses, n, (uint16_t)port, &why) == OK
		   ? "ALLOW"
		   : "DENY";
}

static bool
enforced(const Policy *policy)
{
	Policy *canonical;

	if (policy->n_network_policies == 0 || policy->network_policies[0]->value->n_endpoints == 0)
		return false;
	assert_int_equal(policy_canonical(policy, &memory, &canonical, NULL), OK);
	return span_is(span_of_text(canonical->network_policies[0]->value->endpoints[0]->enforcement), "enforce");
}

static const char *
run_validation(struct asked *asked)
{
	struct findings findings = {.arena = &memory}, more = {.arena = &memory};
	struct span with = asked->row->column[WITH];
	char *yaml = arena_text(&memory, with);
	struct why why = {0};
	Policy *policy;
	size_t n = 0;

	for (size_t i = 0; i < with.length; i++) {
		bool end = with.at[i] == '\\' && i + 1 < with.length && with.at[i + 1] == 'n';

		yaml[n++] = end ? '\n' : with.at[i];
		i += end;
	}
	if (policy_read((struct span){yaml, n}, POLICY_CHECK_USER, &findings, &policy, &why) != OK ||
	    policy_check_overlap(policy, &more, &why) != OK) {
		assert_true(why.text[0] != '\0');
		return "INVALID";
	}
	if (engine_new(policy, NULL, NULL, &asked->engine, &why) != OK)
		fail_msg("%s", why.text);
	return enforced(policy) ? "VALID+enforce" : findings.warnings > 0 ? "VALID+warning" : "VALID";
}

static const struct {
	const char *name;
	const char *(*run)(struct asked *asked); /* NULL: run elsewhere */
	size_t rows;
} layers[] = {
    {"engine", run_engine, 172},
    {"canonical", run_canonical, 26},
    {"destination", run_destination, 27},
    {"validation", run_validation, 32},
    {"wire", NULL, 35},
    {"identity", NULL, 9},
    {"reload", NULL, 10},
    {"credentials", NULL, 12},
    {"inference", NULL, 13},
};

static size_t
run_layer(size_t layer, size_t *wrong)
{
	size_t n = 0;

	for (size_t i = 0; i < rows_n; i++) {
		struct asked asked = {.row = &rows[i]};
		const char *answer;

		if (!span_is(rows[i].column[LAYER], layers[layer].name))
			continue;
		n++;
		if (layers[layer].run == NULL)
			continue;
		answer = layers[layer].run(&asked);
		engine_free(asked.engine);
		if (!span_is(rows[i].column[OURS], answer)) {
			print_error("vector %s: %s, not %s (%s)\n", text_of(rows[i].column[NUMBER]), answer,
			    text_of(rows[i].column[OURS]), text_of(rows[i].column[WHY]));
			(*wrong)++;
		}
	}
	return n;
}

static void
every_vector(void **state)
{
	size_t all = 0, wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(layers); i++) {
		size_t n = run_layer(i, &wrong);

		print_message(
		    "%-12s %3zu %s\n", layers[i].name, n, layers[i].run != NULL ? "run here" : "run elsewhere");
		assert_int_equal(n, layers[i].rows);
		all += n;
	}
	print_message("%zu bodies read from bytes as well\n", bodies);
	assert_int_equal(all, 336);
	assert_int_equal(wrong, 0);
	assert_true(bodies >= 35);
}

static void
numbered_without_a_gap(void **state)
{
	(void)state;
	assert_int_equal(rows_n, 336);
	for (size_t i = 0; i < rows_n; i++)
		assert_true(span_is(rows[i].column[NUMBER], arena_format(&memory, "%zu", i + 1)));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbered_without_a_gap),
	    cmocka_unit_test(every_vector),
	};
	int failed;

	dir = argc > 1 ? argv[1] : "tests/vectors";
	rows_n = vectors_read(dir, &memory, rows);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&memory);
	return failed;
}
