/* link: reports and log lines, until they are answered, and the channels of policyd and proxy. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/bus/channel.h"
#include "tests/bus/link_stage.h"

/* ---- reports and logs ---- */

static void
reports_are_told_until_answered(void **unused)
{
	struct heard *heard;

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	heard = actor_hear(&relay, SANDBOX_READY);
	assert_true(span_is(heard->msg.sandbox_ready.walls[0], "network=enforced"));
	heard_free(heard); /* never answered, and then the connection breaks */
	relay_cuts();
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	enrol();
	actor_refuse(&relay, SANDBOX_READY, ERR_UNAVAILABLE, "later");
	actor_answer(&relay, SANDBOX_READY, &done);
	actor_answer(&relay, MAIN_EXITED, &done); /* in this order */
	relay_cuts();
	enrol();
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	heard = actor_hear(&relay, MAIN_EXITED);
	assert_int_equal(heard->msg.main_exited.exit_code, 9);
	heard_free(heard);
	assert_null(actor_heard(&relay, SANDBOX_READY)); /* it is ready no more */
}

static struct msg
secrets_of(uint64_t revision, bool loaded)
{
	return (struct msg){.id = SECRETS_APPLIED,
	    .secrets_applied = {.sandbox = sandbox,
		.epoch = 2,
		.revision = revision,
		.loaded = loaded,
		.message = loaded ? SPAN_NONE : SPAN("no")}};
}

/* The answer to one is no answer to another that has come before it in order since (the first was lost so). */
static void
a_report_is_not_lost_beside_another_under_way(void **unused)
{
	struct msg secrets = secrets_of(1, true);
	struct heard *heard;

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &secrets), OK);
	heard = actor_hear(&relay, SECRETS_APPLIED);
	assert_int_equal(ask_now(supervisor.peer, &ready), OK);
	reply_send(&heard->reply, &done);
	heard_free(heard);
	actor_answer(&relay, SANDBOX_READY, &done);
	assert_null(actor_heard(&relay, SECRETS_APPLIED)); /* once was enough */
}

/* What is in use is said with each enrolment, so that nothing is pushed again. */
static void
secrets_go_up_and_down(void **unused)
{
	struct msg push = {.id = SECRETS_PUSH}, refused = secrets_of(6, false), loaded = secrets_of(5, true);
	char box[40] = "sealed";
	struct heard *heard;

	(void)unused;
	running();
	push.secrets_push = (struct msg_secrets_push){
	    .sandbox = sandbox, .epoch = 2, .revision = 5, .chunks = 1, .box = span_of_bytes(box, sizeof(box))};
	assert_int_equal(ask_now(relay.peer, &push), OK);
	heard = actor_hear(&supervisor, SECRETS_PUSH);
	assert_int_equal(heard->msg.secrets_push.revision, 5);
	heard_free(heard);
	push.secrets_push.epoch++;
	assert_int_equal(ask_now(relay.peer, &push), ERR_STATE);
	assert_int_equal(ask_now(supervisor.peer, &loaded), OK);
	actor_answer(&relay, SECRETS_APPLIED, &done);
	assert_int_equal(ask_now(supervisor.peer, &refused), OK);
	actor_answer(&relay, SECRETS_APPLIED, &done);
	relay_cuts();
	heard = actor_hear(&relay, ENROL);
	assert_int_equal(heard->msg.enrol.secrets_revision, 5);
	heard_free(heard);
}

static void
ready_is_told_again_on_each_connection(void **unused)
{
	(void)unused;
	running();
	tell(supervisor.peer, &ready);
	actor_answer(&relay, SANDBOX_READY, &done);
	relay_cuts();
	enrol();
	actor_answer(&relay, SANDBOX_READY, &done);
}

/* The answer to one of them: which it was. */
static void
expect_applied(uint64_t revision, bool loaded, bool answer)
{
	struct heard *heard = actor_hear(&relay, CONFIG_APPLIED);

	assert_int_equal(heard->msg.config_applied.config_revision, revision);
	assert_int_equal(heard->msg.config_applied.loaded, loaded);
	if (answer)
		reply_send(&heard->reply, &done);
	heard_free(heard);
}

