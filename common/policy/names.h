/* Names: texts numbered from 0 in the order they came, found again by hash. */
#ifndef COMMON_POLICY_NAMES_H
#define COMMON_POLICY_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

/* All zero but for arena is empty. */
struct names {
	struct arena *arena; /* holds texts and tables */
	struct span *texts;
	uint32_t *slots; /* number plus one; 0: empty */
	uint32_t n, room, slots_n;
};

#define NAMES_NONE UINT32_MAX

/* The number of the text, new if it must be; ERR_LIMIT the arena. */
enum err names_put(struct names *names, struct span text, uint32_t *out, struct why *why) must_check;

/* NAMES_NONE: it is not there. */
uint32_t names_find(const struct names *names, struct span text);

#endif
