/* Plays rows: see stage.h. A row that waits in vain fails after five seconds and says what came. */
#include "tests/unit/test.h"

#include "tests/h2/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WAIT_MS 5000
#define UPS	4

static const struct row *row;
static unsigned leg;		   /* whose end the script plays */
static struct wire wires[1 + UPS]; /* the agent's; upstream's */
static size_t answered[UPS];

static bool
agent_h2(void)
{
	return (row->how & AGENT_H1) == 0;
}

static bool
upstream_h2(void)
{
	return leg == UPSTREAM ? (row->how & UPSTREAM_H1) == 0 : (row->how & UPSTREAM_H2) != 0;
}

/* ---- ends ---- */

static const char *
agent_words(void)
{
	return agent_h2() ? wires[0].words : seen(&world.agent);
}

static const char *
upstream_words(size_t i)
{
	if (i >= world.ups_n)
		return "";
	return upstream_h2() ? wires[1 + i].words : seen(&world.ups[i]);
}

static const char *
own_words(void)
{
	return leg == AGENT ? agent_words() : upstream_words(0);
}

static const char *
other_words(void)
{
	return leg == AGENT ? upstream_words(0) : agent_words();
}

static struct peer_end *
own_end(void)
{
	return leg == AGENT ? &world.agent : &world.ups[0];
}

/* How many bytes a whole request has that begins there; 0: it is not whole. */
static size_t
request_bytes(const char *at)
{
	const char *end = strstr(at, "\r\n\r\n"), *chunked = strstr(at, "Transfer-Encoding: chunked\r\n"),
		   *length = strstr(at, "Content-Length: ");
	size_t head;

	if (end == NULL)
		return 0;
	head = (size_t)(end - at) + 4;
	if (chunked != NULL && chunked < end)
		return (end = strstr(at + head - 2, "\r\n0\r\n")) == NULL || (end = strstr(end + 3, "\r\n\r\n")) == NULL
			   ? 0
			   : (size_t)(end - at) + 4;
	if (length != NULL && length < end)
		head += strtoul(length + 16, NULL, 10);
	return strlen(at) < head ? 0 : head;
}

