/* The part of the tests' gateway that knows providers and routes to models; what fake.c gives it. */
#ifndef TESTS_UNIT_CLI_FAKE_PROVIDER_H
#define TESTS_UNIT_CLI_FAKE_PROVIDER_H

#include "common/rpc/server.h"
#include "openshell/inference.pb-c.h"
#include "openshell/openshell.pb-c.h"

/* Write a call down; end one with an error. */
void fake_note_call(struct rpc_call *call, const ProtobufCMessage *message);
void fake_refuse(struct rpc_call *call, enum err r, const char *words);

/*
 * One handler for all; what it does, by name: missing (not found), taken (exists already), used (in use), broken (fails), restless (the third time);
 * forge and hub are there, of types forge and github. Profile forge is there; id stored is refused with a diagnostic.
 */
void fake_provider(void *self, struct rpc_call *call, const ProtobufCMessage *message);

#define FAKE_ROW(name, request)                                                                                        \
	{                                                                                                              \
		"/openshell.v1.OpenShell/" name, RPC_UNARY, &openshell__v1__##request##__descriptor, fake_provider,    \
		    NULL                                                                                               \
	}
#define FAKE_INFERENCE(name, request)                                                                                  \
	{                                                                                                              \
		"/openshell.inference.v1.Inference/" name, RPC_UNARY,                                                  \
		    &openshell__inference__v1__##request##__descriptor, fake_provider, NULL                            \
	}
#define FAKE_PROVIDER_METHODS                                                                                          \
	FAKE_ROW("CreateProvider", create_provider_request), FAKE_ROW("GetProvider", get_provider_request),            \
	    FAKE_ROW("ListProviders", list_providers_request), FAKE_ROW("UpdateProvider", update_provider_request),    \
	    FAKE_ROW("DeleteProvider", delete_provider_request),                                                       \
	    FAKE_ROW("ListProviderProfiles", list_provider_profiles_request),                                          \
	    FAKE_ROW("GetProviderProfile", get_provider_profile_request),                                              \
	    FAKE_ROW("ImportProviderProfiles", import_provider_profiles_request),                                      \
	    FAKE_ROW("UpdateProviderProfiles", update_provider_profiles_request),                                      \
	    FAKE_ROW("LintProviderProfiles", lint_provider_profiles_request),                                          \
	    FAKE_ROW("DeleteProviderProfile", delete_provider_profile_request),                                        \
	    FAKE_ROW("GetProviderRefreshStatus", get_provider_refresh_status_request),                                 \
	    FAKE_ROW("ConfigureProviderRefresh", configure_provider_refresh_request),                                  \
	    FAKE_ROW("RotateProviderCredential", rotate_provider_credential_request),                                  \
	    FAKE_ROW("DeleteProviderRefresh", delete_provider_refresh_request),                                        \
	    FAKE_ROW("ListSandboxProviders", list_sandbox_providers_request),                                          \
	    FAKE_ROW("AttachSandboxProvider", attach_sandbox_provider_request),                                        \
	    FAKE_ROW("DetachSandboxProvider", detach_sandbox_provider_request),                                        \
	    FAKE_INFERENCE("SetInferenceRoute", set_inference_route_request),                                          \
	    FAKE_INFERENCE("GetInferenceRoute", get_inference_route_request),                                          \
	    FAKE_INFERENCE("DeleteInferenceRoute", delete_inference_route_request)

#endif
