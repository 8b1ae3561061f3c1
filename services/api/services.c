/* services: ExposeService, GetService, ListServices, DeleteService: names under which ports of sandboxes are served. */
#include "services/api/service_kept.h"

#include "common/base/clean.h"
#include "common/base/log.h"
#include "services/api/ask.h"
#include "services/api/check.h"
#include "services/api/methods.h"
#include "services/api/viewing.h"

#define WORKSPACE_DEFAULT "default"
#define PAGE_DEFAULT	  100
#define PAGE_MAX	  1000
#define ARENA_BYTES	  (8u << 20) /* a page of answers */

/* ---- what is asked for ---- */

/* Names that may be there: those that cannot are not found, as those that are not. */
struct named {
	struct span workspace, sandbox, service;
};

static struct span
workspace_given(const char *name)
{
	return name == NULL || name[0] == '\0' ? SPAN(WORKSPACE_DEFAULT) : span_of_text(name);
}

static enum err
named_read(const char *workspace, const char *sandbox, const char *service, struct named *out, struct why *why)
{
	*out = (struct named){workspace_given(workspace), span_of_text(sandbox), span_of_text(service)};
	enum err r;

	if (out->sandbox.length == 0)
		return fail(why, ERR_INVALID, "sandbox is required");
	if ((r = check_name("workspace", out->workspace, why)) != OK ||
	    (r = check_name("sandbox", out->sandbox, why)) != OK)
		return r;
	return out->service.length == 0 ? OK : check_name("service", out->service, why);
}

/* ---- what is answered ---- */

static Openshell__Datamodel__V1__ObjectMeta *
meta_view(struct arena *arena, const struct msg_service_row *row)
{
	Openshell__Datamodel__V1__ObjectMeta *meta =
	    message_new(arena, Openshell__Datamodel__V1__ObjectMeta, openshell__datamodel__v1__object_meta);

	if (meta == NULL || (meta->id = arena_text(arena, span_of_text(id_text(row->service)))) == NULL ||
	    (meta->workspace = arena_text(arena, row->workspace)) == NULL ||
	    (meta->created_time = view_time(arena, row->created_ms)) == NULL)
		return NULL;
	meta->name = arena_format(arena, SPAN_FORMAT "%s" SPAN_FORMAT, SPAN_ARGS(row->sandbox_name),
	    row->name.length > 0 ? "--" : "", SPAN_ARGS(row->name));
	meta->has_created_at_ms = meta->has_resource_version = true;
	meta->created_at_ms = (int64_t)row->created_ms;
	meta->resource_version = row->resource_version;
	return meta->name == NULL ? NULL : meta;
}

static enum err
endpoint_view(struct arena *arena, const struct msg_service_row *row, Openshell__V1__ServiceEndpoint **out)
{
	Openshell__V1__ServiceEndpoint *to =
	    message_new(arena, Openshell__V1__ServiceEndpoint, openshell__v1__service_endpoint);

	*out = to;
	if (to == NULL || (to->metadata = meta_view(arena, row)) == NULL ||
	    (to->sandbox_id = arena_text(arena, span_of_text(id_text(row->sandbox)))) == NULL ||
	    (to->sandbox_name = arena_text(arena, row->sandbox_name)) == NULL ||
	    (to->service_name = arena_text(arena, row->name)) == NULL)
		return ERR_LIMIT;
	to->has_target_port = to->has_domain = true;
	to->target_port = row->port;
	to->domain = row->domain;
	return OK;
}

static enum err
view(const struct api *api, struct arena *arena, const struct msg_service_row *row,
    Openshell__V1__ServiceEndpointResponse *out, struct why *why)
{
	char url[SERVICE_URL_BYTES];

	service_url(&api->services.domains, row->workspace, row->sandbox_name, row->name, api->services.tls,
	    api->services.port, url);
	if (endpoint_view(arena, row, &out->endpoint) != OK ||
	    (out->url = arena_text(arena, span_of_text(url))) == NULL)
		return view_too_large(why);
	return OK;
}

static void
row_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__ServiceEndpointResponse out = OPENSHELL__V1__SERVICE_ENDPOINT_RESPONSE__INIT;

	if (r != OK || (r = view(ask->work.api, rpc_arena(ask->work.call), &answer->service_row, &out, why)) != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

/*
 * ExposeService: serve a port; a name that is there points at the port given now.
 *
 * errors  INVALID_ARGUMENT a name, the port; NOT_FOUND "sandbox not found"; FAILED_PRECONDITION it is being deleted
 */
void
service_publish(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ExposeServiceRequest *in = (const Openshell__V1__ExposeServiceRequest *)message;
	struct msg question = {.id = SERVICE_EXPOSE};
	struct msg_service_expose *m = &question.service_expose;
	struct why why = {0};
	struct named named;
	struct ask *ask;
	enum err r;

	r = named_read(in->workspace, in->sandbox, in->service, &named, &why);
	if (r == OK && (in->target_port < 1 || in->target_port > UINT16_MAX))
		r = fail(&why, ERR_INVALID, "target_port: %u is not within 1 to 65535", in->target_port);
	if (r != OK) {
		call_fail(call, r, &why);
		return;
	}
	*m = (struct msg_service_expose){named.workspace, named.sandbox, named.service, (uint16_t)in->target_port,
	    in->has_domain && in->domain, span_head(methods_subject(self, call), 253)};
	if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, SERVICE_ROW, row_answered);
}

