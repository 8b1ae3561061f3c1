/* The stage of the tests of relay: the relay between a state and an api that the test plays; and links of sandboxes. */
#ifndef TESTS_BUS_RELAY_STAGE_H
#define TESTS_BUS_RELAY_STAGE_H

#include "tests/bus/session.h"

extern const char *program;
extern char directory[64];
extern struct loop *loop;
extern struct daemon relay;
extern struct actor state, api;

/* The relay with these settings beside the process and the roster, and its two peers. */
void house_open(const char *settings);
void house_close(void);

/* Parts of it, for when one of them has gone. */
void relay_start(void);
void api_join(void);

/* Around a group of tests. */
int setup(void **unused);
int teardown(void **unused);

/* A link as the relay sees it at first: any key. */
void stranger_open(struct actor *link);
struct id fresh_sandbox(void);
struct msg enrol_of(struct id sandbox, uint32_t epoch);

/* What became of an enrolment that state allows. */
enum err enrol_allowed(struct actor *link, struct id sandbox, uint32_t epoch);

/* An enrolled link of a sandbox of its own. */
struct id link_open(struct actor *link);
void link_close(struct actor *link);
void expect_none(struct actor *actor, enum msg_id id);

#endif
