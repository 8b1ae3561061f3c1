/* A vault without boxes, for tests and fuzzers of what is filled in. */
#ifndef TESTS_UNIT_ROUTER_FIXTURE_H
#define TESTS_UNIT_ROUTER_FIXTURE_H

#include "sandbox/router/vault.h"

#define FIXTURE_SECRET "s3cret/+ \"\\"

/* v1_TOK up.test:443 below /repos/; v1_ANY every *.test, 443 and 8443; v1_OLD expired; v1_LINE "a CR LF b"; v1_DOTS "..";
 * v1_DOT "."; v1_KEY and AWS keys for *.amazonaws.com:443; backend "model" up.test:80, in clear. The caller frees it. */
struct vault *fixture_vault(void);

#endif
