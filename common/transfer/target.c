/* Where files go and come from. */
#include "common/transfer/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/span.h"
#include "common/base/text.h"

static enum err
path_fail(const char *step, const char *path, struct why *why)
{
	enum err r = errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED
		     : errno == ENOENT					 ? ERR_NOT_FOUND
		     : errno == ENOTDIR || errno == EEXIST		 ? ERR_STATE
									 : ERR_SYSTEM;
	char shown[300];
	struct text text = TEXT_OF(shown);
	int error = errno;

	text_add_escaped(&text, span_of_text(path));
	errno = error;
	return fail_errno(why, r, "%s %s", step, shown);
}

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A directory and all above it. */
static enum err
directories_make(const char *path, struct why *why)
{
	auto_free char *part = span_dup(span_of_text(path));

	for (char *slash = part; slash != NULL && *slash != '\0';) {
		slash = strchr(slash + strspn(slash, "/"), '/');
		if (slash != NULL)
			*slash = '\0';
		if (!is_directory(part) && mkdir(part, 0777) < 0 && errno != EEXIST)
			return path_fail("make directory", part, why);
		if (slash != NULL)
			*slash = '/';
	}
	return OK;
}

static enum err
root_open(const char *path, int *root, struct why *why)
{
	enum err r;

	if ((r = directories_make(path, why)) != OK)
		return r;
	if ((*root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return path_fail("open directory", path, why);
	return OK;
}

enum err
target_open(const char *to, bool single, const char **name, int *root, struct why *why)
{
	const char *slash = strrchr(to, '/');
	auto_free char *parent = NULL;

	if (to[0] == '\0')
		return root_open(".", root, why);
	if (!single || slash == to + strlen(to) - 1 || is_directory(to))
		return root_open(to, root, why);
	*name = slash == NULL ? to : slash + 1;
	parent = span_dup(slash == NULL ? SPAN(".")
			  : slash == to ? SPAN("/")
					: span_of_bytes(to, (size_t)(slash - to)));
	return root_open(parent, root, why);
}

char *
target_name(const char *path)
{
	size_t end = strlen(path), begin;
	struct span name;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && path[begin - 1] != '/';)
		begin--;
	name = span_of_bytes(path + begin, end - begin);
	return name.length == 0 || span_is(name, ".") || span_is(name, "..") ? NULL : span_dup(name);
}

/* The directory that a path's last name is in. */
static int
parent_open(const char *path)
{
	size_t end = strlen(path);
	auto_free char *parent = NULL;

	while (end > 0 && path[end - 1] == '/')
		end--;
	while (end > 0 && path[end - 1] != '/')
		end--;
	parent = end == 0 ? span_dup(SPAN(".")) : span_dup(span_of_bytes(path, end));
	return open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

enum err
target_source(const char *path, int *root, char **only, bool *single, struct why *why)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return path_fail("read", path, why);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return fail(why, ERR_INVALID, "%.200s is not a file, directory or symbolic link", path);
	*single = !S_ISDIR(st.st_mode);
	*only = target_name(path);
	if ((*root = *only == NULL ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : parent_open(path)) < 0) {
		enum err r = path_fail("open", path, why);

		free(*only);
		*only = NULL;
		return r;
	}
	return OK;
}
