/* Questions to model servers, for `inference set`. */
#ifndef CREDENTIALS_PROBE_H
#define CREDENTIALS_PROBE_H

#include "services/credentials/credentials.h"

#define PROBES_MAX 8 /* at once, of all FETCHES_MAX: servers that do not answer keep nobody from being renewed */

handler model_probe;

#endif
