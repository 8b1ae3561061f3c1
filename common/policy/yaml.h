/* A policy as people write it: YAML schema version 1, to the protobuf form and back. */
#ifndef COMMON_POLICY_YAML_H
#define COMMON_POLICY_YAML_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "openshell/sandbox.pb-c.h"

#define POLICY_WIRE_MAX_BYTES 262144 /* of the protobuf form */

/*
 * Read a policy file. Unknown keys are errors at every level.
 *
 * file    its name, for messages
 * out     lives in the arena
 * errors  ERR_INVALID, ERR_SYNTAX or ERR_LIMIT: "FILE: line L, column C: KEY: what is wrong, what is allowed"
 */
enum err policy_from_yaml(struct span text, const char *file, struct arena *arena,
    Openshell__Sandbox__V1__SandboxPolicy **out, struct why *why) must_check;

#endif
