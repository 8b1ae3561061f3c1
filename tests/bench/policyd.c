/*
 * What policyd costs: answering a connect, judging a connection, rechecking its owner, a full look, a request.
 *
 * usage: bench-policyd POLICYD PUPPET [PROCESSES]   (30 processes of the agent where it is not said, 1,000 rules)
 * Prints one line for each: name, median and 99th percentile in nanoseconds, rounds.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "common/base/clean.h"
#include "sandbox/policyd/owners.h"
#include "tests/bus/policyd_stage.h"

#define PROCESSES_MAX 256
#define RULES	      1000
#define BATCH	      32

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define MEASURE(name, rounds, each, code)                                                                              \
	do {                                                                                                           \
		uint64_t *times_ = calloc((rounds), sizeof(uint64_t));                                                 \
		for (int i_ = 0; i_ < (rounds); i_++) {                                                                \
			uint64_t start_ = now_ns();                                                                    \
			code;                                                                                          \
			times_[i_] = (now_ns() - start_) / (each);                                                     \
		}                                                                                                      \
		qsort(times_, (rounds), sizeof(uint64_t), ascending);                                                  \
		printf("%s %llu %llu %d\n", (name), (unsigned long long)times_[(rounds) / 2],                          \
		    (unsigned long long)times_[(rounds)*99 / 100], (rounds));                                          \
		fflush(stdout);                                                                                        \
		free(times_);                                                                                          \
	} while (0)

/* One policy with an inspected endpoint of so many rules; the last one allows what is asked. */
static char *
policy_text(void)
{
	char *text = malloc(256 + RULES * 64), *at = text;

	at += snprintf(at, 256,
	    "version: 1\nnetwork_policies:\n  p:\n    endpoints:\n      - host: any.acme.test\n"
	    "        port: 443\n        protocol: rest\n        enforcement: enforce\n        rules:\n");
	for (int i = 0; i < RULES; i++)
		at += snprintf(at, 64, "          - allow: {method: GET, path: \"/r%d/**\"}\n", i);
	snprintf(at, 64, "    binaries: [{path: $/git}]\n");
	return text;
}

static void
request(struct stage *stage, const struct accepted *accepted, size_t n)
{
	struct msg_question questions[BATCH];
	struct msg m = {.id = REQUESTS_JUDGE, .requests_judge = {.questions = questions, .questions_n = n}};
	struct outcome outcome;

	for (size_t i = 0; i < n; i++)
		questions[i] = (struct msg_question){.request = i + 1,
		    .connection = accepted->number,
		    .kind = 1,
		    .method = SPAN("GET"),
		    .path = SPAN("/r999/x/y")};
	ask(&outcome, stage->proxy.peer, &m);
	outcome_wait(&outcome);
	if (outcome.r != OK || outcome.msg.requests_judged.verdicts[n - 1].what != 1)
		fail_msg("refused: " SPAN_FORMAT, SPAN_ARGS(outcome.msg.requests_judged.verdicts[n - 1].reason));
	outcome_done(&outcome);
}

static void
judged(struct stage *stage, struct accepted *accepted)
{
	struct outcome outcome;

	stage_judge(stage, accepted, &outcome);
	if (!outcome.msg.connection_judged.allowed)
		fail_msg("refused: " SPAN_FORMAT, SPAN_ARGS(outcome.msg.connection_judged.reason));
	outcome_done(&outcome);
}

static void
through_the_daemon(struct stage *stage, int puppet, struct accepted *accepted)
{
	int fd = -1;

	MEASURE("connect", 500, 1, puppet_connect(stage, puppet); puppet_must(puppet, "close", -1);
		fd = accept(stage->accepting, NULL, NULL); close(fd));
	puppet_connect(stage, puppet);
	stage_accept(stage, accepted);
	MEASURE("judge", 1000, 1, judged(stage, accepted));
	MEASURE("request", 20000, 1, request(stage, accepted, 1));
	MEASURE("request_of_32", 2000, BATCH, request(stage, accepted, BATCH));
}

/* In this process, in the place of policyd. */
static void
by_itself(struct stage *stage, pid_t pid)
{
	struct observer observer = {.look = {.spawner = stage->spawner.pid}};
	struct process *process;
	struct stat st;
	char path[64];
	struct why why;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)stage->spawner.pid);
	if (stat(path, &st) < 0 || chroot("/proc") < 0 || chdir("/") < 0)
		fail_msg("%s", path);
	observer.look.pid_namespace = st.st_ino;
	processes_init(&observer.processes);
	if (proc_socket_mount(stage->accepting, &observer.look.socket_mount, &why) != OK ||
	    process_get(&observer.processes, pid, &process, &why) != OK)
		fail_msg("%s", why.text);
	MEASURE("recheck", 100000, 1, observer.processes.round++;
		if (!process_same(&observer.processes, process)) abort());
	MEASURE("look", 500, 1, if (look_now(&observer.look, &why) != OK || observer.look.opaque != 0) abort());
	fprintf(stderr, "a look: %zu processes, %zu descriptors\n", observer.look.processes, observer.look.files);
}

int
main(int argc, char **argv)
{
	static struct stage stage;
	struct accepted accepted;
	struct outcome outcome;
	int puppets[PROCESSES_MAX], n = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 30;
	auto_free char *text = policy_text();

	if (argc < 3 || n < 1 || n > PROCESSES_MAX)
		return 2;
	box_enter(argv, argv[2], false);
	stage_open(&stage, argv[1], argv[2]);
	stage_program(&stage, "git", 0);
	stage_policyd(&stage, false);
	if (stage_load(&stage, text, &outcome) != OK)
		fail_msg("%s", outcome.why.text);
	outcome_done(&outcome);
	for (int i = 0; i < n; i++)
		puppets[i] = puppet_new(&stage, 0, "git");
	through_the_daemon(&stage, puppets[0], &accepted);
	directory_remove(stage.directory); /* the processes go on without */
	by_itself(&stage, getpid());
	return 0;
}
