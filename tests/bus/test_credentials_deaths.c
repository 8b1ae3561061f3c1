/* Deaths in the middle of a refresh: of a child, the keeper, credentials, state; and what the ledger keeps over them. */
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/seal/sealed.h"
#include "services/credentials/retained.h"
#include "tests/bus/fetch_stage.h"
#include "tests/bus/stand_in.h"

/* Not stage_stop: whatever is under way, or killed. */
static void
daemon_end(int number)
{
	int downs = stage.state.downs;

	child_kill(&stage.daemon.child, number);
	child_wait(&stage.daemon.child);
	child_done(&stage.daemon.child);
	actor_wait_down(&stage.state, downs + 1);
}

/* The second field behind the name in /proc/PID/stat; 0: it is gone, or only its name is left. */
static pid_t
parent_of(const char *pid)
{
	char path[300], line[512] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	if (read(fd, line, sizeof(line) - 1) < 0)
		line[0] = '\0';
	close(fd);
	if ((end = strrchr(line, ')')) == NULL || end[2] == 'Z')
		return 0;
	return (pid_t)strtol(end + 4, NULL, 10);
}

/* A child of that process; 0: it has none. */
static pid_t
child_of(pid_t parent)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (found == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == parent)
			found = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(dir);
	return found;
}

static pid_t
keeper(void)
{
	return child_of(stage.daemon.child.pid);
}

static bool
gone(pid_t pid)
{
	char text[16];
	struct why why;

	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	snprintf(text, sizeof(text), "%d", (int)pid);
	return parent_of(text) == 0;
}

static bool
asked_slowly(void)
{
	struct why why;

	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	return log_has("POST /slow/here ");
}

static void
a_child_is_killed(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/slow/here", secrets);
	struct outcome outcome;
	pid_t pid;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	while (!asked_slowly())
		assert_false(outcome.done);
	assert_true((pid = child_of(keeper())) > 0);
	kill(pid, SIGKILL);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	assert_non_null(strstr(outcome.why.text, "ended without an answer"));
	outcome_done(&outcome);
	m = refresh(url, "/token", secrets);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
}

static void
tell_kept(struct span key)
{
	const struct msg m = {.id = REFRESH_KEPT, .refresh_kept = {provider, key}};
	struct why why;

	assert_int_equal(peer_tell(stage.state.peer, &m, &why), OK);
}

/* State has it: nothing of it is left. */
static void
kept(void)
{
	assert_true(stage_ledger_bytes() > 0);
	tell_kept(SPAN("API_TOKEN"));
	WATCH(stage.loop, stage_ledger_bytes() == 0);
}

/* A child that is killed between its entry in the ledger and its answer to us: what it brought is used, and not lost. */
static void
a_child_is_killed_behind_its_entry(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/rotating", secrets);
	unsigned asked = log_count(log_path, "POST /slow/here ");
	struct outcome outcome;
	pid_t pid;

	(void)unused;
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	shell("cp ledger entries"); /* as such a child leaves them */
	kept();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/slow/here", port);
	m.refresh_run.token_url = span_of_text(url);
	ask(&outcome, stage.state.peer, &m);
	WATCH(stage.loop, log_count(log_path, "POST /slow/here ") > asked);
	assert_true((pid = child_of(keeper())) > 0);
	shell("cat entries >>ledger");
	kill(pid, SIGKILL);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-2");
	outcome_done(&outcome);
	daemon_end(SIGKILL);
	stage_start_well();
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
	m.refresh_run.token_url = span_of_text(url);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	kept();
}

/* A child that can lose nothing ends with it, and the next one refreshes. */
static void
credentials_is_killed(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = {.id = MODEL_PROBE,
	    .model_probe = {.provider_id = provider,
		.host = SPAN("127.0.0.1"),
		.port = (uint16_t)port,
		.path = SPAN("/slow/model")}};
	struct outcome outcome;
	uint64_t until_ms = clock_ms() + PATIENCE_MS;
	pid_t keep = keeper(), child;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	while ((child = child_of(keep)) == 0)
		assert_false(gone(keep) || clock_ms() >= until_ms);
	daemon_end(SIGKILL);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	outcome_done(&outcome);
	while (!gone(child) || !gone(keep))
		assert_true(clock_ms() < until_ms);
	stage_start_well();
	m = refresh(url, "/token", secrets);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
}

