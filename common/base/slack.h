/* Slack: memory that was freed and that malloc keeps: given back to the kernel when much went through and nothing does now. */
#ifndef COMMON_BASE_SLACK_H
#define COMMON_BASE_SLACK_H

#include <stddef.h>

/* All zero: nothing went through yet. */
struct slack {
	size_t bytes;
};

/* So many bytes went through. */
void slack_used(struct slack *slack, size_t bytes);

/* Nothing goes through any more, for now: after some MiB what is free is given back, which takes a millisecond. */
void slack_idle(struct slack *slack);

#endif
