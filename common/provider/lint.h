/* May this profile be? All rules of the specification (providers, 3.4), as findings that name the field. */
#ifndef COMMON_PROVIDER_LINT_H
#define COMMON_PROVIDER_LINT_H

#include "common/provider/findings.h"

/* Lint one profile by itself. */
void provider_lint(
    const Openshell__V1__ProviderProfile *profile, const char *source, struct profile_findings *findings);

/* Lint what comes together: each by itself, no id twice, none that is built in. An item without a profile is an error.
 */
void provider_lint_items(
    Openshell__V1__ProviderProfileImportItem *const *items, size_t n, struct profile_findings *findings);

#endif
