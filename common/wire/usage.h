/* Token counts out of a model's answer, streamed or not, while it passes: nothing of it is kept but the counts. */
#ifndef COMMON_WIRE_USAGE_H
#define COMMON_WIRE_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

#define USAGE_BYTES 2048 /* of one "usage" object; a longer one is not read */

/* All zero is the beginning. */
struct usage {
	bool found;		/* some count was there */
	uint64_t input, output; /* tokens; the last that was told */
	/* the reader's own */
	unsigned matched; /* bytes of "usage" */
	unsigned state;
	unsigned depth;
	bool string, escape; /* in a string of the object; behind a backslash */
	unsigned n;
	char object[USAGE_BYTES];
};

/*
 * More of the answer: JSON, or an event stream whose events are JSON. Every member "usage" whose value is an object
 * counts: prompt_tokens or input_tokens, completion_tokens or output_tokens; a later one goes before an earlier one
 * (OpenAI's and Anthropic's streams tell them piece by piece).
 */
void usage_feed(struct usage *usage, struct span bytes);

#endif
