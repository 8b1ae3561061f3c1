/* A way through a company's proxy, which the test plays: what it is asked, what counts as a way, and when one gives up. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/leg/chain.h"

#define BASIC	     "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" /* me:secret */
#define ASKED(place) "CONNECT " place " HTTP/1.1\r\nHost: " place "\r\n"
#define OTHERS	     256

static struct loop *loop;

/* The proxy: one connection at a time, each answered by the next of these. */
static struct {
	struct watch watch, peer;
	uint16_t port;
	int fd, now;
	const char *const *answers;
	size_t next;
	char asked[4][OTHERS];
	bool last; /* hang up behind the answer */
} proxy;

static struct {
	bool done;
	enum err r;
	int fd;
	size_t which;
	struct why why;
} end;

static void
proxy_hears(void *self, uint32_t events)
{
	char *asked = proxy.asked[proxy.next];
	size_t length = strlen(asked);
	ssize_t n = recv(proxy.now, asked + length, OTHERS - 1 - length, 0);
	const char *answer;

	(void)self, (void)events;
	if (n <= 0) { /* it hung up, perhaps on what it had not read */
		loop_remove(loop, &proxy.peer);
		clean_fd(&proxy.now);
		return;
	}
	if (strstr(asked, "\r\n\r\n") == NULL)
		return;
	answer = proxy.answers[proxy.next++];
	if (answer != NULL)
		assert_int_equal(send(proxy.now, answer, strlen(answer), MSG_NOSIGNAL), (ssize_t)strlen(answer));
	if (proxy.last)
		shutdown(proxy.now, SHUT_WR);
}

