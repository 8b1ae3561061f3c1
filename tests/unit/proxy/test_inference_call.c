/* Model calls: which requests are some, and what they become for each kind of backend. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "sandbox/proxy/inference_call.h"

static const struct {
	const char *method, *path, *protocol; /* NULL: no call */
} calls[] = {
    {"POST", "/v1/chat/completions", "openai_chat_completions"}, /* 316 */
    {"post", "/v1/completions", "openai_completions"},
    {"POST", "/v1/responses", "openai_responses"},
    {"POST", "/v1/messages", "anthropic_messages"},
    {"POST", "/v1/embeddings", "openai_embeddings"},
    {"GET", "/v1/models", "model_discovery"},
    {"GET", "/v1/models/a/b", "model_discovery"},	/* 320 */
    {"POST", "/model/m1/invoke", "aws_bedrock_invoke"}, /* 321 */
    {"GET", "/v1/chat/completions", NULL},		/* 318 */
    {"POST", "/v1/chat/completions/", NULL},		/* 319 */
    {"POST", "/model/a/b/invoke", NULL},		/* 322 */
    {"POST", "/model//invoke", NULL},
    {"POST", "/model/m1/invoke/", NULL},
    {"POST", "/model/m1/invoke-with-response-stream", NULL},
    {"GET", "/v1/models/", NULL},
    {"GET", "/v1/modelsx", NULL},
    {"POST", "/v1/models", NULL},
    {"POST", "/V1/messages", NULL},
    {"POST", "/", NULL},
    {"", "", NULL},
};

static void
test_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		const struct inference_api *api =
		    inference_api(span_of_text(calls[i].method), span_of_text(calls[i].path));

		if ((api == NULL) != (calls[i].protocol == NULL) ||
		    (api != NULL && strcmp(api->protocol, calls[i].protocol) != 0))
			fail_msg("%s %s", calls[i].method, calls[i].path);
	}
}

static const struct {
	const char *base, *override, *model, *method, *path;
	bool stream;
	const char *want;
} paths[] = {
    {"/v1", "", "m", "POST", "/v1/chat/completions", false, "/v1/chat/completions"},
    {"", "", "m", "POST", "/v1/chat/completions", false, "/v1/chat/completions"},
    {"/openai/v1", "", "m", "POST", "/v1/embeddings", false, "/openai/v1/embeddings"},
    {"/v1/openai", "", "m", "POST", "/v1/chat/completions", true, "/v1/openai/chat/completions"},
    {"/api", "", "m", "GET", "/v1/models", false, "/api/v1/models"},
    {"/v1x", "", "m", "GET", "/v1/models", false, "/v1x/v1/models"},
    {"", "/v1/p/models/c:rawPredict", "m", "POST", "/v1/messages", false, "/v1/p/models/c:rawPredict"},
    {"", "/v1/p/models/c:rawPredict", "m", "POST", "/v1/messages", true, "/v1/p/models/c:streamRawPredict"},
    {"/v1", "/x/chat/completions", "m", "POST", "/v1/chat/completions", true, "/x/chat/completions"},
    {"/bridge", "", "new.m-1", "POST", "/model/old/invoke", false, "/bridge/model/new.m-1/invoke"},
    {"/bridge", "", "", "POST", "/model/old/invoke", false, "/bridge/model/old/invoke"},
};

static void
test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct msg_inference_backend backend = {.base_path = span_of_text(paths[i].base),
		    .path_override = span_of_text(paths[i].override),
		    .model = span_of_text(paths[i].model)};
		const struct inference_api *api =
		    inference_api(span_of_text(paths[i].method), span_of_text(paths[i].path));
		auto_arena struct arena arena = {0};
		struct span out = SPAN_NONE;
		struct why why;

		assert_non_null(api);
		assert_int_equal(
		    inference_path(&backend, api, span_of_text(paths[i].path), paths[i].stream, &arena, &out, &why),
		    OK);
		if (!span_is(out, paths[i].want))
			fail_msg("case %zu: " SPAN_FORMAT, i, SPAN_ARGS(out));
	}
}

