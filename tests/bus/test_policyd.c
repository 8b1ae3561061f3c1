/* policyd alone: real processes and sockets of an agent that is made here, and the test as its supervisor, proxy and link. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/bus/channel.h"
#include "tests/bus/policyd_stage.h"

#define ALLOW 1u
#define CLOSE 5u
#define MANY  400

static const char *program, *puppet;
static struct stage stage;
static char reason[600]; /* of the last refusal */

static const char policy[] = "version: 1\n"
			     "network_policies:\n"
			     "  pol:\n"
			     "    endpoints: [{host: any.acme.test, port: 443}]\n"
			     "    binaries:\n"
			     "      - {path: $/git}\n"
			     "      - {path: $/python3}\n"
			     "      - {path: \"$/agents/**\"}\n";

static void
load(const char *yaml)
{
	struct outcome outcome;

	if (stage_load(&stage, yaml, &outcome) != OK)
		fail_msg("policy_load: %s", outcome.why.text);
	outcome_done(&outcome);
}

static int
setup(void **unused)
{
	static const char *const names[] = {"git", "python3.11", "python3.12", "curl", "ls"};
	char path[128], target[128];

	(void)unused;
	stage_open(&stage, program, puppet);
	for (size_t i = 0; i < COUNT(names); i++)
		stage_program(&stage, names[i], i);
	assert_int_equal(mkdir(stage_path(&stage, "agents", path), 0755), 0);
	assert_int_equal(chmod(path, 0755), 0);
	stage_program(&stage, "agents/agent", 9);
	assert_int_equal(symlink(stage_path(&stage, "python3.11", target), stage_path(&stage, "python3", path)), 0);
	stage_policyd(&stage, false);
	load(policy);
	return 0;
}

static int
teardown(void **unused)
{
	(void)unused;
	stage_close(&stage);
	return 0;
}

/* ---- what is asked ---- */

/* A connection of the puppet, judged: NULL it is allowed, else the code. */
static const char *
judge(struct accepted *accepted)
{
	static char code[64];
	struct outcome outcome;
	const struct msg_connection_judged *out = &outcome.msg.connection_judged;
	bool allowed;

	stage_judge(&stage, accepted, &outcome);
	allowed = out->allowed;
	snprintf(code, sizeof(code), SPAN_FORMAT, SPAN_ARGS(out->code));
	assert_true(allowed || out->reason.length > 0);
	snprintf(reason, sizeof(reason), SPAN_FORMAT, SPAN_ARGS(out->reason));
	outcome_done(&outcome);
	return allowed ? NULL : code;
}

#define assert_allowed(accepted)                                                                                 \
	do {                                                                                                     \
		const char *code_ = judge(accepted);                                                             \
		if (code_ != NULL)                                                                               \
			fail_msg("refused: %s", reason);                                                          \
	} while (0)
#define assert_refused(accepted, want)                                                                           \
	do {                                                                                                     \
		const char *code_ = judge(accepted);                                                             \
		if (code_ == NULL || strcmp(code_, (want)) != 0)                                                 \
			fail_msg("%s (%s) in place of %s", code_ == NULL ? "allowed" : code_, reason, want);               \
	} while (0)

/* A process executing NAME, connected; the other end is accepted. */
static int
connected(const char *name, struct accepted *accepted)
{
	int fd = puppet_new(&stage, 0, name);

	puppet_connect(&stage, fd);
	stage_accept(&stage, accepted);
	return fd;
}

static void
exec_as(int fd, const char *name)
{
	char words[192], path[128];

	snprintf(words, sizeof(words), "exec %s", stage_path(&stage, name, path));
	puppet_must(fd, words, -1);
}

/* ---- who it is ---- */

