/* git ls-files, sorted and asked. */
#include "clients/cli/git_files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/ssh_child.h"
#include "common/base/clean.h"
#include "common/os/child.h"
#include "common/transfer/relative.h"

#define LIST_MAX_BYTES (256u << 20)
#define READ_BYTES     (64u << 10)

extern char **environ;

struct git_files {
	char *text; /* NUL after each path */
	size_t length, room;
	struct span *paths;
	size_t count;
	const char *name;
};

void
git_files_free(struct git_files *files)
{
	if (files == NULL)
		return;
	free(files->text);
	free(files->paths);
	free(files);
}

size_t
git_files_count(const struct git_files *files)
{
	return files->count;
}

/* ---- asking ---- */

/* Is there a .git in it or above? */
static bool
in_work_tree(const char *directory)
{
	char path[PATH_MAX + 8];
	auto_free char *real = realpath(directory, NULL);
	struct stat st;

	for (char *slash; real != NULL && (slash = strrchr(real, '/')) != NULL; *slash = '\0') {
		snprintf(path, sizeof(path), "%s/.git", real);
		if (lstat(path, &st) == 0)
			return true;
	}
	return false;
}

/*
 * What git is told: messages as we know them, and to fetch nothing. A tree that came out of a sandbox has a configuration
 * of the sandbox's making: with it a missing object is had by a program of its choice (remote.NAME.uploadpack).
 */
static const char *const told[] = {"LC_ALL=C", "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1"};

/* This program's environment without git's variables, and with those; the caller frees it. */
static const char **
environment(void)
{
	const char **out;
	size_t n = 0, at = 0;

	while (environ[n] != NULL)
		n++;
	if ((out = calloc(n + COUNT(told) + 1, sizeof(*out))) == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "GIT_", 4) != 0 && strncmp(environ[i], "LC_ALL=", 7) != 0)
			out[at++] = environ[i];
	for (size_t i = 0; i < COUNT(told); i++)
		out[at++] = told[i];
	return out;
}

static enum err
text_read(struct git_files *files, int fd, struct why *why)
{
	for (;;) {
		ssize_t n;

		if (files->room - files->length < READ_BYTES) {
			files->room = files->room == 0 ? 4 * READ_BYTES : files->room * 2;
			if ((files->text = realloc(files->text, files->room)) == NULL)
				abort();
		}
		if ((n = read(fd, files->text + files->length, READ_BYTES)) < 0)
			return fail_errno(why, ERR_SYSTEM, "read what git lists");
		if (n == 0)
			return OK;
		if ((files->length += (size_t)n) > LIST_MAX_BYTES)
			return fail(why, ERR_LIMIT, "git lists more than %u MiB of names", LIST_MAX_BYTES >> 20);
	}
}

static enum err
git_run(const char *git, const char *directory, struct git_files *files, struct why *why)
{
	const char *argv[] = {
	    "git", "-C", directory, "-c", "core.fsmonitor=false", "ls-files", "-co", "--exclude-standard", "-z", NULL};
	auto_free const char **envp = environment();
	struct child_plan plan = {
	    .path = git, .argv = argv, .envp = envp, .fds = {-1, -1, STDERR_FILENO}, .fds_count = 3};
	struct child child;
	int ends[2], code;
	enum err r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(why, ERR_SYSTEM, "a pipe for git");
	plan.fds[1] = ends[1];
	r = child_start(&child, &plan, why);
	close(ends[1]);
	if (r == OK) {
		r = text_read(files, ends[0], why);
		close(ends[0]); /* one that is not done ends */
		code = child_exit_code(child_wait(&child));
		child_done(&child);
		return r == OK && code != 0 ? fail(why, ERR_STATE, "git ended with code %d", code) : r;
	}
	close(ends[0]);
	return r;
}

/* ---- sorting ---- */

static int
by_order(const void *a, const void *b)
{
	return relative_order(*(const struct span *)a, *(const struct span *)b);
}

static void
sort(struct git_files *files)
{
	struct span rest = span_of_bytes(files->text, files->length);

	for (size_t i = 0; i < files->length; i++)
		files->count += files->text[i] == '\0';
	if ((files->paths = calloc(files->count + 1, sizeof(*files->paths))) == NULL)
		abort();
	for (size_t i = 0; i < files->count; i++) {
		struct span path = span_cut(&rest, '\0');

		if (path.length > 0 && path.at[path.length - 1] == '/')
			path.length--; /* a repository of its own */
		files->paths[i] = path;
	}
	qsort(files->paths, files->count, sizeof(*files->paths), by_order);
}

enum err
git_files_list(struct cli *cli, const char *directory, struct git_files **out, struct why *why)
{
	struct git_files *files;
	const char *git;
	enum err r;

	*out = NULL;
	if (!in_work_tree(directory))
		return OK;
	if ((files = calloc(1, sizeof(*files))) == NULL)
		abort();
	if ((r = program_find(cli, "git", &git, why)) == OK)
		r = git_run(git, directory, files, why);
	if (r != OK) {
		git_files_free(files);
		return because(why, r,
		    "%s is in a git work tree, and what .gitignore leaves out is not known (--no-git-ignore uploads "
		    "all of it)",
		    shown(&cli->arena, directory));
	}
	sort(files);
	*out = files;
	return OK;
}

/* ---- being asked ---- */

void
git_files_below(struct git_files *files, const char *name)
{
	files->name = name;
}

/* The first that is not before path; count: none. */
static size_t
at_or_behind(const struct git_files *files, struct span path)
{
	size_t low = 0, high = files->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (relative_order(files->paths[middle], path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
listed(const struct git_files *files, struct span path, bool above)
{
	size_t at = at_or_behind(files, path);

	return at < files->count &&
	       (above ? relative_within(files->paths[at], path) : span_equal(files->paths[at], path));
}

bool
git_files_wanted(void *self, struct span path, bool directory)
{
	const struct git_files *files = self;

	if (files->name != NULL)
		path = span_tail(path, strlen(files->name) + 1);
	if (path.length == 0 || listed(files, path, directory))
		return true;
	for (struct span above = relative_parent(path); above.length > 0; above = relative_parent(above))
		if (listed(files, above, false))
			return true;
	return false;
}
