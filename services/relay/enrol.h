/* Enrolment: from a stranger's connection to a session that state knows of, and its end. */
#ifndef RELAY_ENROL_H
#define RELAY_ENROL_H

#include "services/relay/session.h"

/* A link has connected, or is gone. */
void session_open(struct relay *relay, struct peer *peer);
void session_close(struct session *session, const char *words);

/* State is there (again): tell it of all sessions. */
void session_announce_all(struct relay *relay);

handler session_enrol, session_drop;

#endif
