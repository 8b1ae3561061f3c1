/* Groups: collecting patterns under numbers while a policy is read; the same patterns get the same number. */
#ifndef COMMON_POLICY_GROUPS_H
#define COMMON_POLICY_GROUPS_H

#include "common/policy/matcher.h"

/* All zero but for names.arena is empty. */
struct groups {
	struct names names; /* what was put, in one text each */
	struct matcher_pattern *patterns;
	size_t patterns_n, patterns_room;
};

/*
 * The number of a group of patterns, any of which is to match.
 *
 * patterns  copied
 * errors    ERR_LIMIT the arena
 */
enum err groups_put(struct groups *groups, enum matcher_use use, const struct span *patterns, size_t n, uint32_t *out,
    struct why *why) must_check;

/* All of them as one matcher; errors as matcher_new. */
enum err groups_compile(
    const struct groups *groups, struct arena *keep, struct matcher *out, struct why *why) must_check;

#endif