static void
test_allowed_and_not(void **unused)
{
	struct accepted git, curl;
	struct outcome outcome;
	char path[128];
	int a = connected("git", &git), b = connected("curl", &curl);

	(void)unused;
	stage_judge(&stage, &git, &outcome);
	assert_true(outcome.msg.connection_judged.allowed);
	assert_true(span_is(outcome.msg.connection_judged.binary, stage_path(&stage, "git", path)));
	assert_int_equal(outcome.msg.connection_judged.pid, 2); /* as the agent counts; the spawner is 1 */
	assert_int_equal(outcome.msg.connection_judged.ancestors_n, 0); /* the spawner is none */
	assert_true(span_is(outcome.msg.connection_judged.policy, "pol"));
	assert_true(outcome.msg.connection_judged.generation > 1);
	outcome_done(&outcome);
	stage_judge(&stage, &curl, &outcome);
	assert_false(outcome.msg.connection_judged.allowed);
	assert_true(span_is(outcome.msg.connection_judged.code, "binary"));
	assert_true(span_is(outcome.msg.connection_judged.binary, stage_path(&stage, "curl", path)));
	outcome_done(&outcome);
	git.question.connection_judge.port = 444;
	assert_refused(&git, "no_endpoint");
	accepted_close(&git);
	accepted_close(&curl);
	close(a);
	close(b);
}

/* 42: what an agent starts may what the agent may; the launcher of all, the spawner, lends nothing. */
static void
test_ancestors(void **unused)
{
	struct accepted accepted;
	struct outcome outcome;
	char path[128];
	int agent = puppet_new(&stage, 0, "agents/agent"), shell = puppet_new(&stage, agent, "curl");
	int ls = puppet_new(&stage, shell, "ls");

	(void)unused;
	puppet_connect(&stage, ls);
	stage_accept(&stage, &accepted);
	stage_judge(&stage, &accepted, &outcome);
	assert_true(outcome.msg.connection_judged.allowed);
	assert_int_equal(outcome.msg.connection_judged.ancestors_n, 2);
	assert_true(span_is(outcome.msg.connection_judged.ancestors[0], stage_path(&stage, "curl", path)));
	assert_true(span_is(outcome.msg.connection_judged.ancestors[1], stage_path(&stage, "agents/agent", path)));
	outcome_done(&outcome);
	accepted_close(&accepted);
	close(agent);
	close(shell);
	close(ls);
}

static void
test_mapped_addresses(void **unused)
{
	struct accepted accepted;
	char words[32];
	int fd = puppet_new(&stage, 0, "git");
	static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	(void)unused;
	snprintf(words, sizeof(words), "mapped %u", stage.port);
	puppet_must(fd, words, -1);
	stage_accept(&stage, &accepted);
	assert_allowed(&accepted);
	/* and as a listener of both families would tell it */
	for (int i = 0; i < 2; i++) {
		uint8_t *at = i == 0 ? accepted.client : accepted.server;

		memmove(at + 12, at, 4);
		memcpy(at, prefix, 12);
	}
	accepted.question.connection_judge.client.length = accepted.question.connection_judge.server.length = 16;
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
}

/* The notification names the thread; the owner that is found is its process. */
static void
test_connected_by_a_thread(void **unused)
{
	struct accepted accepted;
	char words[32];
	int fd = puppet_new(&stage, 0, "git");

	(void)unused;
	snprintf(words, sizeof(words), "thread %u", stage.port);
	puppet_must(fd, words, -1);
	stage_accept(&stage, &accepted);
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
}

static void
test_ipv6(void **unused)
{
	struct accepted accepted;
	char words[32];
	int fd = puppet_new(&stage, 0, "git");

	(void)unused;
	snprintf(words, sizeof(words), "six %u", stage.port);
	puppet_must(fd, words, -1);
	stage_accept(&stage, &accepted);
	assert_int_equal(accepted.question.connection_judge.client.length, 16);
	assert_allowed(&accepted);
	accepted.question.connection_judge.client_port ^= 1; /* another socket's end */
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(fd);
}

/* 227, 228 */
static void
test_symlinks_are_read_at_load(void **unused)
{
	char path[128], target[128];
	struct accepted first, second;
	int a = connected("python3.11", &first), b;

	(void)unused;
	assert_allowed(&first);
	unlink(stage_path(&stage, "python3", path));
	assert_int_equal(symlink(stage_path(&stage, "python3.12", target), path), 0);
	b = connected("python3.12", &second);
	assert_refused(&second, "binary");
	load(policy);
	assert_allowed(&second);
	accepted_close(&first);
	accepted_close(&second);
	close(a);
	close(b);
}

