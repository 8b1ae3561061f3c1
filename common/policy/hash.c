/* The hash of a policy. */
#include "common/policy/hash.h"

#include <sodium.h>

#include "common/policy/canonical.h"
#include "common/wire/protobuf.h"

enum err
policy_form(
    const Openshell__Sandbox__V1__SandboxPolicy *policy, struct arena *arena, struct policy_form *out, struct why *why)
{
	struct policy_form form;
	enum err r;

	_Static_assert(sizeof(form.hash) == crypto_hash_sha256_BYTES, "SHA-256");
	if ((r = policy_canonical(policy, arena, &form.policy, why)) != OK ||
	    (r = protobuf_write(&form.policy->base, arena, &form.bytes, why)) != OK)
		return r;
	crypto_hash_sha256(form.hash, (const unsigned char *)form.bytes.at, form.bytes.length);
	*out = form;
	return OK;
}
