/* router: upstream in HTTP/2, as gRPC needs it. */
#include "tests/unit/test.h"

#include <nghttp2/nghttp2.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/bus/router_h2_world.h"

static int listener;
static uint16_t port;
static struct h2_world world;

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
	h2_world_end(&world);
	close(listener);
	return teardown(unused);
}

static void
ask_h2(struct request_script *s, uint64_t stream)
{
	request_begin(s, stream, port);
	s->msg.route_open.h2 = true;
	request_send(s);
}

static void
a_request_is_filled_in_http2(void **unused)
{
	struct request_script s;

	(void)unused;
	ask_h2(&s, 1);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	assert_string_equal(world.asked[0].method, "GET");
	assert_string_equal(world.asked[0].path, "/repos/x");
	assert_string_equal(world.asked[0].authorization, "Bearer " CANARY);
	h2_world_answer(&world, 0, "hello", false);
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "hello");
	expect_whole(1);
}

static void
many_share_one_connection(void **unused)
{
	struct request_script s;

	(void)unused;
	for (uint64_t stream = 1; stream <= 3; stream++)
		ask_h2(&s, stream); /* the second and third wait to learn what the first one's connection speaks */
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 3);
	for (size_t i = 3; i-- > 0;) { /* the last first */
		h2_world_answer(&world, i, "x", false);
		expect_head(i + 1, 200, NULL, NULL);
		expect_answer(i + 1, "x");
		expect_whole(i + 1);
	}
}

static void
bodies_go_up_and_trailers_come_down(void **unused)
{
	const struct msg data = {.id = STREAM_DATA, .stream_data = {1, 0, 0, SPAN("abc")}};
	const struct msg end = {.id = STREAM_END, .stream_end = {1, 0, 3}};
	struct request_script s;
	struct heard *heard;

	(void)unused;
	request_begin(&s, 1, port);
	request_field(&s, "te", "trailers");
	request_field(&s, "content-type", "application/grpc");
	s.msg.route_open.method = SPAN("POST");
	s.msg.route_open.body = 2;
	s.msg.route_open.h2 = true;
	request_send(&s);
	heard_free(actor_hear(&proxy, STREAM_GRANT));
	h2_world_accept(listener, &world);
	tell(proxy.peer, &data);
	tell(proxy.peer, &end);
	h2_world_wait(&world, 1);
	assert_string_equal(world.asked[0].te, "trailers");
	assert_int_equal(world.asked[0].body_n, 3);
	h2_world_answer(&world, 0, "reply", true);
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "reply");
	heard = actor_hear(&proxy, ROUTE_END);
	assert_int_equal(heard->msg.route_end.trailers_n, 1);
	assert_true(span_is(heard->msg.route_end.trailers[0].name, "grpc-status"));
	heard_free(heard);
}

/* What a POST has behind its body, and one whose body is empty: in its last HEADERS. */
static void
trailers_go_up(void **unused)
{
	struct msg_plain_field field = {SPAN("x-sum"), SPAN("7")};

	(void)unused;
	for (uint64_t stream = 1; stream <= 3; stream++) {
		const struct msg data = {.id = STREAM_DATA, .stream_data = {stream, 0, 0, SPAN("abc")}};
		const struct msg trailers = {
		    .id = ROUTE_TRAILERS, .route_trailers = {.stream = stream, .trailers = &field, .trailers_n = 1}};
		const struct msg end = {.id = STREAM_END, .stream_end = {stream, 0, stream == 3 ? 0 : 3}};
		struct request_script s;
		size_t i = stream - 1;

		request_begin(&s, stream, port);
		s.msg.route_open.method = SPAN("POST");
		s.msg.route_open.body = stream == 2 ? 1 : 2;
		s.msg.route_open.length = stream == 2 ? 3 : 0;
		s.msg.route_open.h2 = true;
		request_send(&s);
		if (stream < 3)
			tell(proxy.peer, &data);
		tell(proxy.peer, &trailers);
		tell(proxy.peer, &end);
		if (stream == 1)
			h2_world_accept(listener, &world);
		h2_world_wait(&world, stream);
		assert_string_equal(world.asked[i].sum, "7");
		assert_true(world.asked[i].sum_behind);
		assert_int_equal(world.asked[i].body_n, stream == 3 ? 0 : 3);
		h2_world_answer(&world, i, "reply", false);
		expect_head(stream, 200, NULL, NULL);
		expect_answer(stream, "reply");
		expect_whole(stream);
	}
}

static void
an_answer_waits_for_credit(void **unused)
{
	static char text[40001];
	struct request_script s;
	size_t got = 0;

	(void)unused;
	memset(text, 'a', 40000);
	request_begin(&s, 1, port);
	s.msg.route_open.h2 = true;
	tell(proxy.peer, &s.msg);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	h2_world_answer(&world, 0, text, false);
	expect_head(1, 200, NULL, NULL);
	for (int i = 0; i < 20; i++)
		h2_world_turn(&world);
	assert_null(actor_heard(&proxy, STREAM_DATA));
	for (uint64_t limit = 10000; limit <= 40000; limit += 10000) {
		grant(1, 1, limit);
		while (got < limit) {
			struct heard *heard = actor_hear(&proxy, STREAM_DATA);

			got += heard->msg.stream_data.bytes.length;
			assert_true(got <= limit);
			heard_free(heard);
		}
	}
	expect_whole(1);
}

