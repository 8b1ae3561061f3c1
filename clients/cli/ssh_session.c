/* Tokens to reach a sandbox by. */
#include "clients/cli/ssh_session.h"

#include <string.h>

#include "common/base/log.h"

#define LETTERS	     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ID_MAX_BYTES 128
#define TOKEN_MAX    4096
#define HOST_MAX     253

static bool
made_of(const char *text, size_t most, const char *bytes)
{
	struct span span = span_of_text(text);

	return span.length > 0 && span.length <= most && span_only(span, bytes);
}

enum err
ssh_session_check(const Openshell__V1__CreateSshSessionResponse *answer, const char *sandbox_id, struct why *why)
{
	if (!made_of(answer->sandbox_id, ID_MAX_BYTES, LETTERS "._-") || strcmp(answer->sandbox_id, sandbox_id) != 0)
		return fail(why, ERR_PROTOCOL, "the gateway's answer is about another sandbox");
	if (!made_of(answer->token, TOKEN_MAX, LETTERS "._~+/=-"))
		return fail(why, ERR_PROTOCOL, "the gateway's answer has no token");
	if (!made_of(answer->gateway_host, HOST_MAX, LETTERS ".-[]:"))
		return fail(why, ERR_PROTOCOL, "the gateway's answer has no host");
	if (answer->gateway_scheme == NULL ||
	    (strcmp(answer->gateway_scheme, "http") != 0 && strcmp(answer->gateway_scheme, "https") != 0))
		return fail(why, ERR_PROTOCOL, "the gateway's answer has no scheme");
	if (answer->gateway_port == 0 || answer->gateway_port > UINT16_MAX)
		return fail(why, ERR_PROTOCOL, "the gateway's answer has no port");
	return OK;
}

enum err
ssh_session_make(struct cli *cli, const char *sandbox_id, struct ssh_session *out, struct why *why)
{
	Openshell__V1__CreateSshSessionRequest request = OPENSHELL__V1__CREATE_SSH_SESSION_REQUEST__INIT;
	Openshell__V1__CreateSshSessionResponse *answer;
	enum err r;

	request.sandbox_id = (char *)(uintptr_t)sandbox_id;
	if ((r = call_CreateSshSession(&cli->connection, &request, &answer, why)) != OK)
		return r;
	if ((r = ssh_session_check(answer, sandbox_id, why)) == OK) {
		out->sandbox_id = arena_text(&cli->arena, span_of_text(answer->sandbox_id));
		out->token = arena_text(&cli->arena, span_of_text(answer->token));
		if (out->sandbox_id == NULL || out->token == NULL)
			r = fail(why, ERR_LIMIT, "out of room");
	}
	call_free(answer);
	return r;
}

void
ssh_session_revoke(struct cli *cli, struct ssh_session *session)
{
	Openshell__V1__RevokeSshSessionRequest request = OPENSHELL__V1__REVOKE_SSH_SESSION_REQUEST__INIT;
	Openshell__V1__RevokeSshSessionResponse *answer;
	struct why why = {0};

	if (session->token == NULL)
		return;
	request.token = (char *)(uintptr_t)session->token;
	session->token = NULL;
	if (call_RevokeSshSession(&cli->connection, &request, &answer, &why) == OK)
		call_free(answer);
	else
		log_info("session.revoke", "why=%s", why.text);
}
