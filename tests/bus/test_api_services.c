/* Services through api: requests by host, passed to a door of the relay's that the test plays, and what comes back. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/api_stage.h"

#define HOST	"Host: default--demo--web.openshell.localhost\r\n"
#define GET	"GET /x HTTP/1.1\r\n" HOST "\r\n"
#define WEB_MAX (4u << 20)

/* ---- a browser ---- */

static struct web {
	int fd;
	struct watch watch;
	char *bytes;
	size_t n;
	bool ended;
} web;

static void
web_ready(void *self, uint32_t events)
{
	ssize_t n = recv(web.fd, web.bytes + web.n, WEB_MAX - web.n, MSG_DONTWAIT);

	(void)self, (void)events;
	if (n > 0)
		web.n += (size_t)n;
	web.bytes[web.n] = '\0';
	web.ended |= n == 0 || (n < 0 && errno == ECONNRESET);
	if (web.ended)
		loop_remove(loop, &web.watch);
}

static void
web_open_idle(void)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};

	web = (struct web){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .bytes = malloc(WEB_MAX + 1)};
	assert_non_null(web.bytes);
	assert_int_equal(connect(web.fd, (struct sockaddr *)&at, sizeof(at)), 0);
	web.bytes[0] = '\0';
}

static void
web_open(void)
{
	struct why why;

	web_open_idle();
	assert_int_equal(loop_add(loop, &web.watch, web.fd, EPOLLIN, web_ready, NULL, &why), OK);
}

