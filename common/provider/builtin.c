/* The built-in profiles: embedded when the program is built. */
#include "common/provider/builtin.h"

#include <stddef.h>

const struct builtin_profile builtin_profiles[] = {
#include "common/provider/builtin_profiles.inc"
    {NULL, NULL},
};

bool
provider_builtin(struct span id)
{
	for (const struct builtin_profile *at = builtin_profiles; at->id != NULL; at++)
		if (span_is(id, at->id))
			return true;
	return false;
}
