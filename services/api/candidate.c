/* candidate: from a caller's policy to the bytes that state keeps. */
#include "services/api/candidate.h"

#include "common/policy/canonical.h"
#include "common/policy/check.h"
#include "common/policy/defaults.h"
#include "common/policy/hash.h"
#include "common/policy/merge.h"
#include "services/api/check.h"

/* The checks of 3.1, 3.2 and 3.4, in this order, on a copy that is ours. */
static enum err
candidate_finish(struct arena *arena, Openshell__Sandbox__V1__SandboxPolicy *policy,
    const Openshell__Sandbox__V1__SandboxPolicy *current, unsigned flags, struct span *out, struct why *why)
{
	struct findings findings = {.arena = arena};
	struct policy_form form;
	enum err r;

	policy_clear_marks(policy);
	if ((r = policy_check(policy, flags, &findings, why)) != OK ||
	    (current != NULL && (r = policy_static_same(current, policy, why)) != OK) ||
	    (r = policy_form(policy, arena, &form, why)) != OK ||
	    (r = policy_check_overlap(form.policy, &findings, why)) != OK)
		return r;
	if (form.bytes.length > CHECK_POLICY_BYTES)
		return fail(why, ERR_INVALID, "policy has %zu bytes encoded, at most %u are allowed", form.bytes.length,
		    CHECK_POLICY_BYTES);
	*out = form.bytes;
	return OK;
}

enum err
candidate_whole(struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *policy,
    const Openshell__Sandbox__V1__SandboxPolicy *current, bool global, struct span *out, struct why *why)
{
	unsigned flags = POLICY_CHECK_USER | (global ? POLICY_CHECK_GLOBAL : 0);
	Openshell__Sandbox__V1__SandboxPolicy *copy = NULL;
	enum err r;

	if ((r = policy_copy(policy, arena, &copy, why)) != OK)
		return r;
	return candidate_finish(arena, copy, current, flags, out, why);
}

enum err
candidate_merged(struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *current,
    Openshell__V1__PolicyMergeOperation *const *operations, size_t n, struct span *out, struct why *why)
{
	struct findings findings = {.arena = arena};
	Openshell__Sandbox__V1__SandboxPolicy *own = NULL, *merged = NULL;
	enum err r;

	if ((r = policy_copy(current, arena, &own, why)) != OK)
		return r;
	(void)policy_strip_providers(own); /* what is in force has them; what is stored never */
	if ((r = policy_merge(own, operations, n, &findings, &merged, why)) != OK)
		return r;
	return candidate_finish(arena, merged, current, POLICY_CHECK_USER, out, why);
}