/* What the relay has answered so far has come in. */
static void
settled(void)
{
	struct msg push = push_of(1, 2);

	assert_int_equal(ask_now(relay.peer, &push), OK);
}

/* Across broken connections, until it is answered; the last that was loaded, and the last that was refused. */
static void
what_was_applied_is_told_until_answered(void **unused)
{
	struct msg first = applied_of(2, NULL), second = applied_of(3, "no"), third = applied_of(4, NULL);

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &first), OK);
	expect_applied(2, true, false);
	relay_cuts();
	assert_int_equal(ask_now(supervisor.peer, &second), OK);
	enrol();
	actor_refuse(&relay, CONFIG_APPLIED, ERR_UNAVAILABLE, "the database is away");
	expect_applied(2, true, true);
	expect_applied(3, false, true);
	settled();
	relay_cuts();
	assert_int_equal(ask_now(supervisor.peer, &third), OK);
	enrol();
	expect_applied(4, true, true);
	settled();
	relay_cuts();
	enrol();
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	heard_free(actor_hear(&relay, MAIN_EXITED));
	assert_null(actor_heard(&relay, CONFIG_APPLIED)); /* told once and for all */
}

/* ---- helpers: policyd and the proxy ---- */

static void
helper_begin(struct actor *actor, enum role role, bool give)
{
	struct peer *peer;
	int ours, theirs;
	struct why why;
	struct msg m = {.id = CHANNEL_GIVE, .channel_give = {role}};

	memset(actor, 0, sizeof(*actor));
	actor_init(actor, loop, role, "helper");
	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	assert_int_equal(channel_open(&actor->bus, ROLE_LINK, "link", ours, &peer, &why), OK);
	m.fds[0] = theirs;
	m.fds_n = 1;
	if (give)
		assert_int_equal(ask_now(supervisor.peer, &m), OK);
	close(theirs);
}

static struct msg
event_line(const char *words, struct msg_log_line *line)
{
	static struct span fields[] = {{"action=denied", 13}, {"host=example.org", 16}};

	*line = (struct msg_log_line){.time_ms = 1,
	    .source = SPAN("sandbox"),
	    .level = SPAN("OCSF"),
	    .target = SPAN("proxy"),
	    .message = span_of_text(words),
	    .fields = fields,
	    .fields_n = COUNT(fields)};
	return (struct msg){.id = LOGS_ADD, .logs_add = {.sandbox = sandbox, .lines = line, .lines_n = 1}};
}

static void
expect_event(const char *words)
{
	struct heard *heard = actor_hear(&relay, LOGS_ADD);

	while (heard->msg.logs_add.lines_n == 0) { /* whether all is still there */
		reply_send(&heard->reply, &done);
		heard_free(heard);
		heard = actor_hear(&relay, LOGS_ADD);
	}
	assert_int_equal(heard->msg.logs_add.lines_n, 1);
	assert_true(span_is(heard->msg.logs_add.lines[0].message, words));
	assert_true(span_is(heard->msg.logs_add.lines[0].level, "OCSF"));
	assert_int_equal(heard->msg.logs_add.lines[0].fields_n, 2);
	assert_true(span_is(heard->msg.logs_add.lines[0].fields[1], "host=example.org"));
	reply_send(&heard->reply, &done);
	heard_free(heard);
}

