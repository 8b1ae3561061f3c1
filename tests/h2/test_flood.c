/* Floods from either side: their connection ends (or what they cost is bounded), memory stays small, others are served. */
#include "tests/unit/test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/h2/stage.h"

#define ROUND_BYTES  16384 /* of a flood between two looks at the rest */
#define MEMORY_BYTES (2u << 20)
#define CPU_MS	     3000 /* of a whole flood; sanitizers are slow */

#define DOWNLOAD_BYTES (40u << 20)
#define STALL_STREAMS  16     /* then the window of the connection upstream is full */
#define STALL_BYTES    262144 /* of each answer, until its window upstream is full */
#define STALL_MEMORY   (6u << 20)

/* What a flood does to its connection. */
enum end { CALM, BROKEN_OFF, BOUNDED };

struct flood {
	const char *name;
	unsigned leg;
	enum end end;
	unsigned times;
	const struct step *before, *each; /* the numbers of streams in each rise by two where they are 1 */
	bool holds;			  /* policyd does not answer */
	size_t memory;			  /* in bytes; 0: MEMORY_BYTES */
};

static struct wire agent, upstream;
static const struct flood *flood;
static size_t turns, memory, most;

/* ---- somebody else in the same loop ---- */

static int canary[2];
static struct watch canary_watch;
static size_t sung;

static void
sing(void *self, uint32_t events)
{
	char byte;

	(void)self, (void)events;
	assert_int_equal(read(canary[0], &byte, 1), 1);
	sung++;
}

static size_t
memory_now(void)
{
	struct mallinfo2 now = mallinfo2(); /* 0 under a sanitizer */

	return now.uordblks + now.hblkhd;
}

/* One turn of the loop, in which the other connection is served too. */
static void
turn(void)
{
	assert_int_equal(write(canary[1], "x", 1), 1);
	turns++;
	world_turn();
	if (sung < turns)
		fail_msg("somebody else waits while %s goes on", flood->name);
	wire_read(&agent);
	if (world.ups_n > 0 && upstream.inflater == NULL) {
		wire_open(&upstream, &world.ups[0], true);
		wire_step(&upstream, &(struct step)SETTING(""));
		wire_step(&upstream, &(struct step)FRAME(SETTINGS, ACK, 0, "")); /* its windows hold from here on */
	}
	if (world.ups_n > 0)
		wire_read(&upstream);
	if (memory_now() > most)
		most = memory_now();
}

static void
until(struct wire *wire, const char *words)
{
	for (uint64_t end = clock_ms() + 5000; strstr(wire->words, words) == NULL; turn())
		if (clock_ms() > end)
			fail_msg("%s never came: %.2000s", words, wire->words);
}

/* ---- the flood ---- */

static struct wire *
wire_of(void)
{
	return flood->leg == AGENT ? &agent : &upstream;
}

static void
send_steps(const struct step *steps, uint32_t more)
{
	for (const struct step *step = steps; step->kind != STEP_END; step++) {
		struct step now = *step;

		if (now.stream == 1)
			now.stream += more;
		if (now.kind == STEP_WAIT)
			until(wire_of(), now.at);
		else
			wire_step(wire_of(), &now);
	}
}

static void
open_all(void)
{
	struct why why;

	memset(&agent, 0, sizeof(agent));
	memset(&upstream, 0, sizeof(upstream));
	world_raw = true;
	world_open(HOW_TRANSPARENT, true, true);
	world.judge_holds = flood->holds;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, canary), 0);
	canary_watch = (struct watch){0};
	assert_int_equal(loop_add(world.proxy.loop, &canary_watch, canary[0], EPOLLIN, sing, NULL, &why), OK);
	turns = sung = 0;
	wire_open(&agent, &world.agent, false);
	wire_step(&agent, &(struct step)SETTING(""));
	if (flood->leg == UPSTREAM) {
		wire_step(&agent, &(struct step)HEAD(1, ES, GET("")));
		until(&upstream, "HEADERS 1 ");
	}
	memory = most = memory_now();
}

static void
close_all(void)
{
	loop_remove(world.proxy.loop, &canary_watch);
	close(canary[0]);
	close(canary[1]);
	wire_close(&agent);
	if (upstream.inflater != NULL)
		wire_close(&upstream);
	world_close();
}

