/*
 * Simulated sandbox sessions on one relay: the real relay, links that are played (sessions_links.c) and a state that is
 * played here (sessions_state.c). Prints JSON lines for ./bench.
 *
 *     sessions RELAY COUNT
 *
 * Measures the time until all have enrolled and acknowledged their policy, the memory of the relay for each that is then
 * idle, and the same time after the relay has been killed and started again.
 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "tests/bench/sessions_links.h"
#include "tests/bench/sessions_state.h"
#include "tests/bus/script.h"

#define COUNT_MAX     20000 /* SESSIONS_MAX of the relay */
#define PROCESS_LINKS 2500
#define ALL_MS	      300000 /* for all of them to be there */
#define SETTLE_MS     1000

static uint32_t boxes_n;
static struct loop *loop;
static struct daemon relay;
static struct actor state;
static char directory[64], roster[512];

/* ---- the house ---- */

static void
house_open(const char *program)
{
	char endpoint[128], one[256];
	struct why why;

	directory_make(directory);
	directory_add(directory, "state");
	directory_add(directory, "relay");
	directory_add(directory, "sandboxes");
	snprintf(endpoint, sizeof(endpoint), "%s/log", directory);
	if ((relay.log_fd = open(endpoint, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0 || loop_new(&loop, &why) != OK)
		fail_msg("%s", endpoint);
	daemon_keys(&relay);
	actor_init(&state, loop, ROLE_STATE, "state");
	state.bus.routes = boxes_routes;
	actor_join(&state, ROLE_RELAY, "relay", relay.key);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/state/bus", directory);
	if (curve_bind(state.curve, endpoint, false, &why) != OK)
		fail_msg("%s", why.text);
	snprintf(roster, sizeof(roster), "process: relay\nroster:\n%s",
	    roster_yaml(&state, "state", "ipc:///state/bus", one));
	daemon_start(&relay, program, directory, roster);
	actor_wait_up(&state, 1);
}

/* ---- the links ---- */

static void
links_ended(void *self, int status)
{
	(void)self;
	fail_msg("links ended with code %d", child_exit_code(status));
}

static void
links_start(struct child *child, uint32_t first, uint32_t count)
{
	char endpoint[128], key[65], from[16], many[16];
	const char *argv[] = {"sessions", "links", endpoint, key, from, many, NULL};
	const struct child_plan plan = {
	    .path = "/proc/self/exe", .argv = argv, .fds = {-1, -1, 2}, .fds_count = 3, .die_with_parent = true};
	struct why why;

	snprintf(endpoint, sizeof(endpoint), "ipc://%s/sandboxes/relay", directory);
	hex_write(relay.key, sizeof(relay.key), key);
	snprintf(from, sizeof(from), "%u", first);
	snprintf(many, sizeof(many), "%u", count);
	if (child_start(child, &plan, &why) != OK || child_watch(child, loop, links_ended, NULL, &why) != OK)
		fail_msg("%s", why.text);
}

/* ---- measuring ---- */

static void
row(const char *what, double value, const char *unit, const char *budget)
{
	printf("{\"what\": \"%u sessions, %s\", \"ours\": %.3f, \"unit\": \"%s\", \"budget\": %s, \"beside\": \"\", "
	       "\"its\": null, \"more\": false, \"least\": null}\n",
	    boxes_n, what, value, unit, budget);
	fflush(stdout);
}

static double
relay_cpu_s(void)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(relay.child.pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		fail_msg("the relay's clock");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Nobody but root may look at processes that are not dumpable: 0. */
static double
relay_kib(void)
{
	char path[64], line[256];
	double kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)relay.child.pid);
	if ((file = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "Pss:", 4) == 0)
			kib = strtod(line + 4, NULL);
	fclose(file);
	return kib;
}

/* Until all are up and have acknowledged: seconds since then. */
static double
all_there(uint64_t since_ms)
{
	char words[96];

	while (!boxes_there(words))
		turn(loop, since_ms + ALL_MS, words);
	return (double)(clock_ms() - since_ms) / 1000;
}

static void
settle(void)
{
	struct why why;

	for (uint64_t now = clock_ms(), end = now + SETTLE_MS; now < end; now = clock_ms())
		if (loop_turn(loop, (int)(end - now), &why) != OK)
			fail_msg("%s", why.text);
}

static void
storm(const char *program)
{
	uint64_t begun = clock_ms();

	child_kill(&relay.child, SIGKILL);
	child_wait(&relay.child);
	child_done(&relay.child);
	boxes_away();
	daemon_start(&relay, program, directory, roster);
	row("storm after kill -9 of the relay", all_there(begun), "s", "null");
	row("CPU of the relay in it", relay_cpu_s(), "s", "null");
}

static void
measure(const char *program, struct child *links)
{
	uint64_t begun;
	double empty;

	house_open(program);
	empty = relay_kib();
	begun = clock_ms();
	for (uint32_t i = 0; i < boxes_n; i += PROCESS_LINKS)
		links_start(&links[i / PROCESS_LINKS], i, boxes_n - i < PROCESS_LINKS ? boxes_n - i : PROCESS_LINKS);
	row("all enrolled and acknowledged", all_there(begun), "s", "null");
	settle();
	if (empty > 0)
		row("relay, PSS of each", (relay_kib() - empty) / boxes_n, "KiB", "50");
	storm(program);
	settle();
	if (empty > 0)
		row("PSS of each afterwards", (relay_kib() - empty) / boxes_n, "KiB", "50");
}

static void
clean_up(struct child *links)
{
	for (uint32_t i = 0; i * PROCESS_LINKS < boxes_n; i++) {
		child_kill(&links[i], SIGKILL);
		child_wait(&links[i]);
		child_done(&links[i]);
	}
	daemon_stop(&relay);
	actor_done(&state);
	loop_free(loop);
	close(relay.log_fd);
	directory_remove(directory);
}

int
main(int argc, char **argv)
{
	struct child links[COUNT_MAX / PROCESS_LINKS + 1] = {0};
	uint64_t first = 0, count = 0;
	uint8_t key[32];
	struct why why;

	log_open("sessions", LOG_LEVEL_WARNING);
	if (argc == 6 && hex_read(span_of_text(argv[3]), key, sizeof(key)) &&
	    number_parse(span_of_text(argv[4]), 0, COUNT_MAX, &first, &why) == OK &&
	    number_parse(span_of_text(argv[5]), 1, LINKS_MAX, &count, &why) == OK)
		links_play(argv[2], key, (uint32_t)first, count);
	if (argc != 3 || number_parse(span_of_text(argv[2]), 1, COUNT_MAX, &count, &why) != OK) {
		fprintf(stderr, "usage: sessions RELAY COUNT\n");
		return 2;
	}
	boxes_n = (uint32_t)count;
	boxes_new(boxes_n);
	measure(argv[1], links);
	clean_up(links);
	return 0;
}
