/* Short names for the messages of a policy, for the files of this folder. */
#ifndef COMMON_POLICY_MESSAGES_H
#define COMMON_POLICY_MESSAGES_H

#include "openshell/openshell.pb-c.h"
#include "openshell/sandbox.pb-c.h"

#define SANDBOX(part) openshell__sandbox__v1__##part##__descriptor

#define Policy	    Openshell__Sandbox__V1__SandboxPolicy
#define RuleEntry   Openshell__Sandbox__V1__SandboxPolicy__NetworkPoliciesEntry
#define MiddleEntry Openshell__Sandbox__V1__SandboxPolicy__NetworkMiddlewaresEntry
#define Rule	    Openshell__Sandbox__V1__NetworkPolicyRule
#define Binary	    Openshell__Sandbox__V1__NetworkBinary
#define Endpoint    Openshell__Sandbox__V1__NetworkEndpoint
#define L7Rule	    Openshell__Sandbox__V1__L7Rule
#define L7Allow	    Openshell__Sandbox__V1__L7Allow
#define L7Deny	    Openshell__Sandbox__V1__L7DenyRule
#define Matcher	    Openshell__Sandbox__V1__L7QueryMatcher
#define QueryEntry  Openshell__Sandbox__V1__L7Allow__QueryEntry
#define Registered  Openshell__Sandbox__V1__GraphqlOperation
#define Middleware  Openshell__Sandbox__V1__NetworkMiddlewareConfig
#define Selector    Openshell__Sandbox__V1__MiddlewareEndpointSelector
#define Filesystem  Openshell__Sandbox__V1__FilesystemPolicy

/* A text that may be absent. */
static inline const char *
text_or(const char *text)
{
	return text == NULL ? "" : text;
}

#endif
