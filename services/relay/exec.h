/* Execs: commands whose streams pass through, api's number on one side and ours on the link's. Nothing is
 * buffered. */
#ifndef RELAY_EXEC_H
#define RELAY_EXEC_H

#include "services/relay/relay.h"

struct session;

/* An api that is connected: whose execs end with it. */
struct caller {
	struct list execs;
};

/* An api has come or gone. */
void caller_open(struct peer *peer);
void caller_close(struct relay *relay, struct peer *peer);

/* A link is gone: its execs end, their callers are told why. */
void exec_end_all(struct session *session, const char *words);

handler exec_start, exec_data, exec_grant, exec_end, exec_exited, exec_signal;

#endif
