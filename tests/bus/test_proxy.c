/* proxy alone, in a network of its own, between a supervisor, a policyd and a link that the test plays. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "common/policy/destination.h"
#include "common/wire/dns.h"
#include "tests/bus/proxy_tls.h"
#include "tests/bus/script.h"

#define EXPLICIT    "10.200.0.1"
#define EXPLICIT_PORT 3128
#define CAPTURED    15001
#define MARK	    0x6f73 /* of own-network.sh */
#define SERVER	    "10.9.8.7" /* where stand-ins listen */

static const char *program;
static struct loop *loop;
static struct actor supervisor, policyd, link_;
static struct child child;
static int dns_fd = -1; /* a client's UDP socket, towards the proxy's DNS */
static uint16_t dns_port;
static char *ca_pem;
static struct span authority_key, authority_pem; /* of the proxy, as proxy_ready gave them */
static char key_bytes[4096], pem_bytes[16384];
static const struct msg done = {.id = DONE};
static int anchors_fd;

/* ---- sockets ---- */

static socklen_t
address_of(const char *host, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	assert_int_equal(inet_pton(AF_INET6, host, &v6.sin6_addr), 1);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static int
bound(const char *host, uint16_t port, int type)
{
	struct sockaddr_storage address;
	socklen_t length = address_of(host, port, &address);
	int on = 1, fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		fail_msg("bind %s:%u: %m", host, port);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 1024), 0);
	return fd;
}

/* As the spawner makes them: what is meant for anywhere can be handed to it. */
static int
captured(const char *host, uint16_t port, int type)
{
	int fd = bound(host, port, type), on = 1, mark = MARK;
	bool six = strchr(host, ':') != NULL;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	assert_int_equal(setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on, sizeof(on)), 0);
	return fd;
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int
dial(const char *host, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t length = address_of(host, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, length) < 0)
		fail_msg("connect %s:%u: %m", host, port);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* The loop turns until the descriptor can be read. */
static void
until_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	for (uint64_t until = clock_ms() + PATIENCE_MS; poll(&one, 1, 0) == 0;) {
		struct why why;

		if (clock_ms() > until)
			fail_msg("nothing came on a socket");
		assert_int_equal(loop_turn(loop, 5, &why), OK);
	}
}

