/* A policy as people write it: YAML schema version 1 (JSON is YAML too), to the protobuf form. */
#ifndef COMMON_POLICY_YAML_H
#define COMMON_POLICY_YAML_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/policy/findings.h"
#include "openshell/sandbox.pb-c.h"

#define POLICY_WIRE_MAX_BYTES 262144 /* of the protobuf form */

/*
 * Read a policy file and check all of it (check.h). Unknown keys are errors at every level.
 *
 * flags     of policy_check
 * findings  its arena is set; each finding has its line and column
 * out       lives in the findings' arena; untouched on failure
 * errors    ERR_SYNTAX not YAML, ERR_LIMIT too large: why says it, with line and column; ERR_INVALID the findings say
 *           why, and why has as many of them as it holds
 */
enum err policy_read(struct span text, unsigned flags, struct findings *findings,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

/*
 * The same where one sentence is enough.
 *
 * file    its name, for messages
 * out     lives in the arena
 * errors  "FILE: line L, column C: KEY: what is wrong, what is allowed; and N more"
 */
enum err policy_from_yaml(struct span text, const char *file, struct arena *arena,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

#endif
