/* refreshes: how a provider's credentials are renewed. Material is sealed as other secrets are. */
#include "common/base/clean.h"
#include "common/base/log.h"
#include "services/api/methods.h"
#include "services/api/provider_ask.h"
#include "services/api/provider_view.h"

#define ROTATE_MS 50000 /* a token endpoint has 30 s */

/* The one state of an answer. */
static enum err
status_of(struct arena *arena, const struct msg *answer, Openshell__V1__ProviderCredentialRefreshStatus **out,
    struct why *why)
{
	if (answer->refresh_states.states_n != 1)
		return fail(why, ERR_PROTOCOL, "the refresh has no state");
	return view_refresh(arena, answer->refresh_states.states, out, why);
}

/* ---- status ---- */

static void
status_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__GetProviderRefreshStatusResponse out = OPENSHELL__V1__GET_PROVIDER_REFRESH_STATUS_RESPONSE__INIT;
	auto_arena struct arena arena = {0};
	const struct msg_refresh_states *states = &answer->refresh_states;

	if (r == OK && (out.credentials = arena_array(&arena, states->states_n + 1, sizeof(*out.credentials))) == NULL)
		r = fail(why, ERR_LIMIT, "the answer needs too much memory");
	for (; r == OK && out.n_credentials < states->states_n; out.n_credentials++)
		r = view_refresh(&arena, &states->states[out.n_credentials], &out.credentials[out.n_credentials], why);
	if (r != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

/* GetProviderRefreshStatus: of one credential, or of all that are renewed. */
void
refresh_status_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetProviderRefreshStatusRequest *in =
	    (const Openshell__V1__GetProviderRefreshStatusRequest *)message;
	struct msg question = {.id = REFRESH_GET, .refresh_get.key = span_of_text(in->credential_key)};
	struct ask *ask = ask_new(self, call, message, 0);
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	if ((r = provider_workspace(in->workspace, &question.refresh_get.workspace, &why)) != OK ||
	    (r = provider_named(in->provider, &question.refresh_get.provider, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, &question, REFRESH_STATES, status_answered);
}

/* ---- configure ---- */

struct configuring {
	bool sts;
};

static void
configured(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__ConfigureProviderRefreshResponse out = OPENSHELL__V1__CONFIGURE_PROVIDER_REFRESH_RESPONSE__INIT;
	auto_arena struct arena arena = {0};

	if (r != OK || (r = status_of(&arena, answer, &out.status, why)) != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

static void
configure_row_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__ConfigureProviderRefreshRequest *in =
	    (const Openshell__V1__ConfigureProviderRefreshRequest *)ask->request;
	const struct configuring *configuring = ask->detail;
	const struct sealer sealer = provider_sealer(ask->work.api);
	struct msg question = {.id = REFRESH_CONFIGURE};

	if (r == OK)
		r = refresh_configure_read(&sealer, rpc_arena(ask->work.call), in, &answer->provider_row,
		    configuring->sts, &question.refresh_configure, why);
	refresh_secrets_wipe(in);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	question.refresh_configure.subject = provider_subject(ask->work.api, ask->work.call);
	ask_put(ask, ROLE_STATE, &question, REFRESH_STATES, configured);
}

/* Whether AWS STS may be used is the gateway's setting. */
static void
configure_settings_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__ConfigureProviderRefreshRequest *in =
	    (const Openshell__V1__ConfigureProviderRefreshRequest *)ask->request;
	struct configuring *configuring = ask->detail;

	if (r != OK) {
		refresh_secrets_wipe(in);
		ask_fail(ask, r, why);
		return;
	}
	for (size_t i = 0; i < answer->config.settings_n; i++)
		configuring->sts |= span_is(answer->config.settings[i], "providers_v2_enabled=true");
	provider_ask(ask, in->workspace, in->provider, configure_row_came);
}

/*
 * ConfigureProviderRefresh: check, seal, store; the first renewal follows within seconds.
 *
 * errors  NOT_FOUND the provider; INVALID_ARGUMENT what the profile or the strategy does not allow; FAILED_PRECONDITION
 *         another provider of a sandbox delivers it, or AWS STS is off; UNAVAILABLE
 */
void
refresh_configure(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const struct msg question = {.id = CONFIG_GET};
	struct ask *ask = ask_new(self, call, message, sizeof(struct configuring));

	if (ask != NULL)
		ask_put(ask, ROLE_STATE, &question, CONFIG, configure_settings_came);
}

/* ---- rotate, delete ---- */

static void
rotated(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__RotateProviderCredentialResponse out = OPENSHELL__V1__ROTATE_PROVIDER_CREDENTIAL_RESPONSE__INIT;
	auto_arena struct arena arena = {0};

	if (r != OK || (r = status_of(&arena, answer, &out.status, why)) != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

static void
ended(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__DeleteProviderRefreshResponse out = OPENSHELL__V1__DELETE_PROVIDER_REFRESH_RESPONSE__INIT;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_deleted = true;
	out.deleted = answer->refresh_deleted.deleted;
	ask_send(ask, &out.base);
}

static enum err
one_named(const char *workspace, const char *provider, const char *key, struct span out[3], struct why *why)
{
	enum err r;

	out[2] = span_of_text(key);
	if ((r = provider_workspace(workspace, &out[0], why)) != OK ||
	    (r = provider_named(provider, &out[1], why)) != OK)
		return r;
	if (out[2].length == 0 || out[2].length > 256)
		return fail(why, ERR_INVALID, "credential_key has %zu bytes, 1 to 256 are allowed", out[2].length);
	return OK;
}

/* RotateProviderCredential: answered when it is renewed, or with why it could not be. */
void
credential_rotate(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__RotateProviderCredentialRequest *in =
	    (const Openshell__V1__RotateProviderCredentialRequest *)message;
	struct ask *ask = ask_new(self, call, message, 0);
	struct span names[3];
	struct msg question = {.id = REFRESH_ROTATE};
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	if ((r = one_named(in->workspace, in->provider, in->credential_key, names, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	question.refresh_rotate =
	    (struct msg_refresh_rotate){names[0], names[1], names[2], provider_subject(self, call)};
	ask->patience_ms = ROTATE_MS;
	ask_put(ask, ROLE_STATE, &question, REFRESH_STATES, rotated);
}

/* DeleteProviderRefresh: deleted is false where nothing was configured; the value that is there stays. */
void
refresh_delete(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DeleteProviderRefreshRequest *in =
	    (const Openshell__V1__DeleteProviderRefreshRequest *)message;
	struct ask *ask = ask_new(self, call, message, 0);
	struct span names[3];
	struct msg question = {.id = REFRESH_DELETE};
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	if ((r = one_named(in->workspace, in->provider, in->credential_key, names, &why)) != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	question.refresh_delete =
	    (struct msg_refresh_delete){names[0], names[1], names[2], provider_subject(self, call)};
	ask_put(ask, ROLE_STATE, &question, REFRESH_DELETED, ended);
}