static const struct {
	const char *override, *model, *path, *body, *want; /* NULL: refused */
} bodies[] = {
    {"", "m", "/v1/chat/completions", "{\"model\":\"other\",\"n\":1}", "{\"model\":\"m\",\"n\":1}"}, /* 324 */
    {"", "m", "/v1/chat/completions", "{}", "{\"model\":\"m\"}"},
    {"", "a\"b", "/v1/messages", "{\"model\":1}", "{\"model\":\"a\\\"b\"}"},
    {"", "m", "/v1/chat/completions", "{\"stream\":true}",
	"{\"model\":\"m\",\"stream_options\":{\"include_usage\":true},\"stream\":true}"},
    {"", "m", "/v1/chat/completions", "{\"stream\":true,\"stream_options\":{\"include_usage\":false}}",
	"{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":false}}"},
    {"", "m", "/v1/messages", "{\"stream\":true}", "{\"model\":\"m\",\"stream\":true}"},
    {"/v1/x:rawPredict", "m", "/v1/messages", "{\"model\":\"o\",\"context_management\":{},\"max_tokens\":1}",
	"{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":1}"},
    {"", "m", "/model/o/invoke", "{\"model\":\"o\"}", "{\"model\":\"o\"}"},
    {"", "", "/v1/chat/completions", "{\"model\":\"o\"}", "{\"model\":\"o\"}"},
    {"", "m", "/v1/chat/completions", "{\"Model\":\"o\"}", NULL},
    {"", "m", "/v1/chat/completions", "[1]", NULL},
};

static void
test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct msg_inference_backend backend = {
		    .path_override = span_of_text(bodies[i].override), .model = span_of_text(bodies[i].model)};
		const struct inference_api *api = inference_api(SPAN("POST"), span_of_text(bodies[i].path));
		auto_arena struct arena arena = {0};
		struct span out = SPAN_NONE;
		struct json body;
		struct why why;

		assert_int_equal(json_read(span_of_text(bodies[i].body), &body, &why), OK);
		assert_int_equal(inference_body(&backend, api, body, &arena, &out, &why) == OK, bodies[i].want != NULL);
		if (bodies[i].want != NULL && !span_is(out, bodies[i].want))
			fail_msg("case %zu: " SPAN_FORMAT, i, SPAN_ARGS(out));
	}
}

/* What of the agent's fields goes on, and as whose key (323). */
static void
test_fields(void **state)
{
	static const char request[] =
	    "POST /v1/messages HTTP/1.1\r\nHost: inference.local\r\nAuthorization: Bearer mine\r\n"
	    "X-Api-Key: mine\r\nCookie: a=b\r\nContent-Type: application/json; charset=utf-7\r\nAnthropic-Beta: x\r\nOpenAI-Organization: o\r\n"
	    "Accept-Encoding: gzip\r\nUser-Agent: u\r\n\r\n";
	static const struct {
		const char *provider;
		uint8_t auth;
		const char *names, *last;
	} cases[] = {
	    {"anthropic", 2, "content-type user-agent anthropic-version anthropic-beta x-api-key ", "<route:1>"},
	    {"openai", 1, "content-type user-agent openai-organization authorization ", "Bearer <route:1>"},
	    {"deepinfra", 1, "content-type user-agent authorization ", "Bearer <route:1>"},
	    {"ollama", 0, "content-type user-agent ", "u"},
	};
	struct http_head head;
	size_t used;
	struct why why;

	(void)state;
	assert_int_equal(http_request_parse(SPAN(request), HTTP_HEAD_BYTES, &head, &used, &why), OK);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_inference_backend backend = {
		    .provider = span_of_text(cases[i].provider), .auth = cases[i].auth, .slot = SPAN("route:1")};
		struct msg_route_field fields[INFERENCE_FIELDS_MAX];
		auto_arena struct arena arena = {0};
		char names[256], value[256];
		struct text list = TEXT_OF(names), last = TEXT_OF(value);
		size_t n = inference_fields(
		    &backend, inference_api(SPAN("POST"), SPAN("/v1/messages")), &head, &arena, fields);

		assert_true(n > 0);
		assert_true(span_is(fields[0].value[0].literal, "application/json")); /* not the agent's word */
		for (size_t k = 0; k < n; k++)
			text_add(&list, SPAN_FORMAT " ", SPAN_ARGS(fields[k].name));
		for (size_t k = 0; k < fields[n - 1].value_n; k++) {
			const struct msg_piece *piece = &fields[n - 1].value[k];

			text_add(&last, piece->slot.length > 0 ? "<" SPAN_FORMAT ">" : SPAN_FORMAT,
			    SPAN_ARGS(piece->slot.length > 0 ? piece->slot : piece->literal));
		}
		assert_string_equal(names, cases[i].names);
		assert_string_equal(value, cases[i].last);
	}
}

static void
test_speaks(void **state)
{
	struct span protocols[] = {SPAN("openai_responses"), SPAN("model_discovery")};
	struct msg_inference_backend backend = {
	    .route = SPAN("inference.local"), .protocols = protocols, .protocols_n = 2};

	(void)state;
	assert_true(inference_speaks(&backend, "inference.local", "model_discovery"));
	assert_false(inference_speaks(&backend, "inference.local", "openai_embeddings"));
	assert_false(inference_speaks(&backend, "sandbox-system", "model_discovery"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_speaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
