/* proxy: the Google metadata emulator, over its own listener; what it answers in detail has a test of its own. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clean.h"
#include "sandbox/proxy/metadata.h"
#include "tests/bus/proxy_stage.h"

#define GET_TOKEN                                                                                                      \
	"GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\nHost: m\r\nMetadata-Flavor: Google\r\n\r\n"

static void
tell_token(const char *token)
{
	struct msg m = {.id = METADATA_SET,
	    .metadata_set = {
		.known = token != NULL, .token = span_of_text(token), .email = SPAN("a@b.test"), .project = SPAN("p")}};

	assert_int_equal(ask_now(supervisor.peer, &m), OK);
}

static void
expect_answer(const char *request, const char *status, const char *body)
{
	auto_fd int fd = dial("127.0.0.1", metadata_port);
	char bytes[8192];

	say(fd, request);
	read_all(fd, bytes, sizeof(bytes));
	if (strncmp(bytes, status, strlen(status)) != 0 || strstr(bytes, body) == NULL)
		fail_msg("%s", bytes);
}

static void
it_gives_what_it_was_told(void **unused)
{
	(void)unused;
	expect_answer(GET_TOKEN, "HTTP/1.1 503 ", "credentials_unavailable");
	tell_token("openshell:resolve:env:v1_GCP_SA_ACCESS_TOKEN");
	expect_answer(GET_TOKEN, "HTTP/1.1 200 ", "\"access_token\":\"openshell:resolve:env:v1_GCP_SA_ACCESS_TOKEN\"");
	tell_token(NULL);
	expect_answer(GET_TOKEN, "HTTP/1.1 503 ", "credentials_unavailable");
}

static void
it_has_bounds(void **unused)
{
	static char long_line[METADATA_REQUEST_BYTES + 1];
	int many[METADATA_CONNECTIONS_MAX + 1];
	char bytes[16];

	(void)unused;
	tell_token("t");
	expect_answer("nonsense\r\n\r\n", "HTTP/1.1 400 ", "bad_request");
	memset(long_line, 'x', METADATA_REQUEST_BYTES);
	expect_answer(long_line, "HTTP/1.1 400 ", "bad_request");
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = dial("127.0.0.1", metadata_port);
	assert_string_equal(read_all(many[METADATA_CONNECTIONS_MAX], bytes, sizeof(bytes)), ""); /* one too many */
	for (size_t i = 0; i < COUNT(many); i++)
		close(many[i]);
	expect_answer(GET_TOKEN, "HTTP/1.1 200 ", "access_token");
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(it_gives_what_it_was_told), TEST(it_has_bounds)};

	return stage_begin(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