static void
web_say(const char *words)
{
	assert_int_equal(send(web.fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* What has come holds this; ended: nothing more comes. */
static bool
web_has(const char *words)
{
	return words == NULL ? web.ended : memmem(web.bytes, web.n, words, strlen(words)) != NULL;
}

static void
web_close(void)
{
	loop_remove(loop, &web.watch);
	close(web.fd);
	free(web.bytes);
}

/* The answer begins like that, and nothing follows it. */
static void
web_answered(const char *status, const char *end)
{
	UNTIL(loop, web_has(end) || web.ended);
	if (strncmp(web.bytes, status, strlen(status)) != 0 || !web_has(end))
		fail_msg("%s ... %s instead of:\n%s", status, end, web.bytes);
	web.n = 0;
	web.bytes[0] = '\0';
}

/* ---- state and relay ---- */

static uint64_t route; /* the last that was asked for */

static void
routed_to(uint8_t phase, uint16_t where)
{
	const struct msg answer = {.id = SERVICE_ROUTED, .service_routed = {sandbox, phase, where}};
	struct heard *heard = actor_hear(&state, SERVICE_ROUTE);

	assert_true(span_is(heard->msg.service_route.workspace, "default"));
	assert_true(span_is(heard->msg.service_route.sandbox, "demo"));
	route = heard->msg.service_route.route;
	reply_send(&heard->reply, &answer);
	heard_free(heard);
}

static void
routed(uint8_t phase)
{
	routed_to(phase, 8000);
}

/* What was told before has been read at either end: a question and its answer have passed behind it. */
static void
settled(void)
{
	Openshell__V1__GetServiceRequest get = OPENSHELL__V1__GET_SERVICE_REQUEST__INIT;
	struct got *got;

	get.sandbox = (char *)"demo";
	got = call(OPENSHELL "GetService", &get.base, &openshell__v1__service_endpoint_response__descriptor);
	actor_refuse(&state, SERVICE_GET, ERR_NOT_FOUND, "service endpoint not found");
	got_ended(got, 5, "service endpoint not found");
	got_free(got);
}

static void
stale(void)
{
	const struct msg m = {.id = SERVICE_STALE, .service_stale = {route}};

	tell(state.peer, &m);
	settled();
}

static uint64_t
door(uint64_t credit)
{
	const struct msg answer = {.id = DOOR_OPENED};
	struct heard *heard = actor_hear(&relay, DOOR_OPEN);
	uint64_t stream = heard->msg.door_open.stream;

	assert_true(id_equal(heard->msg.door_open.sandbox, sandbox));
	assert_int_equal(heard->msg.door_open.kind, 2);
	assert_int_equal(heard->msg.door_open.port, 8000);
	assert_true(span_is(heard->msg.door_open.host, "127.0.0.1"));
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	stream_credit(stream, 0, credit);
	return stream;
}

/* What api has sent into the door, until it ends so. */
static size_t
inside(char *to, size_t size, const char *end)
{
	size_t n = 0;

	while (n == 0 || memmem(to, n, end, strlen(end)) == NULL) {
		struct heard *heard = actor_hear(&relay, STREAM_DATA);
		struct span bytes = heard->msg.stream_data.bytes;

		assert_in_range(n + bytes.length, 1, size - 1);
		memcpy(to + n, bytes.at, bytes.length);
		n += bytes.length;
		to[n] = '\0';
		heard_free(heard);
	}
	return n;
}

static void
says(uint64_t stream, uint64_t *offset, const char *words)
{
	stream_bytes(stream, 1, *offset, words, strlen(words));
	*offset += strlen(words);
}

static void
nothing_asked(struct actor *actor, enum msg_id id)
{
	settled();
	assert_null(actor_heard(actor, id));
}

/* ---- the tests ---- */

static void
requests_pass(void **unused)
{
	char head[4096];
	uint64_t stream, at = 0;

	(void)unused;
	web_open();
	web_say("GET /a?b=c HTTP/1.1\r\n" HOST
		"Authorization: Bearer x\r\nCookie: a=1; CF_Authorization=y\r\nX-Mine: z\r\n\r\n");
	routed(2);
	stream = door(1 << 20);
	inside(head, sizeof(head), "\r\n\r\n");
	assert_string_equal(head, "GET /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nx-mine: z\r\ncookie: a=1\r\n\r\n");
	says(stream, &at, "HTTP/1.1 100 Continue\r\n\r\n"); /* nobody waits for it */
	says(stream, &at, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	web_answered("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", "\r\n\r\n");
	says(stream, &at, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Answer: 1\r\n\r\nhe");
	UNTIL(loop, web_has("\r\n\r\nhe"));
	says(stream, &at, "llo");
	web_answered("HTTP/1.1 200 OK\r\nx-answer: 1\r\ncontent-length: 5\r\n\r\n", "\r\n\r\nhello");
	/* The same client again: no question, the same door; the answer in chunks, with trailers. */
	web_say(GET);
	inside(head, sizeof(head), "\r\n\r\n");
	says(stream, &at, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	says(stream, &at, "2;x=1\r\nde\r\n0\r\nT: 1\r\nContent-Length: 5\r\n\r\n");
	web_answered("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\nt: 1\r\n\r\n");
	nothing_asked(&state, SERVICE_ROUTE);
	nothing_asked(&relay, DOOR_OPEN);
	/* Without a body; then one that ends with its connection. */
	web_say("HEAD / HTTP/1.1\r\n" HOST "\r\n");
	inside(head, sizeof(head), "\r\n\r\n");
	says(stream, &at, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
	web_answered("HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n", "\r\n\r\n");
	web_say(GET);
	inside(head, sizeof(head), "\r\n\r\n");
	says(stream, &at, "HTTP/1.0 200 OK\r\n\r\nall ");
	says(stream, &at, "of it");
	stream_over(stream, 1, at);
	web_answered("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "0\r\n\r\n");
	heard_free(actor_hear(&relay, DOOR_CLOSED));
	web_close();
}

static void
told_once_that_it_changed(void **unused)
{
	char head[4096];
	uint64_t stream, at = 0;

	(void)unused;
	stale();
	web_open();
	web_say(GET);
	routed(1);
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	web_say(GET);
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	nothing_asked(&state, SERVICE_ROUTE);
	stale();
	web_say(GET);
	actor_refuse(&state, SERVICE_ROUTE, ERR_NOT_FOUND, "service endpoint not found");
	web_answered("HTTP/1.1 404 ", "Service endpoint not found");
	web_say(GET);
	actor_refuse(&state, SERVICE_ROUTE, ERR_UNAVAILABLE, "the database does not answer");
	web_answered("HTTP/1.1 500 ", "lookup failed");
	web_say(GET);
	routed(2);
	actor_refuse(&relay, DOOR_OPEN, ERR_STATE, "nothing listens");
	web_answered("HTTP/1.1 502 ", "Service endpoint is not reachable");
	web_say(GET);
	stream = door(4096);
	inside(head, sizeof(head), "\r\n\r\n");
	says(stream, &at, "HTTP/1.1 204 No Content\r\n\r\n");
	web_answered("HTTP/1.1 204 No Content\r\n\r\n", "\r\n\r\n");
	stream_over(stream, 1, at); /* while nobody uses it */
	heard_free(actor_hear(&relay, DOOR_CLOSED));
	web_close();
}

/* For the tests that follow. */
static void
ready_again(void)
{
	stale();
	web_open();
	web_say(GET);
	routed(2);
	actor_refuse(&relay, DOOR_OPEN, ERR_STATE, "nothing listens");
	web_answered("HTTP/1.1 502 ", "Service endpoint is not reachable");
	web_close();
}

/* What a state said that is gone is gone by as long as the new one cannot say; then it is asked. */
static void
known_while_state_is_away(void **unused)
{
	struct actor before;

	(void)unused;
	stale();
	web_open();
	web_say(GET);
	routed(1);
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	before = state;
	actor_done(&state);
	web_say(GET);
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	state = before;
	actor_restart(&state, ROLE_STATE, "state");
	until_healthy();
	web_say(GET);
	actor_refuse(&state, SERVICE_ROUTE, ERR_UNAVAILABLE, "the database does not answer");
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	web_say(GET);
	routed(1);
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	web_say(GET);
	web_answered("HTTP/1.1 412 ", "Sandbox is not ready");
	nothing_asked(&state, SERVICE_ROUTE);
	web_close();
	ready_again();
}

static void
refused_without_asking(void **unused)
{
	static const struct {
		const char *request, *status, *words;
	} rows[] = {
	    {"GET / HTTP/1.1\r\nHost: default--.openshell.localhost\r\n\r\n", "HTTP/1.1 404 ",
		"Service endpoint not found"},
	    {"GET / HTTP/1.1\r\nHost: a--b--c--d.openshell.localhost\r\n\r\n", "HTTP/1.1 404 ",
		"Service endpoint not found"},
	    {"GET / HTTP/1.1\r\nHost: openshell.localhost\r\n\r\n", "HTTP/1.1 404 ", "not found\n"},
	    {"POST / HTTP/1.1\r\nHost: openshell.localhost\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 501 ",
		"not served"},
	    {"GET / HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n\r\n", "HTTP/1.1 403 ",
		"Cross-origin service request rejected"},
	    {"GET / HTTP/1.1\r\n" HOST "Origin: http://evil\r\n\r\n", "HTTP/1.1 403 ",
		"Cross-origin service request rejected"},
	    {"GET / HTTP/1.1\r\n" HOST "Referer: http://evil/\r\n\r\n", "HTTP/1.1 403 ",
		"Cross-origin service request rejected"},
	    {"GET / HTTP/1.1\r\n" HOST
	     "Origin: http://default--demo--web.openshell.localhost\r\nOrigin: http://evil\r\n\r\n",
		"HTTP/1.1 403 ", "Cross-origin service request rejected"},
	    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 ",
		"not a request"},
	    {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", "HTTP/1.1 400 ", "not a request"},
	    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "HTTP/1.1 400 ", "not a request"},
	    {"GET http://x/ HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 400 ", "not a request"},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		web_open();
		web_say(rows[i].request);
		web_answered(rows[i].status, rows[i].words);
		web_close();
	}
	nothing_asked(&state, SERVICE_ROUTE);
	/* A gRPC request for a service's host is not for us. */
	web_open();
	web_say("POST /openshell.v1.OpenShell/Health HTTP/1.1\r\n" HOST
		"Content-Type: application/grpc\r\nContent-Length: 0\r\n\r\n");
	actor_refuse(&relay, DOOR_OPEN, ERR_STATE, "nothing listens");
	web_answered("HTTP/1.1 502 ", "Service endpoint is not reachable");
	web_say("GET /a#b HTTP/1.1\r\n" HOST "\r\n");
	web_answered("HTTP/1.1 400 ", "Invalid service request");
	web_close();
}

/* What an agent may answer: nothing of it is passed on as if it were well. */
static void
hostile_answers(void **unused)
{
	static const char *const heads[] =
	    {
		"garbage\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\n\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		"SSH-2.0-OpenSSH\r\n\r\n",
	    },
				 *const bodies[] = {
				     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
				     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
				     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
				 };
	char head[4096];

	(void)unused;
	for (size_t i = 0; i < COUNT(heads) + COUNT(bodies) + 1; i++) {
		bool in_head = i < COUNT(heads), never = i == COUNT(heads) + COUNT(bodies);
		uint64_t stream, at = 0;

		web_open();
		web_say(GET);
		stream = door(4096);
		inside(head, sizeof(head), "\r\n\r\n");
		if (!never)
			says(stream, &at, in_head ? heads[i] : bodies[i - COUNT(heads)]);
		if (never || i == COUNT(heads) + COUNT(bodies) - 1)
			stream_over(stream, 1, at);
		if (in_head || never)
			web_answered("HTTP/1.1 502 ", "Service endpoint is not reachable");
		else { /* cut, so that it cannot be taken for whole */
			UNTIL(loop, web_has(NULL));
			assert_null(strstr(web.bytes, "\r\n0\r\n\r\n"));
		}
		web_close();
		heard_free(actor_hear(&relay, DOOR_CLOSED));
	}
}

/* A body of which the client may send no more than the sandbox takes; and an answer before its end. */
static void
bodies_go_in(void **unused)
{
	static char big[300000], got[400000];
	uint64_t stream, at = 0;
	ssize_t sent;

	(void)unused;
	memset(big, 'b', sizeof(big));
	web_open();
	web_say("POST /up HTTP/1.1\r\n" HOST "Content-Length: 300000\r\nExpect: 100-continue\r\n\r\n");
	stream = door(1000);
	says(stream, &at, "HTTP/1.1 100 Continue\r\n\r\n"); /* it says so, not we */
	web_answered("HTTP/1.1 100 Continue\r\n\r\n", "\r\n\r\n");
	sent = send(web.fd, big, sizeof(big), MSG_DONTWAIT);
	assert_true(sent > 0);
	settled();
	for (size_t n = inside(got, sizeof(got), "\r\n\r\n"); n < 1000;) {
		struct heard *heard = actor_hear(&relay, STREAM_DATA);

		n += heard->msg.stream_data.bytes.length;
		assert_in_range(n, 1, 1000);
		heard_free(heard);
	}
	nothing_asked(&relay, STREAM_DATA);
	says(stream, &at, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n");
	web_answered("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\n", "no\n");
	UNTIL(loop, web_has(NULL)); /* what is left of the body is nobody's request */
	web_close();
	heard_free(actor_hear(&relay, DOOR_CLOSED));
	/* In chunks, as they came. */
	at = 0;
	web_open();
	web_say("POST /up HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	stream = door(1 << 20);
	inside(got, sizeof(got), "3\r\nabc\r\n");
	web_say("1;x\r\nd\r\n0\r\nT: 1\r\nAuthorization: x\r\n\r\n");
	inside(got, sizeof(got), "0\r\nT: 1\r\n\r\n");
	says(stream, &at, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	web_answered("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "\r\n\r\n");
	stream_over(stream, 1, at);
	heard_free(actor_hear(&relay, DOOR_CLOSED));
	/* Framing that is broken on the way. */
	web_say("POST /up HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n");
	heard_free(actor_hear(&relay, DOOR_OPEN));
	UNTIL(loop, web_has(NULL));
	assert_non_null(strstr(web.bytes, "HTTP/1.1 400 "));
	web_close();
}

static void
websocket_ask(void)
{
	web_open();
	web_say(
	    "GET /ws HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
}

/* It is open, and something has come through it: its stream. */
static uint64_t
websocket_opens(uint64_t *at)
{
	char head[4096];
	uint64_t stream = door(1 << 20);

	inside(head, sizeof(head), "\r\n\r\n");
	assert_non_null(strstr(head, "connection: upgrade\r\nupgrade: websocket\r\n"));
	assert_non_null(strstr(head, "sec-websocket-key: k\r\n"));
	says(stream, at,
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Accept: a\r\n\r\nfirst");
	web_answered(
	    "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
	    "\r\n\r\nfirst");
	return stream;
}

static void
websocket_ended(void)
{
	UNTIL(loop, web_has(NULL));
	web_close();
	heard_free(actor_hear(&relay, DOOR_CLOSED));
}

static void
websockets(void **unused)
{
	char head[4096];
	uint64_t stream, at = 0;

	(void)unused;
	websocket_ask();
	stream = websocket_opens(&at);
	web_say("from the client");
	inside(head, sizeof(head), "from the client");
	says(stream, &at, "and back");
	UNTIL(loop, web_has("and back"));
	stream_over(stream, 1, at);
	websocket_ended();
}

/* It lives as long as its service leads there: not deleted, not elsewhere, the sandbox not stopped. */
static void
websockets_go_with_their_service(void **unused)
{
	static const struct {
		enum err r;
		uint8_t phase;
		uint16_t port;
	} cases[] = {{ERR_NOT_FOUND, 0, 0}, {OK, 2, 8001}, {OK, 1, 8000}};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t stream, at = 0;

		stale();
		websocket_ask();
		routed(2);
		stream = websocket_opens(&at);
		stale();
		actor_refuse(&state, SERVICE_ROUTE, ERR_UNAVAILABLE, "the database does not answer");
		routed(2); /* asked again, though nobody wants to go there */
		says(stream, &at, "still there");
		UNTIL(loop, web_has("still there"));
		stale();
		if (cases[i].r == OK)
			routed_to(cases[i].phase, cases[i].port);
		else
			actor_refuse(&state, SERVICE_ROUTE, cases[i].r, "service endpoint not found");
		websocket_ended();
	}
	ready_again();
}

/* ---- HTTP/2's own ---- */

/* clang-format off */
#define FIELD(name, value) "\0" name value /* each with its length before it */
#define CONNECT                                                                                                        \
	FIELD("\7:method", "\7CONNECT")                                                                                \
	FIELD("\11:protocol", "\11websocket")                                                                          \
	FIELD("\7:scheme", "\4http") FIELD("\5:path", "\3/ws")                                                         \
	    FIELD("\12:authority", "\46default--demo--web.openshell.localhost")
#define POST                                                                                                           \
	FIELD("\7:method", "\4POST")                                                                                   \
	FIELD("\7:scheme", "\4http") FIELD("\5:path", "\3/up")                                                         \
	    FIELD("\12:authority", "\46default--demo--web.openshell.localhost") FIELD("\2te", "\10trailers")
#define TRAILERS FIELD("\5x-sum", "\1" "1") FIELD("\15authorization", "\1x")
/* clang-format on */
#define HEAD_BYTES (sizeof(CONNECT) - 1)

_Static_assert(HEAD_BYTES < 256, "the frame's length is one byte");

/* A frame of stream 1. */
static void
web_frame(uint8_t type, uint8_t flags, const char *bytes, size_t n)
{
	const char head[] = {0, 0, (char)n, (char)type, (char)flags, 0, 0, 0, 1};

	assert_int_equal(send(web.fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	assert_int_equal(send(web.fd, bytes, n, MSG_NOSIGNAL), n);
}

static void
web_begin_http2(void)
{
	static const char begin[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";

	assert_int_equal(send(web.fd, begin, sizeof(begin), MSG_NOSIGNAL), sizeof(begin));
}

static void
web_connect(void)
{
	web_begin_http2();
	web_frame(1, 4, CONNECT, HEAD_BYTES); /* HEADERS, all of them */
}

/* Trailers of HTTP/2 go in behind the last chunk, but for those that a head would not pass on. */
static void
trailers_of_http2(void **unused)
{
	char head[4096];
	uint64_t stream, at = 0;

	(void)unused;
	web_open();
	web_begin_http2();
	web_frame(1, 4, POST, sizeof(POST) - 1);
	stream = door(1 << 20);
	inside(head, sizeof(head), "\r\n\r\n");
	assert_non_null(strstr(head, "transfer-encoding: chunked\r\nconnection: te\r\nte: trailers\r\n"));
	web_frame(0, 0, "body", 4);
	inside(head, sizeof(head), "4\r\nbody\r\n");
	web_frame(1, 5, TRAILERS, sizeof(TRAILERS) - 1); /* and that was all */
	inside(head, sizeof(head), "\r\n\r\n");
	assert_string_equal(head, "0\r\nx-sum: 1\r\n\r\n");
	says(stream, &at, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
	UNTIL(loop, web_has("good"));
	web_close();
	stream_over(stream, 1, at);
	heard_free(actor_hear(&relay, DOOR_CLOSED));
}

/* To extended CONNECT a 2xx is the open WebSocket: only a 101 becomes one. */
static void
websockets_of_http2(void **unused)
{
	static const struct {
		const char *says, *want;
	} rows[] = {
	    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nopen", "open"},
	    {"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnone", "none"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nopen", "Service endpoint is not reachable"},
	    {"HTTP/1.1 204 No Content\r\n\r\n", "Service endpoint is not reachable"},
	    {"HTTP/1.1 299 OK\r\n\r\nopen", "Service endpoint is not reachable"},
	};
	char head[4096];

	(void)unused;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t stream, at = 0;

		web_open();
		web_connect();
		stream = door(4096);
		inside(head, sizeof(head), "\r\n\r\n");
		assert_non_null(strstr(head, "GET /ws HTTP/1.1\r\n"));
		says(stream, &at, rows[i].says);
		UNTIL(loop, web_has(rows[i].want) || web.ended);
		assert_true(web_has(rows[i].want) && (strcmp(rows[i].want, "open") == 0 || !web_has("open")));
		web_close();
		heard_free(actor_hear(&relay, DOOR_CLOSED));
	}
}

/* A client that goes leaves nothing behind; one that does not read is given no more than a bounded queue. */
static void
slow_and_gone(void **unused)
{
	char head[4096];
	struct feed feed = {0};
	struct heard *heard;

	(void)unused;
	web_open_idle();
	web_say(GET);
	feed.stream = door(4096);
	inside(head, sizeof(head), "\r\n\r\n");
	says(feed.stream, &feed.sent, "HTTP/1.1 200 OK\r\n\r\n");
	feed_until(&feed, 64u << 20, 32768, 300);	  /* as much as api takes, until it takes no more */
	assert_in_range(feed.sent, 16u << 10, 16u << 20); /* the sockets' buffers, and ours */
	web_close();
	heard = actor_hear(&relay, DOOR_CLOSED);
	assert_int_equal(heard->msg.door_closed.stream, feed.stream);
	heard_free(heard);
}

/* A door that had served before and closed meanwhile: what may be asked twice is asked again over a new one. */
static void
once_more(void **unused)
{
	char head[4096];
	uint64_t stream, at = 0;

	(void)unused;
	web_open();
	web_say(GET);
	stream = door(1 << 20);
	inside(head, sizeof(head), "\r\n\r\n");
	says(stream, &at, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
	web_answered("HTTP/1.1 200 OK", "\r\n\r\n1");
	web_say(GET);
	inside(head, sizeof(head), "\r\n\r\n");
	stream_over(stream, 1, at);
	stream = door(1 << 20);
	inside(head, sizeof(head), "\r\n\r\n");
	at = 0;
	says(stream, &at, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
	web_answered("HTTP/1.1 200 OK", "\r\n\r\n2");
	web_close();
	heard_free(actor_hear(&relay, DOOR_CLOSED));
}

static void
calls(void **unused)
{
	Openshell__V1__ExposeServiceRequest expose = OPENSHELL__V1__EXPOSE_SERVICE_REQUEST__INIT;
	const ProtobufCMessageDescriptor *answer = &openshell__v1__service_endpoint_response__descriptor;
	const struct msg answered = {.id = SERVICE_ROW,
	    .service_row = {
		sandbox, SPAN("default"), sandbox, SPAN("demo"), SPAN("web"), 8000, true, 1700000000000, 3}};
	const Openshell__V1__ServiceEndpointResponse *out;
	char url[128];
	struct got *got;

	(void)unused;
	call_fails(OPENSHELL "ExposeService", &expose.base, answer, 3, "sandbox is required");
	expose.sandbox = (char *)"demo";
	expose.service = (char *)"web";
	expose.has_target_port = true;
	call_fails(OPENSHELL "ExposeService", &expose.base, answer, 3, "target_port: 0 is not within 1 to 65535");
	expose.target_port = 65536;
	call_fails(OPENSHELL "ExposeService", &expose.base, answer, 3, "target_port");
	expose.target_port = 8000;
	expose.service = (char *)"we--b";
	call_fails(OPENSHELL "ExposeService", &expose.base, answer, 3, "service");
	expose.service = (char *)"web";
	got = call(OPENSHELL "ExposeService", &expose.base, answer);
	actor_answer(&state, SERVICE_EXPOSE, &answered);
	got_ended(got, 0, NULL);
	out = (const Openshell__V1__ServiceEndpointResponse *)got->messages[0];
	snprintf(url, sizeof(url), "http://default--demo--web.openshell.localhost:%u/", port);
	assert_string_equal(out->url, url);
	assert_string_equal(out->endpoint->metadata->name, "demo--web");
	assert_int_equal(out->endpoint->target_port, 8000);
	got_free(got);
	settled();
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls),
	    cmocka_unit_test(requests_pass),
	    cmocka_unit_test(told_once_that_it_changed),
	    cmocka_unit_test(known_while_state_is_away),
	    cmocka_unit_test(refused_without_asking),
	    cmocka_unit_test(hostile_answers),
	    cmocka_unit_test(bodies_go_in),
	    cmocka_unit_test(websockets),
	    cmocka_unit_test(websockets_go_with_their_service),
	    cmocka_unit_test(websockets_of_http2),
	    cmocka_unit_test(trailers_of_http2),
	    cmocka_unit_test(slow_and_gone),
	    cmocka_unit_test(once_more),
	    cmocka_unit_test(health_and_user),
	};

	program = argc > 1 ? argv[1] : "";
	return cmocka_run_group_tests(tests, setup, teardown);
}
