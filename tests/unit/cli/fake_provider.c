/* Providers and routes to models of the tests' gateway: by each method's name one answer. */
#include "tests/unit/cli/fake_provider.h"

#include <stddef.h>
#include <string.h>

#include "common/base/clean.h"

#define Provider Openshell__Datamodel__V1__Provider
#define Meta	 Openshell__Datamodel__V1__ObjectMeta
#define Profile	 Openshell__V1__ProviderProfile
#define Status	 Openshell__V1__ProviderCredentialRefreshStatus

#define TEXT(text) ((char *)(uintptr_t)(text))

static void
send_one(struct rpc_call *call, const ProtobufCMessage *answer)
{
	rpc_send(call, answer);
	rpc_finish(call, OK, NULL);
}

/* ---- samples ---- */

struct sample_provider {
	Meta meta;
	Openshell__Datamodel__V1__Provider__CredentialsEntry credential, *credentials[1];
	Openshell__Datamodel__V1__Provider__ConfigEntry config, *configs[1];
	Openshell__Datamodel__V1__Provider__CredentialExpiresAtMsEntry expiry, *expiries[1];
	Provider provider;
};

static Provider *
sample(struct sample_provider *s, const char *name)
{
	openshell__datamodel__v1__object_meta__init(&s->meta);
	openshell__datamodel__v1__provider__init(&s->provider);
	openshell__datamodel__v1__provider__credentials_entry__init(&s->credential);
	openshell__datamodel__v1__provider__config_entry__init(&s->config);
	openshell__datamodel__v1__provider__credential_expires_at_ms_entry__init(&s->expiry);
	s->meta.name = TEXT(name);
	s->meta.id = TEXT("id-1");
	s->meta.workspace = TEXT("default");
	s->meta.has_resource_version = true;
	s->meta.resource_version = 4;
	s->credential.key = s->expiry.key = TEXT("FORGE_TOKEN");
	s->credential.value = TEXT("REDACTED");
	s->config.key = TEXT("URL");
	s->config.value = TEXT("x\x1b");
	s->expiry.has_value = true;
	s->expiry.value = 1577836800000; /* 2020-01-01 */
	s->credentials[0] = &s->credential;
	s->configs[0] = &s->config;
	s->expiries[0] = &s->expiry;
	s->provider.metadata = &s->meta;
	s->provider.type = TEXT(strcmp(name, "hub") == 0 ? "github" : "forge");
	s->provider.credentials = s->credentials;
	s->provider.config = s->configs;
	s->provider.credential_expires_at_ms = s->expiries;
	s->provider.n_credentials = s->provider.n_config = s->provider.n_credential_expires_at_ms = 1;
	return &s->provider;
}

struct sample_profile {
	Openshell__Sandbox__V1__NetworkEndpoint endpoint, *endpoints[1];
	Openshell__Sandbox__V1__NetworkBinary binary, *binaries[1];
	Openshell__V1__ProviderProfileDiscovery discovery;
	Openshell__V1__ProviderProfileCredential credential, *credentials[1];
	char *variables[1], *discovered[1];
	Profile profile;
};

static Profile *
sample_profile(struct sample_profile *s, const char *id)
{
	openshell__sandbox__v1__network_endpoint__init(&s->endpoint);
	openshell__sandbox__v1__network_binary__init(&s->binary);
	openshell__v1__provider_profile_discovery__init(&s->discovery);
	openshell__v1__provider_profile_credential__init(&s->credential);
	openshell__v1__provider_profile__init(&s->profile);
	s->endpoint.host = TEXT("api.forge.test");
	s->endpoint.has_port = true;
	s->endpoint.port = 443;
	s->endpoint.protocol = TEXT("rest");
	s->endpoint.access = TEXT("full");
	s->binary.path = TEXT("/usr/bin/curl");
	s->variables[0] = TEXT("FORGE_TOKEN");
	s->discovered[0] = s->credential.name = TEXT("token");
	s->credential.env_vars = s->variables;
	s->discovery.credentials = s->discovered;
	s->credential.n_env_vars = s->discovery.n_credentials = 1;
	s->endpoints[0] = &s->endpoint;
	s->binaries[0] = &s->binary;
	s->credentials[0] = &s->credential;
	s->profile.id = TEXT(id);
	s->profile.has_category = s->profile.has_resource_version = true;
	s->profile.category = OPENSHELL__V1__PROVIDER_PROFILE_CATEGORY__PROVIDER_PROFILE_CATEGORY_SOURCE_CONTROL;
	s->profile.resource_version = 9;
	s->profile.source = TEXT("user");
	s->profile.scope = TEXT("workspace");
	s->profile.display_name = TEXT("Forge");
	s->profile.discovery = &s->discovery;
	s->profile.endpoints = s->endpoints;
	s->profile.binaries = s->binaries;
	s->profile.credentials = s->credentials;
	s->profile.n_endpoints = s->profile.n_binaries = s->profile.n_credentials = 1;
	return &s->profile;
}

