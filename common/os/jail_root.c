/* The jail's root directory: chroot into it, with the right to do so taken from a user namespace where need be. */
#include "common/os/jail_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/ids.h"

static bool
capable(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[capability / 32].effective & (1u << (capability % 32))) != 0;
}

/* A user namespace in which uid and gid stay what they are, and a mount namespace that belongs to it. */
static enum err
own_namespace(struct why *why)
{
	enum err r = ids_enter(CLONE_NEWNS, geteuid(), getegid(), why);

	return r == OK ? OK : because(why, r, "root directory");
}

/* A tmpfs that is mounted nowhere: it lives as long as it is somebody's root. */
static enum err
empty_open(int *out, struct why *why)
{
	auto_fd int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", "4096", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "root directory: make an empty one");
	*out =
	    fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (*out < 0)
		return fail_errno(why, ERR_SYSTEM, "root directory: mount an empty one");
	return OK;
}

static enum err
enter(int fd, const char *name, struct why *why)
{
	struct stat wanted, got;

	if (fstat(fd, &wanted) < 0 || fchdir(fd) < 0 || chroot(".") < 0 || chdir("/") < 0 || stat("/", &got) < 0)
		return fail_errno(why, ERR_SYSTEM, "root directory: %s", name);
	if (wanted.st_dev != got.st_dev || wanted.st_ino != got.st_ino)
		return fail(why, ERR_SYSTEM, "root directory: %s is not what / shows", name);
	return OK;
}

enum err
jail_root(const char *root, struct why *why)
{
	auto_fd int fd = -1;
	enum err r = OK;

	if (root != NULL && strcmp(root, "/") == 0)
		return OK;
	if (root != NULL && (fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return fail_errno(why, ERR_SYSTEM, "root directory: %s", root);
	if (!capable(CAP_SYS_CHROOT) || (root == NULL && !capable(CAP_SYS_ADMIN)))
		r = own_namespace(why);
	if (r == OK && root == NULL)
		r = empty_open(&fd, why);
	return r != OK ? r : enter(fd, root == NULL ? "an empty one" : root, why);
}
