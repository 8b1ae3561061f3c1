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
	uint64_t config_revision;  /* of the configuration that was passed down last */
	uint64_t secrets_revision; /* of the secrets that it says it uses */
	bool enrolled;
	bool replaced;	  /* by a newer one: state has been told */
	struct list link; /* in relay's sessions, unannounced or strangers */
	struct table_entry by_sandbox;
	struct timer deadline; /* to enrol */
	uint64_t check;	       /* enrol_check that state has not answered; 0: none */
	struct reply reply;    /* to the enrol that waits for it */
	struct {
		struct id sandbox, instance;
		uint32_t epoch;
	} asked; /* what that enrol said */
	struct list passages;
	struct passage_counts passages_n[PASSAGE_KINDS];
};

/* The enrolled session of a sandbox; NULL when there is none. */
struct session *session_find(const struct relay *relay, struct id sandbox);

/* Where it belongs in relay's by_sandbox. */
uint64_t session_hash(struct id sandbox);

/* End its connection: the bus tells of the end, and enrol.c closes it. */
void session_cut(struct session *session, const char *event, const char *words);

#endif
