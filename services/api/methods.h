/* methods: the public methods, who may call each, and which handler answers. */
#ifndef API_METHODS_H
#define API_METHODS_H

#include "services/api/api.h"
#include "services/api/who.h"

/* The table for the server, one row for each method of methods.def; the caller frees it. */
struct rpc_method *methods_new(void);

/* On a request's headers: is the caller known, may it call this, is it there? */
enum err methods_admit(void *self, struct rpc_call *call, const struct rpc_method *method, struct why *why);

/* Who makes this call; empty when the method is open to all and nobody is known. */
struct span methods_subject(const struct api *api, const struct rpc_call *call);

typedef void method(void *self, struct rpc_call *call, const ProtobufCMessage *message);

method health, current_user_get, gateway_info_get, workspace_get, workspaces_list;		   /* gateway.c */
method sandbox_create, sandbox_get, sandboxes_list, sandbox_stop, sandbox_start, sandbox_delete;   /* sandbox.c */
method sandbox_config_get, sandbox_logs_get;							   /* logs.c */
method config_update;										   /* update.c */
method policy_status_get, policies_list, gateway_config_get;					   /* policies.c */
method inference_route_set, inference_route_get, inference_route_delete;			   /* inference.c */
method provider_create, provider_get, providers_list, provider_update, provider_delete;		   /* providers.c */
method provider_attach, provider_detach, sandbox_providers_list;				   /* attach.c */
method profiles_list, profile_get, profiles_import, profile_update, profiles_lint, profile_delete; /* profiles.c */
method refresh_status_get, refresh_configure, credential_rotate, refresh_delete;		   /* refreshes.c */
method service_publish, service_show, services_list, service_withdraw;				   /* services.c */
method sandbox_watch;										   /* watch.c */
method sandbox_exec, sandbox_exec_interactive; /* exec.c, interactive.c */
method ssh_session_create, ssh_session_revoke; /* ssh_session.c */
method tcp_forward;			       /* forward.c */

#endif
