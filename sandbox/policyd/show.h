/* Text for messages: what a process or a policy wrote, made fit for a field of bus.def. */
#ifndef SANDBOX_POLICYD_SHOW_H
#define SANDBOX_POLICYD_SHOW_H

#include "common/base/arena.h"

/* At most so many bytes of it, cut between characters. Borrows. */
struct span show_fit(struct span text, size_t most);

/* A path as it is, or escaped where it is no UTF-8; at most 4096 bytes. Borrows, or lives in the arena. */
struct span show_path(struct span path, struct arena *arena);

#endif
