/* Variables that tell an agent what is no secret: made of a record's configuration (7.1). */
#ifndef COMMON_PROVIDER_ENVIRONMENT_H
#define COMMON_PROVIDER_ENVIRONMENT_H

#include "common/provider/attached.h"

#define ENVIRONMENT_VARIABLES_MAX 8 /* of one provider */

/*
 * The variables of one provider.
 *
 * metadata  the Google metadata emulator runs in the sandbox
 * out       borrowed from the record; returns how many
 */
size_t environment_of(
    const struct provider_attached *attached, bool metadata, struct provider_pair out[ENVIRONMENT_VARIABLES_MAX]);

#endif
