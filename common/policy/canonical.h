/* The canonical form of a policy: what two ways of writing the same become one by, before it is stored or compared. */
#ifndef COMMON_POLICY_CANONICAL_H
#define COMMON_POLICY_CANONICAL_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "openshell/sandbox.pb-c.h"

/*
 * A copy in which words are folded to lower case (protocol and enforcement, S15), maps are sorted by key (of a key
 * given twice the last counts, as protobuf has it), fields that hold their zero are left out (those of mcp apart, where
 * false says more than nothing), and no key or value of a map is missing.
 *
 * out     in the arena, as all it holds
 * errors  ERR_LIMIT the arena's ceiling; those of protobuf_read
 */
enum err policy_canonical(const Openshell__Sandbox__V1__SandboxPolicy *policy, struct arena *arena,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

/* A copy as it is. */
enum err policy_copy(const Openshell__Sandbox__V1__SandboxPolicy *policy, struct arena *arena,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

#endif
