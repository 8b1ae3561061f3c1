/* Request and answer smuggling through the whole relay: every row of smuggle.def, towards HTTP/1 and HTTP/2. */
#include "tests/unit/test.h"

#include "tests/h2/stage.h"

/* clang-format off */
#define ENDS {.kind = STEP_END}
/* clang-format on */

#define HOST	 "Host: api.test\r\n"
#define EVIL	 "GET /evil HTTP/1.1\r\nHost: api.test\r\n\r\nX"
#define EVIL_200 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
#define CHUNKED	 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

#define INTERIM_10                                                                                                       \
	"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\n" \
	"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\n"
#define INTERIM_40 INTERIM_10 INTERIM_10 INTERIM_10 INTERIM_10

#define LONG_10                                                                                                        \
	"X: 45678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\r\n"
#define LONG_100 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10
#define LONG_HEAD                                                                                                      \
	"HTTP/1.1 200 OK\r\n" LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100         \
	    LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100

#define ONE(class_, says_, to, bytes, how_, ...)                                                                       \
	{class_, AGENT, says_ to, .send = (const struct step[]){BYTES(bytes), ENDS}, WANT(__VA_ARGS__),                \
	    .how = AGENT_H1 | (how_)},
#define BOTH_WAYS(class_, says_, bytes, ...)                                                                           \
	ONE(class_, says_, "", bytes, 0, __VA_ARGS__)                                                                  \
	ONE(class_, says_, " (HTTP/2 upstream)", bytes, UPSTREAM_H2, __VA_ARGS__)

