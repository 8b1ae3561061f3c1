/* proxy: names that are asked, and connections that know nothing of a proxy. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/wire/dns.h"
#include "tests/bus/proxy_stage.h"

/* A query for one name, as a stub resolver sends it. */
static size_t
query_write(const char *name, uint16_t type, uint8_t *to)
{
	size_t n = 12;

	memcpy(to, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	while (*name != 0) {
		size_t length = strcspn(name, ".");

		to[n++] = (uint8_t)length;
		memcpy(to + n, name, length);
		n += length;
		name += length + (name[length] == '.');
	}
	memcpy(to + n, "\0\0\0\0\1", 5);
	to[n + 2] = (uint8_t)type;
	return n + 5;
}

/* Asked over UDP: the answer's length; its code is in bytes[3]. */
static size_t
dns_ask_now(const char *name, uint16_t type, int known, uint8_t bytes[512])
{
	struct sockaddr_storage to;
	socklen_t length = address_of("127.0.0.1", dns_port, &to);
	size_t n = query_write(name, type, bytes);
	struct msg judged = {.id = NAME_JUDGED, .name_judged = {known == 1}};
	auto_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ssize_t got;

	assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&to, length), n);
	if (known >= 0)
		actor_answer(&policyd, NAME_JUDGE, &judged);
	until_readable(fd);
	got = recv(fd, bytes, 512, 0);
	assert_true(got >= 12);
	return (size_t)got;
}

static void
names_are_answered_as_the_policy_knows_them(void **unused)
{
	uint8_t bytes[512], first[4];
	struct heard *heard;
	size_t n;

	(void)unused;
	n = dns_ask_now("Up.Test", DNS_A, 1, bytes);
	assert_int_equal(bytes[3] & 15, DNS_NOERROR);
	assert_int_equal(bytes[7], 1); /* one answer */
	memcpy(first, bytes + n - 4, 4);
	assert_int_equal(first[0], 198);
	assert_true(first[1] == 18 || first[1] == 19);
	heard = actor_hear(&supervisor, PROXY_NAMES);
	assert_true(span_is(heard->msg.proxy_names.names[0], "198.18.0.1 up.test"));
	heard_free(heard);
	n = dns_ask_now("up.test", DNS_A, 1, bytes);
	assert_memory_equal(first, bytes + n - 4, 4); /* the same again */
	dns_ask_now("evil.test", DNS_A, 0, bytes);
	assert_int_equal(bytes[3] & 15, DNS_REFUSED);
	dns_ask_now("up.test", DNS_AAAA, 1, bytes);
	assert_int_equal(bytes[3] & 15, DNS_NOERROR);
	assert_int_equal(bytes[7], 0);
	dns_ask_now("up.test", 16, -1, bytes);
	assert_int_equal(bytes[3] & 15, DNS_NOTIMP);
}

static void
names_are_answered_over_tcp_too(void **unused)
{
	auto_fd int fd = dial("127.0.0.1", dns_port);
	struct msg yes = {.id = NAME_JUDGED, .name_judged = {true}};
	uint8_t bytes[520], answer[520];

	(void)unused;
	for (int i = 0; i < 2; i++) {
		size_t n = query_write("up.test", DNS_A, bytes + 2);
		ssize_t got;

		bytes[0] = 0;
		bytes[1] = (uint8_t)n;
		assert_int_equal(send(fd, bytes, 1, 0), 1); /* in two pieces */
		assert_int_equal(send(fd, bytes + 1, n + 1, 0), n + 1);
		actor_answer(&policyd, NAME_JUDGE, &yes);
		until_readable(fd);
		got = recv(fd, answer, sizeof(answer), 0);
		assert_int_equal(got, 2 + answer[1]);
		assert_int_equal(answer[2 + 7], 1);
	}
}

static void
a_name_is_looked_up_after_admission_only_and_of_the_given_server(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), resolver = bound(SERVER, 5353, SOCK_DGRAM), fd = -1;
	struct msg yes = judgement(true), no = judgement(false);
	char target[64];
	bool answered = false;

	(void)unused;
	snprintf(target, sizeof(target), "far.test:%u", port_of(server));
	fd = connect_to(target);
	judge("far.test", port_of(server), &no);
	read_all(fd, (char[4096]){0}, 4096);
	assert_int_equal(recv(resolver, (char[1]){0}, 1, MSG_DONTWAIT), -1); /* not for one that is refused */
	clean_fd(&fd);
	fd = connect_to(target);
	judge("far.test", port_of(server), &yes);
	while (!answered) {
		uint8_t bytes[DNS_MESSAGE_BYTES], answer[DNS_ANSWER_BYTES];
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		struct dns_query query;
		struct why why;
		ssize_t n;
		size_t out;

		until_readable(resolver);
		n = recvfrom(resolver, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);
		assert_int_equal(dns_query_read(span_of_bytes(bytes, (size_t)n), &query, &why), OK);
		assert_string_equal(query.name, "far.test");
		out = dns_answer_write(
		    &query, DNS_NOERROR, query.type == DNS_A ? (const uint8_t *)"\x0a\x09\x08\x07" : NULL, 30, answer);
		assert_int_equal(sendto(resolver, answer, out, 0, (struct sockaddr *)&from, length), out);
		answered = query.type == DNS_AAAA;
	}
	expect_bytes(fd, ESTABLISHED);
}

