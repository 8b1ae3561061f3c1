/* Two state processes on one database, each with a broker: a renewal is run by one of them, a dead one's is taken over, and two that
 * lock the same rows in another order both come to their end. */
#include "tests/unit/test.h"

#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "tests/bus/providers_stage.h"

#define RENEWALS 12 /* more than one of them runs at a time */

static struct daemon second;
static struct actor second_api, second_credentials;
static char second_dir[200];
static struct id providers[RENEWALS];
static const struct span key = {"GCP_ADC_ACCESS_TOKEN", 20};

/* ---- the second one ---- */

static void
second_start(void)
{
	char entry[2][256], words[2048];

	snprintf(words, sizeof(words),
	    "process: state2\nuid: %d\ngid: %d\nlisten: \"ipc:///state/bus\"\n"
	    "database_url: \"host=/postgres user=openshell password=secret dbname=openshell\"\n"
	    "audit_key: \"%064d\"\nroster:\n%s%s",
	    own_id(), own_id(), 7, roster_yaml(&second_api, "api", NULL, entry[0]),
	    roster_yaml(&second_credentials, "credentials", NULL, entry[1]));
	daemon_start(&second, program, second_dir, words);
	assert_string_equal(second.words, "ready\n");
}

static void
second_join(struct actor *actor, enum role role, const char *name)
{
	actor_init(actor, loop, role, name);
	actor_join(actor, ROLE_STATE, "state", second.key);
}

static void
second_dial(struct actor *actor)
{
	char endpoint[256];
	struct why why = {0};

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", second_dir);
	assert_int_equal(curve_connect(actor->curve, endpoint, ROLE_STATE, "state", &actor->peer, &why), OK);
	actor_wait_up(actor, 1);
}

static int
both_setup(void **unused)
{
	char socket_path[256], path[300];

	setup(unused);
	snprintf(second_dir, sizeof(second_dir), "%s/second", run_dir);
	assert_int_equal(mkdir(second_dir, 0755), 0);
	directory_add(second_dir, "postgres");
	directory_add(second_dir, "state");
	snprintf(path, sizeof(path), "%s/state", second_dir);
	if (own_id() != 0)
		assert_int_equal(chown(path, (uid_t)own_id(), (gid_t)own_id()), 0);
	snprintf(socket_path, sizeof(socket_path), "%s/postgres/.s.PGSQL.5432", run_dir);
	snprintf(path, sizeof(path), "%s/postgres/.s.PGSQL.5432", second_dir);
	assert_int_equal(link(socket_path, path), 0); /* its root is its own, and the server's socket is in it */
	daemon_keys(&second);
	second_join(&second_api, ROLE_API, "api");
	second_join(&second_credentials, ROLE_CREDENTIALS, "credentials");
	second_start();
	second_dial(&second_api);
	second_dial(&second_credentials);
	return 0;
}

static int
both_teardown(void **unused)
{
	daemon_stop(&second);
	assert_int_equal(child_exit_code(second.status), 0);
	actor_done(&second_api);
	actor_done(&second_credentials);
	return teardown(unused);
}

/* ---- renewals ---- */

static void
renewal_configure(size_t which)
{
	struct msg_sealed_secret secrets[2] = {sealed("client_secret"), sealed("refresh_token")},
				 first = sealed("OTHER_KEY");
	struct span material[] = {SPAN("client_id=me")};
	char name[16];
	struct msg m, configure;

	snprintf(name, sizeof(name), "cloud%zu", which);
	m = creation(name, "google-cloud", &first, 1);
	providers[which] = m.provider_create.provider;
	configure = (struct msg){.id = REFRESH_CONFIGURE,
	    .refresh_configure = {.provider = providers[which],
		.key = key,
		.strategy = 3,
		.material = material,
		.material_n = 1,
		.secrets = secrets,
		.secrets_n = 2,
		.subject = SPAN("t")}};
	for (int i = 0; i < 2; i++) {
		struct outcome outcome;

		ask(&outcome, api.peer, i == 0 ? &m : &configure);
		store(actor_hear(&credentials, SECRETS_STORE), (unsigned)which);
		outcome_wait(&outcome);
		if (outcome.r != OK)
			fail_msg("%s", outcome.why.text);
		outcome_done(&outcome);
	}
}

/* Its link is cut: when it is back, state looks at what is due. */
static void
look_again(struct actor *broker)
{
	int ups = broker->ups;

	tell_raw(broker->peer, SPAN("\xc1"));
	actor_wait_up(broker, ups + 1);
}

