/* proxy: TLS towards the agent and the world, and requests from end to end (their details have tests of their own). */
#include "tests/unit/test.h"

#include <stdio.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "tests/bus/proxy_stage.h"
#include "tests/bus/proxy_tls.h"

/* ---- opening ---- */

/* A tunnel to up.test that is looked into. */
static int
inspected(int server, int *far)
{
	struct msg yes = judgement(true);

	yes.connection_judged.inspect = true;
	return tunnel(&yes, server, far);
}

static void
shake(struct tls_client *tls, int fd)
{
	while (tls_client_step(tls) == ERR_MORE)
		until_readable(fd);
}

/* The agent's TLS to up.test within it. */
static void
agent_opens(struct tls_client *client, int fd, const char *named, const char *alpn)
{
	tls_client_begin(client, fd, pem_bytes, "up.test", named, alpn);
	shake(client, fd);
}

/* TLS on both sides, of which neither goes on without the other; one step of each. */
static void
step(struct tls_client *client, struct tls_client *world)
{
	struct why why;

	tls_client_step(client);
	tls_client_step(world);
	assert_int_equal(loop_turn(loop, 1, &why), OK);
}

/* ---- TLS ---- */

static void
tls_to_the_agent_has_a_certificate_for_the_host(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = inspected(server, &far), fd2 = -1, far2 = -1;
	struct tls_client client = {0};

	(void)unused;
	agent_opens(&client, fd, "up.test", "h2,http/1.1");
	assert_string_equal(client.failure, "");
	assert_string_equal(client.alpn, "h2");
	tls_client_end(&client);
	fd2 = inspected(server, &far2);
	agent_opens(&client, fd2, "evil.test", "http/1.1"); /* S31 */
	assert_non_null(strstr(client.failure, "unrecognized name"));
	tls_client_end(&client);
	expect_event("the hello names evil.test");
}

static void
tls_without_http_is_relayed_between_two_sessions(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);
	struct tls_client client = {0}, world = {0};

	(void)unused;
	fd = tunnel(&yes, server, &far);
	tls_client_begin(&client, fd, pem_bytes, "up.test", "up.test", NULL);
	tls_server_begin(&world, far, "up.test");
	while (!client.open || !world.open) {
		step(&client, &world);
		assert_string_equal(client.failure, "");
		assert_string_equal(world.failure, "");
	}
	tls_say(&world, "* OK IMAP ready\r\n");
	tls_expect(&client, "* OK IMAP ready\r\n", until_readable);
	tls_say(&client, "a1 NOOP\r\n");
	tls_expect(&world, "a1 NOOP\r\n", until_readable);
	tls_client_end(&client);
	tls_client_end(&world);
}

static void
a_server_with_another_name_is_not_spoken_with(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);
	struct tls_client client = {0}, world = {0};

	(void)unused;
	fd = tunnel(&yes, server, &far);
	tls_client_begin(&client, fd, pem_bytes, "up.test", "up.test", NULL);
	tls_server_begin(&world, far, "other.test");
	while (world.failure[0] == 0) {
		step(&client, &world);
		assert_false(world.open && world.heard_finished);
	}
	tls_client_end(&client);
	tls_client_end(&world);
}

/* ---- HTTP, from end to end (its details have tests of their own) ---- */

/* Policyd is asked about this request, and lets it pass or not. */
static void
judge_request(const char *method, const char *path, bool allowed)
{
	struct heard *heard = actor_hear(&policyd, REQUESTS_JUDGE);
	const struct msg_question *question = &heard->msg.requests_judge.questions[0];
	struct msg_verdict verdict = {.request = question->request,
	    .what = allowed ? 1 : 3,
	    .protocol = SPAN("rest"),
	    .policy = SPAN("world"),
	    .code = allowed ? SPAN_NONE : SPAN("no_rule"),
	    .reason = allowed ? SPAN_NONE : SPAN("no rule allows it")};
	struct msg answer = {.id = REQUESTS_JUDGED, .requests_judged = {.verdicts = &verdict, .verdicts_n = 1}};

	assert_int_equal(heard->msg.requests_judge.questions_n, 1);
	assert_true(span_is(question->method, method));
	assert_true(span_is(question->path, path));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
}