static void
pour(void)
{
	struct peer_end *end = wire_of()->end;
	uint64_t limit = clock_ms() + 20000;

	for (unsigned i = 0; i < flood->times && !end->closed; i++) {
		send_steps(flood->each, flood->before == NULL ? 2 * i : 0);
		while (bytes_length(&end->out) > ROUND_BYTES && !end->closed) {
			turn();
			if (clock_ms() > limit)
				fail_msg("%s is stuck", flood->name);
		}
	}
	for (int i = 0; i < 50 && !end->closed; i++)
		turn();
}

static void
check_end(void)
{
	struct wire *wire = wire_of();

	if (flood->end == BOUNDED) {
		wire_step(wire, &(struct step)FRAME(PING, 0, 0, "STILLON!"));
		until(wire, "PING ack STILLON!");
		return;
	}
	for (uint64_t end = clock_ms() + 5000; !wire->end->closed; turn())
		if (clock_ms() > end)
			fail_msg("%s is not ended: %.2000s", flood->name, wire->words);
	if (flood->end == CALM && strstr(wire->words, "ENHANCE_YOUR_CALM") == NULL)
		fail_msg("%s was not told to be calm: %.500s ... %s", flood->name, wire->words,
		    wire->log.length > 300 ? wire->words + wire->log.length - 300 : "");
}

static void
play(void **state)
{
	struct timespec from, to;
	uint64_t cpu_ms;

	flood = *state;
	open_all();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	if (flood->before != NULL)
		send_steps(flood->before, 0);
	pour();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	check_end();
	cpu_ms = (uint64_t)(to.tv_sec - from.tv_sec) * 1000 + (uint64_t)(to.tv_nsec / 1000000) -
		 (uint64_t)(from.tv_nsec / 1000000);
	print_message("# %s: %zu turns, %zu KiB at most, %llu ms, %zu dials\n", flood->name, turns,
	    (most - memory) / 1024, (unsigned long long)cpu_ms, world.dials);
	if (most - memory > (flood->memory > 0 ? flood->memory : MEMORY_BYTES))
		fail_msg("%s took %zu bytes", flood->name, most - memory);
	if (cpu_ms > CPU_MS)
		fail_msg("%s took %llu ms", flood->name, (unsigned long long)cpu_ms);
	close_all();
}

/* ---- the table ---- */

/* clang-format off */
#define ENDS	  {.kind = STEP_END}
#define STEPS(...) (const struct step[]){__VA_ARGS__, ENDS}
#define ALL_OF(type_, flags_, array) \
	{.kind = STEP_FRAME, .type = (type_), .flags = (flags_), .stream = 1, .at = (array), .n = sizeof(array)}
#define CANCELS	  FRAME(RST_STREAM, 0, 1, "\x00\x00\x00\x08")
/* clang-format on */

#define BOMB_BYTES 3900
#define BOMB_FUSE                                                                                                      \
	GET_BYTES "\x40\x01"                                                                                           \
		  "x"                                                                                                  \
		  "\x7f\xbd\x1d" /* a field of 127 + 61 + 29 * 128 bytes, kept */

static char bomb[16000], small[16000];