/* ---- transparent connections ---- */

static void
a_transparent_connection_carries_its_name(void **unused)
{
	auto_fd int server = bound(SERVER, 8080, SOCK_STREAM), far = -1, fd = -1, stray = -1;
	struct msg yes = judgement(true);
	struct heard *heard;
	uint8_t bytes[512];
	char host[64];
	size_t n;

	(void)unused;
	n = dns_ask_now("up.test", DNS_A, 1, bytes);
	inet_ntop(AF_INET, bytes + n - 4, host, sizeof(host));
	fd = dial(host, 8080);
	heard = judge_heard("up.test", 8080);
	assert_int_equal(heard->msg.connection_judge.how, 1);
	assert_memory_equal(heard->msg.connection_judge.server.at, bytes + n - 4, 4);
	assert_int_equal(heard->msg.connection_judge.server_port, 8080);
	reply_send(&heard->reply, &yes);
	heard_free(heard);
	say(fd, "raw bytes");
	far = accepted(server);
	expect_bytes(far, "raw bytes");
	say(far, "and back");
	expect_bytes(fd, "and back");
	stray = dial("198.18.77.77", 80); /* an address that nobody was given */
	expect_end(stray);
	expect_event("a synthetic address that stands for no name");
}

static void
who_waits_for_a_server_that_is_not_there_is_not_left_waiting(void **unused)
{
	struct msg yes = judgement(true);
	uint64_t began = clock_ms();
	uint8_t bytes[512];
	auto_fd int fd = -1;
	char host[64];
	size_t n;

	(void)unused;
	n = dns_ask_now("up.test", DNS_A, 1, bytes);
	inet_ntop(AF_INET, bytes + n - 4, host, sizeof(host));
	fd = dial(host, 9);
	judge("up.test", 9, &yes);
	expect_end(fd);
	assert_in_range(clock_ms() - began, 0, 5000);
	expect_event("TRANSPARENT failed up.test:9");
}

static void
a_transparent_connection_to_an_address_carries_the_address(void **unused)
{
	auto_fd int fd = dial("198.51.100.9", 443), six = -1;
	struct msg no = judgement(false);

	(void)unused;
	judge("198.51.100.9", 443, &no);
	expect_end(fd);
	six = dial("fd00:51::9", 443);
	judge("fd00:51::9", 443, &no);
	expect_end(six);
	expect_event("TRANSPARENT denied [fd00:51::9]:443 /usr/bin/curl(42)");
}

static void
names_outlive_the_proxy(void **unused)
{
	struct msg names = {.id = PROXY_NAMES};
	struct span kept[] = {{"198.18.0.9 up.test", 18}, {"10.0.0.1 no.test", 16}, {"198.18.0.9 again.test", 21}};
	char before[sizeof(pem_bytes)];
	struct msg no = judgement(false);
	auto_fd int fd = -1;
	struct why why;

	(void)unused;
	memcpy(before, pem_bytes, sizeof(before));
	actor_done(&supervisor);
	assert_int_equal(child_exit_code(child_wait(&child)), 0);
	child_done(&child);
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	actor_done(&policyd);
	actor_init(&policyd, loop, ROLE_POLICYD, "policyd");
	actor_done(&link_);
	actor_init(&link_, loop, ROLE_LINK, "link");
	proxy_start();
	assert_string_equal(before, pem_bytes); /* the same authority */
	names.proxy_names.names = kept;
	names.proxy_names.names_n = 3;
	assert_int_equal(peer_tell(supervisor.peer, &names, &why), OK);
	give(ROLE_POLICYD, &policyd);
	listen_send();
	fd = dial("198.18.0.9", 443);
	judge("up.test", 443, &no);
	expect_end(fd);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(names_are_answered_as_the_policy_knows_them),
	    TEST(names_are_answered_over_tcp_too),
	    TEST(a_name_is_looked_up_after_admission_only_and_of_the_given_server),
	    TEST(a_transparent_connection_carries_its_name),
	    TEST(who_waits_for_a_server_that_is_not_there_is_not_left_waiting),
	    TEST(a_transparent_connection_to_an_address_carries_the_address),
	    TEST(names_outlive_the_proxy),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
