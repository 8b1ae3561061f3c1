/* router: tokens that are had on demand, from a process that the test plays, and what a hostile one, proxy or upstream may try. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "tests/bus/router_stage.h"

static int listener;
static uint16_t port;
static struct actor granter;

/* One grant, for up.test; below /deep/ another audience. */
static void
grant_push(uint64_t revision, bool granted)
{
	struct span scopes[] = {SPAN("read"), SPAN("write")}, token = SPAN("v1_OTHER");
	struct msg_token_scope deep = {.host = SPAN("*.test"), .path = SPAN("/deep/**"), .audience = SPAN("deep")};
	struct msg_token_grant in = {.url = SPAN("https://login.test/token"),
	    .field = SPAN("authorization"),
	    .bearer = true,
	    .svid_audience = SPAN("login"),
	    .assertion_type = SPAN("jwt"),
	    .audience = SPAN("forge"),
	    .scopes = scopes,
	    .scopes_n = 2,
	    .overrides = &deep,
	    .overrides_n = 1};
	struct msg_binding here = {SPAN("up.test"), port, SPAN_NONE};
	struct msg_secret_entry entries[] = {
	    {.slot = SPAN("OTHER"), .tokens = &token, .tokens_n = 1, .value = SPAN("x")},
	    {.slot = SPAN("grant:1"), .bindings = &here, .bindings_n = 1, .grant = &in, .grant_n = 1}};
	struct heard *heard;
	struct push push;

	push_make(&push, revision, 0, 1, entries, granted ? 2 : 1);
	push_send(&push);
	heard = actor_hear(&proxy, SLOTS);
	assert_int_equal(heard->msg.slots.grants_n, granted);
	if (granted)
		assert_true(span_is(heard->msg.slots.grants[0].host, "up.test") && heard->msg.slots.tokens_n == 1);
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
	expect_applied(revision, true, NULL);
}

static int
with_grant(void **unused)
{
	setup(unused);
	listener = world_listen(&port);
	actor_init(&granter, loop, ROLE_GRANT, "grant");
	grant_push(5, true);
	return 0;
}

static int
without(void **unused)
{
	actor_done(&granter);
	close(listener);
	return teardown(unused);
}

/* A request with no credential of the agent's. */
static void
request(uint64_t stream, const char *path)
{
	struct request_script s;

	request_begin(&s, stream, port);
	s.path[0].literal = span_of_text(path);
	s.msg.route_open.fields_n = 0;
	request_send(&s);
}

/* The supervisor is asked for a process, which is then asked for the token. */
static struct heard *
asked(void)
{
	struct heard *heard = actor_hear(&supervisor, GRANT_START);
	struct peer *peer;
	int ours, theirs;
	struct why why;

	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	assert_int_equal(channel_open(&granter.bus, ROLE_ROUTER, "router", ours, &peer, &why), OK);
	reply_send(&heard->reply, &(struct msg){.id = GRANT_STARTED, .fds = {theirs}, .fds_n = 1});
	close(theirs);
	heard_free(heard);
	return actor_hear(&granter, GRANT_FETCH);
}

static void
answer(struct heard *heard, const char *token)
{
	reply_send(&heard->reply, &(struct msg){.id = GRANT_TOKEN, .grant_token = {span_of_text(token), 3600}});
	heard_free(heard);
}

static void
served(struct tls_client *world, uint64_t stream, const char *path, const char *token)
{
	char text[256];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nhost: up.test:%u\r\nauthorization: Bearer %s\r\n\r\n", path,
	    port, token);
	world_expect(world, text);
	world_say(world, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	expect_head(stream, 200, NULL, NULL);
	expect_answer(stream, "hello");
	expect_whole(stream);
}

/* ---- as it should be ---- */

static void
a_token_is_had_once_and_put_into_requests(void **unused)
{
	struct request_script s;
	struct tls_client world;
	struct heard *heard;

	(void)unused;
	request(1, "/x");
	heard = asked();
	assert_true(span_is(heard->msg.grant_fetch.audience, "forge") &&
		    span_is(heard->msg.grant_fetch.svid_audience, "login"));
	assert_true(
	    heard->msg.grant_fetch.scopes_n == 2 && span_is(heard->msg.grant_fetch.url, "https://login.test/token"));
	answer(heard, "t-1");
	world_accept(listener, &world, "up.test");
	served(&world, 1, "/x", "t-1");
	request_begin(&s, 2, port); /* what the agent wrote there is replaced, whatever it was */
	s.path[0].literal = SPAN("/y");
	s.authorization[1] = (struct msg_piece){.slot = SPAN("v9_UNKNOWN"), .place = 1};
	request_send(&s);
	served(&world, 2, "/y", "t-1");
	assert_null(actor_heard(&supervisor, GRANT_START));
	tls_client_end(&world);
}

static void
those_that_wait_are_served_by_one_token(void **unused)
{
	struct tls_client one, two;

	(void)unused;
	request(1, "/x");
	request(2, "/x");
	answer(asked(), "t-1");
	world_accept(listener, &one, "up.test");
	world_accept(listener, &two, "up.test");
	assert_null(actor_heard(&supervisor, GRANT_START));
	tls_client_end(&one);
	tls_client_end(&two);
}

