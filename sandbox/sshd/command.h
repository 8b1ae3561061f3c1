/* Commands: what a client runs in the sandbox, as the agent, started by the supervisor. */
#ifndef SSHD_COMMAND_H
#define SSHD_COMMAND_H

#include "sandbox/sshd/lane.h"

#define ARGV_MAX 4

/* A program and its arguments; the spans are borrowed for the call. */
struct command_line {
	struct span argv[ARGV_MAX];
	size_t argv_n;
};

/* A login shell, or with one line for it: /bin/bash, or /bin/sh where there is no bash. */
struct command_line command_shell(bool bash);
struct command_line command_exec(bool bash, struct span line);

/* SFTP (draft-ietf-secsh-filexfer-02), by the bundle's own server. */
struct command_line command_sftp(void);

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