static void
mint(struct heard *heard)
{
	struct msg_secret_record minted[] = {{key, SPAN("STORAGE1minted")}};
	struct msg answer = {.id = REFRESHED,
	    .refreshed = {.records = minted, .records_n = 1, .expires_ms = (uint64_t)clock_wall_ms() + 3600000}};

	reply_send(&heard->reply, &answer);
	heard_free(heard);
}

static size_t
which_of(const struct heard *heard)
{
	for (size_t i = 0; i < RENEWALS; i++)
		if (id_equal(heard->msg.refresh_run.provider_id, providers[i]))
			return i;
	fail_msg("a provider that nobody made");
	return 0;
}

static size_t
refreshed_count(const char *status)
{
	PGconn *conn = PQconnectdb("");
	const char *values[] = {status};
	PGresult *result =
	    PQexecParams(conn, "select 1 from provider_refreshes where status = $1", 1, NULL, values, NULL, NULL, 0);
	size_t n = (size_t)PQntuples(result);

	PQclear(result);
	PQfinish(conn);
	return n;
}

static void
wake(void *unused)
{
	(void)unused;
}

/* What is seen in the database alone is looked at again and again. */
static void
all_refreshed(void)
{
	struct timer timer = {0};

	for (uint64_t until_ms = clock_ms() + PATIENCE_MS; refreshed_count("refreshed") != RENEWALS;) {
		loop_timer_set(loop, &timer, 5, wake, NULL);
		turn(loop, until_ms, "all are renewed");
	}
	loop_timer_stop(loop, &timer);
}

/* All are due, and both look at once: each is asked of one broker. */
static void
each_is_renewed_once(void **unused)
{
	int asked[RENEWALS] = {0};
	size_t n = 0;

	(void)unused;
	for (size_t i = 0; i < RENEWALS; i++)
		renewal_configure(i);
	sql("update provider_refreshes set next_ms = 1");
	look_again(&credentials);
	look_again(&second_credentials);
	for (uint64_t until_ms = clock_ms() + PATIENCE_MS; n < RENEWALS;) {
		struct heard *heard = actor_heard(&credentials, REFRESH_RUN);

		if (heard == NULL)
			heard = actor_heard(&second_credentials, REFRESH_RUN);
		if (heard == NULL) {
			turn(loop, until_ms, "all are asked for");
			continue;
		}
		asked[which_of(heard)]++;
		n++;
		mint(heard);
	}
	all_refreshed();
	look_again(&credentials);
	look_again(&second_credentials);
	assert_null(actor_heard(&credentials, REFRESH_RUN));
	assert_null(actor_heard(&second_credentials, REFRESH_RUN));
	for (size_t i = 0; i < RENEWALS; i++)
		assert_int_equal(asked[i], 1);
}

static struct msg
rotate(void)
{
	return (struct msg){.id = REFRESH_ROTATE, .refresh_rotate = {SPAN("default"), SPAN("cloud0"), key, SPAN("t")}};
}

/* kill -9 of the one that has the lease: the other has it when the lease ends, and what the dead one's broker still brings is nobody's. */
static void
a_dead_ones_lease_is_taken_over(void **unused)
{
	struct msg m = rotate();
	struct outcome first, outcome;
	struct heard *heard;

	(void)unused;
	ask(&first, second_api.peer, &m);
	heard = actor_hear(&second_credentials, REFRESH_RUN);
	refused(&m, ERR_BUSY, "being renewed already");
	assert_null(actor_heard(&credentials, REFRESH_RUN));
	child_kill(&second.child, SIGKILL);
	(void)child_wait(&second.child);
	child_done(&second.child);
	actor_wait_down(&second_credentials, second_credentials.downs + (second_credentials.peer->up ? 1 : 0));
	heard_free(heard);
	outcome_wait(&first);
	assert_int_not_equal(first.r, OK);
	outcome_done(&first);
	refused(&m, ERR_BUSY, "being renewed already"); /* whoever has it may only be slow */
	sql("update provider_refreshes set lease_until_ms = 1, next_ms = 1 where lease is not null"); /* a minute later */
	look_again(&credentials);
	mint(actor_hear(&credentials, REFRESH_RUN));
	all_refreshed();
	second_start();
	actor_wait_up(&second_api, second_api.ups + (second_api.peer->up ? 0 : 1));
	actor_wait_up(&second_credentials, second_credentials.ups + (second_credentials.peer->up ? 0 : 1));
	ask(&outcome, second_api.peer, &m); /* it goes on as before */
	mint(actor_hear(&second_credentials, REFRESH_RUN));
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
}