/* ---- the file ---- */

static void
use_once(const char *name)
{
	struct accepted accepted;
	int fd = connected(name, &accepted);

	assert_allowed(&accepted);
	puppet_must(fd, "end", -1);
	accepted_close(&accepted);
	close(fd);
}

/* 229: another file under the name of an allowed one that was used. */
static void
test_changed_file(void **unused)
{
	struct accepted accepted;
	struct heard *heard;
	char path[128], other[128];
	int fd;

	(void)unused;
	use_once("git");
	assert_int_equal(rename(stage_path(&stage, "curl", other), stage_path(&stage, "git", path)), 0);
	fd = connected("git", &accepted);
	assert_refused(&accepted, "integrity");
	heard = actor_hear(&stage.link, LOGS_ADD);
	while (strstr(heard->msg.logs_add.lines[0].message.at, "integrity") == NULL) { /* first the policy's own */
		heard_free(heard);
		heard = actor_hear(&stage.link, LOGS_ADD);
	}
	assert_true(span_is(heard->msg.logs_add.lines[0].level, "OCSF"));
	heard_free(heard);
	accepted_close(&accepted);
	close(fd);
}

/* 230: the same bytes with another time; and copied anew, in another inode. */
static void
test_touched_file(void **unused)
{
	char path[128];

	(void)unused;
	use_once("git");
	assert_int_equal(utimes(stage_path(&stage, "git", path), NULL), 0);
	use_once("git");
	assert_int_equal(unlink(path), 0);
	stage_program(&stage, "git", 0);
	use_once("git");
}

/* 231, S9 */
static void
test_unlinked_file(void **unused)
{
	struct accepted known, unknown;
	char path[128];
	int a, b;

	(void)unused;
	use_once("git");
	a = puppet_new(&stage, 0, "git");
	assert_int_equal(unlink(stage_path(&stage, "git", path)), 0);
	puppet_connect(&stage, a);
	stage_accept(&stage, &known);
	assert_allowed(&known);

	b = puppet_new(&stage, 0, "agents/agent");
	assert_int_equal(unlink(stage_path(&stage, "agents/agent", path)), 0);
	puppet_connect(&stage, b);
	stage_accept(&stage, &unknown);
	assert_refused(&unknown, "identity");
	accepted_close(&known);
	accepted_close(&unknown);
	close(a);
	close(b);
}

/* A file whose name really ends so is another one than the unlinked git. */
static void
test_deleted_in_the_name(void **unused)
{
	struct accepted accepted;
	int fd;

	(void)unused;
	stage_program(&stage, "git (deleted)", 3);
	fd = connected("git (deleted)", &accepted);
	assert_refused(&accepted, "binary");
	accepted_close(&accepted);
	close(fd);
}

static void
test_renamed_file(void **unused)
{
	struct accepted accepted;
	char from[128], to[128];
	int fd;

	(void)unused;
	assert_int_equal(rename(stage_path(&stage, "git", from), stage_path(&stage, "renamed", to)), 0);
	fd = connected("renamed", &accepted);
	assert_refused(&accepted, "binary");
	accepted_close(&accepted);
	close(fd);
}

/* Of 24 MB: read in pieces, while others are answered. */
static void
test_large_file(void **unused)
{
	struct accepted accepted, other;
	struct outcome outcome;
	int large, small;

	(void)unused;
	stage_program(&stage, "agents/large", 24u << 20);
	large = connected("agents/large", &accepted); /* connect waits for the hash */
	small = connected("git", &other);
	ask(&outcome, stage.proxy.peer, &accepted.question);
	assert_allowed(&other);
	outcome_wait(&outcome);
	assert_true(outcome.msg.connection_judged.allowed);
	outcome_done(&outcome);
	accepted_close(&accepted);
	accepted_close(&other);
	close(large);
	close(small);
}

/* ---- several owners ---- */

/* 234 */
static void
test_plain_fork(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child = puppet_new(&stage, fd, NULL);

	(void)unused;
	assert_refused(&accepted, "shared_socket");
	puppet_must(child, "close", -1);
	assert_allowed(&accepted);
	accepted_close(&accepted);
	close(fd);
	close(child);
}

