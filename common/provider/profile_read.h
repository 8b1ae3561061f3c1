/* A profile as people write it: YAML, which JSON is too, to the protobuf form. */
#ifndef COMMON_PROVIDER_PROFILE_READ_H
#define COMMON_PROVIDER_PROFILE_READ_H

#include "common/provider/lint.h"

/*
 * Read a profile file and lint it. Unknown keys are errors at every level; source and scope, which the gateway sets,
 * are passed over.
 *
 * source    its name, in findings
 * findings  its arena is set; shape and lint, each finding with line and column
 * out       in the findings' arena; untouched on failure
 * errors    ERR_SYNTAX not YAML, ERR_LIMIT too large: why says it; ERR_INVALID the findings do, and why the first
 */
enum err provider_profile_read(struct span text, const char *source, struct profile_findings *findings,
    Openshell__V1__ProviderProfile **out, struct why *why) must_check;

#endif
