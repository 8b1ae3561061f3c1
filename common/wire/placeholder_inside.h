/* What the files of placeholders share: pieces added one by one. */
#ifndef COMMON_WIRE_PLACEHOLDER_INSIDE_H
#define COMMON_WIRE_PLACEHOLDER_INSIDE_H

#include "common/wire/placeholder.h"

/* One piece; an empty one is left out. ERR_LIMIT. */
enum err placeholder_piece_add(
    struct placeholder_pieces *pieces, struct placeholder_piece piece, struct why *why) must_check;

/* A slot for what was found, if it may be one. */
enum err placeholder_slot_add(struct placeholder_pieces *pieces, const struct placeholder *found,
    enum placeholder_place place, const struct placeholder_tokens *tokens, struct why *why) must_check;

/* All that are in a text, with what is around them. */
enum err placeholder_within(struct span text, enum placeholder_place place, enum placeholder_place around,
    const struct placeholder_tokens *tokens, struct placeholder_pieces *pieces, struct why *why) must_check;

#endif
