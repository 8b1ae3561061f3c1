/* proxy: many, slow and broken clients, and a link that is away. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/sanitized.h"
#include "tests/bus/proxy_stage.h"
#include "tests/bus/proxy_tls.h"

static void
a_thousand_at_once_and_slow_ones_cost_nobody_else(void **unused)
{
	enum { MANY = 1000, SLOW = 200 };
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM);
	struct msg yes = judgement(true);
	static int slow[SLOW], fds[MANY], fars[MANY];

	(void)unused;
	yes.connection_judged.tls_skip = true;
	for (int i = 0; i < SLOW; i++) {
		slow[i] = dial(EXPLICIT, EXPLICIT_PORT);
		say(slow[i], "CONNECT up.te");
	}
	for (int i = 0; i < MANY; i++)
		fds[i] = tunnel(&yes, server, &fars[i]);
	for (int i = 0; i < MANY; i++)
		say(fds[i], "ping");
	for (int i = 0; i < MANY; i++)
		expect_bytes(fars[i], "ping");
	for (int i = 0; i < MANY; i++) {
		close(fds[i]);
		close(fars[i]);
	}
	for (int i = 0; i < SLOW; i++)
		close(slow[i]);
}

/* Resident memory of the proxy. */
static size_t
resident_bytes(void)
{
	char path[64];
	unsigned long whole = 0, resident = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)child.pid);
	assert_non_null(file = fopen(path, "re"));
	assert_int_equal(fscanf(file, "%lu %lu", &whole, &resident), 2);
	fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Idle behind TLS, before the first request. */
static void
idle_connections_are_small(void **unused)
{
	enum { MANY = 500 };
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM);
	struct msg yes = judgement(true);
	static struct tls_client clients[MANY];
	static int fds[MANY], fars[MANY];
	size_t before = resident_bytes(), after;

	(void)unused;
	yes.connection_judged.inspect = true;
	for (int i = 0; i < MANY; i++) {
		fds[i] = tunnel(&yes, server, &fars[i]);
		tls_client_begin(&clients[i], fds[i], pem_bytes, "up.test", "up.test", i % 2 == 0 ? "http/1.1" : NULL);
		while (tls_client_step(&clients[i]) == ERR_MORE)
			until_readable(fds[i]);
		assert_string_equal(clients[i].failure, "");
	}
	after = resident_bytes();
	print_message("%zu KiB at first, %zu bytes for each connection\n", before / 1024, (after - before) / MANY);
	if (!SANITIZED) {
		assert_in_range(before, 0, 12 << 20); /* with the pages of shared libraries */
		assert_in_range((after - before) / MANY, 0, 20000);
	}
	for (int i = 0; i < MANY; i++) {
		tls_client_end(&clients[i]);
		close(fds[i]);
		close(fars[i]);
	}
}

/* Noise behind beginnings that lead everywhere: the proxy lives, and serves the next one. */
static void
noise_breaks_nothing(void **unused)
{
	static const char *const beginnings[] = {"", "CONNECT up.test:8082 HTTP/1.1\r\nHost: x\r\n\r\n",
	    "GET http://up.test:8082/", "CONNECT up.test:8082 HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01\x02\x00\x01",
	    "CONNECT up.test:8082 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: up.test:8082\r\nX: ",
	    "CONNECT up.test:8082 HTTP/1.1\r\nHost: x\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
	auto_fd int server = bound(SERVER, 8082, SOCK_STREAM);
	struct msg judged = judgement(true);
	unsigned random = 1;
	struct why why;

	(void)unused;
	for (int i = 0; i < 600; i++) {
		const char *beginning = beginnings[i % COUNT(beginnings)];
		int fd = dial(EXPLICIT, EXPLICIT_PORT);
		char noise[300];
		struct heard *heard;

		for (size_t n = 0; n < sizeof(noise); n++)
			noise[n] = (char)((random = random * 1103515245u + 12345u) >> 16);
		judged.connection_judged.inspect = i % 4 < 2;
		send(fd, beginning, strlen(beginning), MSG_NOSIGNAL);
		send(fd, noise, random % sizeof(noise), MSG_NOSIGNAL);
		if (i % 3 == 0)
			shutdown(fd, SHUT_WR);
		for (int turns = 0; turns < 4; turns++) {
			assert_int_equal(loop_turn(loop, 1, &why), OK);
			if ((heard = actor_heard(&policyd, CONNECTION_JUDGE)) != NULL) {
				reply_send(&heard->reply, &judged);
				heard_free(heard);
			}
			close(accept(server, NULL, NULL));
		}
		close(fd);
	}
	expect_refusals();
}

static void
a_head_that_does_not_come_is_given_up(void **unused)
{
	auto_fd int fd = dial(EXPLICIT, EXPLICIT_PORT);
	uint64_t began = clock_ms();

	(void)unused;
	say(fd, "CONNECT up.te");
	expect_end(fd);
	assert_in_range(clock_ms() - began, 9000, 15000);
}

static void
events_wait_for_the_link(void **unused)
{
	auto_fd int fd = -1;
	struct msg no = judgement(false);

	(void)unused;
	actor_done(&link_);
	actor_init(&link_, loop, ROLE_LINK, "link");
	fd = connect_to("kept.test:1");
	judge("kept.test", 1, &no);
	read_all(fd, (char[4096]){0}, 4096);
	give(ROLE_LINK, &link_);
	expect_event("CONNECT denied kept.test:1");
}

/* What a link may have taken and did not answer goes to the next one again: the same lines under the same numbers, and they alone. */
static void
what_nobody_answered_is_sent_again_as_it_was(void **unused)
{
	struct msg no = judgement(false);
	struct heard *heard;
	struct id life;

	(void)unused;
	for (int i = 0; i < 2; i++) {
		auto_fd int fd = connect_to(i == 0 ? "one.test:1" : "two.test:1");

		judge(i == 0 ? "one.test" : "two.test", 1, &no);
		read_all(fd, (char[4096]){0}, 4096);
		if (i == 1)
			break;
		heard = actor_hear(&link_, LOGS_ADD);
		assert_int_equal(heard->msg.logs_add.first, 1);
		assert_int_equal(heard->msg.logs_add.lines_n, 1);
		life = heard->msg.logs_add.spool;
		heard_free(heard);
	}
	actor_done(&link_);
	actor_init(&link_, loop, ROLE_LINK, "link");
	give(ROLE_LINK, &link_);
	for (uint64_t i = 1; i <= 2; i++) {
		heard = actor_hear(&link_, LOGS_ADD);
		assert_true(id_equal(heard->msg.logs_add.spool, life));
		assert_int_equal(heard->msg.logs_add.first, i);
		assert_int_equal(heard->msg.logs_add.lines_n, 1);
		assert_non_null(memmem(heard->msg.logs_add.lines[0].message.at,
		    heard->msg.logs_add.lines[0].message.length, i == 1 ? "one.test" : "two.test", 8));
		reply_send(&heard->reply, &(struct msg){.id = DONE});
		heard_free(heard);
	}
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_thousand_at_once_and_slow_ones_cost_nobody_else),
	    TEST(idle_connections_are_small),
	    TEST(noise_breaks_nothing),
	    TEST(a_head_that_does_not_come_is_given_up),
	    TEST(events_wait_for_the_link),
	    TEST(what_nobody_answered_is_sent_again_as_it_was),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
