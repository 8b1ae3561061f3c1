/* router: requests filled in and sent over TLS, answers passed back, and what a hostile proxy or upstream may try. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/provider/places.h"
#include "tests/bus/router_stage.h"

static int listener;
static uint16_t port;

static int
with_secrets(void **unused)
{
	setup(unused);
	listener = world_listen(&port);
	secrets_send(5, port);
	assert_int_equal(slots_hear(5), 7);
	expect_applied(5, true, NULL);
	return 0;
}

static int
without(void **unused)
{
	close(listener);
	return teardown(unused);
}

/* What the server must read first, with our port. */
static const char *
head_of(const char *line, const char *rest)
{
	static char text[2048];

	snprintf(text, sizeof(text), "%s HTTP/1.1\r\nhost: up.test:%u\r\n%s\r\n", line, port, rest);
	return text;
}

#define BEARER "authorization: Bearer " CANARY "\r\n"

static void
ok(struct tls_client *world, uint64_t stream)
{
	world_say(world, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: plain\r\n\r\nhello");
	expect_head(stream, 200, "X-Kind", "plain");
	expect_answer(stream, "hello");
	expect_whole(stream);
}

/* ---- filling in ---- */

static void
a_header_is_filled_and_the_answer_comes_back(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	request_field(&s, "accept", "*/*");
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER "accept: */*\r\n"));
	ok(&world, 1);
	tls_client_end(&world);
}

static void
a_connection_is_kept_for_the_next(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	for (uint64_t stream = 1; stream <= 3; stream++) {
		request_begin(&s, stream, port);
		request_send(&s);
		if (stream == 1)
			world_accept(listener, &world, "up.test");
		world_expect(&world, head_of("GET /repos/x", BEARER));
		ok(&world, stream);
	}
	tls_client_end(&world);
}

static void
a_kept_connection_that_ended_is_not_used(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	for (uint64_t stream = 1; stream <= 2; stream++) {
		request_begin(&s, stream, port);
		request_send(&s);
		world_accept(listener, &world, "up.test"); /* each time anew */
		world_expect(&world, head_of("GET /repos/x", BEARER));
		ok(&world, stream);
		close(world.fd);
		tls_client_end(&world);
	}
}

/* What was judged since may not allow where the kept one leads. */
static void
a_kept_connection_to_another_address_is_not_used(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER));
	ok(&world, 1);
	request_begin(&s, 2, port);
	s.addresses[0] = SPAN("127.0.0.2"); /* nobody listens there */
	request_send(&s);
	expect_refusal(2, "upstream_unreachable");
	tls_client_end(&world);
}

static void
bytes_that_were_not_announced_end_the_request(void **unused)
{
	const struct msg data = {.id = STREAM_DATA, .stream_data = {1, 0, 0, SPAN("GET /admin HTTP/1.1\r\n\r\n")}};
	struct request_script s;

	(void)unused;
	request_begin(&s, 1, port);
	request_send(&s);
	tell(proxy.peer, &data);
	expect_refusal(1, "upstream_broken");
}

static void
path_query_and_basic_are_encoded(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	s.path[0].literal = SPAN("/repos/bot");
	s.path[1] = (struct msg_piece){.slot = SPAN("v5_SEEN"), .place = 4};
	s.path[2].literal = SPAN("/x");
	s.query[0].literal = SPAN("a=1&key=");
	s.query[1] = (struct msg_piece){.slot = SPAN("s_TOK"), .place = 3};
	s.authorization[0].literal = SPAN("Basic ");
	s.authorization[1] = (struct msg_piece){.literal = SPAN("user:"), .place = 2};
	s.authorization[2] = (struct msg_piece){.slot = SPAN("v5_TOK"), .place = 2};
	s.fields[0].value_n = 3;
	s.msg.route_open.path_n = 3;
	s.msg.route_open.query_n = 2;
	s.msg.route_open.has_query = true;
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/botvisible-secret/x?a=1&key=s3cr3t-Canary%2F%2B%3D",
				 "authorization: Basic dXNlcjpzM2NyM3QtQ2FuYXJ5Lys9\r\naccept-encoding: identity\r\n"));
	world_say(&world, "HTTP/1.1 204 No Content\r\n\r\n");
	expect_head(1, 204, NULL, NULL);
	expect_whole(1);
	tls_client_end(&world);
}

