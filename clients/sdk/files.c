/* A client's files: directories from the environment, bounded reads, writes by rename. */
#include "clients/sdk/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/os/file.h"

/* Write base + tail into a place; ERR_INVALID when base is relative or both are too long. */
static enum err
place_set(char to[PATH_MAX], const char *variable, const char *base, const char *tail, struct why *why)
{
	int n;

	if (base[0] != '/')
		return fail(why, ERR_INVALID, "%s is not an absolute path", variable);
	n = snprintf(to, PATH_MAX, "%s%s", base, tail);
	if (n < 0 || n >= PATH_MAX)
		return fail(why, ERR_INVALID, "%s is too long", variable);
	while (n > 1 && to[n - 1] == '/')
		to[--n] = '\0';
	return OK;
}

static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* A directory of the XDG rules: the variable, else a folder in HOME; a relative variable counts as unset
 * there. */
static enum err
place_xdg(char to[PATH_MAX], const char *name, const char *in_home, const char *tail, struct why *why)
{
	const char *base = variable(name), *home;
	char path[PATH_MAX];

	if (base != NULL && base[0] == '/')
		return place_set(to, name, base, tail, why);
	if ((home = variable("HOME")) == NULL)
		return fail(why, ERR_NOT_FOUND, "neither %s nor HOME is set: where is the configuration?", name);
	if (snprintf(path, sizeof(path), "%s%s", in_home, tail) >= (int)sizeof(path))
		return fail(why, ERR_INVALID, "HOME is too long");
	return place_set(to, "HOME", home, path, why);
}

enum err
places_find(struct places *out, struct why *why)
{
	const char *system = variable("OPENSHELL_SYSTEM_GATEWAY_DIR"), *tls = variable("OPENSHELL_LOCAL_TLS_DIR");
	enum err r;

	if ((r = place_xdg(out->user, "XDG_CONFIG_HOME", "/.config", "/openshell", why)) != OK)
		return r;
	if (system == NULL)
		system = "/etc/openshell";
	if ((r = place_set(out->system, "OPENSHELL_SYSTEM_GATEWAY_DIR", system, "", why)) != OK)
		return r;
	if (tls != NULL)
		return place_set(out->tls, "OPENSHELL_LOCAL_TLS_DIR", tls, "", why);
	return place_xdg(out->tls, "XDG_STATE_HOME", "/.local/state", "/openshell/tls", why);
}

enum err
file_read(const char *path, struct arena *arena, struct span *out, struct why *why)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t at = 0;
	ssize_t n;
	char *bytes;

	if (fd < 0)
		return fail_errno(why, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_SYSTEM, "%s", path);
	if (fstat(fd, &st) != 0)
		return fail_errno(why, ERR_SYSTEM, "%s", path);
	if (!S_ISREG(st.st_mode))
		return fail(why, ERR_SYSTEM, "%s: not a regular file", path);
	if (st.st_size > FILE_BYTES_MAX || (bytes = arena_alloc(arena, (size_t)st.st_size + 1)) == NULL)
		return fail(why, ERR_LIMIT, "%s: more than %u bytes", path, FILE_BYTES_MAX);
	while (at < (size_t)st.st_size && (n = read(fd, bytes + at, (size_t)st.st_size - at)) != 0) {
		if (n < 0 && errno != EINTR)
			return fail_errno(why, ERR_SYSTEM, "%s", path);
		if (n > 0)
			at += (size_t)n;
	}
	*out = (struct span){bytes, at};
	return OK;
}

/* Make the directories above path, like mkdir -p. */
static enum err
directories_make(const char *path, struct why *why)
{
	char part[PATH_MAX];

	if (!span_copy(span_of_text(path), part, sizeof(part)))
		return fail(why, ERR_INVALID, "path too long");
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return fail_errno(why, ERR_SYSTEM, "%s", part);
		*slash = '/';
	}
	return OK;
}

enum err
file_write(const char *path, mode_t mode, struct span bytes, struct why *why)
{
	enum err r = directories_make(path, why);

	return r == OK ? file_replace(path, mode, bytes, false, why) : r;
}

bool
file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}
