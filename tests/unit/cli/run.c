/* Running the real openshell program in tests. */
#include "tests/unit/cli/run.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/os/remove.h"

#define WORDS_MAX 64

static char directory[64] = "/tmp/openshell-cli-XXXXXX";
static const char *program_path;

const char *
run_directory(void)
{
	return directory;
}

void
run_setup(const char *program, const char *endpoint)
{
	program_path = program;
	if (mkdtemp(directory) == NULL)
		abort();
	setenv("XDG_CONFIG_HOME", directory, 1);
	setenv("XDG_STATE_HOME", directory, 1);
	setenv("OPENSHELL_SYSTEM_GATEWAY_DIR", "/nonexistent", 1);
	unsetenv("OPENSHELL_GATEWAY");
	unsetenv("NO_COLOR");
	setenv("OPENSHELL_GATEWAY_ENDPOINT", endpoint, 1);
}

void
run_teardown(void)
{
	if (tree_remove_whole(AT_FDCWD, directory, NULL) != OK)
		fprintf(stderr, "cannot remove %s\n", directory);
}

/* Split a command line in place. */
static void
words_split(char *line, char **words)
{
	size_t n = 0;

	words[n++] = (char *)(uintptr_t) "openshell";
	for (char *p = line; *p != '\0' && n < WORDS_MAX - 1;) {
		char end = *p == '\'' ? '\'' : ' ';

		p += *p == '\'';
		words[n++] = p;
		p += strcspn(p, end == ' ' ? " " : "'");
		if (*p != '\0')
			*p++ = '\0';
		while (*p == ' ')
			p++;
	}
	words[n] = NULL;
}

static int
open_in(const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return open(path, flags | O_CLOEXEC, 0600);
}

static void
exec_cli(const char *command, int in, int out, int err)
{
	char line[4096], *words[WORDS_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(line, sizeof(line), "%s", command);
	words_split(line, words);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execv(program_path, words);
	_exit(127);
}

static size_t
slurp(const char *name, char *to)
{
	int fd = open_in(name, O_RDONLY);
	ssize_t n = read(fd, to, RUN_BYTES - 1);

	close(fd);
	to[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

int
run_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void
run_cli(struct run *run, const char *command, const char *input, size_t input_length)
{
	int out = open_in("out", O_RDWR | O_CREAT | O_TRUNC), err = open_in("err", O_RDWR | O_CREAT | O_TRUNC);
	int in = input == NULL ? open("/dev/null", O_RDONLY | O_CLOEXEC) : open_in("in", O_RDWR | O_CREAT | O_TRUNC);
	pid_t pid;

	if (input != NULL && (write(in, input, input_length) != (ssize_t)input_length || lseek(in, 0, SEEK_SET) != 0))
		abort();
	if ((pid = fork()) == 0)
		exec_cli(command, in, out, err);
	close(in);
	close(out);
	close(err);
	run->code = run_wait(pid);
	run->out_length = slurp("out", run->out);
	run->err_length = slurp("err", run->err);
}

pid_t
run_start(const char *command, int *out)
{
	int pipes[2], in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		abort();
	if ((pid = fork()) == 0)
		exec_cli(command, in, pipes[1], STDERR_FILENO);
	close(in);
	close(pipes[1]);
	*out = pipes[0];
	return pid;
}

void
run_ssh(const char *script)
{
	static char before[4096];
	char path[256], all[sizeof(before) + sizeof(path)];
	FILE *file;

	if (before[0] == '\0')
		snprintf(before, sizeof(before), "%s", getenv("PATH"));
	snprintf(path, sizeof(path), "%s/bin", directory);
	mkdir(path, 0700);
	snprintf(all, sizeof(all), "%s:%s", path, before);
	setenv("PATH", all, 1);
	snprintf(path, sizeof(path), "%s/bin/ssh", directory);
	if ((file = fopen(path, "w")) == NULL)
		abort();
	fprintf(file, "#!/bin/sh\nprintf '%%s\\n' \"$@\" \"token=$OPENSHELL_SSH_TOKEN\" >%s/words\n%s\n", directory,
	    script);
	fclose(file);
	chmod(path, 0700);
}
