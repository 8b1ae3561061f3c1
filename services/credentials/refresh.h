/* Refresh: credentials minted anew, each in a child of its own. */
#ifndef CREDENTIALS_REFRESH_H
#define CREDENTIALS_REFRESH_H

#include "services/credentials/credentials.h"

handler refresh_run, refresh_kept;

#endif
