/* link: doors to ports of the agent's and to SSH servers: real sockets, with a supervisor and a relay that the test plays. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/stream.h"
#include "sandbox/link/door.h"
#include "tests/bus/link_stage.h"

static struct msg
door_of(uint64_t stream, const char *host, uint16_t port)
{
	return (struct msg){.id = DOOR_OPEN,
	    .door_open = {.stream = stream, .kind = port == 0 ? 1 : 2, .host = span_of_text(host), .port = port}};
}

static int
listener_open(bool six, uint16_t port)
{
	struct sockaddr_in four_at = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six_at = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(six ? bind(fd, (struct sockaddr *)&six_at, sizeof(six_at))
			     : bind(fd, (struct sockaddr *)&four_at, sizeof(four_at)),
	    0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* As the spawner makes it. */
static void
socket_give(bool six)
{
	struct heard *heard = actor_hear(&supervisor, SOCKET_MAKE);
	struct msg made = {.id = SOCKET_MADE, .fds_n = 1};

	assert_int_equal(heard->msg.socket_make.six, six);
	made.fds[0] = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	reply_send(&heard->reply, &made);
	close(made.fds[0]);
	heard_free(heard);
}

static void
expect_opened(struct outcome *outcome, uint64_t stream)
{
	outcome_wait(outcome);
	assert_int_equal(outcome->r, OK);
	assert_int_equal(outcome->msg.id, DOOR_OPENED);
	outcome_done(outcome);
	expect_grant(&relay, stream, 0, STREAM_WINDOW_BYTES);
}

static void
expect_refused(struct outcome *outcome, enum err r, const char *words)
{
	outcome_wait(outcome);
	assert_int_equal(outcome->r, r);
	assert_non_null(strstr(outcome->why.text, words));
	outcome_done(outcome);
}

static void
expect_closed(uint64_t stream, const char *words)
{
	struct heard *heard = actor_hear(&relay, DOOR_CLOSED);

	assert_int_equal(heard->msg.door_closed.stream, stream);
	assert_true(span_is(heard->msg.door_closed.message, words));
	heard_free(heard);
}