/* A request comes to the stand-in; it answers. */
static void
stand_in_answers(int far, const char *first_line)
{
	char head[4096] = "";
	size_t got = 0;

	while (strstr(head, "\r\n\r\n") == NULL) {
		ssize_t n;

		until_readable(far);
		n = recv(far, head + got, sizeof(head) - 1 - got, 0);
		assert_true(n > 0);
		head[got += (size_t)n] = 0;
	}
	if (strncmp(head, first_line, strlen(first_line)) != 0)
		fail_msg("the stand-in heard \"%s\"", head);
	say(far, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static void
requests_in_a_tunnel_are_judged_one_by_one(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = inspected(server, &far);
	char request[256], bytes[8192];

	(void)unused;
	snprintf(request, sizeof(request), "GET /a/../b?q=1 HTTP/1.1\r\nHost: up.test:%u\r\n\r\n", port_of(server));
	say(fd, request);
	judge_request("GET", "/b", true);
	stand_in_answers(far, "GET /b?q=1 HTTP/1.1\r\n");
	expect_bytes(fd, "HTTP/1.1 200 OK\r\n");
	while (memmem(bytes, (size_t)recv(fd, bytes, sizeof(bytes), MSG_PEEK), "hello", 5) == NULL)
		until_readable(fd);
	recv(fd, bytes, sizeof(bytes), 0);
	request[0] = 0;
	snprintf(request, sizeof(request), "PUT /c HTTP/1.1\r\nHost: up.test:%u\r\nContent-Length: 0\r\n\r\n",
	    port_of(server));
	say(fd, request);
	judge_request("PUT", "/c", false);
	read_all(fd, bytes, sizeof(bytes));
	assert_memory_equal(bytes, "HTTP/1.1 403 Forbidden\r\n", 24);
	assert_non_null(strstr(bytes, "\"layer\":\"l7\""));
	assert_non_null(strstr(bytes, "\"binary\":\"/usr/bin/curl\""));
	expect_event("L7_REQUEST");
}

static void
an_absolute_form_is_forwarded(void **unused)
{
	auto_fd int server = bound(SERVER, 8081, SOCK_STREAM), far = -1, fd = dial(EXPLICIT, EXPLICIT_PORT);
	struct msg yes = judgement(true);
	char bytes[8192];

	(void)unused;
	say(fd, "GET http://up.test:8081/x HTTP/1.1\r\nHost: evil.test\r\nProxy-Connection: keep-alive\r\n\r\n");
	judge("up.test", 8081, &yes);
	judge_request("GET", "/x", true);
	far = accepted(server);
	stand_in_answers(far, "GET /x HTTP/1.1\r\n");
	read_all(fd, bytes, sizeof(bytes));
	assert_memory_equal(bytes, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(bytes, "hello"));
	expect_event("FORWARD allowed GET up.test:8081/x");
}

static void
an_absolute_form_that_may_not_be_dialled_is_refused(void **unused)
{
	auto_fd int fd = dial(EXPLICIT, EXPLICIT_PORT);
	struct msg yes = judgement(true);
	char bytes[8192];

	(void)unused;
	say(fd, "GET http://loop.test/x HTTP/1.1\r\nHost: loop.test\r\n\r\n");
	judge("loop.test", 80, &yes);
	judge_request("GET", "/x", true);
	read_all(fd, bytes, sizeof(bytes));
	if (strstr(bytes, "{\"error\":\"ssrf_denied\",\"detail\":\"GET loop.test:80 blocked: ") == NULL)
		fail_msg("%s", bytes);
}

/* A request of the agent's over TLS, which may pass, and the world's TLS by that name. */
static void
both_open(struct tls_client *client, struct tls_client *world, int server, int fd, int far, const char *name)
{
	char request[128];

	agent_opens(client, fd, "up.test", "http/1.1");
	assert_string_equal(client->alpn, "http/1.1");
	snprintf(request, sizeof(request), "GET /x HTTP/1.1\r\nHost: up.test:%u\r\n\r\n", port_of(server));
	tls_say(client, request);
	judge_request("GET", "/x", true);
	tls_server_begin(world, far, name);
	shake(world, far);
}

static void
inspected_requests_pass_through_tls_on_both_sides(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = inspected(server, &far);
	struct tls_client client = {0}, world = {0};

	(void)unused;
	both_open(&client, &world, server, fd, far, "up.test");
	assert_string_equal(world.failure, "");
	tls_expect(&world, "GET /x HTTP/1.1\r\n", until_readable);
	tls_say(&world, "HTTP/1.1 204 No Content\r\n\r\n");
	tls_expect(&client, "HTTP/1.1 204 No Content\r\n", until_readable);
	expect_event("ALLOWED L7_REQUEST allow GET up.test:");
	tls_client_end(&client);
	tls_client_end(&world);
}

/* The certificate is refused, nothing of the request was sent: it is denied, and never was allowed. */
static void
a_request_that_is_never_sent_is_one_event(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = inspected(server, &far);
	struct tls_client client = {0}, world = {0};

	(void)unused;
	both_open(&client, &world, server, fd, far, "other.test");
	tls_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n", until_readable);
	expect_event_before("[MED] DENIED HTTP_REQUEST denied GET up.test:", "L7_REQUEST");
	tls_client_end(&client);
	tls_client_end(&world);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(tls_to_the_agent_has_a_certificate_for_the_host),
	    TEST(tls_without_http_is_relayed_between_two_sessions),
	    TEST(a_server_with_another_name_is_not_spoken_with),
	    TEST(requests_in_a_tunnel_are_judged_one_by_one),
	    TEST(an_absolute_form_is_forwarded),
	    TEST(an_absolute_form_that_may_not_be_dialled_is_refused),
	    TEST(inspected_requests_pass_through_tls_on_both_sides),
	    TEST(a_request_that_is_never_sent_is_one_event),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
