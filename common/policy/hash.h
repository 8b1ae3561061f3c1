/* What a policy is known by: the SHA-256 of the bytes of its canonical form. */
#ifndef COMMON_POLICY_HASH_H
#define COMMON_POLICY_HASH_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/sandbox.pb-c.h"

#define POLICY_HASH_BYTES 32

/* A policy as it is stored and compared. */
struct policy_form {
	Openshell__Sandbox__V1__SandboxPolicy *policy; /* canonical */
	struct span bytes;			       /* its encoding: equal policies have equal bytes */
	uint8_t hash[POLICY_HASH_BYTES];	       /* of bytes; shown as 64 hex digits */
};

/*
 * Bring a policy into this form. It does not depend on the order of maps, on zeros that were sent, or on the case of
 * words that are folded.
 *
 * out     in the arena; untouched on failure
 * errors  those of policy_canonical
 */
enum err policy_form(const Openshell__Sandbox__V1__SandboxPolicy *policy, struct arena *arena, struct policy_form *out,
    struct why *why) must_check;

#endif
