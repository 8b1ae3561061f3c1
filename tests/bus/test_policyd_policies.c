/* policyd: policies that change, names, what the fence refused, and misfortune. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "tests/bus/policyd_case.h"

/* ---- policies ---- */

static void
test_new_policy_ends_what_was_admitted(void **unused)
{
	struct accepted accepted;
	struct outcome outcome;
	int fd = connected("git", &accepted);

	(void)unused;
	assert_allowed(&accepted);
	load("version: 1\nnetwork_policies:\n  other:\n    endpoints: [{host: b.acme.test, port: 443}]\n"
	     "    binaries: [{path: $/git}]\n");
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE);
	assert_refused(&accepted, "no_endpoint");
	/* one that cannot be: the last good one stays */
	assert_int_not_equal(stage_load(&stage, NULL, &outcome), OK);
	assert_true(outcome.why.text[0] != '\0');
	outcome_done(&outcome);
	assert_refused(&accepted, "no_endpoint");
	load(policy);
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
}

/* Until a line with these words comes. */
static void
hear_line(const char *words)
{
	bool found = false;

	while (!found) {
		struct heard *heard = actor_hear(&stage.link, LOGS_ADD);

		found = strstr(heard->msg.logs_add.lines[0].message.at, words) != NULL;
		heard_free(heard);
	}
}

/* 289: rules that nothing reads are told of. */
static void
test_warned(void **unused)
{
	(void)unused;
	load("version: 1\nnetwork_policies:\n  other:\n    endpoints:\n"
	     "      - {host: b.acme.test, port: 443, rules: [{allow: {method: GET, path: /x}}]}\n"
	     "    binaries: [{path: $/git}]\n");
	hear_line("CONFIG:UPDATE [LOW] AUDITED policy revision ");
}

/* 330: nothing is allowed, and why, until a policy is loaded. */
static void
test_closed(void **unused)
{
	static const struct msg done = {.id = DONE};
	struct msg m = {
	    .id = POLICY_CLOSE, .policy_close = {.version = 9, .reason = SPAN("a rule that nobody understands")}};
	struct accepted accepted;
	struct outcome outcome;
	struct heard *heard;
	int fd = connected("git", &accepted);

	(void)unused;
	assert_allowed(&accepted);
	ask(&outcome, stage.supervisor.peer, &m);
	heard = actor_hear(&stage.proxy, GENERATION);
	assert_true(heard->msg.generation.deny_all);
	reply_send(&heard->reply, &done);
	heard_free(heard);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	assert_int_equal(outcome.msg.id, POLICY_LOADED);
	outcome_done(&outcome);
	hear_line("CONFIG:UPDATE [HIGH] CLOSED nothing is allowed");
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE);
	assert_refused(&accepted, "no_policy");
	assert_non_null(strstr(reason, "revision 9 cannot be loaded: a rule that nobody understands"));
	load(policy);
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
}

/* ---- what the fence refused ---- */

/* What nfnetlink_log says of a datagram from an unused port to 192.0.2.1:4433. */
static void
refuse_packet(uint32_t number)
{
	static const uint8_t packet[] = {
	    0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 1, 0, 1, 17, 81, 0, 9, 0, 0};
	struct {
		struct nlmsghdr header;
		struct nfgenmsg group;
		struct nlattr sequence;
		uint32_t number;
		struct nlattr payload;
		uint8_t packet[sizeof(packet)];
	} m = {.header = {.nlmsg_len = sizeof(m), .nlmsg_type = NFNL_SUBSYS_ULOG << 8},
	    .sequence = {NLA_HDRLEN + 4, NFULA_SEQ},
	    .number = htonl(number),
	    .payload = {NLA_HDRLEN + sizeof(packet), NFULA_PAYLOAD}};

	memcpy(m.packet, packet, sizeof(packet));
	assert_int_equal(send(stage.fence, &m, sizeof(m), 0), sizeof(m));
}

static void
test_refused_packets(void **unused)
{
	(void)unused;
	assert_int_equal(send(stage.fence, "no message", 10, 0), 10); /* is passed over */
	refuse_packet(7);
	hear_line("NET:REFUSE [MED] DENIED BYPASS_DETECT 192.0.2.1:4433 proto=udp binary=- [policy:- engine:fence] "
		  "[reason:UDP ");
	refuse_packet(11); /* three found no room */
	hear_line("BYPASS_DETECT");
	hear_line("0 connect records, 0 connects not noted, 3 refused packets not told");
	for (uint32_t i = 0; i < 25; i++) /* more than are told in a second: the rest is counted */
		refuse_packet(12 + i);
	hear_line(" refused packets not told");
}

static void
test_names(void **unused)
{
	(void)unused;
	assert_true(name_known("any.acme.test"));
	assert_false(name_known("other.acme.test"));
}