/* A head that two readers could read in two ways: closed, without a word, before anything is asked. */
#define REFUSED(class_, says_, bytes) BOTH_WAYS(class_, says_, bytes, ENDED, NEVER("HTTP/1.1 200"), DIALS(0), ASKED(""))
#define TE(says_, rest)                                                                                                \
	REFUSED("TE.TE", says_, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding" rest "\r\n0\r\n\r\n" EVIL)
#define LENGTH(says_, value)                                                                                           \
	REFUSED("length", says_, "POST / HTTP/1.1\r\n" HOST "Content-Length: " value "\r\n\r\n" EVIL)

/* One that is read, but not wanted: answered, and the connection ends. */
#define ANSWERED(class_, says_, bytes, words) BOTH_WAYS(class_, says_, bytes, GETS(words), ENDED, DIALS(0), ASKED(""))
#define FORWARDED(class_, says_, bytes)                                                                                \
	ONE(class_, says_, " (explicit proxy)", bytes, FORWARD, GETS("HTTP/1.1 400 "), ENDED, DIALS(0), ASKED(""))

/* A body that breaks off: what was judged went, its end did not, nor anything behind it. */
#define CHUNKS(says_, bytes)                                                                                           \
	ONE("chunks", says_, "", CHUNKED bytes, 0, ENDED, PASSES(""), STOPS("evil"), STOPS("0\r\n\r\n"),               \
	    ASKED("POST /;"))                                                                                          \
	ONE("chunks", says_, " (HTTP/2 upstream)", CHUNKED bytes, UPSTREAM_H2, ENDED, PASSES(""), STOPS("evil"),       \
	    STOPS("DATA 1 ES"), STOPS("HEADERS 1 ES"), ASKED("POST /;"))

/* A second request: asked about as one of its own, and refused. */
#define PIPELINED(says_, bytes, questions)                                                                             \
	ONE("pipelined", says_, "", bytes, 0, PASSES(" / HTTP/1.1\r\n"), GETS("HTTP/1.1 200 OK"),                      \
	    GETS("HTTP/1.1 403 "), ENDED, STOPS("/evil"), ASKED(questions))

/* HTTP/2 that would be something else in HTTP/1: its stream is reset or answered 4xx; upstream hears of it nothing. */
#define DOWN_BYTES(says_, bytes)                                                                                       \
	{"downgrade", AGENT, says_, .send = (const struct step[]){FRAME(HEADERS, EH | ES, 1, bytes), ENDS},            \
	    WANT(EITHER(1, "PROTOCOL_ERROR|INTERNAL_ERROR"), STOPS("evil"))},
#define DOWN(says_, lines)                                                                                             \
	{"downgrade", AGENT, says_, .send = (const struct step[]){HEAD(1, ES, lines), WAIT(" 1 "), ENDS},              \
	    WANT(LIVES, NEVER("HEADERS 1 :status=2"), ASKED("GET /alive;"), STOPS("evil"))},

/* An answer that no reading can agree on: 502, and its connection is not used again. */
#define ANSWER(says_, bytes)                                                                                           \
	{"answers", UPSTREAM, says_, .send = (const struct step[]){BYTES(bytes), ENDS},                                \
	    WANT(ENDED, PASSES("HTTP/1.1 502 "), STOPS("evil"), STOPS("HTTP/1.1 200")),                                \
	    .how = UPSTREAM_H1 | AGENT_H1},                                                                            \
	    {"answers", UPSTREAM, says_ " (to HTTP/2)", .send = (const struct step[]){BYTES(bytes), ENDS},             \
		WANT(ENDED, PASSES("HEADERS 1 :status=502"), STOPS("evil"), STOPS(":status=200")),                     \
		.how = UPSTREAM_H1},
/* One that breaks in the middle: what came is passed on, the agent sees that it is not whole. */
#define CUT_ANSWER(says_, bytes)                                                                                       \
	{"answers", UPSTREAM, says_, .send = (const struct step[]){BYTES(bytes), ENDS},                                \
	    WANT(ENDED, CUT, STOPS("evil"), STOPS("0\r\n\r\n")), .how = UPSTREAM_H1 | AGENT_H1},                       \
	    {"answers", UPSTREAM, says_ " (to HTTP/2)", .send = (const struct step[]){BYTES(bytes), ENDS},             \
		WANT(ENDED, PASSES("RST_STREAM 1 "), STOPS("evil"), STOPS("DATA 1 ES")), .how = UPSTREAM_H1},
/* A second answer that nobody asked for is not the next request's: that goes elsewhere. */
#define SECOND_ANSWER(says_, method, bytes)                                                                            \
	{"answers", UPSTREAM, says_, .ask = (const struct step[]){BYTES(method " / HTTP/1.1\r\n" HOST "\r\n"), ENDS},  \
	    .send = (const struct step[]){BYTES(bytes), OTHER, WAIT("HTTP/1.1 "),                                      \
		BYTES("GET /2 HTTP/1.1\r\n" HOST "\r\n"), OTHER, ENDS},                                                \
	    WANT(SECOND("GET /2 HTTP/1.1\r\n"), ENDED, PASSES(""), STOPS("evil"), NEVER("/2"), DIALS(2)),              \
	    .how = UPSTREAM_H1 | AGENT_H1},                                                                            \
	    {"answers", UPSTREAM, says_ " (to HTTP/2)",                                                                \
		.ask =                                                                                                 \
		    (const struct step[]){                                                                             \
			HEAD(1, ES, ":method: " method "\n:scheme: https\n:authority: api.test\n:path: /\n"), ENDS},   \
		.send = (const struct step[]){BYTES(bytes), OTHER, WAIT("HEADERS 1 "), HEAD(3, ES, GET_OF("/2", "")),  \
		    OTHER, ENDS},                                                                                      \
		WANT(SECOND("GET /2 HTTP/1.1\r\n"), ENDED, PASSES(""), STOPS("evil"), NEVER("/2"), DIALS(2)),          \
		.how = UPSTREAM_H1},

static const struct row rows[] = {
#include "tests/h2/smuggle.def"
};

int
main(void)
{
	return stage_play("smuggle", rows, COUNT(rows)) == 0 ? 0 : 1;
}
