/* The Google metadata emulator's answers: what tools ask, and what is refused. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "common/base/clean.h"
#include "sandbox/proxy/metadata_answer.h"

#define V1	"/computeMetadata/v1"
#define ACCOUNT V1 "/instance/service-accounts/default"
#define G	"Metadata-Flavor: Google\r\n"
#define TOKEN	"openshell:resolve:env:v1_GCP_SA_ACCESS_TOKEN"

static const struct metadata_facts all = {{TOKEN, sizeof(TOKEN) - 1}, {"a@b.test", 8}, {"proj", 4}, true};
static const struct metadata_facts none = {.known = false}, some = {.known = true};

static const struct {
	const char *line, *fields;
	const struct metadata_facts *facts;
	unsigned status;
	const char *body;
} cases[] = {
    {"GET /", G, &all, 200, "computeMetadata/\n"},
    {"GET /computeMetadata/", G, &all, 200, "v1/\n"},
    {"GET " V1 "/", G, &all, 200, "instance/\nproject/\n"},
    {"GET " V1 "/instance", G, &all, 200, "service-accounts/\n"},
    {"GET " V1 "/instance/service-accounts/", G, &all, 200, "default/\n"},
    {"GET " ACCOUNT "/", G, &all, 200, "aliases\nemail\nscopes\ntoken\n"},
    {"GET " ACCOUNT "/?recursive=true", G, &all, 200,
	"{\"aliases\":[\"default\"],\"email\":\"a@b.test\",\"scopes\":[\"https://www.googleapis.com/auth/cloud-platform\"]}"},
    {"GET " ACCOUNT "/?alt=json&recursive=true", G, &all, 200, "{\"aliases\":["},
    {"GET " ACCOUNT "/token", G, &all, 200,
	"{\"access_token\":\"" TOKEN "\",\"expires_in\":3600,\"token_type\":\"Bearer\"}"},
    {"GET " ACCOUNT "/token?scopes=x", "metadata-flavor: Google\r\n", &all, 200, TOKEN},
    {"GET " ACCOUNT "/email", G, &all, 200, "a@b.test"},
    {"GET " ACCOUNT "/scopes", G, &all, 200, "https://www.googleapis.com/auth/cloud-platform\n"},
    {"GET " ACCOUNT "/aliases", G, &all, 200, "default\n"},
    {"GET " V1 "/project/project-id", G, &all, 200, "proj"},
    {"GET " V1 "/project/project-id", G, &some, 404, "not_found"},
    {"GET " ACCOUNT "/token", G, &some, 503, "token_unavailable"},
    {"GET " ACCOUNT "/email", G, &some, 200, "default"},
    {"GET " ACCOUNT "/token", G, &none, 503, "credentials_unavailable"},
    {"GET " ACCOUNT "/identity", G, &all, 404, "not_found"},
    {"GET " V1 "/instance/attributes/ssh-keys", G, &all, 404, "not_found"},
    {"GET " V1 "x", G, &all, 404, "not_found"},
    {"GET " ACCOUNT "/../default/token", G, &all, 404, "not_found"},
    {"GET " ACCOUNT "/token", "", &all, 403, "missing_metadata_flavor"},
    {"GET " ACCOUNT "/token", "Metadata-Flavor: google\r\n", &all, 403, "missing_metadata_flavor"},
    {"GET " ACCOUNT "/token", G "X-Forwarded-For: 1.2.3.4\r\n", &all, 403, "forwarded"},
    {"POST " ACCOUNT "/token", G, &all, 405, "method_not_allowed"},
    {"HEAD " ACCOUNT "/token", G, &all, 405, "method_not_allowed"},
};

static void
answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char bytes[1024], out[METADATA_ANSWER_BYTES], line[64];
		struct text text = TEXT_OF(out);
		struct http_head head;
		struct why why;
		size_t used;
		int n = snprintf(bytes, sizeof(bytes), "%s HTTP/1.1\r\nHost: 127.0.0.1:8174\r\n%s\r\n", cases[i].line,
		    cases[i].fields);

		assert_int_equal(
		    http_request_parse(span_of_bytes(bytes, (size_t)n), sizeof(bytes), &head, &used, &why), OK);
		assert_int_equal(metadata_answer(&head, cases[i].facts, &text), cases[i].status);
		snprintf(line, sizeof(line), "HTTP/1.1 %u ", cases[i].status);
		if (strncmp(out, line, strlen(line)) != 0 || strstr(strstr(out, "\r\n\r\n"), cases[i].body) == NULL)
			fail_msg("%s: %s", cases[i].line, out);
		assert_non_null(strstr(out, "\r\nMetadata-Flavor: Google\r\n"));
	}
}

/* What would be too long for an answer is none. */
static void
has_a_bound(void **state)
{
	static char longest[METADATA_ANSWER_BYTES];
	struct metadata_facts facts = {.known = true, .token = {longest, sizeof(longest)}};
	char bytes[] = "GET " ACCOUNT "/token HTTP/1.1\r\nHost: h\r\n" G "\r\n", out[METADATA_ANSWER_BYTES];
	struct text text = TEXT_OF(out);
	struct http_head head;
	struct why why;
	size_t used;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(
	    http_request_parse(span_of_bytes(bytes, sizeof(bytes) - 1), sizeof(bytes), &head, &used, &why), OK);
	assert_int_equal(metadata_answer(&head, &facts, &text), 503);
	assert_false(text.cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(answers), cmocka_unit_test(has_a_bound)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
