/* Legs: bytes, ends and readiness, in clear and under TLS. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "sandbox/proxy/ca.h"
#include "common/leg/leg.h"
#include "sandbox/proxy/tls.h"

static struct loop *loop;
static struct leg *near, *far;
static struct tls *tls;
static struct why why;
static int shaken_n;
static enum err shaken_r;

/* What a leg told. */
struct told {
	struct leg *leg;
	int n;
	uint32_t events;
	char bytes[65536];
	size_t got;
	bool ended;
};

static void
turn(void)
{
	assert_int_equal(loop_turn(loop, 1000, &why), OK);
}

static int
setup(void **unused)
{
	struct ca *ca;
	int pair[2];

	(void)unused;
	shaken_n = 0;
	assert_int_equal(loop_new(&loop, &why), OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	near = leg_new(loop, pair[0]);
	far = leg_new(loop, pair[1]);
	assert_int_equal(ca_new(&ca, &why), OK);
	tls = tls_new(ca, -1);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	leg_close(near);
	leg_close(far);
	tls_free(tls);
	loop_free(loop);
	return 0;
}

static void
shaken(void *self, enum err r, const struct why *said)
{
	(void)self, (void)said;
	shaken_n++;
	if (r != OK)
		shaken_r = r;
}

/* TLS between the two; nothing is verified here. */
static void
speak_tls(void)
{
	SSL *server, *client;

	assert_int_equal(tls_agent(tls, "a.test", true, &server, &why), OK);
	assert_int_equal(tls_upstream(tls, "a.test", 443, "h2,http/1.1", &client, &why), OK);
	SSL_set_verify(client, SSL_VERIFY_NONE, NULL);
	shaken_r = OK;
	leg_handshake(near, server, 5000, shaken, NULL);
	leg_handshake(far, client, 5000, shaken, NULL);
	while (shaken_n < 2)
		turn();
	assert_int_equal(shaken_r, OK);
}

static void
ready(void *self, uint32_t events)
{
	struct told *told = self;
	size_t got = 0;

	told->n++;
	told->events |= events;
	if ((events & EPOLLIN) == 0)
		return;
	if (leg_read(told->leg, told->bytes + told->got, 100, &got, &why) != OK) /* little at a time */
		return;
	told->got += got;
	if (got == 0) {
		told->ended = true;
		leg_watch(told->leg, 0, ready, told);
	}
}

static void
write_all(struct leg *leg, const char *bytes, size_t length)
{
	size_t put;

	while (length > 0) {
		assert_int_equal(leg_write(leg, bytes, length, &put, &why), OK);
		bytes += put;
		length -= put;
	}
}

/* All of it comes, although each reading takes 100 bytes; then the end, once. */
static void
carries(void)
{
	static char bytes[40000];
	static struct told told;

	told = (struct told){.leg = near};
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	leg_watch(near, EPOLLIN, ready, &told);
	write_all(far, bytes, sizeof(bytes));
	leg_finish(far);
	while (!told.ended)
		turn();
	assert_int_equal(told.got, sizeof(bytes));
	assert_memory_equal(told.bytes, bytes, sizeof(bytes));
	write_all(near, "still open this way", 19); /* half closed */
	told = (struct told){.leg = far};
	leg_watch(far, EPOLLIN, ready, &told);
	while (told.got < 19)
		turn();
}

static void
plain_bytes_come_whole_and_then_the_end(void **unused)
{
	(void)unused;
	carries();
}

static void
tls_bytes_come_whole_and_then_the_end(void **unused)
{
	(void)unused;
	speak_tls();
	assert_string_equal(leg_alpn(near), "h2");
	assert_string_equal(leg_alpn(far), "h2");
	carries();
}

static void
an_end_without_close_notify_is_a_break(void **unused)
{
	struct told told = {.leg = near};
	size_t got;
	enum err r;

	(void)unused;
	speak_tls();
	leg_watch(near, EPOLLIN, ready, &told);
	shutdown(leg_fd(far), SHUT_WR);
	while (told.n == 0)
		turn();
	r = leg_read(near, told.bytes, 10, &got, &why);
	assert_int_not_equal(r, OK);
	assert_int_not_equal(r, ERR_MORE);
}

static void
nothing_there_is_more(void **unused)
{
	char byte;
	size_t got = 9;

	(void)unused;
	assert_int_equal(leg_read(near, &byte, 1, &got, &why), ERR_MORE);
	assert_int_equal(got, 0);
}

static void
bytes_put_back_come_first_and_wake(void **unused)
{
	struct told told = {.leg = near};
	static char much[LEG_UNREAD_MAX + 1];

	(void)unused;
	write_all(far, "world", 5);
	assert_int_equal(leg_unread(near, SPAN("lo "), &why), OK);
	assert_int_equal(leg_unread(near, SPAN("hel"), &why), OK);
	assert_int_equal(leg_unread(near, span_of_bytes(much, sizeof(much) - 6), &why), ERR_LIMIT);
	leg_watch(near, EPOLLIN, ready, &told);
	while (told.got < 11)
		turn();
	assert_memory_equal(told.bytes, "hello world", 11);
}

static void
bytes_put_back_alone_wake(void **unused)
{
	struct told told = {.leg = near};

	(void)unused;
	assert_int_equal(leg_unread(near, SPAN("x"), &why), OK);
	leg_watch(near, EPOLLIN, ready, &told);
	while (told.got < 1)
		turn();
	assert_int_equal(told.n, 1);
}

static void
the_end_is_told_once_to_one_who_waits_for_nothing(void **unused)
{
	struct told told = {.leg = near};

	(void)unused;
	leg_watch(near, 0, ready, &told);
	leg_close(far);
	far = NULL;
	while (told.n == 0)
		turn();
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_turn(loop, 1, &why), OK);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.events, EPOLLHUP);
	leg_watch(near, EPOLLIN, ready, &told);
	while (!told.ended)
		turn();
}

