/* Command lines: what is run for what a client asks for. */
#ifndef SSHD_COMMAND_LINE_H
#define SSHD_COMMAND_LINE_H

#include <stdbool.h>

#include "common/base/span.h"

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

#endif
