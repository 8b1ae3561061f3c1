/* The view of a box: an empty tmpfs as root, and in it the bundle, the host (read-only), the workspace, the relay's socket. */
#include "services/driver-local/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"

#define FIXED	 (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ROOT_TMP "/proc" /* there on every host; the new root stands on it until it is the root */

/* What is bound into the box. */
struct bind {
	const char *from;
	const char *to; /* in the box, without the leading / */
	uint64_t set;	/* MOUNT_ATTR_ of it and all below it */
	bool file;
	int fd;
};

/* Directories of the box, parents first. */
static const char *const directories[] = {"opt", "opt/openshell", "host", "proc", "dev", "tmp", "run", "run/openshell",
    "run/openshell/relay", "run/openshell/spiffe", "workspace"};

/* A detached copy of what is at a path, in this mount namespace. */
static enum err
bind_open(struct bind *bind, struct why *why)
{
	struct mount_attr attr = {.attr_set = bind->set};

	bind->fd = open_tree(AT_FDCWD, bind->from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (bind->fd < 0)
		return fail_errno(why, ERR_SYSTEM, "bind %s", bind->from);
	if (bind->set != 0 && mount_setattr(bind->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return fail_errno(why, ERR_SYSTEM, "bind %s: attributes", bind->from);
	return OK;
}

static enum err
bind_place(const struct bind *bind, int root, struct why *why)
{
	if (bind->file)
		close(openat(root, bind->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	if (move_mount(bind->fd, "", root, bind->to, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(why, ERR_SYSTEM, "place /%s", bind->to);
	return OK;
}

static enum err
fs_open(const char *type, const char *key, const char *value, uint64_t attributes, int *out, struct why *why)
{
	auto_fd int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0 || (key != NULL && fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ||
	    (*out = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes)) < 0)
		return fail_errno(why, ERR_SYSTEM, "mount %s", type);
	return OK;
}

/* From here on this process is uid 0 of the box: before, it was still whom the driver runs as, and could read its paths. */
static enum err
ids_become(const struct box_plan *plan, struct why *why)
{
	if (plan->uid_base != 0 && setgroups(0, NULL) < 0)
		return fail_errno(why, ERR_SYSTEM, "setgroups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "become id 0 of the box");
	return OK;
}

static enum err
directories_make(int root, struct why *why)
{
	for (size_t i = 0; i < COUNT(directories); i++)
		if (mkdirat(root, directories[i], 0755) < 0)
			return fail_errno(why, ERR_SYSTEM, "make /%s", directories[i]);
	return OK;
}

static enum err
root_make(const struct bind *binds, size_t n, int *out, struct why *why)
{
	auto_fd int proc = -1;
	enum err r;

	if ((r = fs_open("tmpfs", "mode", "0755", FIXED, out, why)) != OK)
		return r;
	if (move_mount(*out, "", AT_FDCWD, ROOT_TMP, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(why, ERR_SYSTEM, "mount the box's root");
	if ((r = directories_make(*out, why)) != OK)
		return r;
	for (size_t i = 0; i < n; i++)
		if ((r = bind_place(&binds[i], *out, why)) != OK)
			return r;
	if ((r = fs_open("proc", NULL, NULL, FIXED | MOUNT_ATTR_NOEXEC, &proc, why)) != OK)
		return r;
	if (move_mount(proc, "", *out, "proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail_errno(why, ERR_SYSTEM, "place /proc");
	return OK;
}

/* The old root is below the new one for a moment, and then nowhere (pivot_root(2), notes). */
static enum err
root_enter(int root, struct why *why)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return fail_errno(why, ERR_SYSTEM, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return fail_errno(why, ERR_SYSTEM, "leave the old root");
	return OK;
}

enum err
box_view(const struct box_plan *plan, struct why *why)
{
	struct bind binds[] = {
	    {plan->bundle, "opt/openshell", FIXED | MOUNT_ATTR_RDONLY, false, -1},
	    {"/", "host", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, false, -1}, /* devices: the agent may have a few */
	    {plan->workspace, "workspace", FIXED, false, -1},
	    {plan->relay_dir, "run/openshell/relay", FIXED | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, false, -1},
	    {"/dev/null", "dev/null", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, true, -1},
	    {plan->spiffe_dir, "run/openshell/spiffe", FIXED | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC, false,
		-1}, /* the last: it may be none */
	};
	size_t n = COUNT(binds) - (plan->spiffe_dir[0] == '\0');
	int root = -1;
	enum err r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail_errno(why, ERR_SYSTEM, "make mounts private");
	for (size_t i = 0; i < n; i++)
		if ((r = bind_open(&binds[i], why)) != OK)
			return r;
	if ((r = ids_become(plan, why)) != OK || (r = root_make(binds, n, &root, why)) != OK ||
	    (r = root_enter(root, why)) != OK)
		return r;
	if (sethostname(plan->name, strlen(plan->name)) < 0)
		return fail_errno(why, ERR_SYSTEM, "sethostname");
	return OK;
}
