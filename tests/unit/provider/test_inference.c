/* Where models are reached: addresses, the table, Vertex and Bedrock. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "common/provider/inference.h"

static void
addresses_are_read(void **state)
{
	static const struct {
		const char *url;
		enum err want;
		bool tls;
		const char *host;
		uint16_t port;
		const char *path;
	} cases[] = {
	    {"https://api.test/v1", OK, true, "api.test", 443, "/v1"},
	    {"http://127.0.0.1:11434/v1/", OK, false, "127.0.0.1", 11434, "/v1"},
	    {"https://API.Test", OK, true, "api.test", 443, ""},
	    {"https://api.test:8443//", OK, true, "api.test", 8443, ""},
	    {"http://[::1]:80/x/y", OK, false, "::1", 80, "/x/y"},
	    {"https://[0:0::1]", OK, true, "::1", 443, ""},
	    {"", ERR_INVALID, false, NULL, 0, NULL},
	    {"api.test", ERR_INVALID, false, NULL, 0, NULL},
	    {"ftp://api.test", ERR_INVALID, false, NULL, 0, NULL},
	    {"HTTPS://api.test", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://", ERR_INVALID, false, NULL, 0, NULL},
	    {"https:///v1", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://u:p@api.test", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test:0", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test:65536", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test/v1?x=1", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test/v1#x", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test?x", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test/a/../b", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test/a//b", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://api.test/a b", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://a_b.test", OK, true, "a_b.test", 443, ""},
	    {"https://[a]/", ERR_INVALID, false, NULL, 0, NULL},
	    {"https://a..b", ERR_INVALID, false, NULL, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct provider_url url = {.port = 7};
		struct why why = {0};

		if (provider_url_read(span_of_text(cases[i].url), &arena, &url, &why) != cases[i].want)
			fail_msg("%s: %s", cases[i].url, why.text);
		if (cases[i].want != OK) {
			assert_int_equal(url.port, 7);
			assert_true(why.text[0] != '\0');
			continue;
		}
		assert_int_equal(url.tls, cases[i].tls);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
		assert_string_equal(url.path, cases[i].path);
	}
}

/* clang-format off */
#define PROJECT {"VERTEX_AI_PROJECT_ID", "proj-1"}
/* clang-format on */

