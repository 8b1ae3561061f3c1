/* attach: which providers a sandbox has. */
#include "common/base/clean.h"
#include "common/base/log.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/provider_ask.h"
#include "services/api/provider_view.h"
#include "services/api/view.h"

/* A name that could not have been given is one that does not exist. */
static enum err
sandbox_read(const char *name, const char *workspace, struct span *out, struct span *out_workspace, struct why *why)
{
	struct why ignored;
	enum err r;

	*out = span_of_text(name);
	if (out->length == 0)
		return fail(why, ERR_INVALID, "sandbox_name is required");
	if ((r = provider_workspace(workspace, out_workspace, why)) != OK)
		return r;
	return check_name("sandbox_name", *out, &ignored) == OK ? OK : fail(why, ERR_NOT_FOUND, "sandbox not found");
}

static enum err
warnings_copy(struct arena *arena, const struct msg_provider_attached *attached,
    Openshell__V1__AttachSandboxProviderResponse *out, struct why *why)
{
	if ((out->warnings = arena_array(arena, attached->warnings_n + 1, sizeof(*out->warnings))) == NULL)
		return fail(why, ERR_LIMIT, "the answer needs too much memory");
	for (size_t i = 0; i < attached->warnings_n; i++)
		if ((out->warnings[out->n_warnings++] = arena_text(arena, attached->warnings[i])) == NULL)
			return fail(why, ERR_LIMIT, "the answer needs too much memory");
	return OK;
}

static void
attach_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__AttachSandboxProviderResponse out = OPENSHELL__V1__ATTACH_SANDBOX_PROVIDER_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = PROVIDER_ARENA_BYTES};

	if (r == OK && answer->provider_attached.sandbox_n == 1 &&
	    (r = view_sandbox(&arena, answer->provider_attached.sandbox, &out.sandbox, why)) == OK)
		r = warnings_copy(&arena, &answer->provider_attached, &out, why);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_attached = true;
	out.attached = answer->provider_attached.changed;
	ask_send(ask, &out.base);
}

static void
detach_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__DetachSandboxProviderResponse out = OPENSHELL__V1__DETACH_SANDBOX_PROVIDER_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = PROVIDER_ARENA_BYTES};

	if (r == OK && answer->provider_attached.sandbox_n == 1)
		r = view_sandbox(&arena, answer->provider_attached.sandbox, &out.sandbox, why);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_detached = true;
	out.detached = answer->provider_attached.changed;
	ask_send(ask, &out.base);
}

/* Which sandbox and which provider. */
static void
change_put(struct api *api, struct rpc_call *call, const ProtobufCMessage *message, const char *sandbox,
    const char *provider, const char *workspace, struct msg *question, ask_answered *answered)
{
	struct msg_provider_attach *m = &question->provider_attach;
	struct ask *ask = ask_new(api, call, message, 0);
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	m->subject = provider_subject(api, call);
	if ((r = sandbox_read(sandbox, workspace, &m->sandbox, &m->workspace, &why)) != OK ||
	    (r = provider_named(provider, &m->provider, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, question, PROVIDER_ATTACHED, answered);
}

/*
 * AttachSandboxProvider: attached is false where it was already.
 *
 * errors  NOT_FOUND the sandbox; ABORTED another resource_version; FAILED_PRECONDITION no such provider, or it does not
 * go with the others or with the policy
 */
void
provider_attach(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__AttachSandboxProviderRequest *in =
	    (const Openshell__V1__AttachSandboxProviderRequest *)message;
	struct msg question = {.id = PROVIDER_ATTACH, .provider_attach.expected = in->expected_resource_version};

	change_put(self, call, message, in->sandbox_name, in->provider_name, in->workspace, &question, attach_answered);
}

/* DetachSandboxProvider: detached is false where it was not attached. */
void
provider_detach(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DetachSandboxProviderRequest *in =
	    (const Openshell__V1__DetachSandboxProviderRequest *)message;
	struct msg question = {
	    .id = PROVIDER_ATTACH, .provider_attach = {.expected = in->expected_resource_version, .detach = true}};

	change_put(self, call, message, in->sandbox_name, in->provider_name, in->workspace, &question, detach_answered);
}

static void
attached_came(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__ListSandboxProvidersResponse out = OPENSHELL__V1__LIST_SANDBOX_PROVIDERS_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = PROVIDER_ARENA_BYTES};
	const struct msg_provider_listed *listed = &answer->provider_listed;

	if (r == OK && (out.providers = arena_array(&arena, listed->providers_n + 1, sizeof(*out.providers))) == NULL)
		r = fail(why, ERR_LIMIT, "the answer needs too much memory");
	for (; r == OK && out.n_providers < listed->providers_n; out.n_providers++)
		r = view_provider(&arena, &listed->providers[out.n_providers], &out.providers[out.n_providers], why);
	if (r != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

/* ListSandboxProviders: in the order in which they were attached. */
void
sandbox_providers_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ListSandboxProvidersRequest *in =
	    (const Openshell__V1__ListSandboxProvidersRequest *)message;
	struct msg question = {.id = PROVIDERS_OF};
	struct ask *ask = ask_new(self, call, message, 0);
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	if ((r = sandbox_read(in->sandbox_name, in->workspace, &question.providers_of.sandbox,
		 &question.providers_of.workspace, &why)) != OK)
		ask_fail(ask, r, &why);
	else
		ask_put(ask, ROLE_STATE, &question, PROVIDER_LISTED, attached_came);
}
