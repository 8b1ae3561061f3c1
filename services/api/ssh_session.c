/* ssh_session: CreateSshSession, RevokeSshSession: tokens that open doors into one sandbox; state keeps their hashes
 * alone. */
#include <arpa/inet.h>
#include <sodium.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "services/api/ask.h"
#include "services/api/methods.h"
#include "services/api/target.h"
#include "services/api/viewing.h"

#define TOKEN_BYTES 32 /* random: nobody guesses it, and its hash needs no salt */
#define TOKEN_MAX   4096

/* Where the gateway is reached. */
struct place {
	char host[INET6_ADDRSTRLEN + 3]; /* an IPv6 address in brackets */
	uint16_t port;
};

struct making {
	char token[sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	uint8_t hash[crypto_hash_sha256_BYTES];
};

/*
 * The address that is listened on. One for all addresses is no place to connect to: loopback stands for it, in whose
 * place callers put the host they have called.
 */
static void
place_find(int fd, struct place *out)
{
	struct sockaddr_storage at = {0};
	const struct sockaddr_in *four = (const struct sockaddr_in *)&at;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at;
	char text[INET6_ADDRSTRLEN];
	struct text host = TEXT_OF(out->host);
	socklen_t length = sizeof(at);

	out->port = 0;
	if (getsockname(fd, (struct sockaddr *)&at, &length) != 0)
		at.ss_family = AF_UNSPEC;
	if (at.ss_family == AF_INET6) {
		out->port = ntohs(six->sin6_port);
		if (!IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
			text_add(&host, "[%s]", inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text)));
	} else if (at.ss_family == AF_INET) {
		out->port = ntohs(four->sin_port);
		if (four->sin_addr.s_addr != htonl(INADDR_ANY))
			text_add(&host, "%s", inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text)));
	}
	if (text_span(&host).length == 0)
		text_add(&host, "127.0.0.1");
}

static void
token_hash(struct span token, uint8_t hash[crypto_hash_sha256_BYTES])
{
	crypto_hash_sha256(hash, (const uint8_t *)token.at, token.length);
}

static void
made(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__CreateSshSessionResponse out = OPENSHELL__V1__CREATE_SSH_SESSION_RESPONSE__INIT;
	const struct msg_ssh_session_made *row;
	struct making *making = ask->detail;
	char id[ID_TEXT_BYTES];
	struct place place = {0};

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	row = &answer->ssh_session_made;
	place_find((int)ask->work.api->config->listen_fd, &place);
	out.sandbox_id = id_write(row->sandbox, id);
	out.token = making->token;
	out.gateway_host = place.host;
	out.has_gateway_port = out.has_expires_at_ms = true;
	out.gateway_port = place.port;
	out.gateway_scheme = (char *)(ask->work.api->config->tls ? "https" : "http");
	out.expires_at_ms = (int64_t)row->expires_ms;
	if (row->expires_ms > 0)
		out.expiration_time = view_time(rpc_arena(ask->work.call), row->expires_ms);
	ask_send(ask, &out.base);
	sodium_memzero(making, sizeof(*making));
}

/*
 * CreateSshSession.
 *
 * errors  INVALID_ARGUMENT no sandbox is named; NOT_FOUND "sandbox not found"; FAILED_PRECONDITION "sandbox is not
 * ready"; RESOURCE_EXHAUSTED; UNAVAILABLE state is away
 */
void
ssh_session_create(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__CreateSshSessionRequest *in = (const Openshell__V1__CreateSshSessionRequest *)message;
	struct msg question = {.id = SSH_SESSION_MAKE};
	struct ask *ask = ask_new(self, call, message, sizeof(struct making));
	struct msg_sandbox_get target = {0};
	uint8_t random[TOKEN_BYTES];
	struct making *making;
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	if ((r = target_read(in->sandbox_id, in->workspace, &target, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	making = ask->detail;
	randombytes_buf(random, sizeof(random));
	sodium_bin2base64(
	    making->token, sizeof(making->token), random, sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(random, sizeof(random));
	token_hash(span_of_text(making->token), making->hash);
	question.ssh_session_make = (struct msg_ssh_session_make){target.sandbox, target.workspace, target.name,
	    span_of_bytes(making->hash, sizeof(making->hash)), methods_subject(self, call)};
	ask_put(ask, ROLE_STATE, &question, SSH_SESSION_MADE, made);
}

static void
revoked(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__RevokeSshSessionResponse out = OPENSHELL__V1__REVOKE_SSH_SESSION_RESPONSE__INIT;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_revoked = out.has_outcome = true;
	out.revoked = answer->ssh_session_revoked.revoked;
	out.outcome = out.revoked ? OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_COMPLETED
				  : OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ALREADY_ABSENT;
	ask_send(ask, &out.base);
}

/* RevokeSshSession: what the token has opened stays open. INVALID_ARGUMENT no token. */
void
ssh_session_revoke(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__RevokeSshSessionRequest *in = (const Openshell__V1__RevokeSshSessionRequest *)message;
	struct msg question = {.id = SSH_SESSION_REVOKE};
	struct span token = span_of_text(in->token);
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct why why = {0};
	struct ask *ask;

	if (token.length == 0 || token.length > TOKEN_MAX) {
		call_fail(
		    call, fail(&why, ERR_INVALID, token.length == 0 ? "token is required" : "token is too long"), &why);
		return;
	}
	token_hash(token, hash);
	question.ssh_session_revoke =
	    (struct msg_ssh_session_revoke){span_of_bytes(hash, sizeof(hash)), methods_subject(self, call)};
	if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, SSH_SESSION_REVOKED, revoked);
}
