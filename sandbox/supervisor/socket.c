/* Sockets: whoever connects into the agent's network is given one that was made there. */
#include "sandbox/supervisor/supervisor.h"

#include <stdlib.h>

#define SPAWNER_WAIT_MS 5000

static void
made(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct reply *reply = self;
	struct msg m = {.id = SOCKET_MADE};
	struct why reason = {0};

	if (r == OK && (answer->id != SOCKET_MADE || answer->fds_n != 1))
		r = fail(&reason, ERR_PROTOCOL, "the spawner answered socket_make without a socket");
	else if (r != OK)
		reason = *why;
	if (r == OK) {
		m.fds[0] = answer->fds[0];
		m.fds_n = 1;
		reply_send(reply, &m);
	} else {
		reply_fail(reply, r, &reason);
	}
	free(reply);
}

/*
 * Make a TCP socket in the agent's network.
 *
 * in      socket_make, from link or an SSH server, while the main process runs
 * out     socket_made, with the socket
 * errors  ERR_PROTOCOL no answer is wanted; ERR_LIMIT
 */
enum err
socket_make(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct supervisor *s = self;
	const struct msg make = {.id = SOCKET_MAKE, .socket_make = m->socket_make};
	struct reply *reply;

	(void)answer;
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "socket_make wants an answer: send it as a request");
	if (s->spawner_peer == NULL)
		return fail(why, ERR_STATE, "the sandbox is ending");
	if ((reply = malloc(sizeof(*reply))) == NULL)
		abort();
	*reply = reply_later(m);
	peer_call(s->spawner_peer, &make, SPAWNER_WAIT_MS, made, reply);
	return OK;
}