/* An upstream in HTTP/1 answers each whole request. */
static void
autopilot(size_t i)
{
	const char *words = seen(&world.ups[i]);
	size_t n;

	if (world.ups[i].fd < 0 || leg != AGENT || (row->how & SILENT) != 0)
		return;
	while ((n = request_bytes(words + answered[i])) > 0) {
		answered[i] += n;
		end_send(&world.ups[i],
		    row->answer != NULL ? row->answer : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	}
}

static void
upstream_open_wires(void)
{
	for (size_t i = 0; i < world.ups_n && i < UPS; i++)
		if (upstream_h2() && wires[1 + i].inflater == NULL) {
			wire_open(&wires[1 + i], &world.ups[i], true);
			if (i > 0 || leg == AGENT || (row->how & BARE) == 0)
				wire_step(&wires[1 + i], &(struct step)SETTING(""));
		}
}

static void
turn(void)
{
	world_turn();
	upstream_open_wires();
	if (agent_h2())
		wire_read(&wires[0]);
	for (size_t i = 0; i < world.ups_n && i < UPS; i++) {
		if (upstream_h2())
			wire_read(&wires[1 + i]);
		else
			autopilot(i);
	}
}

/* ---- waiting ---- */

static void
fail_row(const char *what, const char *words)
{
	fail_msg(
	    "%s %s\n--- the script's end%s:\n%.3000s\n--- the other end:\n%.3000s\n--- second:\n%.1000s\nasked: %s\nevents: "
	    "%.1000s",
	    what, words == NULL ? "" : words, own_end()->closed ? " (closed)" : "", own_words(), other_words(),
	    upstream_words(1), world.questions, world.events);
}

#define AWAIT(condition, what, words)                                                                                  \
	do {                                                                                                           \
		for (uint64_t until_ = clock_ms() + WAIT_MS; !(condition); turn())                                     \
			if (clock_ms() > until_)                                                                       \
				fail_row(what, words);                                                                 \
	} while (0)

static bool
is_one_of(const char *word, size_t n, const char *list)
{
	for (struct span rest = span_of_text(list); rest.length > 0;)
		if (span_equal(span_cut(&rest, '|'), span_of_bytes(word, n)))
			return true;
	return false;
}

/* Is there a line that begins so and whose last word is one of the codes? */
static bool
has_line(const char *begins, const char *list)
{
	size_t n = strlen(begins);

	for (const char *line = own_words(), *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		const char *last = memrchr(line, ' ', (size_t)(end - line));

		if (last != NULL && strncmp(line, begins, n) == 0 &&
		    is_one_of(last + 1, (size_t)(end - last) - 1, list))
			return true;
	}
	return false;
}

/* ---- what must follow ---- */

/* PING is answered; and a request of its own, on the same connection. */
static void
lives(void)
{
	struct wire *wire = leg == AGENT ? &wires[0] : &wires[1];
	char words[64];
	uint32_t stream;

	AWAIT(bytes_length(&own_end()->out) == 0, "cannot send", NULL);
	wire_step(wire, &(struct step)FRAME(PING, 0, 0, "STILLON!"));
	AWAIT(strstr(wire->words, "PING ack STILLON!\n") != NULL || own_end()->closed, "no answer to PING", NULL);
	wire_step(&wires[0], &(struct step)HEAD(9999, ES, GET_OF("/alive", "")));
	if (upstream_h2()) {
		AWAIT(strstr(upstream_words(0), ":path=/alive") != NULL, "no further request", NULL);
		stream = wire_last(&wires[1]);
		wire_step(&wires[1],
		    &(struct step){
			.kind = STEP_FRAME, .type = HEADERS, .flags = EH | ES, .stream = stream, TEXT_N("\x88")});
	}
	snprintf(words, sizeof(words), "HEADERS 9999 ");
	if (leg == AGENT && (row->how & (SILENT | HOLDS)) != 0)
		return;
	AWAIT(strstr(wires[0].words, words) != NULL, "no further answer", NULL);
	if (strstr(strstr(wires[0].words, words), ":status=200") == NULL)
		fail_row("the further answer is not 200", NULL);
}

static void
reset(const struct want *want, bool or_goaway)
{
	char begins[64];

	snprintf(begins, sizeof(begins), "RST_STREAM %u ", want->n);
	AWAIT(
	    has_line(begins, want->words) || (or_goaway && has_line("GOAWAY ", want->words)), "no reset:", want->words);
	if (has_line(begins, want->words))
		lives();
	else
		AWAIT(own_end()->closed, "not closed after GOAWAY", NULL);
}

static void
check(const struct want *want)
{
	switch (want->kind) {
	case WANT_GOAWAY:
		AWAIT(has_line("GOAWAY ", want->words), "no GOAWAY", want->words);
		AWAIT(own_end()->closed, "not closed after GOAWAY", NULL);
		break;
	case WANT_RESET:
	case WANT_EITHER:
		reset(want, want->kind == WANT_EITHER);
		break;
	case WANT_ENDED:
		AWAIT(own_end()->closed, "not closed", NULL);
		break;
	case WANT_CUT:
		AWAIT((leg == AGENT ? &world.ups[0] : &world.agent)->closed, "the other end is not closed", NULL);
		break;
	case WANT_GETS:
		AWAIT(strstr(own_words(), want->words) != NULL, "it did not get", want->words);
		break;
	case WANT_PASSES:
		AWAIT(strstr(other_words(), want->words) != NULL, "it was not passed on:", want->words);
		break;
	case WANT_SECOND:
		AWAIT(strstr(upstream_words(1), want->words) != NULL, "not on another connection:", want->words);
		break;
	case WANT_LIVES:
		lives();
		break;
	default:
		break;
	}
}

/* What must not be, when all else has been. */
static void
check_never(const struct want *want)
{
	if (want->kind == WANT_NEVER && strstr(own_words(), want->words) != NULL)
		fail_row("it got", want->words);
	if (want->kind == WANT_STOPS)
		for (size_t i = 0; i < (leg == AGENT ? world.ups_n : 1); i++)
			if (strstr(leg == AGENT ? upstream_words(i) : agent_words(), want->words) != NULL)
				fail_row("it was passed on:", want->words);
	if (want->kind == WANT_DIALS && world.dials != want->n)
		fail_row("another number of connections upstream", NULL);
	if (want->kind == WANT_ASKED && strcmp(world.questions, want->words) != 0)
		fail_row("policyd was not asked", want->words);
}

static bool
wants(enum want_kind from, enum want_kind to)
{
	for (const struct want *want = row->wants; want->kind != WANT_END; want++)
		if (want->kind >= from && want->kind <= to)
			return true;
	return false;
}

/* Stream 1 was opened for it: so something went on. */
static bool
started(void)
{
	for (const struct step *step = row->send; step->kind != STEP_END; step++)
		if (step->kind == STEP_START)
			return true;
	return false;
}

/* Was policyd asked about nothing but what lives() asks? */
static bool
nothing_asked(void)
{
	return world.questions[0] == '\0' ? world.dials == 0 : strcmp(world.questions, "GET /alive;") == 0;
}

/* Nothing of what was refused went on, where the row does not say otherwise. */
static void
check_refused(void)
{
	if (!wants(WANT_GOAWAY, WANT_ENDED) || wants(WANT_PASSES, WANT_PASSES))
		return;
	if (leg == UPSTREAM && agent_h2())
		AWAIT(strstr(agent_words(), "HEADERS 1 :status=502") != NULL ||
			  strstr(agent_words(), "RST_STREAM 1 ") != NULL,
		    "the agent was told nothing", NULL);
	else if (leg == UPSTREAM)
		AWAIT(strstr(agent_words(), "HTTP/1.1 502 ") != NULL || world.agent.closed,
		    "the agent was told nothing", NULL);
	else if (!started() && !nothing_asked())
		fail_row("what is refused was judged", NULL);
}

/* ---- the script ---- */

static void
start(void)
{
	if (leg == AGENT) {
		wire_step(&wires[0], &(struct step)HEAD(1, 0, POST("")));
		AWAIT(strstr(upstream_words(0), upstream_h2() ? "HEADERS 1 " : "\r\n\r\n") != NULL,
		    "stream 1 does not open", NULL);
		return;
	}
	wire_step(&wires[1], &(struct step)HEAD(1, 0, OK_200("")));
	AWAIT(strstr(agent_words(), agent_h2() ? "HEADERS 1 " : "HTTP/1.1 200 ") != NULL, "no answer begins", NULL);
}

static void
send_one(const struct step *step, unsigned end, size_t times)
{
	struct wire *wire = end == AGENT ? &wires[0] : &wires[1];
	bool h2 = end == AGENT ? agent_h2() : upstream_h2();

	for (; times > 0; times--) {
		if (!h2)
			end_send_span(end == AGENT ? &world.agent : &world.ups[0], span_of_bytes(step->at, step->n));
		else
			wire_step(wire, step);
	}
}

static void
script(const struct step *steps, unsigned end)
{
	size_t times = 1;

	for (const struct step *step = steps; step->kind != STEP_END; step++) {
		if (step->kind == STEP_TIMES) {
			times = step->n;
			continue;
		}
		if (step->kind == STEP_OTHER)
			end = end == AGENT ? UPSTREAM : AGENT;
		else if (step->kind == STEP_START)
			start();
		else if (step->kind == STEP_WAIT)
			AWAIT(strstr(end == AGENT ? agent_words() : upstream_words(0), step->at) != NULL,
			    "there never came", step->at);
		else if (step->kind == STEP_CLOSE) {
			AWAIT(bytes_length(end == AGENT ? &world.agent.out : &world.ups[0].out) == 0, "cannot send",
			    NULL);
			shutdown(end == AGENT ? world.agent.fd : world.ups[0].fd, SHUT_WR);
		} else
			send_one(step, end, times);
		times = 1;
	}
}

static const struct step get[] = {HEAD(1, ES, GET("")), {.kind = STEP_END}};
static const struct step get_h1[] = {BYTES("GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"), {.kind = STEP_END}};

static const struct verdict_row verdicts[] = {{"/evil", {.what = 3, .reason = {"evil", 4}, .policy = {"pol", 3}}}};

static void
set_up(void)
{
	world_raw = true;
	world_open((row->how & FORWARD) != 0 ? HOW_FORWARD : HOW_TRANSPARENT, agent_h2(), upstream_h2());
	world.only_h2 = upstream_h2();
	memset(answered, 0, sizeof(answered));
	memset(wires, 0, sizeof(wires));
	world.rows = verdicts;
	world.rows_n = COUNT(verdicts);
	world.judge_holds = (row->how & HOLDS) != 0;
	if (agent_h2() && (leg == UPSTREAM || (row->how & BARE) == 0)) {
		wire_open(&wires[0], &world.agent, false);
		wire_step(&wires[0], &(struct step)SETTING(""));
	} else if (agent_h2()) {
		wire_open(&wires[0], &world.agent, false);
		bytes_free(&world.agent.out);
	}
	if (leg != UPSTREAM)
		return;
	script(row->ask != NULL ? row->ask : agent_h2() ? get : get_h1, AGENT);
	AWAIT(world.ups_n > 0 && strstr(upstream_words(0), upstream_h2() ? "HEADERS 1 " : "\r\n\r\n") != NULL,
	    "the request did not come", NULL);
}

static void
tear_down(void)
{
	for (size_t i = 0; i < COUNT(wires); i++)
		if (wires[i].inflater != NULL)
			wire_close(&wires[i]);
	world_close();
}

struct play {
	const struct row *row;
	unsigned leg;
};

static void
play(void **state)
{
	const struct play *now = *state;

	row = now->row;
	leg = now->leg;
	set_up();
	script(row->send, leg);
	for (const struct want *want = row->wants; want->kind != WANT_END; want++)
		check(want);
	check_refused();
	for (const struct want *want = row->wants; want->kind != WANT_END; want++)
		check_never(want);
	for (size_t i = 0; i < COUNT(wires); i++)
		if (wires[i].longest > 16384)
			fail_row("a frame over 16384 bytes was sent", NULL);
	tear_down();
}

/* ---- all of them ---- */

static void
tally(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t agent = 0, upstream = 0, not = 0, from = i;

		for (; i < n && strcmp(rows[i].section, rows[from].section) == 0; i++) {
			not += rows[i].untested != NULL;
			agent += rows[i].untested == NULL && (rows[i].legs & AGENT) != 0;
			upstream += rows[i].untested == NULL && (rows[i].legs & UPSTREAM) != 0;
		}
		print_message("# %-22s agent %3zu  upstream %3zu  not from outside %2zu\n", rows[from].section, agent,
		    upstream, not );
	}
}

int
stage_play(const char *name, const struct row *rows, size_t n)
{
	struct CMUnitTest *tests = calloc(2 * n, sizeof(*tests));
	struct play *plays = calloc(2 * n, sizeof(*plays));
	size_t k = 0;
	int failed;

	for (size_t i = 0; i < 2 * n; i++) {
		const struct row *one = &rows[i / 2];
		char *title = NULL;

		if (one->untested != NULL && i % 2 == 0)
			print_message("[ not from outside ] %s: %s (%s)\n", one->section, one->says, one->untested);
		if (one->untested != NULL || (one->legs & (1u << i % 2)) == 0)
			continue;
		if (asprintf(&title, "%s %s: %s", one->section, i % 2 == 0 ? "agent" : "upstream", one->says) < 0)
			abort();
		plays[k] = (struct play){one, 1u << i % 2};
		tests[k] = (struct CMUnitTest){.name = title, .test_func = play, .initial_state = &plays[k]};
		k++;
	}
	failed = _cmocka_run_group_tests(name, tests, k, NULL, NULL);
	tally(rows, n);
	for (size_t i = 0; i < k; i++)
		free((void *)(uintptr_t)tests[i].name);
	free(tests);
	free(plays);
	return failed;
}
