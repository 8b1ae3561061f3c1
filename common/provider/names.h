/* The words of the enums of profiles. */
#ifndef COMMON_PROVIDER_NAMES_H
#define COMMON_PROVIDER_NAMES_H

#include <stdbool.h>

#include "common/base/span.h"

/* The words of an enum in files and on command lines: source_control, oauth2_refresh_token; "" for unspecified. */
const char *provider_category_name(int category);
const char *provider_strategy_name(int strategy);

/* The other way, case ignored and - and _ alike; false, and out untouched, for an unknown word. */
bool provider_category(struct span word, int *out);
bool provider_strategy(struct span word, int *out);

/* Does the gateway mint by this strategy? */
bool provider_strategy_mints(int strategy);

#endif