static void
a_full_socket_says_more_and_wakes_when_there_is_room(void **unused)
{
	struct told told = {.leg = far};
	static char bytes[65536];
	size_t put, all = 0;
	enum err r;

	(void)unused;
	while ((r = leg_write(far, bytes, sizeof(bytes), &put, &why)) == OK)
		all += put;
	assert_int_equal(r, ERR_MORE);
	assert_true(all > 0);
	leg_watch(far, EPOLLOUT, ready, &told);
	while (leg_read(near, bytes, sizeof(bytes), &put, &why) == OK)
		;
	while (told.n == 0)
		turn();
	assert_int_equal(told.events, EPOLLOUT);
}

static void
a_handshake_that_does_not_go_on_ends_in_time(void **unused)
{
	SSL *server;

	(void)unused;
	assert_int_equal(tls_agent(tls, "a.test", true, &server, &why), OK);
	leg_handshake(near, server, 20, shaken, NULL);
	write_all(far, "\x16\x03\x01\x02", 4);
	while (shaken_n == 0)
		turn();
	assert_int_equal(shaken_r, ERR_TIMEOUT);
}

static void
a_handshake_that_was_given_up_tells_nobody(void **unused)
{
	SSL *server;
	size_t got;
	char byte;

	(void)unused;
	assert_int_equal(tls_agent(tls, "a.test", true, &server, &why), OK);
	leg_handshake(near, server, 5000, shaken, NULL);
	leg_finish(near);
	write_all(far, "\x16\x03\x01\x02", 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(loop_turn(loop, 1, &why), OK);
	assert_int_equal(shaken_n, 0);
	assert_int_equal(leg_read(near, &byte, 1, &got, &why), ERR_UNAVAILABLE);
}

static void
what_is_no_tls_is_said(void **unused)
{
	SSL *server;

	(void)unused;
	assert_int_equal(tls_agent(tls, "a.test", true, &server, &why), OK);
	shaken_r = OK;
	leg_handshake(near, server, 5000, shaken, NULL);
	write_all(far, "GET / HTTP/1.1\r\n", 16);
	while (shaken_n == 0)
		turn();
	assert_int_equal(shaken_r, ERR_INVALID);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(plain_bytes_come_whole_and_then_the_end),
	    TEST(tls_bytes_come_whole_and_then_the_end),
	    TEST(an_end_without_close_notify_is_a_break),
	    TEST(nothing_there_is_more),
	    TEST(bytes_put_back_come_first_and_wake),
	    TEST(bytes_put_back_alone_wake),
	    TEST(the_end_is_told_once_to_one_who_waits_for_nothing),
	    TEST(a_full_socket_says_more_and_wakes_when_there_is_room),
	    TEST(a_handshake_that_does_not_go_on_ends_in_time),
	    TEST(a_handshake_that_was_given_up_tells_nobody),
	    TEST(what_is_no_tls_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
