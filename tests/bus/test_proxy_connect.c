/* proxy: tunnels, what is refused, and what a new policy or a new policyd ends. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "tests/bus/proxy_stage.h"

/* ---- raw tunnels ---- */

static void
a_raw_tunnel_carries_bytes_both_ways_and_half_closes(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);

	(void)unused;
	yes.connection_judged.tls_skip = true;
	fd = tunnel(&yes, server, &far);
	say(fd, "ping");
	expect_bytes(far, "ping");
	say(far, "pong");
	expect_bytes(fd, "pong");
	shutdown(fd, SHUT_WR);
	expect_end(far);
	say(far, "still");
	expect_bytes(fd, "still");
	clean_fd(&far);
	expect_end(fd);
	expect_event("NET:OPEN [INFO] ALLOWED CONNECT allowed up.test:");
}

static void
bytes_behind_the_connect_head_are_kept(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = dial(EXPLICIT, EXPLICIT_PORT);
	struct msg yes = judgement(true);
	char head[256];

	(void)unused;
	yes.connection_judged.tls_skip = true;
	snprintf(head, sizeof(head), "CONNECT up.test:%u HTTP/1.1\r\nHost: x\r\n\r\nhello", port_of(server));
	say(fd, head);
	judge("up.test", port_of(server), &yes);
	far = accepted(server);
	expect_bytes(fd, ESTABLISHED);
	expect_bytes(far, "hello");
}