static int
accepted(int listener)
{
	int fd;

	until_readable(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	return fd;
}

/* Exactly this text comes. */
static void
expect_bytes(int fd, const char *text)
{
	char bytes[4096];
	size_t got = 0, length = strlen(text);

	while (got < length) {
		ssize_t n;

		until_readable(fd);
		n = recv(fd, bytes + got, length - got, 0);
		if (n <= 0) {
			bytes[got] = 0;
			fail_msg("it ended behind \"%s\"", bytes);
		}
		got += (size_t)n;
	}
	bytes[got] = 0;
	assert_string_equal(bytes, text);
}

/* All that comes until the end, which must not be a reset. */
static char *
read_all(int fd, char *bytes, size_t size)
{
	size_t got = 0;

	for (;;) {
		ssize_t n;

		until_readable(fd);
		n = recv(fd, bytes + got, size - 1 - got, 0);
		if (n < 0)
			fail_msg("the connection broke: %m");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	bytes[got] = 0;
	return bytes;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
expect_end(int fd)
{
	char bytes[64];

	assert_string_equal(read_all(fd, bytes, sizeof(bytes)), "");
}

/* ---- the stage ---- */

static int
file_of(const char *text)
{
	int fd = memfd_create("anchors", MFD_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void
give(enum role role, struct actor *actor)
{
	struct msg m = {.id = CHANNEL_GIVE, .channel_give = {role}, .fds_n = 1};
	struct peer *peer;
	int ours, theirs;
	struct why why;

	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	m.fds[0] = theirs;
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	close(theirs);
	assert_int_equal(channel_open(&actor->bus, ROLE_PROXY, "proxy", ours, &peer, &why), OK);
}

static struct msg
setup_message(void)
{
	static struct span hosts[] = {{"10.9.8.7 up.test", 16}, {"10.9.8.7 other.test", 19}, {"127.0.0.1 loop.test", 19}};
	static struct span resolvers[] = {{"10.9.8.7:5353", 13}};

	return (struct msg){.id = PROXY_SETUP,
	    .proxy_setup = {.sandbox = {{7}},
		.hosts = hosts,
		.hosts_n = 3,
		.resolvers = resolvers,
		.resolvers_n = 1,
		.ca_key = authority_key,
		.ca_certificate = authority_pem},
	    .fds = {anchors_fd},
	    .fds_n = 1};
}

static void
setup_send(void)
{
	struct msg m = setup_message();
	struct outcome outcome = {0};

	ask(&outcome, supervisor.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, PROXY_READY);
	authority_key = span_of_bytes(key_bytes, outcome.msg.proxy_ready.ca_key.length);
	authority_pem = span_of_bytes(pem_bytes, outcome.msg.proxy_ready.ca_certificate.length);
	memcpy(key_bytes, outcome.msg.proxy_ready.ca_key.at, authority_key.length);
	memcpy(pem_bytes, outcome.msg.proxy_ready.ca_certificate.at, authority_pem.length);
	pem_bytes[authority_pem.length] = 0;
	outcome_done(&outcome);
}

static void
listen_send(void)
{
	struct msg m = {.id = PROXY_LISTEN, .fds_n = 5};

	m.fds[0] = captured("127.0.0.1", CAPTURED, SOCK_STREAM);
	m.fds[1] = captured("::1", CAPTURED, SOCK_STREAM);
	m.fds[2] = bound(EXPLICIT, EXPLICIT_PORT, SOCK_STREAM);
	m.fds[3] = bound("127.0.0.1", 0, SOCK_DGRAM);
	m.fds[4] = bound("127.0.0.1", port_of(m.fds[3]), SOCK_STREAM);
	dns_port = port_of(m.fds[3]);
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	for (size_t i = 0; i < m.fds_n; i++)
		close(m.fds[i]);
}

static void
proxy_start(void)
{
	supervised_start(&supervisor, &child, program, "proxy", ROLE_PROXY);
	setup_send();
}

static int
setup(void **unused)
{
	struct why why;
	struct msg m = {.id = GENERATION, .generation = {.generation = 1, .version = 1}};

	(void)unused;
	authority_key = authority_pem = SPAN_NONE;
	assert_int_equal(loop_new(&loop, &why), OK);
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	actor_init(&policyd, loop, ROLE_POLICYD, "policyd");
	actor_init(&link_, loop, ROLE_LINK, "link");
	proxy_start();
	give(ROLE_POLICYD, &policyd);
	give(ROLE_LINK, &link_);
	listen_send();
	assert_int_equal(ask_now(policyd.peer, &m), OK);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	clean_fd(&dns_fd);
	actor_done(&supervisor);
	assert_int_equal(child_exit_code(child_wait(&child)), 0);
	child_done(&child);
	actor_done(&policyd);
	actor_done(&link_);
	loop_free(loop);
	return 0;
}

/* ---- what policyd says ---- */

static struct span ips[] = {{"10.9.8.7", 8}, {"fd00:9:8::/64", 13}};

static struct msg
judgement(bool allowed)
{
	return (struct msg){.id = CONNECTION_JUDGED,
	    .connection_judged = {.allowed = allowed,
		.generation = 1,
		.code = allowed ? SPAN_NONE : SPAN("no_endpoint"),
		.reason = allowed ? SPAN_NONE : SPAN("no endpoint"),
		.policy = allowed ? SPAN("world") : SPAN_NONE,
		.binary = SPAN("/usr/bin/curl"),
		.pid = 42,
		.destination = DESTINATION_ALLOWED_IPS,
		.allowed_ips = ips,
		.allowed_ips_n = 2}};
}

/* Policyd is asked about this place; the question stays to be answered. */
static struct heard *
judge_heard(const char *host, uint16_t port)
{
	struct heard *heard = actor_hear(&policyd, CONNECTION_JUDGE);

	if (!span_is(heard->msg.connection_judge.host, host))
		fail_msg("judged \"%.*s\"", SPAN_ARGS(heard->msg.connection_judge.host));
	assert_int_equal(heard->msg.connection_judge.port, port);
	return heard;
}

static void
judge(const char *host, uint16_t port, const struct msg *answer)
{
	struct heard *heard = judge_heard(host, port);

	reply_send(&heard->reply, answer);
	heard_free(heard);
}

/* An event with this in its line comes to the link. */
static void
expect_event(const char *text)
{
	for (;;) {
		struct heard *heard = actor_hear(&link_, LOGS_ADD);
		bool found = false;

		for (size_t i = 0; i < heard->msg.logs_add.lines_n; i++) {
			struct span line = heard->msg.logs_add.lines[i].message;

			found |= memmem(line.at, line.length, text, strlen(text)) != NULL;
		}
		reply_send(&heard->reply, &done);
		heard_free(heard);
		if (found)
			return;
	}
}

static int
connect_to(const char *target)
{
	char head[512];
	int fd = dial(EXPLICIT, EXPLICIT_PORT);

	snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target);
	say(fd, head);
	return fd;
}

#define ESTABLISHED "HTTP/1.1 200 Connection Established\r\n\r\n"

/* A tunnel to the stand-in is open: both its ends. */
static int
tunnel(const struct msg *judged, int server, int *far)
{
	char target[64];
	int fd;

	snprintf(target, sizeof(target), "up.test:%u", port_of(server));
	fd = connect_to(target);
	judge("up.test", port_of(server), judged);
	*far = accepted(server);
	expect_bytes(fd, ESTABLISHED);
	return fd;
}

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
    {"CONNECT inference.local:443 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503 ", "inference is not configured"},
    {"GET http://policy.local/v1/policy/current HTTP/1.1\r\nHost: policy.local\r\n\r\n", "HTTP/1.1 404 ", "\"feature_disabled\""},
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
	auto_fd int fd = connect_to("Evil.test:443");
	auto_fd int forward = -1;
	struct msg no = judgement(false);
	char bytes[4096];

	(void)unused;
	judge("evil.test", 443, &no);
	assert_non_null(strstr(read_all(fd, bytes, sizeof(bytes)),
	    "{\"error\":\"policy_denied\",\"detail\":\"CONNECT evil.test:443 not permitted by policy\",\"reason\":\"no endpoint\"}"));
	assert_non_null(strstr(bytes, "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(bytes, "Connection: close\r\n"));
	forward = dial(EXPLICIT, EXPLICIT_PORT);
	say(forward, "GET http://evil.test/x?q=secret HTTP/1.1\r\nHost: other\r\n\r\n");
	judge("evil.test", 80, &no);
	assert_non_null(strstr(
	    read_all(forward, bytes, sizeof(bytes)), "\"detail\":\"GET evil.test:80/x not permitted by policy\""));
	expect_event("NET:REFUSE [MED] DENIED FORWARD denied evil.test:80");
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
	snprintf(want, sizeof(want), "{\"error\":\"ssrf_denied\",\"detail\":\"CONNECT loop.test:%u blocked: ", port_of(server));
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

/* ---- names ---- */

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
	ssize_t got;

	if (dns_fd < 0)
		dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(sendto(dns_fd, bytes, n, 0, (struct sockaddr *)&to, length), n);
	if (known >= 0)
		actor_answer(&policyd, NAME_JUDGE, &judged);
	until_readable(dns_fd);
	got = recv(dns_fd, bytes, 512, 0);
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
		out = dns_answer_write(&query, DNS_NOERROR, query.type == DNS_A ? (const uint8_t *)"\x0a\x09\x08\x07" : NULL, 30, answer);
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

/* ---- TLS ---- */

static void
tls_to_the_agent_has_a_certificate_for_the_host(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1, fd2 = -1, far2 = -1;
	struct msg yes = judgement(true);
	struct tls_client client = {0};

	(void)unused;
	yes.connection_judged.inspect = true;
	fd = tunnel(&yes, server, &far);
	tls_client_begin(&client, fd, pem_bytes, "up.test", "up.test", "h2,http/1.1");
	while (tls_client_step(&client) == ERR_MORE)
		until_readable(fd);
	assert_string_equal(client.failure, "");
	assert_string_equal(client.alpn, "h2");
	tls_client_end(&client);
	fd2 = tunnel(&yes, server, &far2);
	tls_client_begin(&client, fd2, pem_bytes, "up.test", "evil.test", "http/1.1"); /* S31 */
	while (tls_client_step(&client) == ERR_MORE)
		until_readable(fd2);
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
		struct why why;

		tls_client_step(&client);
		tls_client_step(&world);
		assert_string_equal(client.failure, "");
		assert_string_equal(world.failure, "");
		assert_int_equal(loop_turn(loop, 1, &why), OK);
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
		struct why why;

		tls_client_step(&client);
		tls_client_step(&world);
		assert_false(world.open && world.heard_finished);
		assert_int_equal(loop_turn(loop, 1, &why), OK);
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
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);
	char request[256], bytes[8192];

	(void)unused;
	yes.connection_judged.inspect = true;
	fd = tunnel(&yes, server, &far);
	snprintf(request, sizeof(request), "GET /a/../b?q=1 HTTP/1.1\r\nHost: up.test:%u\r\n\r\n", port_of(server));
	say(fd, request);
	judge_request("GET", "/b", true);
	stand_in_answers(far, "GET /b?q=1 HTTP/1.1\r\n");
	expect_bytes(fd, "HTTP/1.1 200 OK\r\n");
	while (memmem(bytes, (size_t)recv(fd, bytes, sizeof(bytes), MSG_PEEK), "hello", 5) == NULL)
		until_readable(fd);
	recv(fd, bytes, sizeof(bytes), 0);
	request[0] = 0;
	snprintf(request, sizeof(request), "PUT /c HTTP/1.1\r\nHost: up.test:%u\r\nContent-Length: 0\r\n\r\n", port_of(server));
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

static void
inspected_requests_pass_through_tls_on_both_sides(void **unused)
{
	auto_fd int server = bound(SERVER, 0, SOCK_STREAM), far = -1, fd = -1;
	struct msg yes = judgement(true);
	struct tls_client client = {0}, world = {0};
	char request[128];

	(void)unused;
	yes.connection_judged.inspect = true;
	fd = tunnel(&yes, server, &far);
	tls_client_begin(&client, fd, pem_bytes, "up.test", "up.test", "http/1.1");
	while (tls_client_step(&client) == ERR_MORE)
		until_readable(fd);
	assert_string_equal(client.alpn, "http/1.1");
	snprintf(request, sizeof(request), "GET /x HTTP/1.1\r\nHost: up.test:%u\r\n\r\n", port_of(server));
	tls_say(&client, request);
	judge_request("GET", "/x", true);
	tls_server_begin(&world, far, "up.test");
	while (tls_client_step(&world) == ERR_MORE)
		until_readable(far);
	assert_string_equal(world.failure, "");
	tls_expect(&world, "GET /x HTTP/1.1\r\n", until_readable);
	tls_say(&world, "HTTP/1.1 204 No Content\r\n\r\n");
	tls_expect(&client, "HTTP/1.1 204 No Content\r\n", until_readable);
	tls_client_end(&client);
	tls_client_end(&world);
}

/* ---- many, slow, broken ---- */

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
#ifndef __SANITIZE_ADDRESS__
	assert_in_range(before, 0, 12 << 20); /* with the pages of shared libraries */
	assert_in_range((after - before) / MANY, 0, 20000);
#endif
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
	static const char *const beginnings[] = {"", "CONNECT up.test:8082 HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://up.test:8082/",
	    "CONNECT up.test:8082 HTTP/1.1\r\nHost: x\r\n\r\n\x16\x03\x01\x02\x00\x01",
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
	a_refusal_says_what_the_reference_says(NULL);
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
	    TEST(names_are_answered_as_the_policy_knows_them),
	    TEST(names_are_answered_over_tcp_too),
	    TEST(a_name_is_looked_up_after_admission_only_and_of_the_given_server),
	    TEST(a_transparent_connection_carries_its_name),
	    TEST(who_waits_for_a_server_that_is_not_there_is_not_left_waiting),
	    TEST(a_transparent_connection_to_an_address_carries_the_address),
	    TEST(names_outlive_the_proxy),
	    TEST(tls_to_the_agent_has_a_certificate_for_the_host),
	    TEST(tls_without_http_is_relayed_between_two_sessions),
	    TEST(a_server_with_another_name_is_not_spoken_with),
	    TEST(requests_in_a_tunnel_are_judged_one_by_one),
	    TEST(an_absolute_form_is_forwarded),
	    TEST(an_absolute_form_that_may_not_be_dialled_is_refused),
	    TEST(inspected_requests_pass_through_tls_on_both_sides),
	    TEST(a_thousand_at_once_and_slow_ones_cost_nobody_else),
	    TEST(idle_connections_are_small),
	    TEST(noise_breaks_nothing),
	    TEST(a_head_that_does_not_come_is_given_up),
	    TEST(events_wait_for_the_link),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	tls_test_begin(&ca_pem);
	anchors_fd = file_of(ca_pem);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
