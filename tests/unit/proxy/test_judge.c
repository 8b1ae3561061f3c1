/* Judging requests: what one turn asks travels together, answers find their askers, and silence is a refusal. */
#include "tests/unit/test.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "sandbox/proxy/judge.h"
#include "sandbox/proxy/proxy.h"

#define MANY 40

static struct loop *loop;
static struct proxy proxy;
static struct connection connection;
static struct bus policyd;
static struct peer *proxy_peer; /* as policyd sees it */
static struct why why;

/* What policyd heard, and how it answers. */
static size_t messages, questions_n[8];
static enum { ANSWER, CONFUSE, ERROR, SILENT } manner;
static char first_path[64];
static bool refused_as_too_large;

static enum err
judged(void *self, struct msg *m, struct msg *answer, struct why *said)
{
	const struct msg_requests_judge *in = &m->requests_judge;
	struct msg_verdict *verdicts = arena_array(m->arena, in->questions_n, sizeof(*verdicts));

	(void)self;
	questions_n[messages++ % 8] = in->questions_n;
	span_copy(in->questions[0].path, first_path, sizeof(first_path));
	refused_as_too_large = in->questions[0].refusal.length > 0;
	if (manner == ERROR)
		return fail(said, ERR_INTERNAL, "confused");
	if (manner == SILENT) {
		struct reply reply = reply_later(m);

		peer_unref(reply.peer);
		return OK;
	}
	for (size_t i = 0; i < in->questions_n; i++)
		verdicts[i] = (struct msg_verdict){
		    .request = in->questions[i].request + (manner == CONFUSE && i == 1), .what = i % 2 == 0 ? 1 : 3};
	answer->id = REQUESTS_JUDGED;
	answer->requests_judged.verdicts = verdicts;
	answer->requests_judged.verdicts_n = in->questions_n;
	return OK;
}

static const struct route routes[] = {{REQUESTS_JUDGE, judged, 0, 0}, {0}};

static void
gone(void *self, struct peer *peer, const struct why *said)
{
	(void)self, (void)said;
	if (peer != proxy.policyd)
		return;
	proxy.policyd = NULL;
	peer_unref(peer);
}

static int
setup(void **unused)
{
	int ours, theirs;

	(void)unused;
	messages = 0;
	manner = ANSWER;
	assert_int_equal(loop_new(&loop, &why), OK);
	proxy = (struct proxy){.loop = loop,
	    .bus = {.loop = loop, .role = ROLE_PROXY, .name = "proxy", .routes = routes + 1, .peer_down = gone}};
	policyd = (struct bus){.loop = loop, .role = ROLE_POLICYD, .name = "policyd", .routes = routes};
	bus_init(&proxy.bus);
	bus_init(&policyd);
	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	assert_int_equal(channel_open(&proxy.bus, ROLE_POLICYD, "policyd", ours, &proxy.policyd, &why), OK);
	assert_int_equal(channel_open(&policyd, ROLE_PROXY, "proxy", theirs, &proxy_peer, &why), OK);
	peer_ref(proxy.policyd);
	proxy.judge = judge_new(&proxy);
	connection = (struct connection){.proxy = &proxy, .number = 7};
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	peer_unref(proxy.policyd);
	proxy.policyd = NULL;
	bus_done(&proxy.bus);
	bus_done(&policyd);
	judge_free(proxy.judge);
	loop_free(loop);
	return 0;
}

struct asked {
	int n;
	enum err r;
	unsigned what;
};

static void
told(void *self, enum err r, const struct msg_verdict *verdict, const struct why *said)
{
	struct asked *asked = self;

	(void)said;
	asked->n++;
	asked->r = r;
	asked->what = r == OK ? verdict->what : 0;
}

static uint64_t
ask(struct asked *asked, const char *path)
{
	struct msg_question question = {.kind = 1, .method = SPAN("GET"), .path = span_of_text(path)};

	*asked = (struct asked){0};
	return judge_request(&connection, &question, told, asked);
}

static void
until(struct asked *asked)
{
	while (asked->n == 0)
		assert_int_equal(loop_turn(loop, 10000, &why), OK);
}

static void
one_turn_is_one_message(void **unused)
{
	struct asked asked[MANY];

	(void)unused;
	for (int i = 0; i < MANY; i++)
		assert_int_not_equal(ask(&asked[i], i == 0 ? "/first" : "/x"), 0);
	assert_int_equal(asked[0].n, 0); /* never from inside the call */
	until(&asked[MANY - 1]);
	assert_int_equal(messages, 2);
	assert_int_equal(questions_n[0], 32); /* as many as one carries */
	assert_int_equal(questions_n[1], MANY - 32);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(asked[i].n, 1);
		assert_int_equal(asked[i].what, i % 2 == 0 ? 1 : 3);
	}
}

static void
one_that_was_cancelled_hears_nothing(void **unused)
{
	struct asked a, b;
	uint64_t number = ask(&a, "/a");

	(void)unused;
	ask(&b, "/b");
	judge_cancel(&proxy, number);
	judge_cancel(&proxy, number);
	until(&b);
	assert_int_equal(a.n, 0);
	assert_int_equal(b.what, 3); /* its own, the second */
}

static void
an_answer_about_another_request_is_none(void **unused)
{
	struct asked a, b, c;

	(void)unused;
	manner = CONFUSE;
	ask(&a, "/a");
	ask(&b, "/b");
	ask(&c, "/c");
	until(&c);
	assert_int_equal(a.r, OK);
	assert_int_equal(b.r, ERR_PROTOCOL);
	assert_int_equal(c.r, OK);
}

static void
an_error_and_an_absence_are_no_verdict(void **unused)
{
	struct asked a;

	(void)unused;
	manner = ERROR;
	ask(&a, "/a");
	until(&a);
	assert_int_equal(a.r, ERR_UNAVAILABLE);
	manner = SILENT;
	ask(&a, "/a");
	while (messages < 2)
		assert_int_equal(loop_turn(loop, 1000, &why), OK);
	proxy_peer->transport->cut(proxy_peer); /* it dies with the question */
	until(&a);
	assert_int_equal(a.r, ERR_UNAVAILABLE);
	assert_null(proxy.policyd);
	ask(&a, "/a"); /* nobody is there */
	assert_int_equal(a.n, 0);
	until(&a);
	assert_int_equal(a.r, ERR_UNAVAILABLE);
}

static void
large_questions_travel_in_messages_that_fit(void **unused)
{
	static char query[16384];
	struct asked asked[64];
	size_t all = 0;

	(void)unused;
	memset(query, 'q', sizeof(query));
	for (int i = 0; i < 64; i++) {
		struct msg_question question = {
		    .kind = 1, .method = SPAN("GET"), .path = SPAN("/"), .query = span_of_bytes(query, sizeof(query))};

		asked[i] = (struct asked){0};
		judge_request(&connection, &question, told, &asked[i]);
	}
	until(&asked[63]);
	for (size_t i = 0; i < messages; i++)
		all += questions_n[i];
	assert_int_equal(all, 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(asked[i].r, OK);
}

static void
a_question_is_copied(void **unused)
{
	char path[] = "/original";
	struct asked a;

	(void)unused;
	ask(&a, path);
	memcpy(path, "/changed!", 9);
	until(&a);
	assert_string_equal(first_path, "/original");
	assert_false(refused_as_too_large);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(one_turn_is_one_message),
	    TEST(one_that_was_cancelled_hears_nothing),
	    TEST(an_answer_about_another_request_is_none),
	    TEST(an_error_and_an_absence_are_no_verdict),
	    TEST(large_questions_travel_in_messages_that_fit),
	    TEST(a_question_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
