/* Rows of the tables in tests/h2 and who plays them: what is sent to the proxy on one leg, and what must follow on both. */
#ifndef TESTS_H2_STAGE_H
#define TESTS_H2_STAGE_H

#include "tests/h2/wire.h"

/* Whose end the script plays: the agent's (we are a server) or upstream's (we are a client). */
enum { AGENT = 1, UPSTREAM = 2, BOTH = AGENT | UPSTREAM };

/* The world of a row. The agent speaks HTTP/2; upstream HTTP/1 and answers by itself, but for rows of its own. */
enum {
	AGENT_H1 = 1,	 /* the agent speaks HTTP/1 */
	UPSTREAM_H2 = 2, /* upstream speaks HTTP/2 and answers what the script says */
	UPSTREAM_H1 = 4, /* in a row of upstream's: it speaks HTTP/1 */
	BARE = 8,	 /* the script's end says nothing by itself: no preface, no SETTINGS */
	SILENT = 16,	 /* upstream does not answer */
	FORWARD = 32,	 /* the explicit proxy's absolute form */
	HOLDS = 64,	 /* policyd does not answer */
};

enum want_kind {
	WANT_END,
	WANT_GOAWAY, /* GOAWAY with one of these codes ("A|B"), then the connection is closed */
	WANT_RESET,  /* the stream is reset with one of these codes; the connection goes on */
	WANT_EITHER, /* one of the two: RFC 9113, 5.4.1 allows a stream's error to be the connection's */
	WANT_ENDED,  /* closed, with or without a word */
	WANT_GETS,   /* words that come at the script's end */
	WANT_NEVER,  /* words that do not, up to the end of the row */
	WANT_PASSES, /* words that come at the other end */
	WANT_STOPS,  /* words that do not */
	WANT_SECOND, /* words that come at upstream's second connection */
	WANT_DIALS,  /* how many connections upstream there were */
	WANT_ASKED,  /* all that policyd was asked */
	WANT_CUT,    /* the other end is closed too */
	WANT_LIVES,  /* the connection goes on: PING is answered, and another request */
};

struct want {
	enum want_kind kind;
	unsigned n;
	const char *words;
};

/* clang-format off */
#define GOAWAY_OF(codes)    {WANT_GOAWAY, 0, codes}
#define RESET(stream, codes)  {WANT_RESET, stream, codes}
#define EITHER(stream, codes) {WANT_EITHER, stream, codes}
#define ENDED		    {WANT_ENDED, 0, NULL}
#define GETS(words)	    {WANT_GETS, 0, words}
#define NEVER(words)	    {WANT_NEVER, 0, words}
#define PASSES(words)	    {WANT_PASSES, 0, words}
#define STOPS(words)	    {WANT_STOPS, 0, words}
#define SECOND(words)	    {WANT_SECOND, 0, words}
#define DIALS(n)	    {WANT_DIALS, n, NULL}
#define ASKED(words)	    {WANT_ASKED, 0, words}
#define CUT		    {WANT_CUT, 0, NULL}
#define LIVES		    {WANT_LIVES, 0, NULL}
/* clang-format on */

struct row {
	const char *section; /* "6.1" of RFC 9113, "7541 5.2"; or a class of smuggling */
	unsigned legs;
	const char *says;
	const char *untested; /* why it is not tested from outside */
	const struct step *send;
	const struct want *wants;
	unsigned how;
	const struct step *ask; /* in a row of upstream's: what the agent did first; NULL: GET / */
	const char *answer;	/* what an upstream that speaks HTTP/1 answers; NULL: 200 with "hi" */
};

/* clang-format off */
#define SEND(...) .send = (const struct step[]){__VA_ARGS__, {.kind = STEP_END}}
#define WANT(...) .wants = (const struct want[]){__VA_ARGS__, {.kind = WANT_END}}
#define ASK(...)  .ask = (const struct step[]){__VA_ARGS__, {.kind = STEP_END}}
#define NOTHING	  .send = (const struct step[]){{.kind = STEP_END}}
#define ROW(section_, legs_, says_, ...) {.section = section_, .legs = legs_, .says = says_, __VA_ARGS__},
#define NOT(section_, legs_, says_, why) {.section = section_, .legs = legs_, .says = says_, .untested = why},
/* clang-format on */

#define GET_OF(path, more) ":method: GET\n:scheme: https\n:authority: api.test\n:path: " path "\n" more
#define GET(more)	   GET_OF("/", more)
#define POST(more)	   ":method: POST\n:scheme: https\n:authority: api.test\n:path: /\n" more
#define OK_200(more)	   ":status: 200\n" more

/* The same in bytes of HPACK, for what lines cannot say. */
#define GET_BYTES                                                                                                      \
	"\x82\x87\x84\x41\x08"                                                                                         \
	"api.test"
#define OK_BYTES "\x88"

/*
 * Play all rows, each on each of its legs, print them and count them by leg and section; policyd allows all but what
 * begins with /evil. Returns how many failed.
 */
int stage_play(const char *name, const struct row *rows, size_t n);

#endif
