/* Claims: made for a driver, checked for an enrolment. Nothing is stored: the master key knows them all. */
#ifndef CREDENTIALS_CLAIM_H
#define CREDENTIALS_CLAIM_H

#include "common/bus/peer.h"
#include "services/credentials/keys.h"

#define CLAIM_BOX_BYTES 72 /* nonce 24, box 48 */

/* All its state. */
struct credentials {
	struct bus bus;
	struct curve *curve;
	struct keys keys;
};

extern const struct route credentials_routes[];

handler claim_make, claim_check;

#endif
