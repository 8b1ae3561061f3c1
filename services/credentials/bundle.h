/* Bundles: stored secrets opened and boxed at once for the router of one start of a sandbox. */
#ifndef CREDENTIALS_BUNDLE_H
#define CREDENTIALS_BUNDLE_H

#include "services/credentials/credentials.h"

handler bundle_seal;

#endif