/* ---- answers ---- */

static void
answer_provider(struct rpc_call *call, const char *name)
{
	Openshell__V1__ProviderResponse answer = OPENSHELL__V1__PROVIDER_RESPONSE__INIT;
	struct sample_provider one;

	answer.provider = sample(&one, name);
	send_one(call, &answer.base);
}

static void
create(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Provider *asked = ((const Openshell__V1__CreateProviderRequest *)message)->provider;
	const char *name = asked->metadata->name;

	if (name != NULL && strcmp(name, "taken") == 0)
		fake_refuse(call, ERR_EXISTS, "provider 'taken' exists already");
	else
		answer_provider(call, name == NULL ? "made-up" : name);
}

static void
get(struct rpc_call *call, const ProtobufCMessage *message)
{
	const char *name = ((const Openshell__V1__GetProviderRequest *)message)->name;

	if (strcmp(name, "forge") != 0 && strcmp(name, "hub") != 0)
		fake_refuse(call, ERR_NOT_FOUND, "provider not found");
	else
		answer_provider(call, name);
}

static void
update(struct rpc_call *call, const ProtobufCMessage *message)
{
	answer_provider(call, ((const Openshell__V1__UpdateProviderRequest *)message)->provider->metadata->name);
}

static void
list(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__ListProvidersResponse answer = OPENSHELL__V1__LIST_PROVIDERS_RESPONSE__INIT;
	struct sample_provider one, two;
	Provider *both[] = {sample(&one, "forge"), sample(&two, "hub")};

	answer.providers = both;
	answer.n_providers = ((const Openshell__V1__ListProvidersRequest *)message)->offset > 0 ? 0 : COUNT(both);
	send_one(call, &answer.base);
}

static void
delete_provider(struct rpc_call *call, const ProtobufCMessage *message)
{
	const char *name = ((const Openshell__V1__DeleteProviderRequest *)message)->name;
	Openshell__V1__DeleteProviderResponse answer = OPENSHELL__V1__DELETE_PROVIDER_RESPONSE__INIT;

	answer.has_deleted = true;
	answer.deleted = strcmp(name, "missing") != 0;
	if (strcmp(name, "used") == 0)
		fake_refuse(call, ERR_STATE, "provider 'used' is attached to demo");
	else
		send_one(call, &answer.base);
}

static void
profiles(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__ListProviderProfilesResponse answer = OPENSHELL__V1__LIST_PROVIDER_PROFILES_RESPONSE__INIT;
	struct sample_profile one, two;
	Profile *both[] = {sample_profile(&one, "forge"), sample_profile(&two, "github")};

	(void)message;
	two.profile.category = OPENSHELL__V1__PROVIDER_PROFILE_CATEGORY__PROVIDER_PROFILE_CATEGORY_AGENT;
	answer.profiles = both;
	answer.n_profiles = COUNT(both);
	send_one(call, &answer.base);
}

static void
profile(struct rpc_call *call, const ProtobufCMessage *message)
{
	const char *id = ((const Openshell__V1__GetProviderProfileRequest *)message)->id;
	Openshell__V1__ProviderProfileResponse answer = OPENSHELL__V1__PROVIDER_PROFILE_RESPONSE__INIT;
	struct sample_profile one;

	answer.profile = sample_profile(&one, id);
	if (strcmp(id, "forge") != 0)
		fake_refuse(call, ERR_NOT_FOUND, "profile not found");
	else
		send_one(call, &answer.base);
}

static Openshell__V1__ProviderProfileDiagnostic *
diagnostic(Openshell__V1__ProviderProfileDiagnostic *to)
{
	openshell__v1__provider_profile_diagnostic__init(to);
	to->source = TEXT("a.yaml");
	to->profile_id = TEXT("stored");
	to->field = TEXT("id");
	to->message = TEXT("is there already");
	to->severity = TEXT("error");
	return to;
}

static void
import(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__V1__ImportProviderProfilesRequest *in =
	    (const Openshell__V1__ImportProviderProfilesRequest *)message;
	Openshell__V1__ImportProviderProfilesResponse answer = OPENSHELL__V1__IMPORT_PROVIDER_PROFILES_RESPONSE__INIT;
	Openshell__V1__ProviderProfileDiagnostic one, *all[] = {diagnostic(&one)};
	struct sample_profile kept;
	Profile *list[] = {sample_profile(&kept, in->profiles[0]->profile->id)};

	answer.diagnostics = all;
	answer.n_diagnostics = strcmp(list[0]->id, "stored") == 0;
	answer.has_imported = answer.imported = answer.n_diagnostics == 0;
	answer.profiles = list;
	answer.n_profiles = answer.imported;
	send_one(call, &answer.base);
}

