/* Sessions: one for each link that is connected; a stranger first, a sandbox's own once state has agreed. */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "services/relay/relay.h"

/* A connection from a sandbox's link. */
struct session {
	struct relay *relay;
	struct peer *peer; /* referenced */
	struct id sandbox; /* the rest is set when it has enrolled */
	struct id instance;
	uint32_t epoch;
	bool enrolled;
	bool replaced;	   /* by a newer one: state has been told */
	struct list link; /* in relay's sessions, unannounced or strangers */
	struct table_entry by_sandbox;
	struct timer deadline; /* to enrol */
	uint64_t check;	       /* enrol_check that state has not answered; 0: none */
	struct reply reply;    /* to the enrol that waits for it */
	struct {
		struct id sandbox, instance;
		uint32_t epoch;
	} asked; /* what that enrol said */
	struct list execs;
	unsigned execs_n;
};

/* A link has connected, or is gone. */
void session_open(struct relay *relay, struct peer *peer);
void session_close(struct session *session, const char *words);

/* The enrolled session of a sandbox; NULL when there is none. */
struct session *session_find(const struct relay *relay, struct id sandbox);

/* End its connection: session_close follows from the bus. */
void session_cut(struct session *session, const char *event, const char *words);

/* State is there (again): tell it of all sessions. */
void session_announce_all(struct relay *relay);

handler session_enrol, session_drop;

#endif
