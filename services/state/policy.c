/* The built-in policy, the hash of a policy, and what a spec says of drivers. */
#include <sodium.h>

#include "common/policy/defaults.h"
#include "common/policy/hash.h"
#include "openshell/openshell.pb-c.h"
#include "services/state/state.h"

enum err
policy_builtin(struct arena *arena, struct span *out, struct why *why)
{
	Openshell__Sandbox__V1__SandboxPolicy *policy;
	struct policy_form form;
	enum err r;

	if ((r = policy_default(arena, &policy, why)) != OK || (r = policy_form(policy, arena, &form, why)) != OK)
		return r;
	*out = form.bytes;
	return OK;
}

void
policy_hash(struct span policy, uint8_t hash[32])
{
	crypto_hash_sha256(hash, (const uint8_t *)policy.at, policy.length);
}

enum err
spec_has_driver_config(struct span spec, bool *out, struct why *why)
{
	Openshell__V1__SandboxSpec *read = openshell__v1__sandbox_spec__unpack(
	    NULL, spec.length, spec.length == 0 ? (const uint8_t *)"" : (const uint8_t *)spec.at);

	if (read == NULL)
		return fail(why, ERR_SYNTAX, "spec is malformed");
	*out = read->template_ != NULL && read->template_->driver_config != NULL;
	openshell__v1__sandbox_spec__free_unpacked(read, NULL);
	return OK;
}
