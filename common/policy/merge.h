/* Incremental changes to the network part of a policy (policy-and-proxy 12.1): `openshell policy update`. */
#ifndef COMMON_POLICY_MERGE_H
#define COMMON_POLICY_MERGE_H

#include "common/policy/findings.h"
#include "openshell/openshell.pb-c.h"

#define POLICY_MERGE_MAX 256 /* operations at once */

/*
 * Apply the operations in order, all or none. What comes out is still to be checked as any policy (check.h).
 *
 * policy    not changed
 * findings  its arena holds out; warnings are added: what was folded, or stays as it was
 * out       untouched on failure
 * errors    ERR_INVALID an operation that could never be: a name, host, port, rule or endpoint missing, an unknown
 * preset or a reserved name, a destination that is always blocked; ERR_STATE one that does not go with this policy:
 *           nothing such there, more than one, a contract that contradicts, a binary or endpoint that would inherit
 *           what was not named; ERR_LIMIT. The reason begins "operation N: "
 */
enum err policy_merge(const Openshell__Sandbox__V1__SandboxPolicy *policy,
    Openshell__V1__PolicyMergeOperation *const *operations, size_t n, struct findings *findings,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

/* The name of a rule for an endpoint where none is given: allow_HOST_PORT with . and - as _; NULL past the arena. */
char *policy_rule_name(struct arena *arena, const char *host, uint32_t port);

#endif