static void
test_new_proxy_learns_the_generation(void **unused)
{
	struct msg m = {.id = CHANNEL_GIVE, .channel_give = {.role = ROLE_PROXY}, .fds_n = 1};
	struct accepted accepted;
	struct heard *heard;
	struct peer *peer;
	int ours, theirs, fd = connected("git", &accepted);
	struct why why;

	(void)unused;
	assert_allowed(&accepted);
	assert_int_equal(channel_pair(&ours, &theirs, &why), OK);
	m.fds[0] = theirs;
	assert_int_equal(ask_now(stage.supervisor.peer, &m), OK);
	close(theirs);
	UNTIL(stage.loop, stage.proxy.peer == NULL); /* the old channel is closed */
	assert_int_equal(channel_open(&stage.proxy.bus, ROLE_POLICYD, "policyd", ours, &peer, &why), OK);
	heard = actor_hear(&stage.proxy, GENERATION);
	assert_false(heard->msg.generation.deny_all);
	assert_true(heard->msg.generation.generation > 1);
	assert_int_equal(heard->msg.generation.version, 7);
	heard_free(heard);
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE); /* its connections ended with it */
	accepted_close(&accepted);
	close(fd);
}

static void
test_identity_switched_off(void **unused)
{
	struct accepted accepted;
	int fd;

	(void)unused;
	stage_policyd_kill(&stage);
	stage_policyd(&stage, true);
	load(policy);
	fd = connected("curl", &accepted);
	assert_allowed(&accepted);
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	accepted.question.connection_judge.port = 444;
	assert_refused(&accepted, "no_endpoint");
	accepted_close(&accepted);
	close(fd);
}

/* ---- misfortune ---- */

/* It dies while it reads a large executable for somebody's connect: the next one lets him go, also where nobody else connects. */
static void
test_killed_while_a_connect_waits(void **unused)
{
	struct accepted accepted;
	char words[32];
	int waiting, second;

	(void)unused;
	stage_program(&stage, "agents/huge", (size_t)1 << 30); /* read for longer than what follows takes */
	waiting = puppet_new(&stage, 0, "agents/huge");
	snprintf(words, sizeof(words), "connect %u", stage.port);
	assert_true(send(waiting, words, strlen(words) + 1, 0) > 0);
	second = connected("git", &accepted); /* noted after the first one was taken */
	accepted_close(&accepted);
	close(second);
	stage_policyd_kill(&stage);
	stage_policyd(&stage, false);
	assert_true(recv(waiting, words, sizeof(words), 0) > 0);
	assert_int_equal(strtol(words, NULL, 10), 0);
	load(policy);
	stage_accept(&stage, &accepted); /* it has no record, so it is nobody's */
	assert_non_null(judge(&accepted));
	accepted_close(&accepted);
	second = connected("git", &accepted);
	assert_null(judge(&accepted));
	accepted_close(&accepted);
	close(second);
	close(waiting);
}

static void
test_wrong_messages(void **unused)
{
	struct msg again = {.id = POLICYD_SETUP, .policyd_setup = {.spawner = 1}}, channel = {.id = CHANNEL_GIVE};
	struct msg load_it = {.id = POLICY_LOAD, .policy_load = {.policy = {"\n", 1}, .version = 1}};

	(void)unused;
	assert_int_equal(ask_now(stage.supervisor.peer, &again), ERR_STATE);
	channel.channel_give.role = ROLE_PROXY;
	assert_int_equal(ask_now(stage.supervisor.peer, &channel), ERR_INVALID);
	assert_true(name_known("any.acme.test"));		       /* the proxy's channel is still there */
	assert_int_not_equal(ask_now(stage.proxy.peer, &load_it), OK); /* only the supervisor may */
}

static void
status_is(const char *line)
{
	char path[64], text[8192], want[128];
	auto_fd int fd = -1;
	ssize_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)stage.daemon.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && (n = read(fd, text, sizeof(text) - 1)) > 0);
	text[n] = '\0';
	snprintf(want, sizeof(want), "\n%s\n", line);
	if (strstr(text, want) == NULL)
		fail_msg("not so: %s", line);
}

/* As README.md says. */
static void
test_jail(void **unused)
{
	char path[64], root[64] = {0};

	(void)unused;
	status_is("CapEff:\t0000000000080000");
	status_is("CapPrm:\t0000000000080000");
	status_is("CapBnd:\t0000000000080000");
	status_is("NoNewPrivs:\t1");
	status_is("Seccomp:\t2");
	snprintf(path, sizeof(path), "/proc/%d/root", (int)stage.daemon.pid);
	assert_true(readlink(path, root, sizeof(root) - 1) > 0);
	assert_string_equal(root, "/proc");
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_new_policy_ends_what_was_admitted),
	    TEST(test_warned),
	    TEST(test_closed),
	    TEST(test_refused_packets),
	    TEST(test_names),
	    TEST(test_new_proxy_learns_the_generation),
	    TEST(test_identity_switched_off),
	    TEST(test_killed_while_a_connect_waits),
	    TEST(test_wrong_messages),
	    TEST(test_jail),
	};

	if (!case_begin(argc, argv))
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