static void
a_body_of_pieces_is_filled_and_measured(void **unused)
{
	struct msg_piece pieces[] = {
	    {.literal = SPAN("{\"k\":\"")}, {.slot = SPAN("v5_TOK"), .place = 5}, {.literal = SPAN("\"}")}};
	struct msg m = {
	    .id = ROUTE_PIECES, .route_pieces = {.stream = 1, .pieces = pieces, .pieces_n = 3, .last = true}};
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	s.msg.route_open.method = SPAN("POST");
	s.msg.route_open.fields_n = 0;
	s.msg.route_open.body = 3;
	request_send(&s);
	tell(proxy.peer, &m);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("POST /repos/x", "content-length: 24\r\n"));
	world_expect(&world, "{\"k\":\"" CANARY "\"}");
	ok(&world, 1);
	tls_client_end(&world);
}

static void
send_body(uint64_t stream, const char *text)
{
	const struct msg data = {.id = STREAM_DATA, .stream_data = {stream, 0, 0, span_of_text(text)}};
	const struct msg end = {.id = STREAM_END, .stream_end = {stream, 0, strlen(text)}};

	heard_free(actor_hear(&proxy, STREAM_GRANT));
	tell(proxy.peer, &data);
	tell(proxy.peer, &end);
}

static void
bodies_with_and_without_length_are_framed_here(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	for (uint8_t body = 1; body <= 2; body++) {
		request_begin(&s, body, port);
		s.msg.route_open.method = SPAN("PUT");
		s.msg.route_open.body = body;
		s.msg.route_open.length = body == 1 ? 4 : 0;
		request_send(&s);
		send_body(body, "data");
		if (body == 1)
			world_accept(listener, &world, "up.test");
		world_expect(&world, head_of("PUT /repos/x", body == 1 ? BEARER "content-length: 4\r\n"
								       : BEARER "transfer-encoding: chunked\r\n"));
		world_expect(&world, body == 1 ? "data" : "4\r\ndata\r\n0\r\n\r\n");
		ok(&world, body);
	}
	tls_client_end(&world);
}

/* Of a body in chunks they go behind the last one; one with a length has no place for them in HTTP/1.1. */
static void
trailers_go_behind_the_last_chunk(void **unused)
{
	struct msg_plain_field list[] = {{SPAN("x-sum"), SPAN("7")}, {SPAN("x-more"), SPAN("")}};
	struct request_script s;
	struct tls_client world;

	(void)unused;
	for (uint8_t body = 1; body <= 2; body++) {
		const struct msg trailers = {
		    .id = ROUTE_TRAILERS, .route_trailers = {.stream = body, .trailers = list, .trailers_n = 2}};

		request_begin(&s, body, port);
		s.msg.route_open.method = SPAN("PUT");
		s.msg.route_open.body = body;
		s.msg.route_open.length = body == 1 ? 4 : 0;
		request_send(&s);
		tell(proxy.peer, &trailers);
		send_body(body, "data");
		if (body == 1)
			world_accept(listener, &world, "up.test");
		world_expect(&world, head_of("PUT /repos/x", body == 1 ? BEARER "content-length: 4\r\n"
								       : BEARER "transfer-encoding: chunked\r\n"));
		world_expect(&world, body == 1 ? "data" : "4\r\ndata\r\n0\r\nx-sum: 7\r\nx-more: \r\n\r\n");
		ok(&world, body); /* nothing is between two requests */
	}
	tls_client_end(&world);
}

/* Of a proxy that was taken over; each with the answer that it gets, and nothing of the body's end goes upstream. */
static void
trailers_that_may_not_be_are_refused(void **unused)
{
	static const struct {
		const char *name, *code;
		uint8_t body; /* 0: none was announced */
		bool twice;
	} cases[] = {
	    {"host", "credential_unsafe", 2, false},
	    {"transfer-encoding", "credential_unsafe", 2, false},
	    {"authorization", "credential_unsafe", 2, false},
	    {"X-Sum", "credential_unsafe", 2, false},
	    {"x-original-url", "credential_unsafe", 2, false},
	    {"x-sum", "upstream_broken", 0, false},
	    {"x-sum", "upstream_broken", 2, true},
	};

	(void)unused;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct msg_plain_field field = {span_of_text(cases[i].name), SPAN("7")};
		const struct msg trailers = {
		    .id = ROUTE_TRAILERS, .route_trailers = {.stream = i + 1, .trailers = &field, .trailers_n = 1}};
		struct request_script s;

		request_begin(&s, i + 1, port);
		s.msg.route_open.method = SPAN("PUT");
		s.msg.route_open.body = cases[i].body;
		request_send(&s);
		tell(proxy.peer, &trailers);
		if (cases[i].twice)
			tell(proxy.peer, &trailers);
		expect_refusal(i + 1, cases[i].code);
	}
}