static void
proxy_accepts(void *self, uint32_t events)
{
	struct why why;

	(void)self, (void)events;
	loop_remove(loop, &proxy.peer);
	clean_fd(&proxy.now);
	assert_true((proxy.now = accept4(proxy.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
	assert_int_equal(loop_add(loop, &proxy.peer, proxy.now, EPOLLIN, proxy_hears, NULL, &why), OK);
}

static int
setup(void **unused)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	struct why why;

	(void)unused;
	memset(&proxy, 0, sizeof(proxy));
	memset(&end, 0, sizeof(end));
	proxy.now = end.fd = -1;
	assert_int_equal(loop_new(&loop, &why), OK);
	assert_true((proxy.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
	assert_int_equal(bind(proxy.fd, (struct sockaddr *)&at, length), 0);
	assert_int_equal(listen(proxy.fd, 4), 0);
	assert_int_equal(getsockname(proxy.fd, (struct sockaddr *)&at, &length), 0);
	proxy.port = ntohs(at.sin_port);
	return loop_add(loop, &proxy.watch, proxy.fd, EPOLLIN, proxy_accepts, NULL, &why);
}

static int
teardown(void **unused)
{
	(void)unused;
	loop_remove(loop, &proxy.watch);
	loop_remove(loop, &proxy.peer);
	clean_fd(&proxy.fd);
	clean_fd(&proxy.now);
	clean_fd(&end.fd);
	loop_free(loop);
	return 0;
}

static void
done(void *self, enum err r, int fd, size_t which, const struct why *why)
{
	(void)self;
	assert_false(end.done);
	end.done = true;
	end.r = r;
	end.fd = fd;
	end.which = which;
	end.why = *why;
}

static struct chain *
begin(const char *host, const char *login, uint32_t deadline_ms)
{
	static const char *const places[] = {"192.0.2.1", "2001:db8::7"};
	struct address there[2], here;
	struct chain_way way = {
	    .proxy = &here, .proxy_n = 1, .port = proxy.port, .host = host, .login = span_of_text(login)};

	assert_true(address_parse(SPAN("127.0.0.1"), &here));
	for (size_t i = 0; i < 2; i++)
		assert_true(address_parse(span_of_text(places[i]), &there[i]));
	return chain_begin(loop, &way, there, 2, 443, deadline_ms, done, NULL);
}

static void
run(const char *const *answers)
{
	struct why why;

	proxy.answers = answers;
	while (!end.done)
		assert_int_equal(loop_turn(loop, 1, &why), OK);
}

static void
a_way_and_what_comes_behind_it(void **unused)
{
	const char *answers[] = {"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nmore"};
	char bytes[16];

	(void)unused;
	(void)begin(NULL, "me:secret", 10000);
	run(answers);
	assert_int_equal(end.r, OK);
	assert_int_equal(end.which, 0);
	assert_string_equal(proxy.asked[0], ASKED("192.0.2.1:443") BASIC "\r\n");
	assert_int_equal(recv(end.fd, bytes, sizeof(bytes), 0), 4); /* the far side's, untouched */
	assert_memory_equal(bytes, "more", 4);
}

static void
the_next_address_where_one_is_refused(void **unused)
{
	const char *answers[] = {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 200 OK\r\n\r\n"};

	(void)unused;
	(void)begin(NULL, "", 10000);
	run(answers);
	assert_int_equal(end.r, OK);
	assert_int_equal(end.which, 1);
	assert_string_equal(proxy.asked[0], ASKED("192.0.2.1:443") "\r\n");
	assert_string_equal(proxy.asked[1], ASKED("[2001:db8::7]:443") "\r\n");
}

static void
by_name_it_is_asked_once(void **unused)
{
	const char *answers[] = {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"};

	(void)unused;
	(void)begin("up.test", "", 10000);
	run(answers);
	assert_int_equal(end.r, ERR_UNAVAILABLE);
	assert_string_equal(end.why.text, "the upstream proxy answered 502");
	assert_string_equal(proxy.asked[0], ASKED("up.test:443") "\r\n");
	assert_int_equal(proxy.next, 1);
}

/* What is no way, at its edges; the same for both addresses. */
static void
answers_that_are_none(void **unused)
{
	static char large[CHAIN_HEAD_BYTES + 64];
	static const struct {
		const char *answer;
		bool hangs_up;
		const char *says;
	} cases[] = {
	    {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", false, "answered 407"},
	    {"HTTP/1.1 201 Created\r\n\r\n", false, "answered 201"},
	    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, "answered 100"},
	    {"HTTP/1.1 200 OK\r\n", true, "hung up"},
	    {"", true, "hung up"},
	    {"SSH-2.0-standin\r\n\r\n", false, "the upstream proxy's answer"},
	    {"HTTP/1.1 200 OK\n\n\r\n\r\n", false, "the upstream proxy's answer"},
	    {large, false, "has over 8192 bytes"},
	};

	memcpy(large, "HTTP/1.1 200 OK\r\nX: ", 20);
	memset(large + 20, 'x', sizeof(large) - 21);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *answers[] = {cases[i].answer, cases[i].answer};

		if (i > 0)
			assert_int_equal(setup(unused), 0);
		proxy.last = cases[i].hangs_up;
		(void)begin(NULL, "", 10000);
		run(answers);
		if (end.r != ERR_UNAVAILABLE || strstr(end.why.text, cases[i].says) == NULL || proxy.next != 2)
			fail_msg("case %zu: %s: %s", i, err_name(end.r), end.why.text);
		if (i + 1 < COUNT(cases))
			teardown(unused);
	}
}

static void
one_that_says_nothing(void **unused)
{
	const char *answers[] = {NULL, NULL};

	(void)unused;
	(void)begin(NULL, "", 50);
	run(answers);
	assert_int_equal(end.r, ERR_TIMEOUT);
	assert_string_equal(end.why.text, "the upstream proxy does not answer");
}

static void
one_that_is_not_there(void **unused)
{
	const char *answers[] = {NULL};

	(void)unused;
	loop_remove(loop, &proxy.watch);
	clean_fd(&proxy.fd);
	(void)begin(NULL, "", 10000);
	run(answers);
	assert_int_equal(end.r, ERR_UNAVAILABLE);
	assert_non_null(strstr(end.why.text, "the upstream proxy"));
}

static void
it_can_be_forgotten(void **unused)
{
	const char *answers[] = {NULL, NULL};
	struct chain *chain = begin(NULL, "me:secret", 10000);
	struct why why;

	(void)unused;
	proxy.answers = answers;
	while (proxy.next == 0)
		assert_int_equal(loop_turn(loop, 1, &why), OK);
	chain_cancel(chain);
	chain_cancel(begin(NULL, "", 10000)); /* and before it has begun */
	chain_cancel(NULL);
	assert_false(end.done);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(a_way_and_what_comes_behind_it),
	    TEST(the_next_address_where_one_is_refused), TEST(by_name_it_is_asked_once), TEST(answers_that_are_none),
	    TEST(one_that_says_nothing), TEST(one_that_is_not_there), TEST(it_can_be_forgotten)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
