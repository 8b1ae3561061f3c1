/* Running the real openshell program in tests: arguments and input in, both streams and the exit code out. */
#ifndef TESTS_UNIT_CLI_RUN_H
#define TESTS_UNIT_CLI_RUN_H

#include <stddef.h>
#include <sys/types.h>

#define RUN_BYTES (256u << 10)

struct run {
	char out[RUN_BYTES], err[RUN_BYTES]; /* NUL-terminated; what is beyond is cut */
	size_t out_length, err_length;
	int code;
};

/* A directory for one test program; the environment points into it. */
void run_setup(const char *program, const char *endpoint);
void run_teardown(void);
const char *run_directory(void);

/* Run with a command line of words split at spaces ('...' keeps them), and standard input (NULL: /dev/null).
 */
void run_cli(struct run *run, const char *command, const char *input, size_t input_length);

/* The same, started only, with its standard output a pipe: to be waited for by run_wait. */
pid_t run_start(const char *command, int *out);
int run_wait(pid_t pid);

/*
 * Put a stand-in for ssh first in PATH: it writes its words and $OPENSHELL_SSH_TOKEN down, a line each, in the file words
 * of run_directory, then does as the lines of a shell's script say.
 */
void run_ssh(const char *script);

#endif
