/* The state of simulated sandboxes: a row of memory for each, and what a relay asks and tells of them. */
#include "tests/unit/test.h"

#include "tests/bench/sessions_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_BYTES 2048

/* What state knows of a sandbox. */
struct box {
	uint8_t key[32]; /* its first */
	bool known, up, acknowledged;
};

static struct box *boxes;
static uint32_t boxes_n;
static size_t up_n, acknowledged_n;

void
boxes_new(uint32_t count)
{
	if ((boxes = calloc(count, sizeof(*boxes))) == NULL)
		abort();
	boxes_n = count;
}

void
boxes_away(void)
{
	for (uint32_t i = 0; i < boxes_n; i++)
		boxes[i].up = boxes[i].acknowledged = false;
	up_n = acknowledged_n = 0;
}

bool
boxes_there(char words[96])
{
	snprintf(words, 96, "%zu are enrolled, %zu have acknowledged", up_n, acknowledged_n);
	return up_n == boxes_n && acknowledged_n == boxes_n;
}

static struct box *
box_of(struct id sandbox)
{
	uint32_t number;

	memcpy(&number, sandbox.bytes, sizeof(number));
	if (number >= boxes_n)
		fail_msg("sandbox %u is none of ours", number);
	return &boxes[number];
}

static enum err
enrol_check(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	static struct span command[] = {{"sleep", 5}, {"infinity", 8}};
	static char policy[POLICY_BYTES];
	struct box *box = box_of(m->enrol_check.sandbox);

	(void)self;
	if (box->known && memcmp(box->key, m->enrol_check.bus_key.at, sizeof(box->key)) != 0)
		return fail(why, ERR_DENIED, "another key holds it");
	memcpy(box->key, m->enrol_check.bus_key.at, sizeof(box->key));
	box->known = true;
	*answer = (struct msg){.id = ENROLLED,
	    .enrolled = {.name = SPAN("demo"),
		.workspace = SPAN("default"),
		.command = command,
		.command_n = 2,
		.policy = span_of_bytes(policy, sizeof(policy)),
		.policy_version = 1,
		.config_revision = 1}};
	return OK;
}

static enum err
session_up(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct box *box = box_of(m->session_up.sandbox);

	(void)self;
	(void)answer;
	(void)why;
	up_n += !box->up;
	box->up = true;
	return OK;
}

static enum err
session_down(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct box *box = box_of(m->session_down.sandbox);

	(void)self;
	(void)answer;
	(void)why;
	up_n -= box->up;
	acknowledged_n -= box->acknowledged;
	box->up = box->acknowledged = false;
	return OK;
}

static enum err
config_applied(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct box *box = box_of(m->config_applied.sandbox);

	(void)self;
	(void)why;
	acknowledged_n += !box->acknowledged;
	box->acknowledged = true;
	answer->id = DONE;
	return OK;
}

const struct route boxes_routes[] = {
    {ENROL_CHECK, enrol_check, 0, 0},
    {SESSION_UP, session_up, 0, 0},
    {SESSION_DOWN, session_down, 0, 0},
    {CONFIG_APPLIED, config_applied, 0, 0},
    {0},
};
