/* What the tests of policyd begin with: an agent of some programs, a policy, and what is asked about its connections.
 */
#ifndef TESTS_BUS_POLICYD_CASE_H
#define TESTS_BUS_POLICYD_CASE_H

#include "tests/bus/policyd_stage.h"

#define ALLOW 1u
#define CLOSE 5u

extern struct stage stage;
extern char reason[600]; /* of the last refusal */
extern const char policy[];

/* The programs and who is to run them, from the command line, then into a box of its own; false: too few. */
bool case_begin(int argc, char **argv);

/* Around each test. */
int setup(void **unused);
int teardown(void **unused);

/* Load a policy in YAML, which must succeed. */
void load(const char *yaml);

/* A connection of the puppet, judged: NULL it is allowed, else the code. */
const char *judge(struct accepted *accepted);

#define assert_allowed(accepted)                                                                                       \
	do {                                                                                                           \
		const char *code_ = judge(accepted);                                                                   \
		if (code_ != NULL)                                                                                     \
			fail_msg("refused: %s", reason);                                                               \
	} while (0)
#define assert_refused(accepted, want)                                                                                 \
	do {                                                                                                           \
		const char *code_ = judge(accepted);                                                                   \
		if (code_ == NULL || strcmp(code_, (want)) != 0)                                                       \
			fail_msg("%s (%s) in place of %s", code_ == NULL ? "allowed" : code_, reason, want);           \
	} while (0)

/* A process executing NAME, connected; the other end is accepted. */
int connected(const char *name, struct accepted *accepted);
void exec_as(int fd, const char *name);

/* Whether the policy knows that name. */
bool name_known(const char *name);

#endif
