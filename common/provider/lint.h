/* May this profile be? All rules of the specification (providers, 3.4), as findings that name the field. */
#ifndef COMMON_PROVIDER_LINT_H
#define COMMON_PROVIDER_LINT_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "openshell/openshell.pb-c.h"

#define PROFILE_FINDINGS_MAX 100 /* kept; more are counted */

struct profile_finding {
	bool warning;
	const char *source;	/* the file, as the caller named it; "" */
	const char *profile_id; /* "" where there is none */
	const char *field;	/* "credentials[0].env_vars", "" for the whole */
	const char *message;	/* safe to show */
	size_t line, column;	/* of provider_profile_read; 0: not from a file */
	const void *at;		/* where the value is kept */
};

/* All zero but the arena: none yet. */
struct profile_findings {
	struct arena *arena;
	struct profile_finding *items;
	size_t count;		 /* of items */
	size_t errors, warnings; /* all there were */
};

/* One more; message in printf form, foreign bytes in it escaped already. */
void profile_finding_add(struct profile_findings *findings, bool warning, const char *source, const char *profile_id,
    const char *field, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Lint one profile by itself. */
void provider_lint(
    const Openshell__V1__ProviderProfile *profile, const char *source, struct profile_findings *findings);

/* Lint what comes together: each by itself, no id twice, none that is built in. An item without a profile is an error.
 */
void provider_lint_items(
    Openshell__V1__ProviderProfileImportItem *const *items, size_t n, struct profile_findings *findings);

/* All findings as the messages of an answer, errors first; the arena's. ERR_LIMIT past its ceiling. */
enum err profile_findings_wire(const struct profile_findings *findings, struct arena *arena,
    Openshell__V1__ProviderProfileDiagnostic ***out, size_t *n, struct why *why) must_check;

/* ERR_INVALID with the first error in words ("FIELD: MESSAGE; and 3 more"), or OK when there is none. */
enum err profile_findings_why(const struct profile_findings *findings, struct why *why) must_check;

/*
 * May a record of this profile be made without any credential? Yes where every required credential, and one at least,
 * comes at run time: by a token grant, minted by the gateway, or as a by-product of that.
 *
 * errors  ERR_INVALID which credential is missing
 */
enum err provider_runtime_only(const Openshell__V1__ProviderProfile *profile, struct why *why) must_check;

/* The credential whose env_vars hold the key; NULL. */
const Openshell__V1__ProviderProfileCredential *provider_credential(
    const Openshell__V1__ProviderProfile *profile, struct span key);

/* Does the gateway mint by this strategy? */
bool provider_strategy_mints(int strategy);

#endif
