/* Commands: what a client runs in the sandbox, as the agent, started by the supervisor. */
#ifndef SSHD_COMMAND_H
#define SSHD_COMMAND_H

#include "sandbox/sshd/command_line.h"
#include "sandbox/sshd/lane.h"

/*
 * Ask the supervisor for it, with pipes or with the terminal that the lane asked for. How it fails is told to the
 * client as a command's errors are.
 */
void command_start(struct lane *lane, const struct command_line *line);

/* The connection is over: nothing is waited for. */
void commands_end(struct sshd *sshd);

/* A command ended: the exit code follows its output. For the handler of exec_exited. */
enum err command_exited(struct sshd *sshd, const struct msg_exec_exited *m);

#endif