/* ---- answers ---- */

static void
chunks_interim_answers_and_trailers_come_through(void **unused)
{
	struct request_script s;
	struct tls_client world;
	struct heard *end;

	(void)unused;
	request_begin(&s, 1, port);
	request_field(&s, "expect", "100-continue");
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER "expect: 100-continue\r\n"));
	world_say(&world, "HTTP/1.1 100 Continue\r\n\r\n");
	expect_head(1, 100, NULL, NULL);
	world_say(&world, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "abc");
	world_say(&world, "2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
	expect_answer(1, "de");
	end = actor_hear(&proxy, ROUTE_END);
	assert_int_equal(end->msg.route_end.code.length, 0);
	assert_int_equal(end->msg.route_end.trailers_n, 1);
	assert_true(span_is(end->msg.route_end.trailers[0].value, "5"));
	heard_free(end);
	tls_client_end(&world);
}

static void
an_answer_waits_for_credit(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	tell(proxy.peer, &s.msg);
	grant(1, 1, 2);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER));
	world_say(&world, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "he");
	assert_null(actor_heard(&proxy, STREAM_DATA));
	grant(1, 1, 5);
	expect_answer(1, "llo");
	expect_whole(1);
	tls_client_end(&world);
}

static void
an_echoed_secret_is_masked_across_reads(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	s.authorization[1].slot = SPAN("v5_SEEN");
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(
	    &world, head_of("GET /repos/x", "authorization: Bearer visible-secret\r\naccept-encoding: identity\r\n"));
	world_say(&world, "HTTP/1.1 200 OK\r\nContent-Length: 24\r\nX-Echo: =visible-secret=\r\n\r\nfirst visib");
	expect_head(1, 200, "X-Echo", "=**************=");
	expect_answer(1, "first ");
	world_say(&world, "le-secret end");
	expect_answer(1, "************** end");
	expect_whole(1);
	tls_client_end(&world);
}

static void
an_upgrade_carries_bytes_and_filled_messages(void **unused)
{
	struct msg_piece pieces[] = {{.literal = SPAN("key ")}, {.slot = SPAN("v5_TOK"), .place = 7}};
	struct msg message = {
	    .id = ROUTE_PIECES, .route_pieces = {.stream = 1, .pieces = pieces, .pieces_n = 2, .last = true}};
	struct request_script s;
	struct tls_client world;
	char head[7], text[64];
	struct heard *heard;

	(void)unused;
	request_begin(&s, 1, port);
	request_field(&s, "sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
	request_field(&s, "sec-websocket-version", "13");
	s.msg.route_open.upgrade = true;
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x",
				 BEARER "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
					"sec-websocket-version: 13\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"));
	world_say(&world, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
			  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nraw");
	heard = actor_hear(&proxy, ROUTE_HEAD);
	assert_true(heard->msg.route_head.upgraded);
	heard_free(heard);
	expect_answer(1, "raw");
	heard_free(actor_hear(&proxy, STREAM_GRANT));
	tell(proxy.peer, &message);
	world_read(&world, head, 6); /* a masked text frame: key 4, then 4 + the secret */
	assert_int_equal((unsigned char)head[0], 0x81);
	assert_int_equal((unsigned char)head[1], 0x80 | (4 + sizeof(CANARY) - 1));
	world_read(&world, text, 4 + sizeof(CANARY) - 1);
	for (size_t i = 0; i < 4 + sizeof(CANARY) - 1; i++)
		text[i] ^= head[2 + i % 4];
	text[4 + sizeof(CANARY) - 1] = 0;
	assert_string_equal(text, "key " CANARY);
	pieces[1].slot = SPAN("v5_OTHER");
	tell(proxy.peer, &message);
	heard = actor_hear(&proxy, ROUTE_END);
	assert_true(span_is(heard->msg.route_end.code, "credential_endpoint_mismatch"));
	heard_free(heard);
	tls_client_end(&world);
}

