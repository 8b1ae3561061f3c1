/* The stage of the tests of proxy: begun and ended around each test. */
#include "tests/bus/proxy_stage.h"

#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "common/policy/destination.h"
#include "tests/bus/proxy_tls.h"

struct loop *loop;
struct actor supervisor, policyd, link_;
struct child child;
uint16_t dns_port, metadata_port;
char pem_bytes[16384];

#define CAPTURED 15001
#define MARK	 0x6f73 /* of own-network.sh */

static const char *program;
char *world_pem;
static struct span authority_key, authority_pem; /* of the proxy, as proxy_ready gave them */
static char key_bytes[4096];
static const struct msg done = {.id = DONE};
int anchors_fd;

/* ---- sockets ---- */

socklen_t
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

int
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
	assert_int_equal(
	    setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on, sizeof(on)),
	    0);
	return fd;
}

uint16_t
port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int
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

void
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

int
accepted(int listener)
{
	int fd;

	until_readable(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	return fd;
}

void
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

char *
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

void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void
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

void
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

const char *stage_onward;

int
onward_bound(void)
{
	static char url[64];
	int fd = bound(SERVER, 0, SOCK_STREAM);

	snprintf(url, sizeof(url), "http://" SERVER ":%u", port_of(fd));
	stage_onward = url;
	return fd;
}

int
onward_accepted(int listener, uint16_t port)
{
	char question[256];
	int fd = accepted(listener);

	snprintf(question, sizeof(question),
	    "CONNECT " SERVER ":%u HTTP/1.1\r\nHost: " SERVER
	    ":%u\r\nProxy-Authorization: Basic cm9ib3Q6d29yZA==\r\n\r\n",
	    port, port);
	expect_bytes(fd, question);
	say(fd, "HTTP/1.1 200 Connection established\r\n\r\n");
	return fd;
}

static struct msg
setup_message(void)
{
	static struct span hosts[] = {
	    {"10.9.8.7 up.test", 16}, {"10.9.8.7 other.test", 19}, {"127.0.0.1 loop.test", 19}};
	static struct span resolvers[] = {{"10.9.8.7:5353", 13}};

	return (struct msg){.id = PROXY_SETUP,
	    .proxy_setup = {.sandbox = {{7}},
		.hosts = hosts,
		.hosts_n = 3,
		.resolvers = resolvers,
		.resolvers_n = 1,
		.upstream_proxy = span_of_text(stage_onward),
		.upstream_login = stage_onward == NULL ? SPAN_NONE : SPAN("robot:word"),
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

void
listen_send(void)
{
	struct msg m = {.id = PROXY_LISTEN, .fds_n = 6};

	m.fds[0] = captured("127.0.0.1", CAPTURED, SOCK_STREAM);
	m.fds[1] = captured("::1", CAPTURED, SOCK_STREAM);
	m.fds[2] = bound(EXPLICIT, EXPLICIT_PORT, SOCK_STREAM);
	m.fds[3] = bound("127.0.0.1", 0, SOCK_DGRAM);
	m.fds[4] = bound("127.0.0.1", port_of(m.fds[3]), SOCK_STREAM);
	m.fds[5] = bound("127.0.0.1", 0, SOCK_STREAM);
	dns_port = port_of(m.fds[3]);
	metadata_port = port_of(m.fds[5]);
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
	for (size_t i = 0; i < m.fds_n; i++)
		close(m.fds[i]);
}

void
proxy_start(void)
{
	supervised_start(&supervisor, &child, program, "proxy", ROLE_PROXY);
	setup_send();
}

int
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

int
teardown(void **unused)
{
	(void)unused;
	actor_done(&supervisor);
	assert_int_equal(child_exit_code(child_wait(&child)), 0);
	child_done(&child);
	actor_done(&policyd);
	actor_done(&link_);
	loop_free(loop);
	return 0;
}

bool
stage_begin(int argc, char **argv)
{
	if (argc < 2)
		return false;
	program = argv[1];
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	tls_test_begin(&world_pem);
	anchors_fd = file_of(world_pem);
	return true;
}

/* ---- what policyd says ---- */

static struct span ips[] = {{"10.9.8.7", 8}, {"fd00:9:8::/64", 13}};

struct msg
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

struct heard *
judge_heard(const char *host, uint16_t port)
{
	struct heard *heard = actor_hear(&policyd, CONNECTION_JUDGE);

	if (!span_is(heard->msg.connection_judge.host, host))
		fail_msg("judged \"%.*s\"", SPAN_ARGS(heard->msg.connection_judge.host));
	assert_int_equal(heard->msg.connection_judge.port, port);
	return heard;
}

void
judge(const char *host, uint16_t port, const struct msg *answer)
{
	struct heard *heard = judge_heard(host, port);

	reply_send(&heard->reply, answer);
	heard_free(heard);
}

void
expect_event(const char *text)
{
	expect_event_before(text, NULL);
}

void
expect_event_before(const char *text, const char *never)
{
	for (;;) {
		struct heard *heard = actor_hear(&link_, LOGS_ADD);
		bool found = false;

		for (size_t i = 0; i < heard->msg.logs_add.lines_n; i++) {
			struct span line = heard->msg.logs_add.lines[i].message;

			found |= memmem(line.at, line.length, text, strlen(text)) != NULL;
			if (never != NULL && memmem(line.at, line.length, never, strlen(never)) != NULL)
				fail_msg("told: " SPAN_FORMAT, SPAN_ARGS(line));
		}
		reply_send(&heard->reply, &done);
		heard_free(heard);
		if (found)
			return;
	}
}

int
connect_to(const char *target)
{
	char head[512];
	int fd = dial(EXPLICIT, EXPLICIT_PORT);

	snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target);
	say(fd, head);
	return fd;
}

int
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

/* ---- refusals ---- */

void
expect_refusals(void)
{
	auto_fd int fd = connect_to("Evil.test:443");
	auto_fd int forward = -1;
	struct msg no = judgement(false);
	char bytes[4096];

	judge("evil.test", 443, &no);
	assert_non_null(strstr(read_all(fd, bytes, sizeof(bytes)),
	    "{\"error\":\"policy_denied\",\"detail\":\"CONNECT evil.test:443 not "
	    "permitted by policy\",\"reason\":\"no endpoint\"}"));
	assert_non_null(strstr(bytes, "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(bytes, "Connection: close\r\n"));
	forward = dial(EXPLICIT, EXPLICIT_PORT);
	say(forward, "GET http://evil.test/x?q=secret HTTP/1.1\r\nHost: other\r\n\r\n");
	judge("evil.test", 80, &no);
	assert_non_null(strstr(
	    read_all(forward, bytes, sizeof(bytes)), "\"detail\":\"GET evil.test:80/x not permitted by policy\""));
	expect_event("NET:REFUSE [MED] DENIED FORWARD denied evil.test:80");
}
