/* gateway: what a caller may know of the gateway and of itself. */
#include "common/base/clean.h"
#include "openshell/openshell.pb-c.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/methods.h"

#define WORKSPACE_DEFAULT    "default"
#define WORKSPACE_DEFAULT_ID "00000000-0000-4000-8000-000000000001" /* always there, never made */

/* Health: degraded while the store of sandboxes is away. */
void
health(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__HealthResponse out = OPENSHELL__V1__HEALTH_RESPONSE__INIT;
	struct api *api = self;
	struct peer *state;
	struct why why;

	(void)message;
	out.has_status = true;
	out.status = api_peer(api, ROLE_STATE, &state, &why) == OK
			 ? OPENSHELL__V1__SERVICE_STATUS__SERVICE_STATUS_HEALTHY
			 : OPENSHELL__V1__SERVICE_STATUS__SERVICE_STATUS_DEGRADED;
	out.version = (char *)api->config->version;
	call_send(call, &out.base);
}

/* GetCurrentUser: as its certificate or listener tells. */
void
current_user_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__GetCurrentUserResponse out = OPENSHELL__V1__GET_CURRENT_USER_RESPONSE__INIT;
	struct arena *arena = rpc_arena(call);
	struct api *api = self;
	char *roles[WHO_ROLES_MAX];
	struct why why = {0};
	struct who who;
	enum err r;

	(void)message;
	if ((r = who_read(rpc_caller(call), api->config->allow_unauthenticated, &who, &why)) != OK) {
		call_fail(call, r, &why);
		return;
	}
	for (size_t i = 0; i < who.roles_n; i++)
		if ((roles[out.n_roles] = arena_text(arena, who.roles[i])) != NULL)
			out.n_roles++;
	out.roles = roles;
	out.subject = out.display_name = arena_text(arena, who.subject);
	out.identity_provider = (char *)who.provider;
	call_send(call, &out.base);
}

static void
gateway_info_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__GetGatewayInfoResponse out = OPENSHELL__V1__GET_GATEWAY_INFO_RESPONSE__INIT;
	Openshell__V1__ComputeDriverInfo drivers[16], *list[16];
	Openshell__V1__ComputeDriverCapabilities capabilities[16];
	struct arena *arena = rpc_arena(ask->work.call);
	bool well;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	well = answer->gateway.database;
	for (size_t i = 0; i < answer->gateway.drivers_n && i < COUNT(drivers); i++) {
		const struct msg_driver_info *driver = &answer->gateway.drivers[i];

		openshell__v1__compute_driver_info__init(&drivers[i]);
		openshell__v1__compute_driver_capabilities__init(&capabilities[i]);
		drivers[i].name = capabilities[i].driver_name = arena_text(arena, driver->name);
		capabilities[i].driver_version = arena_text(arena, driver->version);
		drivers[i].capabilities = &capabilities[i];
		list[out.n_compute_drivers++] = &drivers[i];
		well = well && driver->connected;
	}
	out.compute_drivers = list;
	out.gateway_version = (char *)ask->work.api->config->version;
	out.has_status = true;
	out.status = well ? OPENSHELL__V1__SERVICE_STATUS__SERVICE_STATUS_HEALTHY
			  : OPENSHELL__V1__SERVICE_STATUS__SERVICE_STATUS_DEGRADED;
	ask_send(ask, &out.base);
}

/* GetGatewayInfo: degraded while the database or a driver is away. */
void
gateway_info_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const struct msg question = {.id = GATEWAY_GET};
	struct ask *ask = ask_new(self, call, message, 0);

	if (ask != NULL)
		ask_put(ask, ROLE_STATE, &question, GATEWAY, gateway_info_answered);
}

/* The one workspace that always exists; others come with their issue. */
struct workspace {
	Openshell__Datamodel__V1__Workspace workspace;
	Openshell__Datamodel__V1__ObjectMeta meta;
	Openshell__Datamodel__V1__WorkspaceStatus status;
};

static Openshell__Datamodel__V1__Workspace *
workspace_default(struct workspace *to)
{
	openshell__datamodel__v1__workspace__init(&to->workspace);
	openshell__datamodel__v1__object_meta__init(&to->meta);
	openshell__datamodel__v1__workspace_status__init(&to->status);
	to->meta.id = (char *)WORKSPACE_DEFAULT_ID;
	to->meta.name = (char *)WORKSPACE_DEFAULT;
	to->meta.has_resource_version = true;
	to->meta.resource_version = 1;
	to->status.has_phase = true;
	to->status.phase = OPENSHELL__DATAMODEL__V1__WORKSPACE_PHASE__WORKSPACE_PHASE_ACTIVE;
	to->workspace.metadata = &to->meta;
	to->workspace.status = &to->status;
	return &to->workspace;
}

/* GetWorkspace: NOT_FOUND for every name but default. */
void
workspace_get(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetWorkspaceRequest *in = (const Openshell__V1__GetWorkspaceRequest *)message;
	Openshell__V1__GetWorkspaceResponse out = OPENSHELL__V1__GET_WORKSPACE_RESPONSE__INIT;
	struct span name = span_of_text(in->name);
	struct workspace workspace;
	struct why why = {0};

	(void)self;
	if (name.length > 0 && !span_is(name, WORKSPACE_DEFAULT)) {
		call_fail(call, fail(&why, ERR_NOT_FOUND, "workspace '%s' not found", log_quote(name)), &why);
		return;
	}
	out.workspace = workspace_default(&workspace);
	call_send(call, &out.base);
}

/* ListWorkspaces: the one. */
void
workspaces_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ListWorkspacesRequest *in = (const Openshell__V1__ListWorkspacesRequest *)message;
	Openshell__V1__ListWorkspacesResponse out = OPENSHELL__V1__LIST_WORKSPACES_RESPONSE__INIT;
	Openshell__Datamodel__V1__Workspace *list[1];
	struct workspace workspace;

	(void)self;
	list[0] = workspace_default(&workspace);
	out.n_workspaces = in->offset == 0;
	out.workspaces = list;
	call_send(call, &out.base);
}
