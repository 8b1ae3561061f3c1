/* The jail: the one place that knows how a process gives up what it does not need, in which order, and checks it. */
#include "common/os/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/sanitized.h"
#include "common/os/jail_root.h"
#include "common/os/landlock.h"
#include "common/os/promise.h"

#if SANITIZED
/* The leak check at exit traces the process, which a jail forbids: it is not done in one. */
static int jailed;
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return jailed;
}
#endif

struct capabilities {
	uint64_t permitted, effective, inheritable;
};

static enum err
capabilities_get(struct capabilities *out, struct why *why)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return fail_errno(why, ERR_SYSTEM, "capget");
	*out = (struct capabilities){.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
	    .effective = data[0].effective | (uint64_t)data[1].effective << 32,
	    .inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32};
	return OK;
}

static enum err
capabilities_set(uint64_t set, struct why *why)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.permitted = (uint32_t)set, .effective = (uint32_t)set},
	    {.permitted = (uint32_t)(set >> 32), .effective = (uint32_t)(set >> 32)}};

	if (syscall(SYS_capset, &header, data) < 0)
		return fail_errno(why, ERR_SYSTEM, "capset");
	return OK;
}

/* Most of what follows binds one thread only. The kernel refuses this to a process that has several. */
static enum err
alone(struct why *why)
{
	if (unshare(CLONE_THREAD) < 0)
		return fail_errno(why, ERR_SYSTEM, "a second thread is running already");
	return OK;
}

static enum err
close_others(const struct jail *jail, struct why *why)
{
	unsigned from = (unsigned)jail->keep_from, to = (unsigned)jail->keep_to;

	if (to < 3)
		from = to = 2;
	if ((from > 3 && close_range(3, from - 1, 0) < 0) || close_range(to + 1, ~0u, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "close_range");
	return OK;
}

/* Without CAP_SETPCAP there is no capability that the bounding set could give back: no_new_privs sees to that. */
static enum err
bounding_drop(uint64_t keep, struct why *why)
{
	struct capabilities have;
	enum err r;

	if ((r = capabilities_get(&have, why)) != OK)
		return r;
	if ((have.effective & (1ull << CAP_SETPCAP)) == 0 && have.permitted == 0)
		return OK;
	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i) >= 0; i++)
		if ((keep & (1ull << i)) == 0 && prctl(PR_CAPBSET_READ, i) == 1 && prctl(PR_CAPBSET_DROP, i) < 0)
			return fail_errno(why, ERR_SYSTEM, "bounding set: capability %d", i);
	return OK;
}

static enum err
ids_become(uid_t uid, gid_t gid, struct why *why)
{
	if (gid == 0)
		return fail(why, ERR_SYSTEM, "group 0 is no group for user %u", uid);
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_KEEPCAPS");
	if (setgroups(0, NULL) < 0)
		return fail_errno(why, ERR_SYSTEM, "setgroups");
	if (setresgid(gid, gid, gid) < 0)
		return fail_errno(why, ERR_SYSTEM, "become group %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return fail_errno(why, ERR_SYSTEM, "become user %u", uid);
	return OK;
}

/* All three of each are one and the same, so that nothing is left to go back to. */
static enum err
ids_check(struct why *why)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return fail_errno(why, ERR_SYSTEM, "getresuid");
	if (ruid != euid || euid != suid || rgid != egid || egid != sgid)
		return fail(why, ERR_SYSTEM, "real, effective and saved ids differ");
	return OK;
}

static enum err
ids_set(const struct jail *jail, struct why *why)
{
	enum err r = OK;

	if (jail->uid != 0 && geteuid() == 0)
		r = ids_become(jail->uid, jail->gid, why);
	return r != OK ? r : ids_check(why);
}

static enum err
capabilities_drop(uint64_t keep, struct why *why)
{
	struct capabilities have;
	enum err r;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "ambient capabilities");
	if ((r = capabilities_get(&have, why)) != OK || (r = capabilities_set(have.permitted & keep, why)) != OK ||
	    (r = capabilities_get(&have, why)) != OK)
		return r;
	if ((have.permitted & ~keep) != 0 || have.effective != have.permitted || have.inheritable != 0)
		return fail(why, ERR_SYSTEM, "capabilities are left: %#llx", (unsigned long long)have.permitted);
	return OK;
}

