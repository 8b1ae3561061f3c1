/* Stored secrets: records made of what api sealed, wrapped anew, and dropped; nothing is kept here. */
#ifndef CREDENTIALS_STORE_H
#define CREDENTIALS_STORE_H

#include "services/credentials/credentials.h"

handler secrets_store, secrets_drop, secrets_rewrap;

#endif