/* A door to a server of the test's: its end of the connection. */
static int
door_run(uint64_t stream)
{
	uint16_t port = free_port();
	auto_fd int listener = listener_open(false, port);
	const struct msg m = door_of(stream, "127.0.0.1", port);
	struct outcome outcome;
	int fd;

	ask(&outcome, relay.peer, &m);
	socket_give(false);
	expect_opened(&outcome, stream);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
read_all(int fd, const char *text)
{
	char bytes[64];
	size_t n = strlen(text);

	assert_int_equal(recv(fd, bytes, n, MSG_WAITALL), n);
	assert_memory_equal(bytes, text, n);
}

static void
bytes_flow_both_ways_and_each_way_ends(void **unused)
{
	char end;
	int fd;

	(void)unused;
	running();
	fd = door_run(4);
	send_data(relay.peer, 4, 0, 0, SPAN("question"));
	read_all(fd, "question");
	send_end(relay.peer, 4, 0, 8);
	assert_int_equal(read(fd, &end, 1), 0); /* half closed: it may answer still */
	send_grant(relay.peer, 4, 1, 1000);
	say(fd, "answer");
	expect_data(&relay, 4, 1, "answer");
	close(fd);
	expect_end(&relay, 4, 1, 6);
	fd = door_run(4); /* over without a word: the number is free */
	assert_null(actor_heard(&relay, DOOR_CLOSED));
	close(fd);
}

/* Nothing is read without credit: who writes into the door waits, and nobody else does. */
static void
a_reader_that_stops_stops_its_writer_alone(void **unused)
{
	static char block[65536];
	struct pollfd full = {.events = POLLOUT};
	size_t written = 0;
	int slow, quick;
	ssize_t n;

	(void)unused;
	running();
	full.fd = slow = door_run(4);
	quick = door_run(5);
	assert_int_equal(fcntl(slow, F_SETFL, O_NONBLOCK), 0);
	send_grant(relay.peer, 4, 1, 3);
	say(slow, "abc");
	expect_data(&relay, 4, 1, "abc");
	while (poll(&full, 1, 200) == 1) { /* until it is full, and stays so */
		n = send(slow, block, sizeof(block), 0);
		written += n > 0 ? (size_t)n : 0;
		assert_true(written < 64u << 20);
	}
	assert_null(actor_heard(&relay, STREAM_DATA));
	send_grant(relay.peer, 5, 1, 1000);
	say(quick, "still here");
	expect_data(&relay, 5, 1, "still here");
	shutdown(slow, SHUT_WR);
	for (uint64_t got = 3; got < 3 + written;) { /* all of it comes */
		struct heard *heard;

		send_grant(relay.peer, 4, 1, got + 65536);
		heard = actor_hear(&relay, STREAM_DATA);
		got += heard->msg.stream_data.bytes.length;
		heard_free(heard);
	}
	send_grant(relay.peer, 4, 1, 3 + written + 65536); /* an end is seen where there is credit */
	expect_end(&relay, 4, 1, 3 + written);
	close(slow);
	close(quick);
}

/* The other way: a server that does not read keeps its client waiting at a window. */
static void
a_server_that_does_not_read_gives_no_credit(void **unused)
{
	static char block[32768];
	struct heard *heard;
	uint64_t sent = 0, limit = STREAM_WINDOW_BYTES;
	int fd;

	(void)unused;
	running();
	fd = door_run(4);
	for (bool stopped = false; !stopped;) {
		for (; limit - sent >= sizeof(block); sent += sizeof(block))
			send_data(relay.peer, 4, 0, sent, span_of_bytes(block, sizeof(block)));
		for (uint64_t until = clock_ms() + 200;
		     (heard = actor_heard(&relay, STREAM_GRANT)) == NULL && !stopped;) {
			assert_int_equal(loop_turn(loop, 10, NULL), OK);
			stopped = clock_ms() > until;
		}
		if (heard != NULL) {
			limit = heard->msg.stream_grant.limit;
			heard_free(heard);
		}
	}
	while (sent > 0) { /* and every byte is there */
		ssize_t n = recv(fd, block, sizeof(block), 0);

		assert_true(n > 0);
		sent -= (uint64_t)n;
		while (loop_turn(loop, 0, NULL) == OK && (heard = actor_heard(&relay, STREAM_GRANT)) != NULL)
			heard_free(heard);
	}
	close(fd);
}

static uint64_t
next_limit(void)
{
	struct heard *heard = actor_hear(&relay, STREAM_GRANT);
	uint64_t limit = heard->msg.stream_grant.limit;

	heard_free(heard);
	return limit;
}

/* A long copy has more under way than a first window. */
static void
a_server_that_has_taken_much_gives_more_credit(void **unused)
{
	static char block[32768];
	uint64_t sent = 0, limit = STREAM_WINDOW_BYTES;
	int fd;

	(void)unused;
	running();
	fd = door_run(4);
	for (; sent < 6u << 20; sent += sizeof(block)) {
		while (limit - sent < sizeof(block))
			limit = next_limit();
		send_data(relay.peer, 4, 0, sent, span_of_bytes(block, sizeof(block)));
		assert_int_equal(recv(fd, block, sizeof(block), MSG_WAITALL), sizeof(block));
	}
	while (limit - sent <= 2 * STREAM_WINDOW_BYTES)
		limit = next_limit();
	assert_true(limit - sent <= 4 * STREAM_WINDOW_BYTES);
	close(fd);
}

static void
a_reset_is_told(void **unused)
{
	const struct linger now = {.l_onoff = 1};
	int fd;

	(void)unused;
	running();
	fd = door_run(4);
	send_grant(relay.peer, 4, 1, 1000);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd); /* RST */
	expect_closed(4, "the connection in the sandbox was reset");
	assert_null(actor_heard(&relay, STREAM_END));
}