/* Prove it: the way back to root, and out of the root directory, is shut. */
static enum err
no_way_back(const struct jail *jail, struct why *why)
{
	const uint64_t ids = 1ull << CAP_SETUID | 1ull << CAP_SETGID;

	if (geteuid() != 0 && (jail->capabilities & ids) == 0 &&
	    (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0))
		return fail(why, ERR_SYSTEM, "root could be regained");
	if ((jail->capabilities & (1ull << CAP_SYS_CHROOT)) == 0 && chroot("/") == 0)
		return fail(why, ERR_SYSTEM, "the root directory could be changed again");
	return OK;
}

static enum err
limit(int resource, rlim_t most, const char *name, struct why *why)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", name);
	now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
	now.rlim_cur = now.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &now) < 0)
		return fail_errno(why, ERR_SYSTEM, "%s", name);
	return OK;
}

static enum err
limits_set(const struct jail *jail, struct why *why)
{
	enum err r;

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_GET_DUMPABLE) != 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	if ((r = limit(RLIMIT_CORE, 0, "RLIMIT_CORE", why)) != OK ||
	    (jail->files_max != 0 && (r = limit(RLIMIT_NOFILE, jail->files_max, "RLIMIT_NOFILE", why)) != OK))
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_NO_NEW_PRIVS");
	return OK;
}

static enum err
paths_allow(struct landlock *landlock, const char *const *paths, enum landlock_access access, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; paths != NULL && paths[i] != NULL && r == OK; i++)
		r = landlock_allow(landlock, paths[i], access, why);
	return r == OK ? OK : ERR_SYSTEM;
}

/* What may be read and written, looked up while we still may walk there: a program may lie in a private directory. */
static enum err
files_look_up(const struct jail *jail, struct landlock *out, struct why *why)
{
	const uint32_t net = PROMISE_INET | PROMISE_BUS | PROMISE_GIVEN;
	uint32_t walls = LANDLOCK_ABSTRACT;
	enum err r;

	if (jail->no_landlock)
		return OK;
	walls |= (jail->promises & net) == 0 ? LANDLOCK_TCP : 0;
	walls |= (jail->promises & PROMISE_KILL) == 0 ? LANDLOCK_SIGNAL : 0;
	if ((r = landlock_begin(out, walls, why)) != OK ||
	    (r = paths_allow(out, jail->read_paths, LANDLOCK_READ, why)) != OK)
		return r;
	return paths_allow(out, jail->write_paths, LANDLOCK_WRITE, why);
}

static enum err
files_restrict(struct landlock *landlock, struct why *why)
{
	return landlock->fd < 0 ? OK : landlock_end(landlock, why);
}

/* Prove it: with no path at all not even the root directory opens. */
static enum err
files_check(const struct jail *jail, struct why *why)
{
	auto_fd int fd = -1;

	if (jail->no_landlock || jail->read_paths != NULL || jail->write_paths != NULL)
		return OK;
	if ((fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		return fail(why, ERR_SYSTEM, "landlock: the root directory can be read");
	return OK;
}

static enum err
steps(const struct jail *jail, struct why *why)
{
	struct landlock landlock = {.fd = -1}; /* whoever fails here ends, and it with him */
	enum err r;

	if ((r = alone(why)) != OK || (r = close_others(jail, why)) != OK || (r = jail_root(jail->root, why)) != OK ||
	    (r = files_look_up(jail, &landlock, why)) != OK || (r = bounding_drop(jail->capabilities, why)) != OK ||
	    (r = ids_set(jail, why)) != OK || (r = capabilities_drop(jail->capabilities, why)) != OK ||
	    (r = no_way_back(jail, why)) != OK || (r = limits_set(jail, why)) != OK ||
	    (r = files_restrict(&landlock, why)) != OK || (r = files_check(jail, why)) != OK)
		return r;
	return promise_keep(jail->promises, why);
}

enum err
jail_enter(const struct jail *jail, struct why *why)
{
	enum err r;

#if SANITIZED
	jailed = 1;
#endif
	r = steps(jail, why);
	return r == OK ? OK : because(why, r, "%s: jail", jail->process);
}