static void
profile_update(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__UpdateProviderProfilesResponse answer = OPENSHELL__V1__UPDATE_PROVIDER_PROFILES_RESPONSE__INIT;

	(void)message;
	answer.has_updated = answer.updated = true;
	send_one(call, &answer.base);
}

static void
lint(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__LintProviderProfilesResponse answer = OPENSHELL__V1__LINT_PROVIDER_PROFILES_RESPONSE__INIT;
	Openshell__V1__ProviderProfileDiagnostic one, *all[] = {diagnostic(&one)};

	(void)message;
	answer.diagnostics = all;
	answer.n_diagnostics = 1;
	send_one(call, &answer.base);
}

static void
profile_delete(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__DeleteProviderProfileResponse answer = OPENSHELL__V1__DELETE_PROVIDER_PROFILE_RESPONSE__INIT;

	answer.has_deleted = true;
	answer.deleted = strcmp(((const Openshell__V1__DeleteProviderProfileRequest *)message)->id, "missing") != 0;
	send_one(call, &answer.base);
}

static Status *
status_of(Status *to)
{
	openshell__v1__provider_credential_refresh_status__init(to);
	to->credential_key = TEXT("FORGE_TOKEN");
	to->has_strategy = to->has_expires_at_ms = true;
	to->strategy = 3;
	to->status = TEXT("error");
	to->expires_at_ms = 1577836800000;
	to->last_error = TEXT("refused\x1b[31m");
	return to;
}

static void
refresh_status(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__GetProviderRefreshStatusResponse answer =
	    OPENSHELL__V1__GET_PROVIDER_REFRESH_STATUS_RESPONSE__INIT;
	Status one, *all[] = {status_of(&one)};

	answer.credentials = all;
	answer.n_credentials =
	    strcmp(((const Openshell__V1__GetProviderRefreshStatusRequest *)message)->provider, "hub") != 0;
	send_one(call, &answer.base);
}

static void
refresh_configure(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__ConfigureProviderRefreshResponse answer =
	    OPENSHELL__V1__CONFIGURE_PROVIDER_REFRESH_RESPONSE__INIT;
	Status one;

	(void)message;
	answer.status = status_of(&one);
	send_one(call, &answer.base);
}

static void
refresh_rotate(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__RotateProviderCredentialResponse answer =
	    OPENSHELL__V1__ROTATE_PROVIDER_CREDENTIAL_RESPONSE__INIT;

	if (strcmp(((const Openshell__V1__RotateProviderCredentialRequest *)message)->provider, "broken") == 0)
		fake_refuse(call, ERR_STATE, "the token server refused it");
	else
		send_one(call, &answer.base);
}

static void
refresh_delete(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__DeleteProviderRefreshResponse answer = OPENSHELL__V1__DELETE_PROVIDER_REFRESH_RESPONSE__INIT;

	(void)message;
	answer.has_deleted = answer.deleted = true;
	send_one(call, &answer.base);
}

static void
sandbox_list(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__ListSandboxProvidersResponse answer = OPENSHELL__V1__LIST_SANDBOX_PROVIDERS_RESPONSE__INIT;
	struct sample_provider one;
	Provider *all[] = {sample(&one, "hub")};

	(void)message;
	answer.providers = all;
	answer.n_providers = 1;
	send_one(call, &answer.base);
}

static void
attach(struct rpc_call *call, const ProtobufCMessage *message)
{
	const char *name = ((const Openshell__V1__AttachSandboxProviderRequest *)message)->provider_name;
	Openshell__V1__AttachSandboxProviderResponse answer = OPENSHELL__V1__ATTACH_SANDBOX_PROVIDER_RESPONSE__INIT;
	char *warnings[] = {TEXT("FORGE_TOKEN is withheld")};
	static int times;

	answer.has_attached = true;
	answer.attached = strcmp(name, "used") != 0;
	answer.warnings = warnings;
	answer.n_warnings = strcmp(name, "hub") == 0;
	if (strcmp(name, "restless") == 0 && ++times < 3)
		fake_refuse(call, ERR_CONFLICT, "the sandbox has changed");
	else if (strcmp(name, "broken") == 0)
		fake_refuse(call, ERR_CONFLICT, "the sandbox has changed");
	else if (strcmp(name, "taken") == 0)
		fake_refuse(call, ERR_STATE, "providers 'a' and 'b' both deliver KEY");
	else
		send_one(call, &answer.base);
}

