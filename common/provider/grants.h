/* Token grants of several providers: may a request be one's as much as another's? */
#ifndef COMMON_PROVIDER_GRANTS_H
#define COMMON_PROVIDER_GRANTS_H

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/provider/attached.h"

/*
 * Is there for every destination one grant that names it most exactly (4.4)?
 *
 * errors  ERR_STATE two of the same score overlap: names both; ERR_LIMIT too many patterns to compare
 */
enum err grants_check(const struct provider_question *question, struct why *why) must_check;

/* As much as the bus carries of one. */
#define GRANT_TEXT_MAX	    2048
#define GRANT_SCOPES_MAX    64
#define GRANT_OVERRIDES_MAX 64

/* What of the credential's token grant is more than that, in words; NULL: nothing. */
const char *grant_unfit(const Openshell__V1__ProviderProfileCredential *credential);

#endif