/* 232: another program, allowed by itself. */
static void
test_fork_and_exec(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child = puppet_new(&stage, fd, "python3.11");

	(void)unused;
	assert_refused(&accepted, "shared_socket");
	puppet_must(child, "end", -1);
	accepted_close(&accepted);
	close(fd);
	close(child);
}

/* 233 */
static void
test_siblings(void **unused)
{
	struct accepted accepted;
	int parent = puppet_new(&stage, 0, "git"), one, two;

	(void)unused;
	puppet_must(parent, "make", -1);
	one = puppet_new(&stage, parent, NULL);
	two = puppet_new(&stage, parent, NULL);
	puppet_connect(&stage, one);
	stage_accept(&stage, &accepted);
	assert_refused(&accepted, "shared_socket"); /* the parent holds it too */
	puppet_must(parent, "close", -1);
	assert_allowed(&accepted);
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	puppet_must(two, "end", -1); /* one of them may leave */
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	accepted_close(&accepted);
	close(parent);
	close(one);
	close(two);
}

/* A process that keeps the socket in the table of one thread, where its own table no longer shows it. */
static void
test_hidden_in_a_thread(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child = puppet_new(&stage, fd, "curl");

	(void)unused;
	puppet_must(child, "hide", -1);
	assert_refused(&accepted, "shared_socket");
	accepted_close(&accepted);
	close(fd);
	close(child);
}

static void
pass(int from, int to)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	puppet_must(from, "give", pair[0]);
	puppet_must(to, "take", pair[1]);
	close(pair[0]);
	close(pair[1]);
}

/* ---- escapes ---- */

static void
test_descriptor_passed(void **unused)
{
	struct accepted accepted;
	int git = connected("git", &accepted), curl = puppet_new(&stage, 0, "curl");

	(void)unused;
	pass(git, curl);
	assert_refused(&accepted, "shared_socket");
	puppet_must(git, "close", -1); /* now the other one's alone: not who connected */
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(git);
	close(curl);
}

static void
test_connect_then_exec(void **unused)
{
	struct accepted first, second, third;
	int curl = connected("curl", &first), git = connected("git", &second), python = connected("python3.11", &third);

	(void)unused;
	exec_as(curl, "git"); /* an allowed one, which did not connect: who did counts */
	assert_refused(&first, "binary");
	exec_as(git, "curl");
	assert_refused(&second, "identity");
	exec_as(python, "git"); /* both are allowed, but one is not the other */
	assert_refused(&third, "identity");
	accepted_close(&third);
	close(python);
	accepted_close(&first);
	accepted_close(&second);
	close(curl);
	close(git);
}

/* Not dumpable: it is looked into all the same, and is one more owner. */
static void
test_undumpable_owner(void **unused)
{
	struct accepted accepted;
	int git = connected("git", &accepted), child = puppet_new(&stage, git, "curl");

	(void)unused;
	puppet_must(child, "undumpable", -1);
	assert_refused(&accepted, "shared_socket");
	puppet_must(child, "close", -1);
	assert_allowed(&accepted); /* what holds nothing spoils nothing */
	accepted_close(&accepted);
	close(git);
	close(child);
}

/* Nothing of it can be looked at, its descriptors neither: it may hold any socket. */
static void
test_opaque_process(void **unused)
{
	struct accepted accepted;
	char words[128];
	int git = connected("git", &accepted), child = puppet_new(&stage, 0, "curl");

	(void)unused;
	if (box_unreadable() == NULL)
		skip();
	assert_allowed(&accepted);
	snprintf(words, sizeof(words), "exec %s", box_unreadable());
	puppet_must(child, words, -1);
	assert_refused(&accepted, "identity");
	assert_non_null(strstr(reason, "cannot be looked into"));
	puppet_must(child, "end", -1);
	accepted_close(&accepted);
	close(git);
	close(child);
}

/* An executable that may be run and not read: who runs it cannot be told. */
static void
test_unreadable_owner(void **unused)
{
	struct accepted accepted;
	char path[128];
	int git = connected("git", &accepted), child;

	(void)unused;
	assert_int_equal(chmod(stage_path(&stage, "curl", path), 0111), 0);
	child = puppet_new(&stage, git, "curl");
	assert_refused(&accepted, "identity");
	puppet_must(child, "end", -1);
	accepted_close(&accepted);
	close(git);
	close(child);
}

