/* Tokens to reach a sandbox by: made, checked, and void again. */
#ifndef CLIENTS_CLI_SSH_SESSION_H
#define CLIENTS_CLI_SSH_SESSION_H

#include "clients/cli/cli.h"

struct ssh_session {
	const char *sandbox_id, *token; /* the arena's; NULL: none */
};

/*
 * Is the gateway's answer what it should be? It becomes part of a command line.
 *
 * sandbox_id  that was asked for
 * errors      ERR_PROTOCOL with what is wrong: another sandbox, an empty token, bytes that none of them may hold,
 *             a scheme other than http and https, a port not 1 to 65535
 */
enum err ssh_session_check(
    const Openshell__V1__CreateSshSessionResponse *answer, const char *sandbox_id, struct why *why) must_check;

/* CreateSshSession, checked; needs a connection. */
enum err ssh_session_make(struct cli *cli, const char *sandbox_id, struct ssh_session *out, struct why *why) must_check;

/* RevokeSshSession: nobody opens a stream with it any more, those that are open go on. That it fails is only logged:
 * the token ends by itself. Without a token nothing happens. */
void ssh_session_revoke(struct cli *cli, struct ssh_session *session);

#endif