static void
targets_are_worked_out(void **state)
{
	static const struct {
		const char *type;
		struct provider_pair config[3];
		const char *model;
		enum err want;
		const char *host, *path, *sent, *override, *protocol;
		bool optional;
	} cases[] = {
	    {"openai", {{NULL}}, "gpt", OK, "api.openai.com", "/v1", "gpt", "", "openai_chat_completions", false},
	    {"openai", {{"OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"}}, "qwen", OK, "127.0.0.1", "/v1", "qwen", "",
		"openai_chat_completions", true},
	    {"openai", {{"OPENAI_BASE_URL", ""}}, "gpt", OK, "api.openai.com", "/v1", "gpt", "",
		"openai_chat_completions", false},
	    {"openai", {{"OPENAI_BASE_URL", "ftp://x"}}, "gpt", ERR_INVALID, "OPENAI_BASE_URL", NULL, NULL, NULL, NULL,
		false},
	    {"openai", {{"ANTHROPIC_BASE_URL", "http://x"}}, "gpt", OK, "api.openai.com", "/v1", "gpt", "",
		"openai_chat_completions", false},
	    {"anthropic", {{NULL}}, "claude-x", OK, "api.anthropic.com", "/v1", "claude-x", "", "anthropic_messages",
		false},
	    {"deepinfra", {{NULL}}, "m", OK, "api.deepinfra.com", "/v1/openai", "m", "", "openai_chat_completions",
		false},
	    {"nvidia", {{NULL}}, "m", OK, "integrate.api.nvidia.com", "/v1", "m", "", "openai_chat_completions", false},
	    {"github", {{NULL}}, "m", ERR_NOT_FOUND, "answer no model calls", NULL, NULL, NULL, NULL, false},
	    {"aws-bedrock", {{NULL}}, "m", ERR_INVALID, "needs BEDROCK_BASE_URL", NULL, NULL, NULL, NULL, false},
	    {"aws-bedrock", {{"BEDROCK_BASE_URL", "https://b.test/x"}}, "us.m:0", OK, "b.test", "/x", "us.m:0", "",
		"aws_bedrock_invoke", true},
	    {"aws-bedrock", {{"BEDROCK_BASE_URL", "https://b.test"}}, "a/b", ERR_INVALID, "model id", NULL, NULL, NULL,
		NULL, false},
	    {"aws-bedrock", {{"BEDROCK_BASE_URL", "https://b.test"}}, "a..b", ERR_INVALID, "model id", NULL, NULL, NULL,
		NULL, false},
	    {"aws-bedrock", {{"BEDROCK_BASE_URL", "https://b.test"}}, "", ERR_INVALID, "model id", NULL, NULL, NULL,
		NULL, false},
	    {"google-vertex-ai", {PROJECT}, "claude-1@x", OK, "us-central1-aiplatform.googleapis.com", "", "claude-1@x",
		"/v1/projects/proj-1/locations/us-central1/publishers/anthropic/models/claude-1@x:rawPredict",
		"anthropic_messages", false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_REGION", "global"}}, "gemini-2", OK, "aiplatform.googleapis.com",
		"", "google/gemini-2", "/v1beta1/projects/proj-1/locations/global/endpoints/openapi/chat/completions",
		"openai_chat_completions", false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_REGION", "eu"}}, "mistral-x", OK,
		"aiplatform.eu.rep.googleapis.com", "", "mistralai/mistral-x",
		"/v1beta1/projects/proj-1/locations/eu/endpoints/openapi/chat/completions", "openai_chat_completions",
		false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_PUBLISHER", "me"}}, "x", OK,
		"us-central1-aiplatform.googleapis.com", "", "me/x",
		"/v1beta1/projects/proj-1/locations/us-central1/endpoints/openapi/chat/completions",
		"openai_chat_completions", false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_PUBLISHER", "anthropic"}}, "x", OK,
		"us-central1-aiplatform.googleapis.com", "", "x",
		"/v1/projects/proj-1/locations/us-central1/publishers/anthropic/models/x:rawPredict",
		"anthropic_messages", false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_BASE_URL", "https://eu-x-aiplatform.googleapis.com"}}, "gemini",
		OK, "eu-x-aiplatform.googleapis.com", "", "google/gemini",
		"/v1beta1/projects/proj-1/locations/us-central1/endpoints/openapi/chat/completions",
		"openai_chat_completions", false},
	    {"google-vertex-ai", {PROJECT}, "unheard-of", ERR_INVALID, "VERTEX_AI_PUBLISHER", NULL, NULL, NULL, NULL,
		false},
	    {"google-vertex-ai", {{NULL}}, "gemini", ERR_INVALID, "needs VERTEX_AI_PROJECT_ID", NULL, NULL, NULL, NULL,
		false},
	    {"google-vertex-ai", {{"VERTEX_AI_PROJECT_ID", "short"}}, "gemini", ERR_INVALID, "6 to 30", NULL, NULL,
		NULL, NULL, false},
	    {"google-vertex-ai", {{"VERTEX_AI_PROJECT_ID", "a123456789012345678901234567890"}}, "gemini", ERR_INVALID,
		"6 to 30", NULL, NULL, NULL, NULL, false},
	    {"google-vertex-ai", {{"VERTEX_AI_PROJECT_ID", "1bcdef"}}, "gemini", ERR_INVALID, "6 to 30", NULL, NULL,
		NULL, NULL, false},
	    {"google-vertex-ai", {{"VERTEX_AI_PROJECT_ID", "abcde-"}}, "gemini", ERR_INVALID, "6 to 30", NULL, NULL,
		NULL, NULL, false},
	    {"google-vertex-ai", {{"VERTEX_AI_PROJECT_ID", "abc/../"}}, "gemini", ERR_INVALID, "6 to 30", NULL, NULL,
		NULL, NULL, false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_REGION", "x.evil.test/"}}, "gemini", ERR_INVALID,
		"VERTEX_AI_REGION", NULL, NULL, NULL, NULL, false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_BASE_URL", "https://evil.test"}}, "gemini", ERR_INVALID,
		"Google's hosts", NULL, NULL, NULL, NULL, false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_BASE_URL", "http://aiplatform.googleapis.com"}}, "gemini",
		ERR_INVALID, "https", NULL, NULL, NULL, NULL, false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_BASE_URL", "https://aiplatform.googleapis.com:8443"}}, "gemini",
		ERR_INVALID, "443", NULL, NULL, NULL, NULL, false},
	    {"google-vertex-ai", {PROJECT, {"VERTEX_AI_BASE_URL", "https://a.b-aiplatform.googleapis.com"}}, "gemini",
		ERR_INVALID, "Google's hosts", NULL, NULL, NULL, NULL, false},
	    {"google-vertex-ai", {PROJECT}, "gemini%2f", ERR_INVALID, "model id", NULL, NULL, NULL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		auto_arena struct arena arena = {0};
		struct inference_target target = {0};
		struct why why = {0};
		size_t n = 0;

		while (n < COUNT(cases[i].config) && cases[i].config[n].key != NULL)
			n++;
		if (inference_target(span_of_text(cases[i].type), cases[i].config, n, cases[i].model, &arena, &target,
			&why) != cases[i].want)
			fail_msg("case %zu: %s", i, why.text);
		if (cases[i].want != OK) {
			if (strstr(why.text, cases[i].host) == NULL)
				fail_msg("case %zu: %s", i, why.text);
			continue;
		}
		assert_string_equal(target.base.host, cases[i].host);
		assert_string_equal(target.base.path, cases[i].path);
		assert_string_equal(target.model, cases[i].sent);
		assert_string_equal(target.path_override, cases[i].override);
		assert_string_equal(target.protocols[0], cases[i].protocol);
		assert_int_equal(target.key_optional, cases[i].optional);
	}
}

static void
keys_are_chosen(void **state)
{
	static const struct provider_key keys[] = {{"Z", 0, true, false, NULL}, {"B", 0, true, false, NULL},
	    {"A", 0, false, true, NULL}, {"OPENAI_API_KEY", 0, true, false, NULL}};
	static const struct provider_key vertex[] = {{"A", 0, true, false, NULL},
	    {"VERTEX_AI_TOKEN", 0, true, false, NULL}, {"VERTEX_AI_SERVICE_ACCOUNT_TOKEN", 0, true, false, NULL}};
	size_t at = 9;

	(void)state;
	assert_true(inference_key(inference_type(SPAN("openai")), keys, 4, &at) && at == 3);
	assert_true(inference_key(inference_type(SPAN("openai")), keys, 3, &at) && at == 1); /* A has no value yet */
	at = 9;
	assert_false(inference_key(inference_type(SPAN("openai")), keys + 2, 1, &at));
	assert_true(inference_key(inference_type(SPAN("google-vertex-ai")), vertex, 3, &at) && at == 2);
	assert_false(inference_key(inference_type(SPAN("google-vertex-ai")), vertex, 1, &at)); /* nothing else */
	assert_null(inference_type(SPAN("claude-code")));
	assert_true(inference_keyless(SPAN("openai"), &(struct provider_pair){"OPENAI_BASE_URL", "http://x"}, 1));
	assert_false(inference_keyless(SPAN("openai"), NULL, 0));
	assert_false(
	    inference_keyless(SPAN("google-vertex-ai"), &(struct provider_pair){"VERTEX_AI_BASE_URL", "http://x"}, 1));
	assert_false(inference_keyless(SPAN("github"), &(struct provider_pair){"OPENAI_BASE_URL", "http://x"}, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_read),
	    cmocka_unit_test(targets_are_worked_out),
	    cmocka_unit_test(keys_are_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