/* Without the keeper it can start nothing, so its parent starts it anew. */
static void
the_keeper_is_killed(void **unused)
{
	(void)unused;
	kill(keeper(), SIGKILL);
	stage_wait_failed();
	stage_start_well();
}

/* state goes away while a server makes a new refresh token: the next to ask gets what that brought, once. */
static void
state_goes_away(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/later", secrets);
	const struct msg_secret_record asked = secrets[0];
	struct outcome outcome;
	int ups = stage.state.ups;
	struct why why;

	(void)unused;
	ask(&outcome, stage.state.peer, &m);
	for (uint64_t until_ms = clock_ms() + PATIENCE_MS; !log_has("POST /later "); assert_true(clock_ms() < until_ms))
		assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	tell_raw(stage.state.peer, SPAN("\xc1")); /* it cuts the link, and connects anew */
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, ERR_UNAVAILABLE);
	outcome_done(&outcome);
	actor_wait_up(&stage.state, ups + 1);
	UNTIL(stage.loop, stage_keys_answered());
	shell("touch log.go"); /* only now the server answers */
	for (uint64_t until_ms = clock_ms() + PATIENCE_MS; !log_has("done /later"); assert_true(clock_ms() < until_ms))
		assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	UNTIL(stage.loop, child_of(keeper()) == 0 || (poll(NULL, 0, 10), false));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
	m.refresh_run.token_url = span_of_text(url);
	secrets[0] =
	    record(2, "API_TOKEN/refresh_token", "rt-2"); /* configured anew meanwhile: not what that was for */
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
	secrets[0] = asked;
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	expect_record(&outcome.msg.refreshed.records[0], "API_TOKEN", TOKEN);
	expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-3");
	outcome_done(&outcome);
	assert_int_equal(ask_now(stage.state.peer, &m), OK); /* state may have died before it kept it */
}

/* kill -9 of credentials when the new refresh token was on its way to state, which has not kept it: the next one has it. */
static void
a_new_refresh_token_outlives_credentials(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/rotating", secrets);
	struct outcome outcome;
	int downs;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask_now(stage.state.peer, &m), OK); /* and what it brought is forgotten */
		downs = stage.state.downs;
		child_kill(&stage.daemon.child, SIGKILL);
		child_wait(&stage.daemon.child);
		child_done(&stage.daemon.child);
		actor_wait_down(&stage.state, downs + 1);
		if (i == 1) /* a torn entry behind it, as a death in the middle of writing leaves it */
			shell("printf 'osrefr\\000\\002\\000\\000\\001' >>ledger");
		stage_start_well();
		snprintf(url, 128, "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
		m.refresh_run.token_url = span_of_text(url);
	}
	ask(&outcome, stage.state.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK)
		fail_msg("%s", outcome.why.text);
	expect_record(&outcome.msg.refreshed.records[0], "API_TOKEN", TOKEN);
	expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-2");
	outcome_done(&outcome);
	secrets[0] = record(2, "API_TOKEN/refresh_token", "rt-2"); /* stored: from here on the server is asked again */
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
}

/* kill -9, or an orderly end, while the server makes a new refresh token: the child goes on, and the next credentials has what it brought.
 * Nobody shows the server the old one again meanwhile. */
