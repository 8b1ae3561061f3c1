/* link: how it is let in or refused, and the configuration that it passes up. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "tests/bus/link_stage.h"

#define REFUSED 77 /* the link's exit status when it is refused for good */

/* ---- enrolment ---- */

static void
it_enrols_with_what_it_was_told(void **unused)
{
	struct heard *heard;

	(void)unused;
	start(false);
	heard = actor_hear(&relay, ENROL);
	assert_true(id_equal(heard->msg.enrol.sandbox, sandbox));
	assert_true(id_equal(heard->msg.enrol.instance, instance));
	assert_int_equal(heard->msg.enrol.epoch, 2);
	assert_memory_equal(heard->msg.enrol.token.at, bytes32, 32);
	peer_enrol(heard->reply.peer, sandbox, 2);
	reply_send(&heard->reply, &enrolled);
	heard_free(heard);
	heard = actor_hear(&supervisor, ENROLLED);
	assert_true(span_is(heard->msg.enrolled.name, "demo"));
	assert_int_equal(heard->msg.enrolled.policy_version, 1);
	heard_free(heard);
	expect_status(true);
}

static void
a_request_is_answered_with_the_configuration(void **unused)
{
	struct msg m = setup_message(false);
	struct outcome outcome;

	(void)unused;
	link_start();
	ask(&outcome, supervisor.peer, &m);
	enrol();
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, ENROLLED);
	outcome_done(&outcome);
	assert_null(actor_heard(&supervisor, ENROLLED));
}

static void
it_comes_back_with_the_same_key(void **unused)
{
	uint8_t key[32];

	(void)unused;
	running();
	memcpy(key, relay.peer->key, sizeof(key));
	relay_cuts();
	enrol();
	assert_memory_equal(relay.peer->key, key, sizeof(key));
	assert_null(actor_heard(&supervisor, ENROLLED)); /* the configuration is passed up once */
}

static void
a_second_link_passes_no_configuration_up(void **unused)
{
	(void)unused;
	start(true);
	enrol();
	assert_null(actor_heard(&supervisor, ENROLLED));
}

/* ---- configuration ---- */

/* The relay lets it in and gives what has this number. */
static void
enrol_with(uint64_t revision)
{
	struct heard *heard = actor_hear(&relay, ENROL);
	struct msg answer = enrolled;

	answer.enrolled.config_revision = revision;
	answer.enrolled.policy_version = (uint32_t)revision;
	peer_enrol(heard->reply.peer, sandbox, 2);
	reply_send(&heard->reply, &answer);
	heard_free(heard);
	expect_status(true);
}

static void
expect_push(uint64_t revision)
{
	struct heard *heard = actor_hear(&supervisor, CONFIG_PUSH);

	assert_true(id_equal(heard->msg.config_push.sandbox, sandbox));
	assert_int_equal(heard->msg.config_push.epoch, 2);
	assert_int_equal(heard->msg.config_push.config_revision, revision);
	assert_int_equal(heard->msg.config_push.policy_version, revision);
	heard_free(heard);
}

static void
newer_configuration_is_passed_up(void **unused)
{
	struct msg push = push_of(8, 2), wrong = push_of(9, 3);

	(void)unused;
	start(false);
	enrol_with(7);
	heard_free(actor_hear(&supervisor, ENROLLED));
	tell(relay.peer, &wrong);
	tell(relay.peer, &push);
	expect_push(8);
	relay_cuts();
	enrol_with(8); /* nothing happened meanwhile */
	relay_cuts();
	enrol_with(10); /* it changed while we were away */
	expect_push(10);
	assert_null(actor_heard(&supervisor, CONFIG_PUSH));
	assert_null(actor_heard(&supervisor, ENROLLED));
}

static void
a_second_link_passes_only_newer_configuration_up(void **unused)
{
	struct msg m = setup_message(true);

	(void)unused;
	m.link_setup.config_revision = 7;
	link_start();
	tell(supervisor.peer, &m);
	enrol_with(7);
	assert_null(actor_heard(&supervisor, CONFIG_PUSH));
	relay_cuts();
	enrol_with(8);
	expect_push(8);
	assert_null(actor_heard(&supervisor, ENROLLED));
}