static void
where_another_audience_is_wanted_it_is_another_token(void **unused)
{
	struct tls_client world;
	struct heard *heard;

	(void)unused;
	request(1, "/x");
	answer(asked(), "t-1");
	world_accept(listener, &world, "up.test");
	served(&world, 1, "/x", "t-1");
	request(2, "/deep/x");
	heard = asked();
	assert_true(span_is(heard->msg.grant_fetch.audience, "deep") && heard->msg.grant_fetch.scopes_n == 2);
	answer(heard, "t-2");
	served(&world, 2, "/deep/x", "t-2");
	tls_client_end(&world);
}

/* ---- without a token ---- */

static void
what_is_no_token_is_sent_nowhere(void **unused)
{
	static const char *const tokens[] = {"two words", "a\r\nhost: evil.test", "a=b", "\xc3\xa9", "="};

	(void)unused;
	for (size_t i = 0; i < COUNT(tokens); i++) {
		request(2 * i + 1, "/x");
		answer(asked(), tokens[i]);
		expect_refusal(2 * i + 1, "token_grant_failed");
		request(2 * i + 2, "/x"); /* not asked for again at once */
		expect_refusal(2 * i + 2, "token_grant_failed");
		assert_null(actor_heard(&supervisor, GRANT_START));
		grant_push(6 + i, true);
	}
}

static void
a_process_that_fails_fails_the_request(void **unused)
{
	struct why why = {"the token server answered 401 invalid_client"};
	struct heard *heard;

	(void)unused;
	request(1, "/x"); /* it says why not */
	heard = asked();
	reply_fail(&heard->reply, ERR_DENIED, &why);
	heard_free(heard);
	expect_refusal(1, "token_grant_failed");
	grant_push(6, true);
	request(2, "/x"); /* it says something else */
	heard = asked();
	reply_send(&heard->reply, &(struct msg){.id = DONE});
	heard_free(heard);
	expect_refusal(2, "token_grant_failed");
	grant_push(7, true);
	request(3, "/x"); /* it dies */
	heard = asked();
	heard->reply.peer->transport->cut(heard->reply.peer);
	expect_refusal(3, "token_grant_failed");
	heard_free(heard);
	grant_push(8, true);
	request(4, "/x"); /* it cannot be started */
	actor_refuse(&supervisor, GRANT_START, ERR_STATE, "there is no Workload API");
	expect_refusal(4, "token_grant_failed");
	grant_push(9, true);
	request(5, "/x"); /* there is no channel to it */
	actor_answer(&supervisor, GRANT_START, &(struct msg){.id = GRANT_STARTED});
	expect_refusal(5, "token_grant_failed");
}

static void
new_secrets_take_a_grant_away_from_what_waits(void **unused)
{
	struct heard *heard;

	(void)unused;
	request(1, "/x");
	heard = asked();
	grant_push(6, false);
	expect_refusal(1, "credential_unavailable");
	answer(heard, "t-1"); /* nobody's any more */
	request(2, "/x");
	expect_refusal(2, "credential_unsafe");
}

static void
what_waits_is_asked_for_anew_with_new_secrets(void **unused)
{
	struct tls_client world;
	struct heard *before;

	(void)unused;
	request(1, "/x");
	before = asked();
	grant_push(6, true);
	answer(before, "old");
	answer(asked(), "new");
	world_accept(listener, &world, "up.test");
	served(&world, 1, "/x", "new");
	tls_client_end(&world);
}

static void
a_hostile_proxy_gets_no_token_elsewhere(void **unused)
{
	struct request_script s;

	(void)unused;
#define REFUSED(number, ...)                                                                                           \
	do {                                                                                                           \
		request_begin(&s, number, port);                                                                       \
		s.msg.route_open.fields_n = 0;                                                                         \
		__VA_ARGS__;                                                                                           \
		request_send(&s);                                                                                      \
		expect_refusal(number, "credential_unsafe");                                                           \
	} while (0)
	REFUSED(1, s.msg.route_open.host = SPAN("other.test"));
	REFUSED(2, s.msg.route_open.port = (uint16_t)(port ^ 1));
	REFUSED(3, s.msg.route_open.tls = false);
	REFUSED(4, s.msg.route_open.sign_service = SPAN("s3");
		s.msg.route_open.payload_hash = SPAN("UNSIGNED-PAYLOAD"));
	REFUSED(5, s.msg.route_open.method = SPAN("TRACE"));
#undef REFUSED
	request_begin(&s, 6, port); /* as if it were a backend */
	s.msg.route_open.backend = SPAN("grant:1");
	s.msg.route_open.fields_n = 0;
	request_send(&s);
	expect_refusal(6, "credential_unavailable");
	assert_null(actor_heard(&supervisor, GRANT_START));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, with_grant, without)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_token_is_had_once_and_put_into_requests),
	    TEST(those_that_wait_are_served_by_one_token),
	    TEST(where_another_audience_is_wanted_it_is_another_token),
	    TEST(what_is_no_token_is_sent_nowhere),
	    TEST(a_process_that_fails_fails_the_request),
	    TEST(new_secrets_take_a_grant_away_from_what_waits),
	    TEST(what_waits_is_asked_for_anew_with_new_secrets),
	    TEST(a_hostile_proxy_gets_no_token_elsewhere),
	};

	return stage_begin(argc, argv) ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
