/* A world for the HTTP relay: socket pairs for the agent and upstream, a scripted judge, what was logged. */
#ifndef TESTS_UNIT_PROXY_WORLD_H
#define TESTS_UNIT_PROXY_WORLD_H

#include <nghttp2/nghttp2.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/leg/bytes.h"
#include "sandbox/proxy/connection.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/proxy.h"

#define PEERS_MAX 40

/* The far end of a leg. */
struct peer_end {
	int fd; /* -1: none */
	struct watch watch;
	struct bytes in, out;
	bool closed;   /* it has ended its sending */
	bool paused;   /* does not read */
	uint64_t sink; /* bytes beyond what `in` keeps, when counting */
	bool counting;
	uint32_t sum; /* of all bytes that came, when counting */
	/* HTTP/2 */
	nghttp2_session *session;
	char log[65536]; /* what came, in words */
	struct text text;
	struct {
		int32_t id;
		struct bytes out;
		bool end, deferred;
		bool trailers;
		size_t got;
		uint64_t generate;
		uint32_t sum;
	} streams[256];
	size_t streams_n;
	bool keep_window; /* consume nothing */
};

struct verdict_row {
	const char *path; /* prefix */
	struct msg_verdict verdict;
};

struct world {
	struct proxy proxy;
	struct connection *connection;
	bool ended;
	struct peer_end agent, ups[PEERS_MAX];
	size_t ups_n, dials;
	bool upstream_h2;
	bool only_h2; /* and nothing else: refused where it is not offered */
	enum err dial_fails;
	const struct verdict_row *rows; /* first match; none: allow */
	size_t rows_n;
	bool judge_holds;      /* verdicts wait */
	char questions[32768]; /* "METHOD path?query;" */
	struct text asked;
	char events[32768];
	struct text told;
};

extern struct world world;
extern bool world_raw; /* ends of HTTP/2 legs are bytes, not sessions: tests/h2 */

/* how: HOW_TRANSPARENT ... ; agent_h2: the agent's ALPN */
void world_open(enum how how, bool agent_h2, bool upstream_h2);
void world_close(void);
void world_turn(void);
void world_turn_now(void);     /* without waiting */
void world_later(uint64_t ms); /* the clock jumps, and what is due happens */

/* Turn the loop until it is so; fails after ten seconds. */
#define UNTIL(condition)                                                                                               \
	do {                                                                                                           \
		for (uint64_t until_ = clock_ms() + 10000; !(condition);) {                                            \
			if (clock_ms() > until_)                                                                       \
				fail_msg("%s:%d never came: %s\nagent: %.2000s\nup: %.2000s\nevents: %s", __FILE__,    \
				    __LINE__, #condition, seen(&world.agent), seen(&world.ups[0]), world.events);      \
			world_turn();                                                                                  \
		}                                                                                                      \
	} while (0)

/* Some turns in which nothing more should happen. */
void world_rest(void);

void end_send(struct peer_end *end, const char *text);
void end_send_span(struct peer_end *end, struct span bytes);
void end_close(struct peer_end *end);
const char *seen(struct peer_end *end); /* all that came, NUL-terminated */
bool has(struct peer_end *end, const char *text);
void forget(struct peer_end *end);

/* HTTP/2 ends; headers as "name: value\n" lines. body NULL: no body, ends the stream. */
int32_t h2_request(struct peer_end *end, const char *headers, bool has_body);
void h2_respond(struct peer_end *end, int32_t stream, const char *headers, bool has_body);
void h2_data(struct peer_end *end, int32_t stream, const char *text, bool last);
void h2_generate(struct peer_end *end, int32_t stream, uint64_t bytes); /* that many, then the end */
void h2_trailers(struct peer_end *end, int32_t stream, const char *headers);
void h2_flush(struct peer_end *end);
uint8_t pattern(uint64_t at);

#endif
