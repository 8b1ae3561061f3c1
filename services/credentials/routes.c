/* Routes: which message goes where; all come from state. */
#include "services/credentials/bundle.h"
#include "services/credentials/claim.h"
#include "services/credentials/probe.h"
#include "services/credentials/refresh.h"
#include "services/credentials/store.h"

const struct route credentials_routes[] = {
    {CLAIM_MAKE, claim_make, 0, 0},
    {CLAIM_CHECK, claim_check, 0, 0},
    {SECRETS_STORE, secrets_store, 0, 0},
    {SECRETS_DROP, secrets_drop, 0, 0},
    {SECRETS_REWRAP, secrets_rewrap, 0, 0},
    {BUNDLE_SEAL, bundle_seal, 0, 0},
    {REFRESH_RUN, refresh_run, 0, 0},
    {REFRESH_KEPT, refresh_kept, 0, 0},
    {MODEL_PROBE, model_probe, 0, 0},
    {0},
};