/* clang-format off */
static const struct flood floods[] = {
	{"rapid reset (CVE-2023-44487)", AGENT, CALM, 20000, .each = STEPS(HEAD(1, ES, GET("")), CANCELS)},
	{"rapid reset of what waits for policyd", AGENT, CALM, 20000,
	    .each = STEPS(HEAD(1, ES, GET("")), CANCELS), .holds = true},
	{"streams that make us reset (CVE-2025-8671), by WINDOW_UPDATE", AGENT, BROKEN_OFF, 20000,
	    .each = STEPS(HEAD(1, 0, POST("")), FRAME(WINDOW_UPDATE, 0, 1, "\0\0\0\0"))},
	{"streams that make us reset, by their heads", AGENT, CALM, 20000, .each = STEPS(HEAD(1, ES, GET("X: 1\n")))},
	{"streams over the limit", AGENT, CALM, 20000, .each = STEPS(HEAD(1, ES, GET(""))), .holds = true},
	{"CONTINUATION, empty", AGENT, BROKEN_OFF, 100000,
	    .before = STEPS(PART(1, ES, GET(""))), .each = STEPS(FRAME(CONTINUATION, 0, 1, ""))},
	{"CONTINUATION, fields", AGENT, BROKEN_OFF, 20000,
	    .before = STEPS(PART(1, ES, GET(""))), .each = STEPS(MORE(1, 0, "name: a value\n"))},
	{"CONTINUATION, large", AGENT, BROKEN_OFF, 2000,
	    .before = STEPS(PART(1, ES, GET(""))), .each = STEPS(ALL_OF(CONTINUATION, 0, small))},
	{"SETTINGS", AGENT, CALM, 20000, .each = STEPS(SETTING("\x00\x04\x00\x00\xff\xff"))},
	{"SETTINGS, empty", AGENT, CALM, 20000, .each = STEPS(SETTING(""))},
	{"PING", AGENT, CALM, 20000, .each = STEPS(FRAME(PING, 0, 0, "12345678"))},
	{"PRIORITY", AGENT, CALM, 20000, .each = STEPS(FRAME(PRIORITY, 0, 1, "\0\0\0\0\x10"))},
	{"DATA, empty", AGENT, CALM, 20000,
	    .before = STEPS(HEAD(1, 0, POST(""))), .each = STEPS(FRAME(DATA, 0, 1, ""))},
	{"DATA, only padding", AGENT, CALM, 60000,
	    .before = STEPS(HEAD(1, 0, POST(""))), .each = STEPS(FRAME(DATA, PADDED, 1, "\0"))},
	{"WINDOW_UPDATE of one byte", AGENT, CALM, 60000,
	    .before = STEPS(HEAD(1, 0, POST(""))), .each = STEPS(FRAME(WINDOW_UPDATE, 0, 1, "\0\0\0\1"))},
	{"WINDOW_UPDATE of the connection", AGENT, CALM, 60000,
	    .each = STEPS(FRAME(WINDOW_UPDATE, 0, 0, "\0\0\0\1"))},
	{"a bomb of one large field, named again and again", AGENT, CALM, 2000, .before = NULL,
	    .each = STEPS(ALL_OF(HEADERS, EH | ES, bomb))},
	{"lists of fields that are too long", AGENT, BOUNDED, 200, .each = STEPS(ALL_OF(HEADERS, EH | ES, small))},
	{"frames of unknown types", AGENT, BOUNDED, 20000, .each = STEPS(FRAME(UNKNOWN, 0, 0, "x"))},
	{"bodies that nobody reads, on a hundred streams", AGENT, BOUNDED, 100,
	    .each = STEPS(HEAD(1, 0, POST("")), FILL(DATA, 0, 1, 10000)), .holds = true, .memory = 4u << 20},
	{"SETTINGS", UPSTREAM, CALM, 20000, .each = STEPS(SETTING("\x00\x04\x00\x00\xff\xff"))},
	{"PING", UPSTREAM, CALM, 20000, .each = STEPS(FRAME(PING, 0, 0, "12345678"))},
	{"PRIORITY", UPSTREAM, CALM, 20000, .each = STEPS(FRAME(PRIORITY, 0, 1, "\0\0\0\0\x10"))},
	{"DATA, empty", UPSTREAM, CALM, 20000,
	    .before = STEPS(HEAD(1, 0, OK_200(""))), .each = STEPS(FRAME(DATA, 0, 1, ""))},
	{"WINDOW_UPDATE of the connection", UPSTREAM, CALM, 60000,
	    .each = STEPS(FRAME(WINDOW_UPDATE, 0, 0, "\0\0\0\1"))},
	{"CONTINUATION, empty", UPSTREAM, BROKEN_OFF, 100000,
	    .before = STEPS(PART(1, ES, OK_200(""))), .each = STEPS(FRAME(CONTINUATION, 0, 1, ""))},
	{"CONTINUATION, fields", UPSTREAM, BROKEN_OFF, 20000,
	    .before = STEPS(PART(1, ES, OK_200(""))), .each = STEPS(MORE(1, 0, "name: a value\n"))},
	{"interim answers", UPSTREAM, BOUNDED, 300,
	    .before = STEPS(HEAD(1, 0, ":status: 103\n")), .each = STEPS(HEAD(1, 0, ":status: 103\nlink: x\n"))},
	{"GOAWAY", UPSTREAM, BOUNDED, 20000, .each = STEPS(FRAME(GOAWAY, 0, 0, "\0\0\0\1\0\0\0\0"))},
	{"PUSH_PROMISE", UPSTREAM, BROKEN_OFF, 2000, .each = STEPS(FRAME(PUSH_PROMISE, EH, 1, "\0\0\0\2" GET_BYTES))},
};
/* clang-format on */

