/* Namespaces that could not be made: which limit or rule of this system stands in the way. */
#include "common/os/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/span.h"
#include "common/base/text.h"

static const struct {
	unsigned long flag;
	const char *name;
} kinds[] = {
    {CLONE_NEWUSER, "user"},
    {CLONE_NEWPID, "pid"},
    {CLONE_NEWNS, "mnt"},
    {CLONE_NEWNET, "net"},
    {CLONE_NEWIPC, "ipc"},
    {CLONE_NEWUTS, "uts"},
    {CLONE_NEWCGROUP, "cgroup"},
};

/* Rules that forbid user namespaces to ordinary users, each with the value that allows them. */
static const struct {
	const char *path, *name;
	uint64_t allows;
} rules[] = {
    {"/proc/sys/kernel/unprivileged_userns_clone", "kernel.unprivileged_userns_clone", 1},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "kernel.apparmor_restrict_unprivileged_userns", 0},
};

static bool
number_of(const char *path, uint64_t *out)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n <= 0)
		return false;
	return number_parse(span_of_bytes(text, (size_t)n - (text[n - 1] == '\n')), 0, UINT64_MAX, out, NULL) == OK;
}

/*
 * The tightest limit on what was asked for: how many there are already is told nowhere. A user namespace has limits of
 * its own, INT_MAX at first, and does not show those of the namespaces that it is in.
 */
static enum err
limit_reached(struct why *why, unsigned long flags, const char *what)
{
	uint64_t least = INT_MAX, limit;
	const char *name = NULL;
	char path[64];

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if ((flags & kinds[i].flag) == 0)
			continue;
		snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i].name);
		if (number_of(path, &limit) && limit < least) {
			least = limit;
			name = kinds[i].name;
		}
	}
	if (name == NULL)
		return fail(why, ERR_SYSTEM,
		    "%s: the kernel gives no more namespaces: raise /proc/sys/user/max_*_namespaces on the host", what);
	return fail(why, ERR_SYSTEM,
	    "%s: the kernel gives no more %s namespaces: raise /proc/sys/user/max_%s_namespaces (it is %llu)", what,
	    name, name, (unsigned long long)least);
}

enum err
namespaces_failed(struct why *why, unsigned long flags, const char *what)
{
	int error = errno;
	uint64_t value;

	if (error == ENOSPC)
		return limit_reached(why, flags, what);
	for (size_t i = 0; i < COUNT(rules) && (error == EPERM || error == EACCES); i++)
		if (number_of(rules[i].path, &value) && value != rules[i].allows)
			return fail(why, ERR_SYSTEM,
			    "%s: this system does not let ordinary users make namespaces: `sysctl -w %s=%llu` allows it",
			    what, rules[i].name, (unsigned long long)rules[i].allows);
	if (error == EINVAL)
		return fail(
		    why, ERR_SYSTEM, "%s: this kernel has not all of the namespaces that a sandbox needs", what);
	errno = error;
	return fail_errno(why, ERR_SYSTEM, "%s: namespaces", what);
}
