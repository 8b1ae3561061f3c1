/* A provider's profile in the shape of its file, as JSON; printed as YAML it can be read again. */
#ifndef CLIENTS_CLI_PROFILE_JSON_H
#define CLIENTS_CLI_PROFILE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "openshell/openshell.pb-c.h"

/* A new reference. source and scope, which never stand in a file, only with all. */
json_t *profile_json(const Openshell__V1__ProviderProfile *profile, bool all);

#endif
