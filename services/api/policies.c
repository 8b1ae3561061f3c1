/* policies: revisions of a policy as they are stored, and the gateway's own settings. */
#include "common/base/clean.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/view.h"

#define WORKSPACE_DEFAULT "default"
#define PAGE_DEFAULT	  50
#define PAGE_MAX	  1000
#define ARENA_BYTES	  (32u << 20)

/* Whose policies are asked for: a sandbox's or the gateway's own. */
struct whose {
	const char *name, *workspace;
	bool global;
};

static enum err
whose_fill(const struct whose *whose, struct msg_policies_get *out, struct why *why)
{
	struct why ignored;

	if (whose->global && whose->name != NULL && whose->name[0] != '\0')
		return fail(why, ERR_INVALID, "name: must be empty with global");
	if (whose->global)
		return OK;
	out->name = span_of_text(whose->name);
	if (whose->workspace == NULL || whose->workspace[0] == '\0')
		out->workspace = SPAN(WORKSPACE_DEFAULT);
	else
		out->workspace = span_of_text(whose->workspace);
	if (out->name.length == 0)
		return fail(why, ERR_INVALID, "name is required");
	if (check_name("name", out->name, &ignored) != OK || check_name("workspace", out->workspace, &ignored) != OK)
		return fail(why, ERR_NOT_FOUND, "sandbox not found");
	return OK;
}

/* Ask state for some of them, one or a page. */
static void
policies_ask(void *self, struct rpc_call *call, const ProtobufCMessage *message, const struct whose *whose,
    struct msg_policies_get some, ask_answered *answered)
{
	struct msg question = {.id = POLICIES_GET, .policies_get = some};
	struct why why = {0};
	struct ask *ask;
	enum err r = whose_fill(whose, &question.policies_get, &why);

	if (r != OK)
		call_fail(call, r, &why);
	else if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, POLICIES, answered);
}

static void
status_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__GetSandboxPolicyStatusResponse out = OPENSHELL__V1__GET_SANDBOX_POLICY_STATUS_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};

	if (r == OK && answer->policies.revisions_n != 1)
		r = fail(why, ERR_PROTOCOL, "state answered with %zu revisions", answer->policies.revisions_n);
	if (r == OK)
		r = view_revision(&arena, &answer->policies.revisions[0], &out.revision, why);
	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_active_version = true;
	out.active_version = answer->policies.active;
	ask_send(ask, &out.base);
}

/* GetSandboxPolicyStatus: one revision with its policy, the newest for version 0. */
void
policy_status_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetSandboxPolicyStatusRequest *in =
	    (const Openshell__V1__GetSandboxPolicyStatusRequest *)message;
	const struct whose whose = {in->name, in->workspace, in->has_global && in->global};

	policies_ask(self, call, message, &whose,
	    (struct msg_policies_get){.one = true, .version = in->version, .limit = 1}, status_answered);
}

static uint32_t
page_of(uint32_t limit)
{
	return limit == 0 ? PAGE_DEFAULT : limit > PAGE_MAX ? PAGE_MAX : limit;
}

static void
list_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	const Openshell__V1__ListSandboxPoliciesRequest *in =
	    (const Openshell__V1__ListSandboxPoliciesRequest *)ask->request;
	Openshell__V1__ListSandboxPoliciesResponse out = OPENSHELL__V1__LIST_SANDBOX_POLICIES_RESPONSE__INIT;
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};
	size_t n = r == OK ? answer->policies.revisions_n : 0;

	if (r == OK && (out.revisions = arena_array(&arena, n + 1, sizeof(*out.revisions))) == NULL)
		r = fail(why, ERR_LIMIT, "the answer needs too much memory");
	if (r == OK && n == page_of(in->limit)) /* there may be more, if only an empty page */
		out.next_page_token = arena_format(&arena, "%u", in->offset + (uint32_t)n);
	for (; r == OK && out.n_revisions < n; out.n_revisions++)
		r = view_revision(
		    &arena, &answer->policies.revisions[out.n_revisions], &out.revisions[out.n_revisions], why);
	if (r != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

/* ListSandboxPolicies: newest first, without the policies themselves. */
void
policies_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ListSandboxPoliciesRequest *in =
	    (const Openshell__V1__ListSandboxPoliciesRequest *)message;
	const struct whose whose = {in->name, in->workspace, in->has_global && in->global};

	policies_ask(self, call, message, &whose,
	    (struct msg_policies_get){.limit = page_of(in->limit), .offset = in->offset}, list_answered);
}

static void
gateway_config_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	auto_arena struct arena arena = {.max_bytes = ARENA_BYTES};
	Openshell__Sandbox__V1__GetGatewayConfigResponse *out;

	if (r == OK)
		r = view_gateway_config(&arena, &answer->config, &out, why);
	if (r != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out->base);
}

/* GetGatewayConfig: the settings that go before each sandbox's. */
void
gateway_config_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const struct msg question = {.id = CONFIG_GET};
	struct ask *ask = ask_new(self, call, message, 0);

	if (ask != NULL)
		ask_put(ask, ROLE_STATE, &question, CONFIG, gateway_config_answered);
}
