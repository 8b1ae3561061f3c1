/* The built-in profiles as text: made of the files in profiles/. */
#ifndef COMMON_PROVIDER_BUILTIN_H
#define COMMON_PROVIDER_BUILTIN_H

#include <stdbool.h>

#include "common/base/span.h"

struct builtin_profile {
	const char *id, *text; /* YAML */
};

extern const struct builtin_profile builtin_profiles[]; /* by id; ends with a NULL id */

/* Is this the id of a built-in profile, which nobody may import, replace or delete? */
bool provider_builtin(struct span id);

#endif
