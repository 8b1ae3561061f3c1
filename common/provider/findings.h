/* What is wrong with profiles, and what is only doubtful: each with its file, profile and field. */
#ifndef COMMON_PROVIDER_FINDINGS_H
#define COMMON_PROVIDER_FINDINGS_H

#include <stdarg.h>
#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/err.h"
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

/* The same for a list of arguments, with the address that the value is kept at, for its line (NULL: none). */
void profile_finding_put(struct profile_findings *findings, bool warning, const void *at, const char *source,
    const char *profile_id, const char *field, const char *format, va_list list) __attribute__((format(printf, 7, 0)));

/* All findings as the messages of an answer, errors first; the arena's. ERR_LIMIT past its ceiling. */
enum err profile_findings_wire(const struct profile_findings *findings, struct arena *arena,
    Openshell__V1__ProviderProfileDiagnostic ***out, size_t *n, struct why *why) must_check;

/* ERR_INVALID with the first error in words ("FIELD: MESSAGE; and 3 more"), or OK when there is none. */
enum err profile_findings_why(const struct profile_findings *findings, struct why *why) must_check;

#endif