/* GetService: NOT_FOUND "service endpoint not found". */
void
service_show(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__GetServiceRequest *in = (const Openshell__V1__GetServiceRequest *)message;
	struct msg question = {.id = SERVICE_GET};
	struct why why = {0};
	struct named named;
	struct ask *ask;
	enum err r;

	if ((r = named_read(in->workspace, in->sandbox, in->service, &named, &why)) != OK) {
		call_fail(call, r, &why);
		return;
	}
	question.service_get = (struct msg_service_get){named.workspace, named.sandbox, named.service};
	if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, SERVICE_ROW, row_answered);
}

static void
delete_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__DeleteServiceResponse out = OPENSHELL__V1__DELETE_SERVICE_RESPONSE__INIT;

	if (r != OK) {
		ask_fail(ask, r, why);
		return;
	}
	out.has_deleted = out.has_outcome = true;
	out.deleted = answer->service_deleted.deleted;
	out.outcome = out.deleted ? OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ACCEPTED
				  : OPENSHELL__V1__DELETION_OUTCOME__DELETION_OUTCOME_ALREADY_ABSENT;
	ask_send(ask, &out.base);
}

/* DeleteService: deleted is false where it was not there. */
void
service_withdraw(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__DeleteServiceRequest *in = (const Openshell__V1__DeleteServiceRequest *)message;
	struct msg question = {.id = SERVICE_DELETE};
	struct why why = {0};
	struct named named;
	struct ask *ask;
	enum err r;

	if ((r = named_read(in->workspace, in->sandbox, in->service, &named, &why)) != OK) {
		call_fail(call, r, &why);
		return;
	}
	question.service_delete = (struct msg_service_delete){
	    named.workspace, named.sandbox, named.service, span_head(methods_subject(self, call), 253)};
	if ((ask = ask_new(self, call, message, 0)) != NULL)
		ask_put(ask, ROLE_STATE, &question, SERVICE_DELETED, delete_answered);
}

/* ---- list ---- */

static enum err
page_view(struct ask *ask, const struct msg_service_listed *listed, const struct msg_service_list *asked,
    Openshell__V1__ListServicesResponse *out, struct why *why)
{
	struct arena *arena = rpc_arena(ask->work.call);
	enum err r;

	if ((out->services = arena_array(arena, listed->services_n + 1, sizeof(*out->services))) == NULL)
		return view_too_large(why);
	for (size_t i = 0; i < listed->services_n; i++) {
		Openshell__V1__ServiceEndpointResponse *to = message_new(
		    arena, Openshell__V1__ServiceEndpointResponse, openshell__v1__service_endpoint_response);

		if (to == NULL)
			return view_too_large(why);
		if ((r = view(ask->work.api, arena, &listed->services[i], to, why)) != OK)
			return r;
		out->services[out->n_services++] = to;
	}
	if (listed->services_n == asked->limit) /* there may be more, if only an empty page */
		out->next_page_token = arena_format(arena, "%u", asked->offset + asked->limit);
	return OK;
}

static void
list_answered(struct ask *ask, enum err r, struct msg *answer, struct why *why)
{
	Openshell__V1__ListServicesResponse out = OPENSHELL__V1__LIST_SERVICES_RESPONSE__INIT;

	if (r != OK || (r = page_view(ask, &answer->service_listed, ask->detail, &out, why)) != OK)
		ask_fail(ask, r, why);
	else
		ask_send(ask, &out.base);
}

static enum err
list_read(struct api *api, struct rpc_call *call, const Openshell__V1__ListServicesRequest *in,
    struct msg_service_list *out, struct why *why)
{
	bool all = in->has_all_workspaces && in->all_workspaces;
	struct who who;
	enum err r;

	if (all && in->workspace != NULL && in->workspace[0] != '\0')
		return fail(why, ERR_INVALID, "all_workspaces and workspace cannot be given together");
	if (all && who_read(rpc_caller(call), api->config->allow_unauthenticated, &who, why) == OK && !who.admin)
		return fail(why, ERR_DENIED, "all_workspaces is for a platform admin");
	*out = (struct msg_service_list){all ? SPAN_NONE : workspace_given(in->workspace), span_of_text(in->sandbox),
	    in->limit == 0	   ? PAGE_DEFAULT
	    : in->limit > PAGE_MAX ? PAGE_MAX
				   : in->limit,
	    in->offset};
	if (!all && (r = check_name("workspace", out->workspace, why)) != OK)
		return r;
	return out->sandbox.length == 0 ? OK : check_name("sandbox", out->sandbox, why);
}

/* ListServices: a page, by creation time then names. */
void
services_list(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	struct ask *ask = ask_new(self, call, message, sizeof(struct msg_service_list));
	struct msg question = {.id = SERVICE_LIST};
	struct why why = {0};
	enum err r;

	if (ask == NULL)
		return;
	rpc_arena(call)->max_bytes = ARENA_BYTES;
	r = list_read(self, call, (const Openshell__V1__ListServicesRequest *)message, ask->detail, &why);
	if (r != OK) {
		ask_fail(ask, r, &why);
		return;
	}
	question.service_list = *(struct msg_service_list *)ask->detail;
	ask_put(ask, ROLE_STATE, &question, SERVICE_LISTED, list_answered);
}