static void
an_answer_on_its_way_outlives_credentials(void **unused)
{
	static const int signals[] = {SIGKILL, SIGTERM};
	struct msg_secret_record secrets[2];
	char url[128];
	struct outcome outcome;

	(void)unused;
	for (size_t i = 0; i < COUNT(signals); i++) {
		struct msg m = refresh(url, "/later", secrets);
		unsigned asked = log_count(log_path, "POST /later ");

		shell("rm -f log.go");
		ask(&outcome, stage.state.peer, &m);
		WATCH(stage.loop, log_count(log_path, "POST /later ") > asked);
		daemon_end(signals[i]);
		outcome_wait(&outcome);
		assert_int_equal(outcome.r, ERR_UNAVAILABLE);
		outcome_done(&outcome);
		stage_start_well();
		snprintf(url, 128, "http://127.0.0.1:%u/denied", port); /* were it asked, this server would refuse */
		m.refresh_run.token_url = span_of_text(url);
		ask(&outcome, stage.state.peer, &m);
		assert_int_equal(ask_now(stage.state.peer,
				     &(struct msg){.id = SECRETS_DROP, .secrets_drop = {provider, NULL, 0, {{9}}}}),
		    OK);
		assert_false(outcome.done); /* it waits: what was asked behind it has been answered */
		shell("touch log.go");
		outcome_wait(&outcome);
		if (outcome.r != OK)
			fail_msg("%s", outcome.why.text);
		expect_record(&outcome.msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-3");
		outcome_done(&outcome);
		assert_int_equal(log_count(log_path, "POST /later "), asked + 1);
		daemon_end(SIGKILL); /* and once more, before state has it */
		stage_start_well();
		assert_int_equal(ask_now(stage.state.peer, &m), OK);
		kept();
	}
}

/* Asked twice for the same, as by a state that has lost its link: the server is asked once. */
static void
the_same_waits(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/later", secrets);
	unsigned asked = log_count(log_path, "POST /later ");
	struct outcome outcomes[3];

	(void)unused;
	shell("rm -f log.go");
	for (size_t i = 0; i < COUNT(outcomes); i++)
		ask(&outcomes[i], stage.state.peer, &m);
	WATCH(stage.loop, log_count(log_path, "POST /later ") > asked);
	shell("touch log.go");
	for (size_t i = 0; i < COUNT(outcomes); i++) {
		outcome_wait(&outcomes[i]);
		if (outcomes[i].r != OK)
			fail_msg("%s", outcomes[i].why.text);
		expect_record(&outcomes[i].msg.refreshed.material[0], "API_TOKEN/refresh_token", "rt-3");
		outcome_done(&outcomes[i]);
	}
	assert_int_equal(log_count(log_path, "POST /later "), asked + 1);
	kept();
}

/* A child that was killed with its credentials: whoever asks waits until it would have ended, and then the server is asked. */
static void
both_were_killed(void **unused)
{
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/token", secrets);
	const struct ledger_entry begun = {
	    .what = LEDGER_BEGUN, .whose = whose_of(&m.refresh_run), .until_ms = (uint64_t)clock_wall_ms() + 1000};
	size_t length;
	auto_free char *bytes = ledger_entry_write(&begun, &length);

	(void)unused;
	daemon_end(SIGKILL);
	stage_file("ledger", bytes, length, 0600);
	stage_start_well();
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	assert_true((uint64_t)clock_wall_ms() >= begun.until_ms);
	WATCH(stage.loop, stage_ledger_bytes() == 0);
}

/* Several children append at once, over what a death has torn, and credentials dies: each answer is there. */
static void
many_at_once(void **unused)
{
	enum { MANY = 24 };
	static const char torn[] = "osrefr\0\2\0\0\1";
	struct msg_secret_record secrets[2];
	struct outcome outcomes[MANY];
	char url[128], keys[MANY][16];
	struct msg m = refresh(url, "/rotating", secrets);

	(void)unused;
	daemon_end(SIGKILL);
	stage_file("ledger", torn, sizeof(torn) - 1, 0600);
	stage_start_well();
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < MANY; i++) {
			snprintf(keys[i], sizeof(keys[i]), "KEY_%zu", i);
			m.refresh_run.key = span_of_text(keys[i]);
			ask(&outcomes[i], stage.state.peer, &m);
		}
		for (size_t i = 0; i < MANY; i++) {
			outcome_wait(&outcomes[i]);
			if (outcomes[i].r != OK)
				fail_msg("%d %s: %s", round, keys[i], outcomes[i].why.text);
			assert_int_equal(outcomes[i].msg.refreshed.material_n, 1);
			outcome_done(&outcomes[i]);
		}
		if (round == 1)
			break;
		daemon_end(SIGKILL);
		stage_start_well();
		snprintf(url, 128, "http://127.0.0.1:%u/denied", port);
		m.refresh_run.token_url = span_of_text(url);
	}
	for (size_t i = 0; i < MANY; i++)
		tell_kept(span_of_text(keys[i]));
	WATCH(stage.loop, stage_ledger_bytes() == 0);
}