/* Messages with slots come without credit: a server that does not read must not fill the router's memory. */
static void
messages_that_are_not_read_are_not_heaped_up(void **unused)
{
	static char filling[65536];
	struct msg_piece pieces[17];
	struct msg message = {.id = ROUTE_PIECES,
	    .route_pieces = {.stream = 1, .pieces = pieces, .pieces_n = COUNT(pieces), .last = true}};
	struct request_script s;
	struct tls_client world;
	struct heard *heard;

	(void)unused;
	memset(filling, 'x', sizeof(filling));
	for (size_t i = 0; i < COUNT(pieces); i++)
		pieces[i] = (struct msg_piece){.literal = span_of_bytes(filling, sizeof(filling))};
	pieces[0] = (struct msg_piece){.slot = SPAN("v5_TOK"), .place = 7};
	request_begin(&s, 1, port);
	s.msg.route_open.upgrade = true;
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER "connection: Upgrade\r\nupgrade: websocket\r\n"));
	world_say(&world, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	heard_free(actor_hear(&proxy, ROUTE_HEAD));
	heard_free(actor_hear(&proxy, STREAM_GRANT));
	for (uint64_t other = 2;; other++) { /* four MiB, then one that is refused at once: it has read them */
		assert_true(other < 12);     /* 40 MiB: more than sockets and the bound hold */
		for (size_t i = 0; i < 4; i++)
			tell(proxy.peer, &message);
		request_begin(&s, other, port);
		s.msg.route_open.method = SPAN("CONNECT");
		request_send(&s);
		heard = actor_hear(&proxy, ROUTE_END);
		if (heard->msg.route_end.stream == 1)
			break;
		heard_free(heard);
	}
	assert_true(span_is(heard->msg.route_end.code, "upstream_broken"));
	assert_true(span_starts(heard->msg.route_end.reason, SPAN("the server does not read")));
	heard_free(heard);
	tls_client_end(&world);
}

/* ---- what is refused ---- */

static void
no_binding_no_secret(void **unused)
{
	struct request_script s;

	(void)unused;
	request_begin(&s, 1, port);
	s.path[0].literal = SPAN("/elsewhere/x");
	request_send(&s);
	expect_refusal(1, "credential_endpoint_mismatch");
	request_begin(&s, 2, port);
	s.msg.route_open.host = SPAN("evil.example");
	request_send(&s);
	expect_refusal(2, "credential_endpoint_mismatch");
	request_begin(&s, 3, (uint16_t)(port ^ 1));
	request_send(&s);
	expect_refusal(3, "credential_endpoint_mismatch");
	request_begin(&s, 4, port);
	s.authorization[1].slot = SPAN("v5_OTHER"); /* of other.test */
	request_send(&s);
	expect_refusal(4, "credential_endpoint_mismatch");
	request_begin(&s, 5, port);
	s.query[0].literal = SPAN("k="); /* one in its reach, one not */
	s.query[1] = (struct msg_piece){.slot = SPAN("v5_OTHER"), .place = 3};
	s.msg.route_open.query_n = 2;
	s.msg.route_open.has_query = true;
	request_send(&s);
	expect_refusal(5, "credential_endpoint_mismatch");
}

static void
unknown_expired_or_foreign_slots_are_refused(void **unused)
{
	static const struct {
		const char *slot, *code;
	} cases[] = {
	    {"v9_TOK", "credential_unavailable"}, {"TOK", "credential_unavailable"}, /* a name is no token */
	    {"openai", "credential_unavailable"},				     /* nor is a backend's */
	    {"v5_OLD", "credential_expired"}, {"v5_LINE", "credential_unsafe"},	     /* holds a line break */
	};
	struct request_script s;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		request_begin(&s, i + 1, port);
		s.authorization[1].slot = span_of_text(cases[i].slot);
		request_send(&s);
		expect_refusal(i + 1, cases[i].code);
	}
}

