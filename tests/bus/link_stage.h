/* The stage of the tests of link: the link alone, between a supervisor and a relay that the test plays. */
#ifndef TESTS_BUS_LINK_STAGE_H
#define TESTS_BUS_LINK_STAGE_H

#include "tests/bus/session.h"

extern struct loop *loop;
extern struct actor relay, supervisor;
extern struct child child;
extern char endpoint[128]; /* of the relay */
extern const struct id sandbox, instance;
extern const struct msg ready, main_ended; /* what a supervisor reports */

/* The program under test, from the command line; false: none. */
bool stage_begin(int argc, char **argv);

/* Around each test; the supervisor goes first, and the link with it. */
int setup(void **unused);
int teardown(void **unused);

/* The parts of it: its loop and actors, the relay at its endpoint, and an end with this exit status. */
void stage_open(void);
void relay_open(void);
void ended(int status);

void link_start(void);
struct msg setup_message(bool again);
void start(bool again); /* both */
void expect_status(bool connected);

/* The relay lets it in. */
void enrol(void);
void running(void);
void relay_cuts(void);

struct msg push_of(uint64_t revision, uint32_t epoch);
struct msg applied_of(uint64_t revision, const char *refusal);

/* What a command of the supervisor has: the child's ends. */
struct command {
	uint64_t number;
	int fds[3];
};

void exec_run(uint64_t stream, struct command *command);
void command_close(struct command *command);
void command_exits(const struct command *command, uint16_t code);
void say(int fd, const char *text);

#endif
