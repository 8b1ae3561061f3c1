/* May this policy be? Every rule of the specification (policy-and-proxy 3.2 to 3.4, 2.4, S15, S16, S28, S29). */
#ifndef COMMON_POLICY_CHECK_H
#define COMMON_POLICY_CHECK_H

#include "common/policy/findings.h"
#include "openshell/sandbox.pb-c.h"

enum {
	POLICY_CHECK_USER = 1,	 /* as a user writes it: names that are reserved for providers are refused */
	POLICY_CHECK_GLOBAL = 2, /* for all sandboxes: may bind no credential */
	POLICY_CHECK_FILE = 4,	 /* from a file: words that the interface ignores are refused */
	POLICY_CHECK_ADVICE = 8, /* also warn of what is in order and often not meant */
};

#define POLICY_PROVIDER_PREFIX "_provider_" /* of the names of rules that providers add */

/* S27: asked for, it is refused wherever it comes from; docs/policy.md says why. */
#define POLICY_SCRIPT_WORDS                                                                                               \
	"a script's own identity cannot be proved: the kernel tells which interpreter runs, and of which script nothing " \
	"that the agent could not write; name the interpreter alone, or a program of its own"

/*
 * Check the document by itself. Pure: words count in any case where policy_canonical folds them; nothing is changed.
 *
 * findings  its arena is set; errors and warnings are added, as many as there are (FINDINGS_MAX are kept)
 * errors    ERR_INVALID "policy contains unsafe content: a; b; c", as many as it holds; ERR_LIMIT the arena's ceiling
 */
enum err policy_check(const Openshell__Sandbox__V1__SandboxPolicy *policy, unsigned flags, struct findings *findings,
    struct why *why) must_check;

/*
 * Do endpoints contradict each other (3.4)? For the effective policy: what the user wrote, with the providers' layers.
 *
 * errors  ERR_STATE "ambiguity validation failed: ..." with both policies, endpoints, the ports and each field
 */
enum err policy_check_overlap(
    const Openshell__Sandbox__V1__SandboxPolicy *policy, struct findings *findings, struct why *why) must_check;

#endif