static void
a_reset_ends_the_request(void **unused)
{
	struct request_script s;

	(void)unused;
	ask_h2(&s, 1);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	h2_world_reset(&world, 0, NGHTTP2_INTERNAL_ERROR);
	expect_refusal(1, "upstream_broken");
}

static void
a_refused_stream_is_asked_again_elsewhere(void **unused)
{
	struct request_script s;

	(void)unused;
	ask_h2(&s, 1);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	nghttp2_submit_goaway(world.session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
	h2_world_reset(&world, 0, NGHTTP2_REFUSED_STREAM);
	h2_world_end(&world);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	h2_world_answer(&world, 0, "again", false);
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "again");
	expect_whole(1);
}

/* A POST is asked again where the server says that it has not begun with it, unless its body has gone. */
static void
a_post_that_was_not_begun_is_asked_again(void **unused)
{
	struct msg_piece body[] = {{.literal = SPAN("key=")}, {.slot = SPAN("v5_TOK"), .place = 6}};
	const struct msg pieces = {
	    .id = ROUTE_PIECES, .route_pieces = {.stream = 2, .pieces = body, .pieces_n = 2, .last = true}};
	struct request_script s;
	struct heard *heard;

	(void)unused;
	request_begin(&s, 1, port);
	s.msg.route_open.h2 = true;
	s.msg.route_open.method = SPAN("POST");
	request_send(&s);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	h2_world_reset(&world, 0, NGHTTP2_REFUSED_STREAM);
	h2_world_wait(&world, 2);
	assert_string_equal(world.asked[1].method, "POST");
	h2_world_answer(&world, 1, "again", false);
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "again");
	expect_whole(1);
	s.msg.route_open.stream = 2;
	s.msg.route_open.body = 3;
	request_send(&s);
	tell(proxy.peer, &pieces);
	h2_world_wait(&world, 3);
	h2_world_reset(&world, 2, NGHTTP2_REFUSED_STREAM);
	heard = actor_hear(&proxy, ROUTE_END);
	assert_true(span_is(heard->msg.route_end.code, "upstream_broken") && !heard->msg.route_end.begun);
	heard_free(heard);
}

static void
whoever_leaves_resets_its_stream_alone(void **unused)
{
	const struct msg close_ = {.id = ROUTE_CLOSE, .route_close = {1}};
	struct request_script s;

	(void)unused;
	ask_h2(&s, 1);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	tell(proxy.peer, &close_);
	ask_h2(&s, 2);
	h2_world_wait(&world, 2);
	h2_world_answer(&world, 1, "two", false);
	expect_head(2, 200, NULL, NULL);
	expect_answer(2, "two");
	expect_whole(2);
}

static void
a_connection_that_ends_ends_its_requests(void **unused)
{
	struct request_script s;

	(void)unused;
	ask_h2(&s, 1);
	ask_h2(&s, 2);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 2);
	close(world.tls.fd);
	world.tls.fd = -1;
	expect_refusal(1, "upstream_broken");
	expect_refusal(2, "upstream_broken");
}

/* A server that takes one request at a time, and answers it late: the next goes over a connection of its own. */
static void
the_servers_own_limit_holds(void **unused)
{
	static const nghttp2_settings_entry one = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1};
	static struct h2_world second;
	struct request_script s;

	(void)unused;
	ask_h2(&s, 1);
	h2_world_accept(listener, &world);
	h2_world_wait(&world, 1);
	assert_int_equal(nghttp2_submit_settings(world.session, NGHTTP2_FLAG_NONE, &one, 1), 0);
	for (uint64_t until = clock_ms() + PATIENCE_MS;
	     nghttp2_session_get_local_settings(world.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) != 1;) {
		assert_true(clock_ms() < until); /* that it has read them */
		h2_world_turn(&world);
	}
	ask_h2(&s, 2);
	h2_world_accept(listener, &second);
	h2_world_wait(&second, 1);
	h2_world_answer(&second, 0, "two", false);
	expect_head(2, 200, NULL, NULL);
	expect_answer(2, "two");
	expect_whole(2);
	h2_world_answer(&world, 0, "one", false);
	expect_head(1, 200, NULL, NULL);
	expect_answer(1, "one");
	expect_whole(1);
	h2_world_end(&second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, with_secrets, without)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_request_is_filled_in_http2),
	    TEST(many_share_one_connection),
	    TEST(bodies_go_up_and_trailers_come_down),
	    TEST(trailers_go_up),
	    TEST(an_answer_waits_for_credit),
	    TEST(a_reset_ends_the_request),
	    TEST(a_refused_stream_is_asked_again_elsewhere),
	    TEST(a_post_that_was_not_begun_is_asked_again),
	    TEST(whoever_leaves_resets_its_stream_alone),
	    TEST(a_connection_that_ends_ends_its_requests),
	    TEST(the_servers_own_limit_holds),
	};

	return stage_begin(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
