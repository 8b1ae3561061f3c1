/* What a policy is made of besides what its author wrote: the default one, and what must not change. */
#ifndef COMMON_POLICY_DEFAULTS_H
#define COMMON_POLICY_DEFAULTS_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "openshell/sandbox.pb-c.h"

/* The policy where neither the gateway nor the image has one (policy-and-proxy 2.1): no network. ERR_LIMIT the arena.
 */
enum err policy_default(struct arena *arena, Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

/* Take out the rules that providers added (names with POLICY_PROVIDER_PREFIX); returns how many. */
size_t policy_strip_providers(Openshell__Sandbox__V1__SandboxPolicy *policy);

/* Clear the mark that the gateway alone sets: provider_credentialed. advisor_proposed stays: it only closes, and an update keeps it. */
void policy_clear_marks(Openshell__Sandbox__V1__SandboxPolicy *policy);

/*
 * Does new keep what a live sandbox cannot change (3.1)? Paths may be added, none may go; include_workdir, landlock and
 * process stay; the filesystem section may come but not go.
 *
 * errors  ERR_INVALID which static section changes
 */
enum err policy_static_same(const Openshell__Sandbox__V1__SandboxPolicy *old,
    const Openshell__Sandbox__V1__SandboxPolicy *new, struct why *why) must_check;

#endif
