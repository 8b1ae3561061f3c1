/* A router that the test plays, at the other end of a real channel: what it heard, in words, and what it says. */
#ifndef TESTS_UNIT_PROXY_PLAY_ROUTER_H
#define TESTS_UNIT_PROXY_PLAY_ROUTER_H

#include "common/bus/peer.h"
#include "tests/unit/proxy/world.h"

struct play {
	struct bus bus;	   /* the router's */
	struct peer *peer; /* the proxy, as the router sees it */
	char words[65536]; /* what it heard: "open N GET up.test:443 /path ...;" */
	struct text heard;
	uint64_t stream; /* the last that was opened */
	uint64_t got;	 /* bytes of channel 0 */
	uint64_t sent;	 /* bytes of channel 1 */
	bool told;	 /* its slots were taken */
};

extern struct play play;

/* Behind world_open: a channel, and these tokens, NULL-terminated. */
void play_open(const char *const *tokens);
void play_close(void); /* also without play_open; before world_close */

/* Tell other tokens. */
void play_slots(const char *const *tokens, bool first, bool last);

bool play_heard(const char *words);
void play_forget(void);

/* About the last stream. fields: "name: value\n" lines. */
void play_grant(uint64_t limit);
void play_head(
    unsigned status, const char *fields, const char *flags); /* flags: "n" no body, "l5" length 5, "u" upgraded */
void play_data(const char *text);
void play_done(void); /* the end of channel 1, and a whole route_end */
void play_end(const char *code, const char *reason);
void play_trailers(const char *name, const char *value);

#endif
