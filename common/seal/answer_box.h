/* Answers of token servers for the eyes of credentials alone: its child that got one can seal it, and can open none. */
#ifndef COMMON_SEAL_ANSWER_BOX_H
#define COMMON_SEAL_ANSWER_BOX_H

#include "common/seal/ledger_entry.h"

/* crypto_box_seal of provider 16, print 16, answer. */
#define ANSWER_BOX_BYTES(answer) (48 + 32 + (size_t)(answer))

/*
 * Seal an answer for whose it is; what lay in clear on the way is wiped.
 *
 * broker_key  X25519 public key of credentials
 * out         ANSWER_BOX_BYTES(answer.length) bytes, the caller's
 * errors      ERR_INVALID broker_key is no X25519 key
 */
enum err answer_box_make(const uint8_t broker_key[32], const struct ledger_whose *whose, struct span answer,
    uint8_t *out, struct why *why) must_check;

/*
 * Open one.
 *
 * room    box.length bytes that the caller wipes: the answer goes there
 * out     untouched unless OK
 * errors  ERR_DENIED it is not for this key, not whose it is said to be, or was changed; room is wiped then
 */
enum err answer_box_open(struct span box, const struct ledger_whose *whose, const uint8_t broker_key[32],
    const uint8_t broker_secret[32], uint8_t *room, struct span *out, struct why *why) must_check;

#endif