/* It may name a secret that is bound there, and where it is to stand: not where that is nobody's business. */
static void
a_hostile_proxy_cannot_put_a_secret_elsewhere(void **unused)
{
	struct span token = SPAN("v6_KEY");
	struct msg_binding here = {SPAN("up.test"), port, SPAN_NONE};
	struct msg_secret_entry key = {.slot = SPAN("KEY"),
	    .tokens = &token,
	    .tokens_n = 1,
	    .value = SPAN("narrow"),
	    .bindings = &here,
	    .bindings_n = 1,
	    .places = SECRET_IN_FIELD | SECRET_IN_BASIC,
	    .field = SPAN("x-api-key")};
	struct msg_piece body[] = {
	    {.literal = SPAN("{\"text\":\"")}, {.slot = token, .place = 5}, {.literal = SPAN("\"}")}};
	struct msg pieces = {
	    .id = ROUTE_PIECES, .route_pieces = {.stream = 5, .pieces = body, .pieces_n = 3, .last = true}};
	struct request_script s;
	struct tls_client world;
	struct push push;

	(void)unused;
	push_make(&push, 6, 0, 1, &key, 1);
	push_send(&push);
	assert_int_equal(slots_hear(6), 1);
	expect_applied(6, true, NULL);
#define PUT(number, ...)                                                                                               \
	do {                                                                                                           \
		request_begin(&s, number, port);                                                                       \
		s.authorization[1] = (struct msg_piece){.literal = SPAN("none")};                                      \
		__VA_ARGS__;                                                                                           \
		request_send(&s);                                                                                      \
	} while (0)
	PUT(1, request_field(&s, "user-agent", "");
	    s.fields[s.msg.route_open.fields_n - 1].value = &(struct msg_piece){.slot = token, .place = 1};
	    s.fields[s.msg.route_open.fields_n - 1].value_n = 1);
	expect_refusal(1, "credential_unsafe");
	PUT(2, s.path[1] = (struct msg_piece){.slot = token, .place = 4}; s.msg.route_open.path_n = 2);
	expect_refusal(2, "credential_unsafe");
	PUT(3, s.query[0].literal = SPAN("q="); s.query[1] = (struct msg_piece){.slot = token, .place = 3};
	    s.msg.route_open.query_n = 2; s.msg.route_open.has_query = true);
	expect_refusal(3, "credential_unsafe");
	PUT(4, s.msg.route_open.sign_service = SPAN("s3"); s.msg.route_open.payload_hash = SPAN("UNSIGNED-PAYLOAD"));
	expect_refusal(4, "credential_unavailable");
	PUT(5, s.msg.route_open.method = SPAN("POST"); s.msg.route_open.body = 3);
	tell(proxy.peer, &pieces);
	expect_refusal(5, "credential_unsafe");
	PUT(6, s.authorization[1] = (struct msg_piece){.slot = token, .place = 1});
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", "authorization: Bearer narrow\r\n"));
	ok(&world, 6);
	tls_client_end(&world);
#undef PUT
}

static void
a_hostile_proxy_cannot_smuggle(void **unused)
{
	struct request_script s;
	uint64_t stream = 0;

	(void)unused;
#define REFUSED(...)                                                                                                   \
	do {                                                                                                           \
		request_begin(&s, ++stream, port);                                                                     \
		__VA_ARGS__;                                                                                           \
		request_send(&s);                                                                                      \
		expect_refusal(stream, "credential_unsafe");                                                           \
	} while (0)
	REFUSED(request_field(&s, "x-a", "b\r\ncontent-length: 100"));
	REFUSED(request_field(&s, "x-a\r\nx-b", "c"));
	REFUSED(request_field(&s, "X-Upper", "c"));
	REFUSED(request_field(&s, "host", "evil.example"));
	REFUSED(request_field(&s, "content-length", "3"));
	REFUSED(request_field(&s, "transfer-encoding", "chunked"));
	REFUSED(request_field(&s, "connection", "close"));
	REFUSED(request_field(&s, "upgrade", "h2c"));
	REFUSED(request_field(&s, "te", "gzip"));
	REFUSED(request_field(&s, "sec-websocket-key", "without an upgrade"));
	REFUSED(s.msg.route_open.method = SPAN("GET /x HTTP/1.1\r\n"));
	REFUSED(s.msg.route_open.method = SPAN("CONNECT"));
	REFUSED(s.msg.route_open.method = SPAN("TRACE")); /* the answer would be the request */
	REFUSED(request_field(&s, "x-original-url", "/admin"));
	REFUSED(s.path[0].literal = SPAN("/repos/../admin"));
	REFUSED(s.path[0].literal = SPAN("/repos/x HTTP/1.1\r\na: b"));
	REFUSED(s.path[0].literal = SPAN("/repos/x?y"));
	REFUSED(s.path[0].literal = SPAN("/repos//x"));
	REFUSED(s.path[0].literal = SPAN("/repos/%2e%2e/x"));
	REFUSED(s.query[0].literal = SPAN("a=b c"); s.msg.route_open.query_n = 1; s.msg.route_open.has_query = true);
	REFUSED(s.query[0].literal = SPAN("a=b"); s.msg.route_open.query_n = 1);
	REFUSED(s.query[0] = (struct msg_piece){.slot = SPAN("v5_TOK"), .place = 3}; s.msg.route_open.query_n = 1;
		s.msg.route_open.has_query = true);
	REFUSED(s.authorization[1].place = 4); /* a path's rules in a header */
	REFUSED(s.authorization[1].place = 7);
	REFUSED(s.authorization[1].place = 0);
	REFUSED(s.authorization[1].literal = SPAN("both"));
	REFUSED(s.msg.route_open.tls = false);
	REFUSED(s.msg.route_open.addresses_n = 0);
	REFUSED(s.addresses[0] = SPAN("up.test"));
	REFUSED(s.msg.route_open.host = SPAN("up.test/x"));
	REFUSED(s.path[0].literal = SPAN("/repos/");
		s.path[1] = (struct msg_piece){.slot = SPAN("v5_DOTS"), .place = 4}; s.msg.route_open.path_n = 2);
	REFUSED(s.msg.route_open.fields_n = 0); /* no slot: none of the router's */
#undef REFUSED
}

