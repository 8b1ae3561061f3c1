/* candidate: from a caller's policy to the bytes that state keeps. */
#include "services/api/candidate.h"

#include "common/policy/check.h"
#include "common/policy/hash.h"
#include "services/api/check.h"

enum err
candidate_whole(struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *policy,
    const Openshell__Sandbox__V1__SandboxPolicy *current, bool global, struct span *out, struct why *why)
{
	struct findings findings = {.arena = arena};
	struct policy_form form;
	enum err r;

	(void)current;
	if ((r = policy_check(policy, POLICY_CHECK_USER | (global ? POLICY_CHECK_GLOBAL : 0), &findings, why)) != OK ||
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
candidate_merged(struct arena *arena, const Openshell__Sandbox__V1__SandboxPolicy *current,
    Openshell__V1__PolicyMergeOperation *const *operations, size_t n, struct span *out, struct why *why)
{
	(void)arena, (void)current, (void)operations, (void)n, (void)out;
	return fail(why, ERR_UNIMPLEMENTED, "merge_operations is not implemented");
}