static void
much_goes_through_unharmed(void **unused)
{
	enum { BYTES = 8 << 20 };
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);
	size_t sent = 0, got = 0;

	(void)unused;
	yes.connection_judged.tls_skip = true;
	fd = tunnel(&yes, server, &far);
	while (got < BYTES) {
		char bytes[65536];
		ssize_t n;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)((sent + i) * 31 >> 3);
		if (sent < BYTES && (n = send(fd, bytes, sizeof(bytes) - sent % 7, MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		if ((n = recv(far, bytes, sizeof(bytes), 0)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				assert_int_equal(bytes[i], (char)((got + (size_t)i) * 31 >> 3));
			got += (size_t)n;
		} else if (sent >= BYTES)
			until_readable(far);
	}
}

static void
a_server_that_speaks_first_is_heard_where_nothing_is_inspected(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);

	(void)unused;
	fd = tunnel(&yes, server, &far);
	say(far, "SSH-2.0-server\r\n");
	expect_bytes(fd, "SSH-2.0-server\r\n");
	say(fd, "SSH-2.0-client\r\n");
	expect_bytes(far, "SSH-2.0-client\r\n");
}

static void
other_bytes_are_relayed_or_refused_as_the_policy_inspects(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, far2 = -1, fd = -1, fd2 = -1;
	struct msg yes = judgement(true);
	char bytes[4096];

	(void)unused;
	fd = tunnel(&yes, server, &far);
	say(fd, "SSH-2.0-client\r\n");
	expect_bytes(far, "SSH-2.0-client\r\n");
	yes.connection_judged.inspect = true;
	fd2 = tunnel(&yes, server, &far2);
	say(fd2, "SSH-2.0-client\r\n");
	assert_non_null(strstr(read_all(fd2, bytes, sizeof(bytes)), "\"unsupported_l7_protocol\""));
	assert_non_null(strstr(bytes, "HTTP/1.1 403 Forbidden\r\n"));
	expect_event("[reason:not HTTP, and requests must be judged here]");
}

/* ---- refusals ---- */

static const struct {
	const char *head, *want; /* what the answer begins with */
	const char *body;	 /* and has in it */
} heads[] = {
    {"CONNECT up.test HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", "Content-Length: 0"},
    {"CONNECT up.test:0 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", "Content-Length: 0"},
    {"CONNECT up.test:65536 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", ""},
    {"CONNECT [up.test]:443 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", ""},
    {"CONNECT u@up.test:443 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", ""},
    {"CONNECT up.test:443 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400 ", ""},
    {"CONNECT up.test:443 HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 ", "Content-Length: 0"},
    {"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 ", "Content-Length: 0"},
    {"GET https://up.test/ HTTP/1.1\r\nHost: up.test\r\n\r\n", "HTTP/1.1 400 ", "Use CONNECT for HTTPS URLs"},
    {"GET ftp://up.test/ HTTP/1.1\r\nHost: up.test\r\n\r\n", "HTTP/1.1 400 ", "\"unsupported_proxy_scheme\""},
    {"GET http:/// HTTP/1.1\r\nHost: up.test\r\n\r\n", "HTTP/1.1 400 ", ""},
    {"GET http://up.test/#a HTTP/1.1\r\nHost: up.test\r\n\r\n", "HTTP/1.1 400 ", "Content-Length: 0"},
    {"GET http://policy.local/v1/policy/current HTTP/1.1\r\nHost: policy.local\r\n\r\n", "HTTP/1.1 404 ",
	"\"feature_disabled\""},
};

static void
heads_that_are_answered_without_a_judgement(void **unused)
{
	char bytes[4096];

	(void)unused;
	for (size_t i = 0; i < COUNT(heads); i++) {
		auto_fd int fd = dial(EXPLICIT, EXPLICIT_PORT);

		say(fd, heads[i].head);
		read_all(fd, bytes, sizeof(bytes));
		if (strncmp(bytes, heads[i].want, strlen(heads[i].want)) != 0 || strstr(bytes, heads[i].body) == NULL)
			fail_msg("case %zu: %s", i, bytes);
	}
}

static void
a_head_of_8193_bytes_is_431_and_one_of_8192_is_not(void **unused)
{
	(void)unused;
	for (size_t size = 8192; size <= 8193; size++) {
		auto_fd int fd = dial(EXPLICIT, EXPLICIT_PORT);
		char head[9000], bytes[4096];
		size_t n = (size_t)snprintf(head, sizeof(head), "CONNECT up.test:1 HTTP/1.1\r\nHost: x\r\nX: ");

		memset(head + n, 'a', size - n);
		memcpy(head + size - 4, "\r\n\r\n", 5);
		say(fd, head);
		if (size == 8192) {
			struct msg no = judgement(false);

			judge("up.test", 1, &no);
		}
		read_all(fd, bytes, sizeof(bytes));
		assert_memory_equal(bytes, size == 8192 ? "HTTP/1.1 403" : "HTTP/1.1 431", 12);
	}
}

static void
a_refusal_says_what_the_reference_says(void **unused)
{
	(void)unused;
	expect_refusals();
}

static void
addresses_that_the_rule_does_not_let_through_are_not_dialled(void **unused)
{
	auto_fd int server = bound("127.0.0.1", 0, SOCK_STREAM);
	struct msg yes = judgement(true);
	char target[64], bytes[4096], want[128];
	auto_fd int fd = -1;

	(void)unused;
	snprintf(target, sizeof(target), "loop.test:%u", port_of(server));
	fd = connect_to(target);
	judge("loop.test", port_of(server), &yes);
	snprintf(want, sizeof(want),
	    "{\"error\":\"ssrf_denied\",\"detail\":\"CONNECT loop.test:%u blocked: ", port_of(server));
	if (strstr(read_all(fd, bytes, sizeof(bytes)), want) == NULL)
		fail_msg("%s", bytes);
	assert_int_equal(accept(server, NULL, NULL), -1);
	expect_event("engine:ssrf");
}

static void
a_server_that_is_not_there_is_502(void **unused)
{
	auto_fd int fd = connect_to("up.test:9");
	struct msg yes = judgement(true);
	char bytes[4096];

	(void)unused;
	judge("up.test", 9, &yes);
	assert_non_null(strstr(read_all(fd, bytes, sizeof(bytes)), "\"upstream_unreachable\""));
	assert_memory_equal(bytes, "HTTP/1.1 502", 12);
}

/* ---- policyd ---- */

static void
without_policyd_nothing_goes(void **unused)
{
	char bytes[4096];
	int fd;

	(void)unused;
	actor_done(&policyd);
	actor_init(&policyd, loop, ROLE_POLICYD, "policyd");
	fd = connect_to("up.test:1");
	assert_non_null(strstr(read_all(fd, bytes, sizeof(bytes)), "\"policy_denied\""));
	close(fd);
	give(ROLE_POLICYD, &policyd);
	fd = connect_to("up.test:1");
	actor_done(&policyd); /* it dies with the question */
	actor_init(&policyd, loop, ROLE_POLICYD, "policyd");
	assert_non_null(strstr(read_all(fd, bytes, sizeof(bytes)), "\"policy_denied\""));
	close(fd);
}

static void
a_new_generation_ends_what_is_older(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, raw = -1, sniffed = -1, pending = -1;
	struct msg m = {.id = GENERATION, .generation = {.generation = 2, .version = 2}}, yes = judgement(true);
	struct heard *heard;
	char bytes[4096];
	int far2 = -1;

	(void)unused;
	sniffed = tunnel(&yes, server, &far2);
	yes.connection_judged.tls_skip = true;
	raw = tunnel(&yes, server, &far);
	say(raw, "x");
	expect_bytes(far, "x");
	pending = connect_to("other.test:5");
	heard = judge_heard("other.test", 5);
	assert_int_equal(ask_now(policyd.peer, &m), OK);
	expect_end(raw);
	expect_end(far);
	expect_end(sniffed);
	close(far2);
	reply_send(&heard->reply, &yes); /* judged by the old one */
	heard_free(heard);
	assert_non_null(strstr(read_all(pending, bytes, sizeof(bytes)),
	    "\"detail\":\"CONNECT other.test:5 not permitted because policy changed\""));
}

static void
a_new_policyd_ends_what_the_old_one_admitted(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg m = {.id = GENERATION, .generation = {.generation = 1, .version = 1}}, yes = judgement(true);

	(void)unused;
	yes.connection_judged.tls_skip = true;
	fd = tunnel(&yes, server, &far);
	actor_done(&policyd);
	actor_init(&policyd, loop, ROLE_POLICYD, "policyd");
	say(fd, "still open");
	expect_bytes(far, "still open");
	give(ROLE_POLICYD, &policyd);
	assert_int_equal(ask_now(policyd.peer, &m), OK); /* counted anew */
	expect_end(fd);
	expect_end(far);
}

static void
the_end_of_a_connection_is_told(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1;
	struct msg yes = judgement(true);
	struct heard *heard;
	int fd;

	(void)unused;
	yes.connection_judged.tls_skip = true;
	fd = tunnel(&yes, server, &far);
	close(fd);
	clean_fd(&far);
	heard = actor_hear(&policyd, CONNECTION_END);
	assert_int_not_equal(heard->msg.connection_end.connection, 0);
	heard_free(heard);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_raw_tunnel_carries_bytes_both_ways_and_half_closes),
	    TEST(bytes_behind_the_connect_head_are_kept),
	    TEST(much_goes_through_unharmed),
	    TEST(a_server_that_speaks_first_is_heard_where_nothing_is_inspected),
	    TEST(other_bytes_are_relayed_or_refused_as_the_policy_inspects),
	    TEST(heads_that_are_answered_without_a_judgement),
	    TEST(a_head_of_8193_bytes_is_431_and_one_of_8192_is_not),
	    TEST(a_refusal_says_what_the_reference_says),
	    TEST(addresses_that_the_rule_does_not_let_through_are_not_dialled),
	    TEST(a_server_that_is_not_there_is_502),
	    TEST(without_policyd_nothing_goes),
	    TEST(a_new_generation_ends_what_is_older),
	    TEST(a_new_policyd_ends_what_the_old_one_admitted),
	    TEST(the_end_of_a_connection_is_told),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
