/* methods: one table, made of methods.def and of the handlers that there are. */
#include "services/api/methods.h"

#include <stdlib.h>

#include "common/base/clean.h"
#include "openshell/inference.pb-c.h"
#include "openshell/openshell.pb-c.h"
#include "services/api/newer.h"

static const struct rule rules[] = {
#define METHOD(service, name, kind, request, response, request_prefix, response_prefix, auth, scope, role)             \
	{#name, auth, scope, NEED_##role},
#include "openshell/methods.def"
};

static const struct rpc_method rows[] = {
#define UNARY	      RPC_UNARY
#define SERVER_STREAM RPC_SERVER_STREAM
#define CLIENT_STREAM RPC_CLIENT_STREAM
#define BIDI	      RPC_BIDI
#define METHOD(service, name, kind, request, response, request_prefix, response_prefix, auth, scope, role)             \
	{"/" service "/" #name, kind, &request_prefix##__descriptor, NULL, NULL, newer_request},
#include "openshell/methods.def"
};

static const struct {
	const char *name;
	method *answer;
} handlers[] = {
    {"Health", health},
    {"GetCurrentUser", current_user_get},
    {"GetGatewayInfo", gateway_info_get},
    {"CreateSandbox", sandbox_create},
    {"GetSandbox", sandbox_get},
    {"ListSandboxes", sandboxes_list},
    {"StopSandbox", sandbox_stop},
    {"StartSandbox", sandbox_start},
    {"DeleteSandbox", sandbox_delete},
    {"WatchSandbox", sandbox_watch},
    {"ExecSandbox", sandbox_exec},
    {"ExecSandboxInteractive", sandbox_exec_interactive},
    {"CreateSshSession", ssh_session_create},
    {"RevokeSshSession", ssh_session_revoke},
    {"ForwardTcp", tcp_forward},
    {"GetSandboxLogs", sandbox_logs_get},
    {"GetSandboxConfig", sandbox_config_get},
    {"GetGatewayConfig", gateway_config_get},
    {"UpdateConfig", config_update},
    {"GetSandboxPolicyStatus", policy_status_get},
    {"ListSandboxPolicies", policies_list},
    {"SetInferenceRoute", inference_route_set},
    {"GetInferenceRoute", inference_route_get},
    {"DeleteInferenceRoute", inference_route_delete},
    {"CreateProvider", provider_create},
    {"GetProvider", provider_get},
    {"ListProviders", providers_list},
    {"UpdateProvider", provider_update},
    {"DeleteProvider", provider_delete},
    {"AttachSandboxProvider", provider_attach},
    {"DetachSandboxProvider", provider_detach},
    {"ListSandboxProviders", sandbox_providers_list},
    {"ListProviderProfiles", profiles_list},
    {"GetProviderProfile", profile_get},
    {"ImportProviderProfiles", profiles_import},
    {"UpdateProviderProfiles", profile_update},
    {"LintProviderProfiles", profiles_lint},
    {"DeleteProviderProfile", profile_delete},
    {"GetProviderRefreshStatus", refresh_status_get},
    {"ConfigureProviderRefresh", refresh_configure},
    {"RotateProviderCredential", credential_rotate},
    {"DeleteProviderRefresh", refresh_delete},
    {"ExposeService", service_publish},
    {"GetService", service_show},
    {"ListServices", services_list},
    {"DeleteService", service_withdraw},
    {"GetWorkspace", workspace_get},
    {"ListWorkspaces", workspaces_list},
};

static method *
handler_of(const char *name)
{
	for (size_t i = 0; i < COUNT(handlers); i++)
		if (strcmp(handlers[i].name, name) == 0)
			return handlers[i].answer;
	return NULL;
}

struct rpc_method *
methods_new(void)
{
	struct rpc_method *methods = calloc(COUNT(rows) + 1, sizeof(*methods));

	if (methods == NULL)
		abort();
	for (size_t i = 0; i < COUNT(rows); i++) {
		methods[i] = rows[i];
		methods[i].extra = &rules[i];
		methods[i].message = handler_of(rules[i].name);
	}
	return methods;
}

enum err
methods_admit(void *self, struct rpc_call *call, const struct rpc_method *row, struct why *why)
{
	const struct api *api = self;
	const struct rule *rule = row->extra;
	struct who who;
	enum err r;

	if (rule->auth == AUTH_NONE)
		return OK;
	if ((r = who_read(rpc_caller(call), api->config->allow_unauthenticated, &who, why)) != OK)
		return r;
	if (row->message == NULL)
		return fail(why, ERR_UNIMPLEMENTED, "%s is not implemented", rule->name);
	return who_may(&who, rule, why);
}

struct span
methods_subject(const struct api *api, const struct rpc_call *call)
{
	struct who who;

	return who_read(rpc_caller(call), api->config->allow_unauthenticated, &who, NULL) == OK ? who.subject
												: SPAN_NONE;
}