static void
helpers_log_through_channels_of_their_own(void **unused)
{
	struct actor policyd, proxy, second;
	struct msg_log_line line;
	struct msg m = event_line("one", &line), none = {.id = CHANNEL_GIVE, .channel_give = {ROLE_PROXY}},
		   unknown = {.id = CHANNEL_GIVE, .channel_give = {ROLE_API}};

	(void)unused;
	running();
	assert_int_equal(ask_now(supervisor.peer, &none), ERR_PROTOCOL);
	assert_int_equal(ask_now(supervisor.peer, &unknown), ERR_INVALID);
	helper_begin(&policyd, ROLE_POLICYD, true);
	helper_begin(&proxy, ROLE_PROXY, true);
	assert_int_equal(ask_now(policyd.peer, &m), OK);
	expect_event("one");
	m = event_line("two", &line);
	assert_int_equal(ask_now(proxy.peer, &m), OK);
	expect_event("two");

	/* A second proxy: what the first has sent before its end is not lost, and then it is shut out. */
	m = event_line("three", &line);
	tell(proxy.peer, &m);
	helper_begin(&second, ROLE_PROXY, true);
	expect_event("three");
	m = event_line("four", &line);
	assert_int_equal(ask_now(second.peer, &m), OK);
	expect_event("four");
	actor_wait_down(&proxy, 1);

	actor_done(&second); /* its end is not the link's */
	m = event_line("five", &line);
	assert_int_equal(ask_now(policyd.peer, &m), OK);
	expect_event("five");
	actor_done(&policyd);
	actor_done(&proxy);
}

/* They may put lines on the spool and nothing else; who tries loses its channel, and the link goes on. */
static void
helpers_may_do_nothing_else(void **unused)
{
	struct msg setup_again = setup_message(false), report = applied_of(2, NULL), push = push_of(2, 2);
	const struct msg *cases[] = {&setup_again, &ready, &main_ended, &report, &push};

	(void)unused;
	running();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct actor proxy;

		helper_begin(&proxy, ROLE_PROXY, true);
		tell(proxy.peer, cases[i]);
		actor_wait_down(&proxy, 1);
		actor_done(&proxy);
	}
	assert_null(actor_heard(&relay, SANDBOX_READY));
	assert_null(actor_heard(&relay, CONFIG_APPLIED));
	assert_int_equal(ask_now(supervisor.peer, &main_ended), OK);
	heard_free(actor_hear(&relay, MAIN_EXITED));
}

static void
log_lines(size_t n, uint32_t first)
{
	struct msg_log_line lines[100];
	char text[100][16];
	struct msg m = {.id = LOGS_ADD, .logs_add = {.sandbox = sandbox, .lines = lines, .lines_n = n}};

	assert_true(n <= 100);
	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%u", first + (uint32_t)i);
		lines[i] = (struct msg_log_line){
		    .time_ms = 1, .source = SPAN("sandbox"), .level = SPAN("INFO"), .message = span_of_text(text[i])};
	}
	assert_int_equal(ask_now(supervisor.peer, &m), OK);
}

/* The next batch that the link sends: from this line on, numbered as it was written; answered with what is wanted next. */
static uint32_t
expect_lines(uint32_t from, uint64_t number, uint64_t since, uint64_t wanted)
{
	struct heard *heard = actor_hear(&relay, LOGS_ADD);
	const struct msg_logs_add *in = &heard->msg.logs_add;
	const struct msg answer = {.id = LOGS_ADDED, .logs_added = {wanted == 0 ? in->first + in->lines_n : wanted}};
	uint32_t n = (uint32_t)in->lines_n;

	assert_int_equal(in->first, number);
	assert_int_equal(in->since, since);
	assert_int_equal(in->dropped, 0);
	for (uint32_t i = 0; i < n; i++) {
		char want[16];

		snprintf(want, sizeof(want), "%u", from + i);
		assert_true(span_is(in->lines[i].message, want));
	}
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	return n;
}

/* While the relay is away: the newest 2,000 lines are kept, in order; the numbers say how many were dropped. */
static void
logs_are_kept_and_the_dropped_are_counted(void **unused)
{
	uint32_t next = 1000;

	(void)unused;
	running();
	relay_cuts();
	for (uint32_t i = 0; i < 30; i++)
		log_lines(100, i * 100);
	enrol();
	next += expect_lines(1000, 1001, 1, 0);
	while (next < 3000)
		next += expect_lines(next, next + 1, next + 1, 0);
	assert_int_equal(next, 3000);
}

