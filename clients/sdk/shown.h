/* Text from a gateway or a sandbox made safe to show: control bytes cannot reach the terminal. */
#ifndef CLIENTS_SDK_SHOWN_H
#define CLIENTS_SDK_SHOWN_H

#include "common/base/arena.h"
#include "common/base/span.h"
#include "common/base/text.h"

/* Add bytes; control bytes (C1 included), marks that turn the direction of text, and what is not UTF-8 become \n, \t or \xNN, all else stays. */
void shown_add(struct text *text, struct span bytes);

/* The same in the arena; a text past its ceiling, and NULL, read "". */
const char *shown(struct arena *arena, const char *text);

#endif
