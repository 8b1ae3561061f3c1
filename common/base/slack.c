/* Slack. */
#include "common/base/slack.h"

#include <malloc.h>

#define WORTH_BYTES (16u << 20)

void
slack_used(struct slack *slack, size_t bytes)
{
	slack->bytes += bytes;
}

void
slack_idle(struct slack *slack)
{
	if (slack->bytes < WORTH_BYTES)
		return;
	slack->bytes = 0;
	malloc_trim(0);
}