/* A database that died has forgotten lines that were answered: the next answer, or the question a second later, shows it. */
static void
logs_that_were_lost_again_are_sent_again(void **unused)
{
	(void)unused;
	running();
	log_lines(3, 0);
	assert_int_equal(expect_lines(0, 1, 1, 0), 3);
	log_lines(2, 3);
	assert_int_equal(expect_lines(3, 4, 4, 2), 2); /* 1 is stored, the others are not, nor these */
	assert_int_equal(expect_lines(1, 2, 2, 0), 4);
	assert_int_equal(expect_lines(0, 6, 6, 5), 0); /* asked whether it is all there: the last is not */
	assert_int_equal(expect_lines(4, 5, 5, 0), 1);
	assert_int_equal(expect_lines(0, 6, 6, 0), 0); /* asked again: now it is, and is kept no longer */
	log_lines(1, 5);
	assert_int_equal(expect_lines(5, 6, 6, 1), 1);
	assert_int_equal(expect_lines(5, 6, 1, 0), 1); /* the others were dropped then */
}

/* A link that is killed has lost none of the lines that it took: the next one asks which are wanted, and has them. */
static void
logs_outlive_the_link(void **unused)
{
	uint32_t next = 0;

	(void)unused;
	running();
	for (uint32_t i = 0; i < 4; i++)
		log_lines(100, i * 100);
	heard_free(actor_hear(&relay, LOGS_ADD)); /* nobody answers */
	child_kill(&child, SIGKILL);
	actor_wait_down(&relay, 1);
	actor_done(&supervisor);
	child_wait(&child);
	child_done(&child);
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	start(true);
	enrol();
	assert_int_equal(expect_lines(0, 401, 401, 3), 0); /* two were stored after all */
	log_lines(1, 400);
	for (next = 2; next < 401;)
		next += expect_lines(next, next + 1, next + 1, 0);
	assert_int_equal(next, 401);
}

/* Lines FIRST.. of a proxy, which numbers them. */
static void
proxy_logs(struct actor *proxy, struct id life, uint64_t first, size_t n)
{
	struct msg_log_line lines[10];
	char text[10][16];
	struct msg m = {.id = LOGS_ADD,
	    .logs_add = {.sandbox = sandbox, .lines = lines, .lines_n = n, .spool = life, .first = first}};

	for (size_t i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%llu", (unsigned long long)(first + i));
		lines[i] = (struct msg_log_line){
		    .time_ms = 1, .source = SPAN("sandbox"), .level = SPAN("INFO"), .message = span_of_text(text[i])};
	}
	assert_int_equal(ask_now(proxy->peer, &m), OK);
}

/* A proxy that did not hear the answer sends its lines again, to the next link: each is kept once, and what never came is counted. */
static void
a_helpers_lines_are_kept_once(void **unused)
{
	struct id life = id_new();
	struct actor proxy;

	(void)unused;
	running();
	relay_cuts();
	helper_begin(&proxy, ROLE_PROXY, true);
	proxy_logs(&proxy, life, 1, 5);
	proxy_logs(&proxy, life, 1, 5);
	actor_done(&proxy);
	child_kill(&child, SIGKILL);
	actor_done(&supervisor);
	child_wait(&child);
	child_done(&child);
	actor_init(&supervisor, loop, ROLE_SUPERVISOR, "supervisor");
	start(true);
	helper_begin(&proxy, ROLE_PROXY, true);
	proxy_logs(&proxy, life, 1, 7);	 /* two of them are new */
	proxy_logs(&proxy, life, 10, 1); /* two never came */
	enrol();
	assert_int_equal(expect_lines(6, 6, 6, 1), 2); /* what is new for this link */
	assert_int_equal(expect_lines(1, 1, 1, 0), 7);
	assert_int_equal(expect_lines(10, 10, 8, 0), 1);
	actor_done(&proxy);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(reports_are_told_until_answered),
	    TEST(what_was_applied_is_told_until_answered),
	    TEST(helpers_log_through_channels_of_their_own),
	    TEST(helpers_may_do_nothing_else),
	    TEST(logs_outlive_the_link),
	    TEST(a_helpers_lines_are_kept_once),
	    TEST(a_report_is_not_lost_beside_another_under_way),
	    TEST(secrets_go_up_and_down),
	    TEST(ready_is_told_again_on_each_connection),
	    TEST(logs_are_kept_and_the_dropped_are_counted),
	    TEST(logs_that_were_lost_again_are_sent_again),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