/* One that was only slow comes when the other has renewed: what it brings is not kept. */
static void
a_slow_one_comes_too_late(void **unused)
{
	struct msg m = rotate();
	struct outcome slow, outcome;
	struct heard *heard;

	(void)unused;
	ask(&slow, second_api.peer, &m);
	heard = actor_hear(&second_credentials, REFRESH_RUN);
	sql("update provider_refreshes set lease_until_ms = 1 where lease is not null");
	ask(&outcome, api.peer, &m);
	mint(actor_hear(&credentials, REFRESH_RUN));
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	outcome_done(&outcome);
	mint(heard);
	outcome_wait(&slow);
	assert_int_equal(slow.r, ERR_CONFLICT);
	outcome_done(&slow);
	assert_int_equal(refreshed_count("refreshed"), RENEWALS);
}

/* ---- locks in another order ---- */

/* Until somebody waits for a lock. */
static void
lock_waited(PGconn *watcher)
{
	struct timer timer = {0};

	for (uint64_t until_ms = clock_ms() + PATIENCE_MS;;) {
		PGresult *result = PQexec(
		    watcher, "select 1 from pg_stat_activity where datname = 'openshell' and wait_event_type = 'Lock'");
		int waiting = PQntuples(result);

		PQclear(result);
		if (waiting > 0)
			break;
		loop_timer_set(loop, &timer, 5, wake, NULL);
		turn(loop, until_ms, "somebody waits for a lock");
	}
	loop_timer_stop(loop, &timer);
}

static void
run_in(PGconn *conn, const char *text)
{
	PGresult *result = PQexec(conn, text);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(conn));
	PQclear(result);
}

/*
 * Another process holds what state wants second, and then wants what state holds: the server lets state lose, as it has waited longer.
 * It begins again, and finds the other at its end.
 */
static void
loses_and_wins(const char *hold, const struct msg *m, const char *want)
{
	PGconn *other = PQconnectdb(""), *watcher = PQconnectdb("");
	struct outcome outcome;

	run_in(other, "begin; set local deadlock_timeout = '60s'");
	run_in(other, hold);
	ask(&outcome, api.peer, m);
	lock_waited(watcher);
	assert_int_equal(PQsendQuery(other, want), 1);
	while (PQisBusy(other)) { /* it is let in when state has lost; the loop need not turn for that */
		struct pollfd ready = {PQsocket(other), POLLIN, 0};

		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
		assert_int_equal(PQconsumeInput(other), 1);
	}
	for (PGresult *result; (result = PQgetResult(other)) != NULL; PQclear(result))
		if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
			fail_msg("%s: %s", want, PQerrorMessage(other));
	run_in(other, "rollback");
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	outcome_done(&outcome);
	PQfinish(other);
	PQfinish(watcher);
}

/* Attaching locks the sandbox, then the provider; a change of a provider the other way round. */
static void
attach_beside_update(void **unused)
{
	struct msg m = {.id = PROVIDER_ATTACH,
	    .provider_attach = {.workspace = SPAN("default"),
		.sandbox = SPAN("agent"),
		.provider = SPAN("hub"),
		.subject = SPAN("tester")}};

	(void)unused;
	driver_joins();
	made("hub", "github", "GITHUB_TOKEN");
	box = created("agent");
	loses_and_wins("select 1 from providers where name = 'hub' for update", &m,
	    "select 1 from sandboxes where name = 'agent' for update");
	assert_false(attach("hub", false, NULL)); /* it is attached, and once */
}

/* Two imports with the same profiles in another order. */
static void
imports_of_the_same_profiles(void **unused)
{
	struct msg_profile_new both[] = {
	    {.profile_id = SPAN("one"), .profile = SPAN("p")}, {.profile_id = SPAN("two"), .profile = SPAN("p")}};
	struct msg m = {.id = PROFILE_STORE,
	    .profile_store = {
		.workspace = SPAN("default"), .profiles = both, .profiles_n = COUNT(both), .subject = SPAN("t")}};

	(void)unused;
	loses_and_wins("insert into profiles (id, workspace, profile, created_ms) values ('two', 'default', 'q', 1)",
	    &m, "insert into profiles (id, workspace, profile, created_ms) values ('one', 'default', 'q', 1)");
	sql("do \\$\\$ begin assert (select count(*) from profiles where profile = 'p') = 2; end \\$\\$");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_is_renewed_once),
	    cmocka_unit_test(a_dead_ones_lease_is_taken_over),
	    cmocka_unit_test(a_slow_one_comes_too_late),
	    cmocka_unit_test(attach_beside_update),
	    cmocka_unit_test(imports_of_the_same_profiles),
	};

	program = argc > 1 ? argv[1] : "";
	if ((run_dir = getenv("PG_RUN_DIR")) == NULL) {
		fprintf(stderr, "run it under tests/postgres.sh\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, both_setup, both_teardown);
}