/* While an answer waits, the storage key is replaced, then the master key, and what was before is forgotten. */
static void
keys_are_replaced_meanwhile(void **unused)
{
	static uint8_t rewrapped[2][STORED_BYTES(8192)];
	struct msg_secret_record secrets[2];
	char url[128];
	struct msg m = refresh(url, "/rotating", secrets);
	struct storage_key before = stage.keys.ring.keys[0];
	const struct stored_owner owner = {provider, SPAN("API_TOKEN/refresh_token")};
	struct secret old = stage.keys.roots[0].master;
	struct why why;

	(void)unused;
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	stage_stop();
	assert_int_equal(ring_add(&stage.keys.ring, &why), OK);
	assert_int_equal(ring_retire(&stage.keys.ring, &old, &why), OK);
	randombytes_buf(stage.keys.roots[0].master.bytes, sizeof(stage.keys.roots[0].master.bytes));
	root_derive(&stage.keys.roots[0]);
	stage_file("master.key", stage.keys.roots[0].master.bytes, 32, 0600);
	stage_ring_save();
	stage_start_well();
	stage_stop();
	ring_trim(&stage.keys.ring);
	ring_release(&stage.keys.ring);
	stage_ring_save();
	stage_start_well();
	assert_int_equal(
	    stored_rewrap(&before, &stage.keys.ring.keys[0], &owner, secrets[0].record, rewrapped[0], &why), OK);
	secrets[0].record = span_of_bytes(rewrapped[0], secrets[0].record.length);
	assert_int_equal(stored_rewrap(&before, &stage.keys.ring.keys[0],
			     &(struct stored_owner){provider, secrets[1].key}, secrets[1].record, rewrapped[1], &why),
	    OK);
	secrets[1].record = span_of_bytes(rewrapped[1], secrets[1].record.length);
	snprintf(url, 128, "http://127.0.0.1:%u/denied", port);
	m.refresh_run.token_url = span_of_text(url);
	assert_int_equal(ask_now(stage.state.peer, &m), OK);
	kept();
	assert_int_equal(ask_now(stage.state.peer, &m), ERR_DENIED);
}

/* In its jail: it enters it while credentials goes on. */
static bool
jailed(pid_t pid)
{
	char path[64], line[4096] = "";
	struct why why;
	int fd;

	assert_int_equal(loop_turn(stage.loop, 10, &why), OK);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_true((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0 && read(fd, line, sizeof(line) - 1) > 0);
	close(fd);
	return strstr(line, "CapEff:\t0000000000000000") != NULL && strstr(line, "NoNewPrivs:\t1") != NULL &&
	       strstr(line, "Seccomp:\t2") != NULL;
}

static void
its_children_hold_nothing(void **unused)
{
	uint64_t until_ms = clock_ms() + PATIENCE_MS;

	(void)unused;
	while (!jailed(keeper()))
		assert_true(clock_ms() < until_ms);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(state_goes_away),
	    cmocka_unit_test(a_new_refresh_token_outlives_credentials),
	    cmocka_unit_test(an_answer_on_its_way_outlives_credentials),
	    cmocka_unit_test(the_same_waits),
	    cmocka_unit_test(both_were_killed),
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(keys_are_replaced_meanwhile),
	    cmocka_unit_test(a_child_is_killed),
	    cmocka_unit_test(a_child_is_killed_behind_its_entry),
	    cmocka_unit_test(credentials_is_killed),
	    cmocka_unit_test(the_keeper_is_killed),
	    cmocka_unit_test(its_children_hold_nothing),
	};

	return fetch_main(argc, argv, tests, COUNT(tests));
}