/* 237 */
static void
test_owner_gone(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);

	(void)unused;
	puppet_must(fd, "end", -1);
	while (recv(accepted.fd, (char[1]){0}, 1, 0) > 0)
		;
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(fd);
}

/* 236, and any socket whose connect nobody saw. */
static void
test_without_a_record(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);

	(void)unused;
	stage_policyd_kill(&stage);
	stage_policyd(&stage, false);
	assert_refused(&accepted, "no_policy");
	load(policy);
	assert_refused(&accepted, "identity");
	accepted_close(&accepted);
	close(fd);
}

/* ---- requests ---- */

static void
test_owner_changes_between_requests(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);

	(void)unused;
	assert_allowed(&accepted);
	for (int i = 0; i < 3; i++)
		assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	exec_as(fd, "python3.11"); /* allowed as well, but another */
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE);
	accepted_close(&accepted);
	close(fd);
}

static void
test_second_owner_between_requests(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted), child;
	uint64_t until = clock_ms() + PATIENCE_MS;
	unsigned what = ALLOW;

	(void)unused;
	assert_allowed(&accepted);
	child = puppet_new(&stage, fd, "curl");
	while (what == ALLOW && clock_ms() < until) /* seen at the next full look */
		what = stage_request(&stage, &accepted, "/");
	assert_int_equal(what, CLOSE);
	assert_true(clock_ms() < until - PATIENCE_MS + 2000);
	accepted_close(&accepted);
	close(fd);
	close(child);
}

/* Between fork and exec a child holds the socket for a moment; that moment must not cost the connection. */
static void
test_children_come_and_go(void **unused)
{
	struct accepted accepted;
	int fd = connected("git", &accepted);
	char words[64];
	unsigned asked = 0, closed = 0;

	(void)unused;
	assert_allowed(&accepted);
	assert_true(send(fd, "churn 600", sizeof("churn 600"), 0) > 0);
	while (recv(fd, words, sizeof(words), MSG_DONTWAIT) < 0) {
		closed += stage_request(&stage, &accepted, "/") == CLOSE;
		closed += judge(&accepted) != NULL;
		asked += 2;
	}
	assert_int_equal(strtol(words, NULL, 10), 0);
	if (closed * 50 > asked) /* a look alone would refuse every third; a machine that is busy may let one in hundreds pass */
		fail_msg("%u of %u refused", closed, asked);
	accepted_close(&accepted);
	close(fd);
}

static void
test_many_at_once(void **unused)
{
	static struct accepted accepted[MANY];
	static struct outcome outcomes[MANY];
	char words[32];
	int fd = puppet_new(&stage, 0, "git");

	(void)unused;
	snprintf(words, sizeof(words), "many %d %u", MANY, stage.port);
	puppet_must(fd, words, -1);
	for (size_t i = 0; i < MANY; i++) {
		stage_accept(&stage, &accepted[i]);
		accepted[i].question.connection_judge.client.at = (const char *)accepted[i].client;
		accepted[i].question.connection_judge.server.at = (const char *)accepted[i].server;
	}
	for (size_t i = 0; i < MANY; i++)
		ask(&outcomes[i], stage.proxy.peer, &accepted[i].question);
	for (size_t i = 0; i < MANY; i++) {
		outcome_wait(&outcomes[i]);
		assert_int_equal(outcomes[i].r, OK);
		assert_true(outcomes[i].msg.connection_judged.allowed);
		outcome_done(&outcomes[i]);
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(stage_request(&stage, &accepted[i], "/"), ALLOW);
		accepted_close(&accepted[i]);
	}
	close(fd);
}

