/* Questions to model servers, for `inference set`. */
#ifndef CREDENTIALS_PROBE_H
#define CREDENTIALS_PROBE_H

#include "services/credentials/credentials.h"

handler model_probe;

#endif