static void
a_backend_has_its_own_key_and_no_other(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	s.msg.route_open.backend = SPAN("openai");
	request_send(&s); /* with the agent's token */
	expect_refusal(1, "credential_unavailable");
	request_begin(&s, 2, port);
	s.msg.route_open.backend = SPAN("v5_TOK");
	s.authorization[1].slot = SPAN("v5_TOK");
	request_send(&s);
	expect_refusal(2, "credential_unavailable");
	request_begin(&s, 3, port);
	s.msg.route_open.backend = SPAN("openai");
	s.authorization[1].slot = SPAN("openai");
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", "authorization: Bearer backend-key\r\n"));
	ok(&world, 3);
	tls_client_end(&world);
}

static void
another_certificate_gets_nothing(void **unused)
{
	struct request_script s;
	struct tls_client world;

	(void)unused;
	request_begin(&s, 1, port);
	request_send(&s);
	world_accept(listener, &world, "other.test");
	expect_refusal(1, "upstream_certificate");
	tls_client_end(&world);
}

static void
nobody_there(void **unused)
{
	struct request_script s;

	(void)unused;
	close(listener);
	request_begin(&s, 1, port);
	request_send(&s);
	expect_refusal(1, "upstream_unreachable");
	listener = world_listen(&port);
}

static void
a_late_head_is_a_timeout(void **unused)
{
	struct request_script s;

	(void)unused;
	request_begin(&s, 1, port);
	s.msg.route_open.head_ms = 30;
	request_send(&s); /* the server takes the connection, and no more */
	expect_refusal(1, "timeout");
}

static void
broken_answers_end_the_request(void **unused)
{
	static const char *const answers[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
	    "SSH-2.0-x\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
	};
	struct request_script s;
	struct tls_client world;

	(void)unused;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		request_begin(&s, i + 1, port);
		request_send(&s);
		world_accept(listener, &world, "up.test");
		world_expect(&world, head_of("GET /repos/x", BEARER));
		world_say(&world, answers[i]);
		expect_refusal(i + 1, "upstream_broken");
		close(world.fd);
		tls_client_end(&world);
	}
}

static void
an_answer_that_is_cut_is_not_whole(void **unused)
{
	struct request_script s;
	struct tls_client world;
	struct heard *end;

	(void)unused;
	request_begin(&s, 1, port);
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER));
	world_say(&world, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "hello");
	close(world.fd);
	end = actor_hear(&proxy, ROUTE_END);
	assert_true(span_is(end->msg.route_end.code, "upstream_broken"));
	assert_true(end->msg.route_end.begun);
	heard_free(end);
	tls_client_end(&world);
}

static void
a_body_must_keep_its_length(void **unused)
{
	struct request_script s;
	struct heard *end;

	(void)unused;
	for (uint64_t stream = 1; stream <= 2; stream++) {
		request_begin(&s, stream, port);
		s.msg.route_open.method = SPAN("PUT");
		s.msg.route_open.body = 1;
		s.msg.route_open.length = 3 * stream; /* one byte less, two more than come */
		request_send(&s);
		send_body(stream, "data");
		end = actor_hear(&proxy, ROUTE_END);
		assert_true(span_is(end->msg.route_end.code, "upstream_broken"));
		heard_free(end);
	}
}