/* A policy of the longest kind, and one right after the other. */
static void
long_configuration_is_passed_up_in_order(void **unused)
{
	static char policy[262144];
	struct msg push = push_of(1, 2);

	(void)unused;
	running();
	memset(policy, 'x', sizeof(policy));
	push.config_push.policy = span_of_bytes(policy, sizeof(policy));
	for (uint32_t i = 1; i <= 20; i++) {
		push.config_push.config_revision = push.config_push.policy_version = i;
		tell(relay.peer, &push);
	}
	for (uint32_t i = 1; i <= 20; i++)
		expect_push(i);
}

static void
while_unavailable_it_asks_again(void **unused)
{
	(void)unused;
	start(false);
	for (int i = 0; i < 3; i++)
		actor_refuse(&relay, ENROL, ERR_UNAVAILABLE, "state is away");
	enrol();
	heard_free(actor_hear(&supervisor, ENROLLED));
}

static void
refused_for_good(enum err code)
{
	struct heard *heard;

	start(false);
	actor_refuse(&relay, ENROL, code, "not you");
	heard = actor_hear(&supervisor, LINK_STATUS);
	assert_false(heard->msg.link_status.connected);
	assert_true(span_is(heard->msg.link_status.message, "not you"));
	heard_free(heard);
	actor_wait_down(&supervisor, 1); /* it ends by itself */
	ended(REFUSED);
}

static void
a_refusal_is_the_end(void **unused)
{
	(void)unused;
	refused_for_good(ERR_DENIED);
	setup(NULL);
	refused_for_good(ERR_CONFLICT);
	setup(NULL);
	refused_for_good(ERR_NOT_FOUND);
}

static void
before_setup_it_takes_nothing_else(void **unused)
{
	const struct msg m = {.id = MAIN_EXITED, .main_exited = {.epoch = 2, .exit_code = 1}};

	(void)unused;
	link_start();
	assert_int_equal(ask_now(supervisor.peer, &m), ERR_STATE);
	ended(EXIT_FAILURE); /* the supervisor goes without having said where to connect */
}

static void
write_file(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A /run of this process's own, before it has a second thread; an ordinary user needs a user namespace for
 * that. */
static void
own_run(void)
{
	char users[32], groups[32];

	snprintf(users, sizeof(users), "0 %u 1", geteuid());
	snprintf(groups, sizeof(groups), "0 %u 1", getegid());
	if (geteuid() != 0) {
		assert_int_equal(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0);
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", users);
		write_file("/proc/self/gid_map", groups);
	} else {
		assert_int_equal(unshare(CLONE_NEWNS), 0);
	}
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("run", "/run", "tmpfs", 0, NULL), 0);
	assert_int_equal(mkdir("/run/openshell", 0755), 0);
	assert_int_equal(mkdir("/run/openshell/relay", 0755), 0);
}

static int
setup_ipc(void **unused)
{
	(void)unused;
	own_run();
	stage_open();
	snprintf(endpoint, sizeof(endpoint), "ipc:///run/openshell/relay/sandbox");
	relay_open();
	snprintf(endpoint, sizeof(endpoint), "ipc:///sandbox"); /* as it is seen from the link's root */
	return 0;
}

/* The last of all: this process stays in its namespace. */
static void
over_ipc_its_root_is_the_relays_directory(void **unused)
{
	(void)unused;
	running();
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(it_enrols_with_what_it_was_told),
	    TEST(a_request_is_answered_with_the_configuration),
	    TEST(it_comes_back_with_the_same_key),
	    TEST(a_second_link_passes_no_configuration_up),
	    TEST(while_unavailable_it_asks_again),
	    TEST(a_refusal_is_the_end),
	    TEST(before_setup_it_takes_nothing_else),
	    TEST(newer_configuration_is_passed_up),
	    TEST(a_second_link_passes_only_newer_configuration_up),
	    TEST(long_configuration_is_passed_up_in_order),
	    cmocka_unit_test_setup_teardown(over_ipc_its_root_is_the_relays_directory, setup_ipc, teardown),
	};

	if (!stage_begin(argc, argv))
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
