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

/* How exactly a token grant's host and path name a destination (4.4): more is more exact. */
uint64_t provider_score(struct span host, struct span path);

#endif