static void
detach(struct rpc_call *call, const ProtobufCMessage *message)
{
	Openshell__V1__DetachSandboxProviderResponse answer = OPENSHELL__V1__DETACH_SANDBOX_PROVIDER_RESPONSE__INIT;

	answer.has_detached = true;
	answer.detached =
	    strcmp(((const Openshell__V1__DetachSandboxProviderRequest *)message)->provider_name, "missing") != 0;
	send_one(call, &answer.base);
}

static void
route_set(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Openshell__Inference__V1__SetInferenceRouteRequest *in =
	    (const Openshell__Inference__V1__SetInferenceRouteRequest *)message;
	Openshell__Inference__V1__SetInferenceRouteResponse answer =
	    OPENSHELL__INFERENCE__V1__SET_INFERENCE_ROUTE_RESPONSE__INIT;
	Openshell__Inference__V1__ValidatedEndpoint one = OPENSHELL__INFERENCE__V1__VALIDATED_ENDPOINT__INIT,
						    *all[] = {&one};

	one.url = TEXT("https://m.test/v1/chat/completions");
	one.protocol = TEXT("openai_chat_completions");
	answer.provider_name = in->provider_name;
	answer.model_id = in->model_id;
	answer.has_version = true;
	answer.version = 3;
	answer.validated_endpoints = all;
	answer.n_validated_endpoints = !in->no_verify;
	if (strcmp(in->model_id, "broken") == 0)
		fake_refuse(call, ERR_STATE, "failed to verify inference endpoint");
	else
		send_one(call, &answer.base);
}

static void
route_get(struct rpc_call *call, const ProtobufCMessage *message)
{
	const char *name = ((const Openshell__Inference__V1__GetInferenceRouteRequest *)message)->route_name;
	Openshell__Inference__V1__GetInferenceRouteResponse answer =
	    OPENSHELL__INFERENCE__V1__GET_INFERENCE_ROUTE_RESPONSE__INIT;

	answer.provider_name = TEXT("a,b");
	answer.model_id = TEXT("x,y");
	answer.has_version = answer.has_timeout_secs = true;
	answer.version = 3;
	answer.timeout_secs = 7;
	if (name != NULL && strcmp(name, "sandbox-system") == 0)
		fake_refuse(call, ERR_NOT_FOUND, "not configured");
	else
		send_one(call, &answer.base);
}

static void
route_delete(struct rpc_call *call, const ProtobufCMessage *message)
{
	const char *name = ((const Openshell__Inference__V1__DeleteInferenceRouteRequest *)message)->route_name;
	Openshell__Inference__V1__DeleteInferenceRouteResponse answer =
	    OPENSHELL__INFERENCE__V1__DELETE_INFERENCE_ROUTE_RESPONSE__INIT;

	answer.has_deleted = true;
	answer.deleted = name == NULL || name[0] == '\0';
	send_one(call, &answer.base);
}

void
fake_provider(void *self, struct rpc_call *call, const ProtobufCMessage *message)
{
	static const struct {
		const ProtobufCMessageDescriptor *request;
		void (*answer)(struct rpc_call *call, const ProtobufCMessage *message);
	} rows[] = {
	    {&openshell__v1__create_provider_request__descriptor, create},
	    {&openshell__v1__get_provider_request__descriptor, get},
	    {&openshell__v1__update_provider_request__descriptor, update},
	    {&openshell__v1__list_providers_request__descriptor, list},
	    {&openshell__v1__delete_provider_request__descriptor, delete_provider},
	    {&openshell__v1__list_provider_profiles_request__descriptor, profiles},
	    {&openshell__v1__get_provider_profile_request__descriptor, profile},
	    {&openshell__v1__import_provider_profiles_request__descriptor, import},
	    {&openshell__v1__update_provider_profiles_request__descriptor, profile_update},
	    {&openshell__v1__lint_provider_profiles_request__descriptor, lint},
	    {&openshell__v1__delete_provider_profile_request__descriptor, profile_delete},
	    {&openshell__v1__get_provider_refresh_status_request__descriptor, refresh_status},
	    {&openshell__v1__configure_provider_refresh_request__descriptor, refresh_configure},
	    {&openshell__v1__rotate_provider_credential_request__descriptor, refresh_rotate},
	    {&openshell__v1__delete_provider_refresh_request__descriptor, refresh_delete},
	    {&openshell__v1__list_sandbox_providers_request__descriptor, sandbox_list},
	    {&openshell__v1__attach_sandbox_provider_request__descriptor, attach},
	    {&openshell__v1__detach_sandbox_provider_request__descriptor, detach},
	    {&openshell__inference__v1__set_inference_route_request__descriptor, route_set},
	    {&openshell__inference__v1__get_inference_route_request__descriptor, route_get},
	    {&openshell__inference__v1__delete_inference_route_request__descriptor, route_delete},
	};

	(void)self;
	fake_note_call(call, message);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].request == message->descriptor)
			rows[i].answer(call, message);
}
