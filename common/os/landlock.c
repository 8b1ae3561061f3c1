/* Landlock by its system calls: libc has no wrappers, and Debian's header stops at ABI 2. */
#include "common/os/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"

/* linux/landlock.h of Linux 6.15, ABI 7. */
#define VERSION_FLAG	1u
#define RULE_PATH	1
#define FS_EXECUTE	(1ull << 0)
#define FS_WRITE_FILE	(1ull << 1)
#define FS_READ_FILE	(1ull << 2)
#define FS_READ_DIR	(1ull << 3)
#define FS_MAKE_CHAR	(1ull << 6)
#define FS_MAKE_BLOCK	(1ull << 11)
#define FS_TRUNCATE	(1ull << 14)
#define FS_IOCTL_DEV	(1ull << 15)
#define NET_BIND_TCP	(1ull << 0)
#define NET_CONNECT_TCP (1ull << 1)
#define SCOPE_ABSTRACT	(1ull << 0)
#define SCOPE_SIGNAL	(1ull << 1)

#define ACCESS_READ (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
#define ACCESS_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define ABI_NET	    4
#define ABI_SCOPE   6
#define ABI_KNOWN   7

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

static const uint64_t access_rights[] = {
    [LANDLOCK_READ] = ACCESS_READ,
    [LANDLOCK_WRITE] = ~(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV),
    [LANDLOCK_DEVICE] = ~(FS_MAKE_CHAR | FS_MAKE_BLOCK),
    [LANDLOCK_LIST] = FS_READ_DIR,
};

/* The bits of file access that each ABI knows: all below this count. */
static const int fs_bits[ABI_KNOWN + 1] = {0, 13, 14, 15, 15, 16, 16, 16};

int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t
walls_net(uint32_t walls, int abi)
{
	return abi >= ABI_NET && (walls & LANDLOCK_TCP) != 0 ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
}

static uint64_t
walls_scoped(uint32_t walls, int abi)
{
	if (abi < ABI_SCOPE)
		return 0;
	return ((walls & LANDLOCK_ABSTRACT) != 0 ? SCOPE_ABSTRACT : 0) |
	       ((walls & LANDLOCK_SIGNAL) != 0 ? SCOPE_SIGNAL : 0);
}

enum err
landlock_begin(struct landlock *out, uint32_t walls, struct why *why)
{
	int abi = landlock_abi(), known = abi > ABI_KNOWN ? ABI_KNOWN : abi;
	struct ruleset_attr attr = {
	    .fs = (1ull << fs_bits[known]) - 1, .net = walls_net(walls, abi), .scoped = walls_scoped(walls, abi)};
	/* A kernel older than the struct refuses bytes that it does not know. */
	size_t size = abi >= ABI_SCOPE ? sizeof(attr) : abi >= ABI_NET ? 16 : 8;
	long fd;

	if (abi == 0)
		return fail_errno(why, ERR_SYSTEM, "this kernel has no Landlock, or it is switched off");
	if ((fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0)) < 0)
		return fail_errno(why, ERR_SYSTEM, "landlock_create_ruleset");
	*out = (struct landlock){.fd = (int)fd, .abi = abi, .handled = attr.fs};
	return OK;
}

enum err
landlock_allow(struct landlock *landlock, const char *path, enum landlock_access access, struct why *why)
{
	auto_fd int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_attr attr = {.fd = fd};
	struct stat st;

	if (fd < 0)
		return fail_errno(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, "landlock: %s", path);
	if (fstat(fd, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "landlock: %s", path);
	attr.allowed = access_rights[access];
	attr.allowed &= landlock->handled;
	if (!S_ISDIR(st.st_mode))
		attr.allowed &= ACCESS_FILE;
	if (syscall(SYS_landlock_add_rule, landlock->fd, RULE_PATH, &attr, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "landlock: rule for %s", path);
	return OK;
}

enum err
landlock_end(struct landlock *landlock, struct why *why)
{
	auto_fd int fd = fd_take(&landlock->fd);

	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "landlock_restrict_self");
	return OK;
}