static void
too_many_requests_are_said_to_be(void **unused)
{
	struct request_script s;
	struct heard *end = NULL;

	(void)unused;
	for (uint64_t stream = 1; stream <= 1025; stream++) {
		request_begin(&s, stream, port);
		s.msg.route_open.body = 3; /* gathers for ever */
		tell(proxy.peer, &s.msg);
	}
	end = actor_hear(&proxy, ROUTE_END);
	assert_int_equal(end->msg.route_end.stream, 1025);
	assert_true(span_is(end->msg.route_end.code, "busy"));
	heard_free(end);
}

static void
after_a_change_the_old_token_is_gone(void **unused)
{
	struct request_script s;
	struct push push;

	(void)unused;
	push_make(&push, 6, 0, 1, NULL, 0);
	push_send(&push);
	assert_int_equal(slots_hear(6), 0);
	expect_applied(6, true, NULL);
	request_begin(&s, 1, port);
	request_send(&s);
	expect_refusal(1, "credential_unavailable");
}

/* Filled in under the old secrets, its body held back: what is detached meanwhile is not sent. */
static void
after_a_change_what_has_not_gone_stays(void **unused)
{
	struct msg_piece piece = {.literal = SPAN("body")};
	struct msg last = {
	    .id = ROUTE_PIECES, .route_pieces = {.stream = 1, .pieces = &piece, .pieces_n = 1, .last = true}};
	struct request_script s;
	struct push push;

	(void)unused;
	request_begin(&s, 1, port);
	s.msg.route_open.method = SPAN("POST");
	s.msg.route_open.body = 3;
	request_send(&s);
	push_make(&push, 6, 0, 1, NULL, 0);
	push_send(&push);
	expect_refusal(1, "credential_unavailable");
	tell(proxy.peer, &last);
	assert_int_equal(slots_hear(6), 0);
	expect_applied(6, true, NULL);
}

static void
a_proxy_that_is_gone_leaves_nothing_open(void **unused)
{
	struct request_script s;
	struct tls_client world;
	char byte;

	(void)unused;
	request_begin(&s, 1, port);
	request_send(&s);
	world_accept(listener, &world, "up.test");
	world_expect(&world, head_of("GET /repos/x", BEARER));
	proxy_give(); /* a new one: the old channel is cut */
	assert_int_equal(slots_hear(5), 7);
	until_readable(world.fd);
	assert_true(recv(world.fd, &byte, 1, 0) >= 0);
	tls_client_end(&world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, with_secrets, without)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_header_is_filled_and_the_answer_comes_back),
	    TEST(a_connection_is_kept_for_the_next),
	    TEST(a_kept_connection_that_ended_is_not_used),
	    TEST(a_kept_connection_to_another_address_is_not_used),
	    TEST(bytes_that_were_not_announced_end_the_request),
	    TEST(path_query_and_basic_are_encoded),
	    TEST(a_body_of_pieces_is_filled_and_measured),
	    TEST(bodies_with_and_without_length_are_framed_here),
	    TEST(trailers_go_behind_the_last_chunk),
	    TEST(trailers_that_may_not_be_are_refused),
	    TEST(chunks_interim_answers_and_trailers_come_through),
	    TEST(an_answer_waits_for_credit),
	    TEST(an_echoed_secret_is_masked_across_reads),
	    TEST(an_upgrade_carries_bytes_and_filled_messages),
	    TEST(messages_that_are_not_read_are_not_heaped_up),
	    TEST(no_binding_no_secret),
	    TEST(unknown_expired_or_foreign_slots_are_refused),
	    TEST(a_hostile_proxy_cannot_put_a_secret_elsewhere),
	    TEST(a_hostile_proxy_cannot_smuggle),
	    TEST(a_backend_has_its_own_key_and_no_other),
	    TEST(another_certificate_gets_nothing),
	    TEST(nobody_there),
	    TEST(a_late_head_is_a_timeout),
	    TEST(broken_answers_end_the_request),
	    TEST(an_answer_that_is_cut_is_not_whole),
	    TEST(a_body_must_keep_its_length),
	    TEST(too_many_requests_are_said_to_be),
	    TEST(after_a_change_the_old_token_is_gone),
	    TEST(after_a_change_what_has_not_gone_stays),
	    TEST(a_proxy_that_is_gone_leaves_nothing_open),
	};

	return stage_begin(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