/* A server that has answered and gone: what the client still sends is taken and dropped, and then the door closes. */
static void
a_server_that_went_does_not_keep_the_door(void **unused)
{
	struct heard *heard;
	int fd;

	(void)unused;
	running();
	fd = door_run(4);
	send_grant(relay.peer, 4, 1, 1000);
	say(fd, "all");
	close(fd);
	expect_data(&relay, 4, 1, "all");
	expect_end(&relay, 4, 1, 3);
	send_data(relay.peer, 4, 0, 0, SPAN("a")); /* answered by a reset, which the next one meets */
	for (uint64_t offset = 1; (heard = actor_heard(&relay, DOOR_CLOSED)) == NULL; offset++) {
		send_data(relay.peer, 4, 0, offset, SPAN("b"));
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
		assert_true(offset < 10000);
	}
	assert_int_equal(heard->msg.door_closed.stream, 4);
	heard_free(heard);
}

static void
nobody_listens(void **unused)
{
	const struct msg four = door_of(4, "127.0.0.1", free_port());
	struct outcome outcome;

	(void)unused;
	running();
	ask(&outcome, relay.peer, &four);
	socket_give(false);
	expect_refused(&outcome, ERR_SYSTEM, "nothing listens on port");
}

/* localhost is either: a server that has only ::1 is found. */
static void
localhost_is_both_addresses(void **unused)
{
	uint16_t port = free_port();
	const struct msg m = door_of(4, "localhost", port), again = door_of(5, "localhost", free_port());
	struct outcome outcome;
	int listener = listener_open(true, port);

	(void)unused;
	running();
	ask(&outcome, relay.peer, &m);
	socket_give(false);
	socket_give(true);
	expect_opened(&outcome, 4);
	close(listener);
	ask(&outcome, relay.peer, &again);
	socket_give(false);
	socket_give(true);
	expect_refused(&outcome, ERR_SYSTEM, "nothing listens on port");
}

static void
only_loopback_and_only_ports(void **unused)
{
	static const char *const hosts[] = {
	    "127.0.0.2", "0.0.0.0", "::", "10.200.0.1", "LOCALHOST", "localhost.", "", "::1%lo"};
	struct msg m = door_of(4, "127.0.0.1", 1);

	(void)unused;
	running();
	for (size_t i = 0; i < COUNT(hosts); i++) {
		m = door_of(4, hosts[i], 80);
		assert_int_equal(ask_now(relay.peer, &m), ERR_DENIED);
	}
	m = door_of(4, "127.0.0.1", 1);
	m.door_open.port = 0;
	assert_int_equal(ask_now(relay.peer, &m), ERR_INVALID);
	assert_null(actor_heard(&supervisor, SOCKET_MAKE));
}

