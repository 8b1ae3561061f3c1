/* Claims: made for a driver, checked for an enrolment. Nothing is stored: the master key knows them all. */
#ifndef CREDENTIALS_CLAIM_H
#define CREDENTIALS_CLAIM_H

#include "services/credentials/credentials.h"

#define CLAIM_BOX_BYTES 72 /* nonce 24, box 48 */
#define NOT_VOUCHED	"the router's key is not vouched for by this start's claim"

handler claim_make, claim_check;

#endif
