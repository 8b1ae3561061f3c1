/* Running the system's OpenSSH. */
#include "clients/cli/ssh_child.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/clean.h"

extern char **environ;

enum err
ssh_plan_fill(struct cli *cli, struct ssh_plan *out, struct why *why)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return fail_errno(why, ERR_SYSTEM, "/proc/self/exe");
	*out = (struct ssh_plan){
	    .program = arena_text(&cli->arena, (struct span){path, (size_t)n}),
	    .gateway = &cli->gateway,
	    .insecure = cli_on(cli, FLAG_INSECURE),
	    .workspace = cli_workspace(cli),
	};
	return out->program == NULL ? fail(why, ERR_LIMIT, "out of room") : OK;
}

enum err
program_find(struct cli *cli, const char *name, const char **out, struct why *why)
{
	const char *path = getenv("PATH");
	struct span rest = span_of_text(path == NULL ? "/usr/local/bin:/usr/bin:/bin" : path);

	while (rest.length > 0) {
		struct span directory = span_cut(&rest, ':');

		*out = directory.length == 0
			   ? NULL
			   : arena_format(&cli->arena, "%.*s/%s", (int)directory.length, directory.at, name);
		if (*out != NULL && access(*out, X_OK) == 0)
			return OK;
	}
	if (strcmp(name, "ssh") == 0)
		return fail(why, ERR_NOT_FOUND,
		    "ssh is not installed on this machine: it comes with the package openssh-client (openssh-clients on "
		    "Fedora); `openshell sandbox exec` works without it");
	return fail(why, ERR_NOT_FOUND, "%s is not found in PATH", name);
}

enum err
ssh_begin(struct cli *cli, const struct ssh_plan *plan, const char **words, size_t *count, struct why *why)
{
	static const char *const levels[] = {"ERROR", "INFO", "DEBUG"};
	static const char *const known[] = {
	    "QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3"};
	const char *asked = getenv("OPENSHELL_SSH_LOG_LEVEL");
	uint64_t verbose = cli->args.values[FLAG_VERBOSE].number;
	const char *level = levels[verbose > 2 ? 2 : verbose];

	for (size_t i = 0; asked != NULL && i < COUNT(known); i++)
		if (strcmp(asked, known[i]) == 0)
			level = asked;
	*count = ssh_words(&cli->arena, plan, level, words);
	return *count > 0 ? OK : fail(why, ERR_LIMIT, "out of room");
}

/* Our environment and the token. */
static const char *const *
environment_with(struct cli *cli, const struct ssh_session *session)
{
	const char **list;
	size_t n = 0, count = 0;

	while (environ[n] != NULL)
		n++;
	if ((list = arena_array(&cli->arena, n + 2, sizeof(*list))) == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!span_starts(span_of_text(environ[i]), SPAN(SSH_TOKEN_VARIABLE "=")))
			list[count++] = environ[i];
	list[count] = arena_format(&cli->arena, SSH_TOKEN_VARIABLE "=%s", session->token);
	return list[count] == NULL ? NULL : list;
}

enum err
ssh_start(struct cli *cli, const struct ssh_session *session, const char *const *words, const int fds[3],
    bool own_session, struct child *out, struct why *why)
{
	struct child_plan plan = {
	    .argv = words, .fds = {fds[0], fds[1], fds[2]}, .fds_count = 3, .new_session = own_session};
	enum err r;

	if ((r = program_find(cli, "ssh", &plan.path, why)) != OK)
		return r;
	if ((plan.envp = environment_with(cli, session)) == NULL)
		return fail(why, ERR_LIMIT, "out of room");
	fflush(stdout);
	return child_start(out, &plan, why);
}

struct waiting {
	bool over;
	int code;
};

static void
ssh_ended(void *self, int status)
{
	struct waiting *waiting = self;

	waiting->over = true;
	waiting->code = child_exit_code(status);
}

enum err
ssh_run(struct cli *cli, const struct ssh_session *session, const char *const *words, int *out_code, struct why *why)
{
	static const int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	struct waiting waiting = {0};
	struct termios before;
	bool terminal = tcgetattr(STDIN_FILENO, &before) == 0, interrupted = false;
	struct child child;
	enum err r;

	if ((r = cli_signals(cli, why)) != OK || (r = ssh_start(cli, session, words, fds, false, &child, why)) != OK)
		return r;
	r = child_watch(&child, cli->loop, ssh_ended, &waiting, why);
	while (r == OK && !waiting.over && (r = loop_turn(cli->loop, -1, why)) == OK) {
		if (cli->signal == SIGTERM || cli->signal == SIGHUP)
			child_kill(&child, cli->signal);
		interrupted |= cli->signal == SIGINT; /* which came to ssh as well */
		cli->signal = 0;
	}
	child_done(&child);
	if (terminal) /* it may have been killed while it was raw */
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	*out_code = interrupted && waiting.code == SSH_FAILED ? EXIT_INTERRUPTED + SIGINT : waiting.code;
	return r;
}
