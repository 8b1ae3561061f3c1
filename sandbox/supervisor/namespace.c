/* Root in a user namespace: what the driver's box gives, or what a process without it makes for itself. */
#include "sandbox/supervisor/supervisor.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"

static bool
may_build(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return geteuid() == 0 && syscall(SYS_capget, &header, data) == 0 &&
	    (data[0].effective & 1u << CAP_SYS_ADMIN) != 0;
}

static enum err
write_file(const char *path, const char *text, struct why *why)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return fail_errno(why, ERR_SYSTEM, "user namespace: %s", path);
	return OK;
}

enum err
namespace_root(struct why *why)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];
	enum err r;

	if (may_build())
		return OK;
	if (unshare(CLONE_NEWUSER) < 0)
		return fail_errno(why, ERR_SYSTEM, "this system refuses user namespaces");
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	if ((r = write_file("/proc/self/setgroups", "deny", why)) != OK)
		return r;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if ((r = write_file("/proc/self/uid_map", map, why)) != OK)
		return r;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	r = write_file("/proc/self/gid_map", map, why);
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	return r;
}