static void
test_connection_forgotten(void **unused)
{
	struct accepted accepted;
	struct msg end = {.id = CONNECTION_END};
	int fd = connected("git", &accepted);

	(void)unused;
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE); /* not admitted yet */
	assert_allowed(&accepted);
	assert_int_equal(stage_request(&stage, &accepted, "/"), ALLOW);
	end.connection_end.connection = accepted.number;
	tell(stage.proxy.peer, &end);
	assert_int_equal(stage_request(&stage, &accepted, "/"), CLOSE);
	accepted_close(&accepted);
	close(fd);
}

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
	struct msg m = {.id = POLICY_CLOSE, .policy_close = {.version = 9, .reason = SPAN("a rule that nobody understands")}};
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
	static const uint8_t packet[] = {0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 1, 0, 1, 17, 81, 0, 9, 0, 0};
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
	hear_line("NET:REFUSE [MED] DENIED BYPASS_DETECT 192.0.2.1:4433 proto=udp binary=- [policy:- engine:fence] [reason:UDP ");
	refuse_packet(11); /* three found no room */
	hear_line("BYPASS_DETECT");
	hear_line("0 connect records, 0 connects not noted, 3 refused packets not told");
	for (uint32_t i = 0; i < 25; i++) /* more than are told in a second: the rest is counted */
		refuse_packet(12 + i);
	hear_line(" refused packets not told");
}

static bool
name_known(const char *name)
{
	struct msg m = {.id = NAME_JUDGE, .name_judge = {.name = span_of_text(name)}};
	struct outcome outcome;
	bool known;

	ask(&outcome, stage.proxy.peer, &m);
	outcome_wait(&outcome);
	assert_int_equal(outcome.r, OK);
	known = outcome.msg.name_judged.known;
	outcome_done(&outcome);
	return known;
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

/* It dies while it reads a large executable for somebody's connect: the next one lets him go. */
static void
test_killed_while_a_connect_waits(void **unused)
{
	struct accepted accepted, other;
	char words[32];
	int waiting, second, third;
	unsigned allowed;

	(void)unused;
	stage_program(&stage, "agents/huge", 256u << 20);
	waiting = puppet_new(&stage, 0, "agents/huge");
	snprintf(words, sizeof(words), "connect %u", stage.port);
	assert_true(send(waiting, words, strlen(words) + 1, 0) > 0);
	second = connected("git", &other); /* noted after the first one was taken */
	accepted_close(&other);
	stage_policyd_kill(&stage);
	stage_policyd(&stage, false);
	load(policy);
	third = puppet_new(&stage, 0, "git");
	puppet_connect(&stage, third);
	assert_true(recv(waiting, words, sizeof(words), 0) > 0);
	assert_int_equal(strtol(words, NULL, 10), 0);
	stage_accept(&stage, &accepted); /* in whichever order they came */
	stage_accept(&stage, &other);
	allowed = (judge(&accepted) == NULL) + (judge(&other) == NULL);
	assert_int_equal(allowed, 1);
	accepted_close(&accepted);
	accepted_close(&other);
	close(waiting);
	close(second);
	close(third);
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
	assert_true(name_known("any.acme.test")); /* the proxy's channel is still there */
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_allowed_and_not),
	    TEST(test_ancestors),
	    TEST(test_mapped_addresses),
	    TEST(test_ipv6),
	    TEST(test_connected_by_a_thread),
	    TEST(test_symlinks_are_read_at_load),
	    TEST(test_changed_file),
	    TEST(test_touched_file),
	    TEST(test_unlinked_file),
	    TEST(test_deleted_in_the_name),
	    TEST(test_renamed_file),
	    TEST(test_large_file),
	    TEST(test_plain_fork),
	    TEST(test_fork_and_exec),
	    TEST(test_siblings),
	    TEST(test_hidden_in_a_thread),
	    TEST(test_descriptor_passed),
	    TEST(test_connect_then_exec),
	    TEST(test_undumpable_owner),
	    TEST(test_opaque_process),
	    TEST(test_unreadable_owner),
	    TEST(test_owner_gone),
	    TEST(test_without_a_record),
	    TEST(test_owner_changes_between_requests),
	    TEST(test_second_owner_between_requests),
	    TEST(test_children_come_and_go),
	    TEST(test_many_at_once),
	    TEST(test_connection_forgotten),
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

	if (argc < 3)
		return 77;
	program = argv[1];
	puppet = argv[2];
	signal(SIGPIPE, SIG_IGN);
	box_enter(argv, puppet, argc > 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