/* The connection goes to the SSH server; when the relay goes, so does that. */
static void
an_ssh_door_is_a_socket_pair(void **unused)
{
	const struct msg m = door_of(4, "", 0);
	struct outcome outcome;
	struct heard *heard;
	char end;
	int fd;

	(void)unused;
	running();
	ask(&outcome, relay.peer, &m);
	heard = actor_hear(&supervisor, SSH_START);
	assert_int_equal(heard->msg.fds_n, 1);
	fd = fd_take(&heard->msg.fds[0]);
	reply_send(&heard->reply, &done);
	heard_free(heard);
	expect_opened(&outcome, 4);
	send_grant(relay.peer, 4, 1, 1000);
	say(fd, "SSH-2.0-x\r\n");
	expect_data(&relay, 4, 1, "SSH-2.0-x\r\n");
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	send_data(relay.peer, 4, 0, 0, SPAN("SSH-2.0-y\r\n"));
	while (recv(fd, &end, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
	read_all(fd, "SSH-2.0-y\r\n");
	relay_cuts();
	assert_int_equal(read(fd, &end, 1), 0);
	close(fd);
}

static void
a_server_that_cannot_be_started(void **unused)
{
	const struct msg m = door_of(4, "", 0);
	struct outcome outcome;

	(void)unused;
	running();
	ask(&outcome, relay.peer, &m);
	actor_refuse(&supervisor, SSH_START, ERR_UNIMPLEMENTED, "this sandbox has no SSH server");
	expect_refused(&outcome, ERR_UNIMPLEMENTED, "this sandbox has no SSH server");
}

/* Closed at each step: asked, connected, open. */
static void
nobody_wants_it_any_more(void **unused)
{
	const struct msg m = door_of(4, "", 0), close_it = {.id = DOOR_CLOSED, .door_closed = {.stream = 4}};
	struct outcome outcome;
	struct heard *heard;
	char end;
	int fd;

	(void)unused;
	running();
	ask(&outcome, relay.peer, &m);
	heard = actor_hear(&supervisor, SSH_START);
	fd = fd_take(&heard->msg.fds[0]);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	tell(relay.peer, &close_it);
	while (recv(fd, &end, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
	close(fd);
	expect_refused(&outcome, ERR_CANCELLED, "closed before it was open");
	reply_send(&heard->reply, &done); /* late: nothing happens */
	heard_free(heard);
	fd = door_run(4);
	tell(relay.peer, &close_it);
	while (recv(fd, &end, 1, MSG_DONTWAIT) != 0)
		assert_int_equal(loop_turn(loop, 1, NULL), OK);
	close(fd);
	fd = door_run(4);
	close(fd);
}

/* A relay that breaks the rules of a door loses the door, and no other. */
static void
what_a_relay_may_not_send(void **unused)
{
	const struct msg early = door_of(9, "", 0);
	struct outcome outcome;
	int fd, other;

	(void)unused;
	running();
	other = door_run(5);
	for (int i = 0; i < 4; i++) {
		fd = door_run(4);
		if (i == 0)
			send_data(relay.peer, 4, 0, 1, SPAN("not the next offset"));
		else if (i == 1)
			send_data(relay.peer, 4, 1, 0, SPAN("against the direction"));
		else if (i == 2)
			send_grant(relay.peer, 4, 0, 1);
		else
			send_end(relay.peer, 4, 2, 0);
		heard_free(actor_hear(&relay, DOOR_CLOSED));
		close(fd);
	}
	ask(&outcome, relay.peer, &early);
	heard_free(actor_hear(&supervisor, SSH_START));
	send_data(relay.peer, 9, 0, 0, SPAN("before it is open"));
	expect_refused(&outcome, ERR_PROTOCOL, "takes no bytes");
	send_data(relay.peer, 5, 0, 0, SPAN("still"));
	read_all(other, "still");
	close(other);
}

static void
doors_are_limited(void **unused)
{
	const struct msg more = door_of(DOORS_MAX + 1, "", 0),
			 close_it = {.id = DOOR_CLOSED, .door_closed = {.stream = 1}};
	struct outcome outcome, none;

	(void)unused;
	running();
	for (uint64_t i = 1; i <= DOORS_MAX; i++) {
		const struct msg m = door_of(i, "", 0);

		ask(i == 1 ? &none : &outcome, relay.peer, &m);
		actor_answer(&supervisor, SSH_START, &done);
		if (i > 1) {
			outcome_wait(&outcome);
			assert_int_equal(outcome.r, OK);
			outcome_done(&outcome);
		}
	}
	outcome_wait(&none);
	outcome_done(&none);
	assert_int_equal(ask_now(relay.peer, &more), ERR_LIMIT);
	tell(relay.peer, &close_it);
	ask(&outcome, relay.peer, &more);
	actor_answer(&supervisor, SSH_START, &done);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(bytes_flow_both_ways_and_each_way_ends),
	    TEST(a_reader_that_stops_stops_its_writer_alone),
	    TEST(a_server_that_does_not_read_gives_no_credit),
	    TEST(a_server_that_has_taken_much_gives_more_credit),
	    TEST(a_reset_is_told),
	    TEST(a_server_that_went_does_not_keep_the_door),
	    TEST(nobody_listens),
	    TEST(localhost_is_both_addresses),
	    TEST(only_loopback_and_only_ports),
	    TEST(an_ssh_door_is_a_socket_pair),
	    TEST(a_server_that_cannot_be_started),
	    TEST(nobody_wants_it_any_more),
	    TEST(what_a_relay_may_not_send),
	    TEST(doors_are_limited),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