/* A download whose client gives back each two thousand bytes at once and measures by PING, as Go and gRPC do, is none. */
static void
test_download(void **state)
{
	static const struct flood download = {"a download", AGENT, BOUNDED, 0};
	size_t given = 0, told = 0;

	(void)state;
	flood = &download;
	open_all();
	wire_step(&agent, &(struct step)HEAD(1, ES, GET("")));
	until(&upstream, "HEADERS 1 ");
	wire_step(&upstream, &(struct step)HEAD(1, 0, OK_200("")));
	while (agent.data < DOWNLOAD_BYTES) {
		for (; given < agent.data + 80000; given += 16384)
			wire_step(&upstream, &(struct step)FILL(DATA, 0, 1, 16384));
		turn();
		for (; told + 2048 <= agent.data; told += 2048) {
			wire_step(&agent, &(struct step)FRAME(WINDOW_UPDATE, 0, 1, "\0\0\x08\0"));
			wire_step(&agent, &(struct step)FRAME(WINDOW_UPDATE, 0, 0, "\0\0\x08\0"));
		}
		wire_step(&agent, &(struct step)FRAME(PING, 0, 0, "howfast?"));
		if (world.agent.closed)
			fail_msg("a download was taken for a flood after %zu bytes", agent.data);
	}
	close_all();
}

/* Answers that nobody reads: each is held as far as its window upstream reaches, and the rest goes on. */
static void
test_stall(void **state)
{
	static const struct flood stall = {"answers that nobody reads", AGENT, BOUNDED, 0};
	struct step answer = HEAD(1, 0, OK_200("")), body = FILL(DATA, 0, 1, 16384);

	(void)state;
	flood = &stall;
	open_all();
	wire_step(&agent, &(struct step)SETTING("\x00\x04\x00\x00\x00\x00"));
	for (uint32_t i = 0; i < STALL_STREAMS; i++) {
		send_steps(STEPS(HEAD(1, ES, GET(""))), 2 * i);
		for (uint32_t before = wire_last(&upstream); wire_last(&upstream) == before; turn())
			assert_true(world.dials <= 1);
		answer.stream = body.stream = wire_last(&upstream);
		wire_step(&upstream, &answer);
		for (size_t k = 0; k < STALL_BYTES / 16384; k++)
			wire_step(&upstream, &body);
		while (bytes_length(&world.ups[0].out) > 0)
			turn();
	}
	check_end();
	if (agent.data > 0)
		fail_msg("%zu bytes were sent into windows of 0", agent.data);
	print_message("# answers that nobody reads: %zu KiB\n", (most - memory) / 1024);
	if (most - memory > STALL_MEMORY)
		fail_msg("they took %zu bytes", most - memory);
	wire_step(&agent, &(struct step)HEAD(9999, ES, GET_OF("/other", "")));
	until(&upstream, ":path=/other");
	body.stream = wire_last(&upstream);
	answer.stream = body.stream;
	wire_step(&upstream, &answer);
	until(&agent, "HEADERS 9999 :status=200");
	wire_step(&upstream, &body); /* more than the connection's window lets in (RFC 9113, 6.9.1) */
	until(&upstream, " FLOW_CONTROL_ERROR");
	close_all();
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(floods) + 2] = {
	    {.name = "a long download is no flood", .test_func = test_download},
	    {.name = "answers that nobody reads", .test_func = test_stall}};
	char names[COUNT(floods)][120];

	memset(bomb, 0xbe, sizeof(bomb)); /* the newest entry of the table, again and again, behind a large one */
	memcpy(bomb, BOMB_FUSE, sizeof(BOMB_FUSE) - 1);
	memset(bomb + sizeof(BOMB_FUSE) - 1, 'x', BOMB_BYTES);
	for (size_t i = 0; i + 4 <= sizeof(small); i += 4)
		memcpy(small + i, "\0\1a", 4); /* a field without a value */
	for (size_t i = 0; i < COUNT(floods); i++) {
		snprintf(names[i], sizeof(names[i]), "%s: %s", floods[i].leg == AGENT ? "agent" : "upstream",
		    floods[i].name);
		tests[i + 2] = (struct CMUnitTest){
		    .name = names[i], .test_func = play, .initial_state = (void *)(uintptr_t)&floods[i]};
	}
	return _cmocka_run_group_tests("flood", tests, COUNT(tests), NULL, NULL);
}
