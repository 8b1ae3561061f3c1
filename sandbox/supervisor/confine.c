/* The walls that a process can only build around itself, and the look at each one afterwards. */
#include "sandbox/supervisor/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"
#include "common/os/ids.h"
#include "common/os/landlock.h"
#include "sandbox/supervisor/account.h"
#include "sandbox/supervisor/filter.h"
#include "sandbox/supervisor/proc.h"
#include "sandbox/supervisor/view.h"
#include "sandbox/supervisor/view_agent.h"
#include "sandbox/supervisor/view_etc.h"

#define OUTER_ID	   1000 /* the agent's user in the sandbox's own namespace, where there is more than one */
#define LANDLOCK_FILES_ABI 3	/* truncating is writing: below this ABI a read-only file can be emptied */

/* ---- user namespace ---- */

/* Where the sandbox's namespace has a range of ids, the agent gets one that none of the sandbox's processes has. */
static enum err
leave_root(struct why *why)
{
	if (!id_mapped(OUTER_ID))
		return OK;
	if (setgroups(0, NULL) < 0 || setresgid(OUTER_ID, OUTER_ID, OUTER_ID) < 0 ||
	    setresuid(OUTER_ID, OUTER_ID, OUTER_ID) < 0)
		return fail_errno(why, ERR_SYSTEM, "become user %d", OUTER_ID);
	return OK;
}

static enum err
own_user_namespace(const struct msg_spawner_setup *setup, struct why *why)
{
	enum err r;

	if ((r = leave_root(why)) != OK || (r = ids_enter(0, setup->uid, setup->gid, why)) != OK)
		return because(why, r, "user namespace");
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_GET_DUMPABLE) != 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_DUMPABLE");
	return OK;
}

static bool
user_namespace_stands(const struct msg_spawner_setup *setup, struct why *why)
{
	char text[256];

	if (geteuid() != setup->uid || getegid() != setup->gid || getuid() != setup->uid)
		return fail(why, ERR_STATE, "user %u, group %u", geteuid(), getegid()) == OK;
	if (!proc_map_single("/proc/self/uid_map") || !proc_map_single("/proc/self/gid_map"))
		return fail(why, ERR_STATE, "more than one id is mapped") == OK;
	if (!proc_read("/proc/self/setgroups", text, sizeof(text)) || strncmp(text, "deny", 4) != 0)
		return fail(why, ERR_STATE, "groups can be set") == OK;
	if (setuid(0) == 0)
		return fail(why, ERR_STATE, "user 0 can be become") == OK;
	return true;
}

/* ---- capabilities ---- */

static enum err
drop_capabilities(struct why *why)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i) >= 0; i++)
		if (prctl(PR_CAPBSET_DROP, i) < 0)
			return fail_errno(why, ERR_SYSTEM, "bounding set: capability %d", i);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "ambient capabilities");
	if (syscall(SYS_capset, &header, none) < 0)
		return fail_errno(why, ERR_SYSTEM, "capset");
	return OK;
}

static bool
capabilities_gone(struct why *why)
{
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	char value[64];

	for (size_t i = 0; i < COUNT(sets); i++)
		if (!proc_status(sets[i], value, sizeof(value)) || strspn(value, "0") != strlen(value))
			return fail(why, ERR_STATE, "%s is %s", sets[i], value) == OK;
	if (mount("none", "/", "tmpfs", 0, NULL) == 0)
		return fail(why, ERR_STATE, "mount works") == OK;
	return true;
}

/* ---- limits ---- */

static const struct {
	int resource;
	rlim_t soft, hard;
	const char *name;
} limits[] = {
    {RLIMIT_CORE, 0, 0, "core"},
    {RLIMIT_NOFILE, AGENT_FILES_SOFT, AGENT_FILES_HARD, "nofile"},
    {RLIMIT_NPROC, AGENT_PROCESSES_MAX, AGENT_PROCESSES_MAX, "nproc"},
};

/* From Linux 5.14 processes are counted by user namespace, so that the limit means this sandbox and no other. */
static bool
counted_by_namespace(void)
{
	struct utsname name;
	unsigned major, minor;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 5 || (major == 5 && minor >= 14));
}

static void
set_limits(struct walls *walls)
{
	wall_enforced(walls, "rlimits");
	for (size_t i = 0; i < COUNT(limits); i++) {
		__rlimit_resource_t resource = (__rlimit_resource_t)limits[i].resource;
		struct rlimit now = {0};

		if (limits[i].resource == RLIMIT_NPROC && !counted_by_namespace()) {
			wall_partial(
			    walls, "rlimits", "nproc would count other sandboxes of the same user on this kernel");
			continue;
		}
		getrlimit(resource, &now);
		now.rlim_max = now.rlim_max < limits[i].hard ? now.rlim_max : limits[i].hard;
		now.rlim_cur = now.rlim_max < limits[i].soft ? now.rlim_max : limits[i].soft;
		if (setrlimit(resource, &now) < 0 || getrlimit(resource, &now) < 0 || now.rlim_max > limits[i].hard)
			wall_partial(walls, "rlimits", "%s cannot be set", limits[i].name);
	}
}

/* ---- Landlock ---- */

/* A file on a file system that is mounted nowhere, so that no rule can mean it: can it be opened? */
static bool
witness_opens(int fd)
{
	auto_fd int witness = openat(fd, "witness", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return witness >= 0;
}

static int
witness_make(void)
{
	auto_fd int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "mode", "1777", 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

/* What every sandbox has beside the policy's own places. */
static const struct {
	const char *path;
	enum landlock_access access;
} always[] = {
    {"/", LANDLOCK_LIST}, /* the view holds the policy's places and the sandbox's own: their names may be seen */
    {"/proc", LANDLOCK_READ},
    {"/dev/null", LANDLOCK_WRITE},
    {"/dev/zero", LANDLOCK_WRITE},
    {"/dev/full", LANDLOCK_WRITE},
    {"/dev/random", LANDLOCK_READ},
    {"/dev/urandom", LANDLOCK_READ},
    {"/dev/tty", LANDLOCK_DEVICE},
    {"/dev/pts", LANDLOCK_DEVICE},
    {"/dev/shm", LANDLOCK_WRITE},
    {"/dev/fd", LANDLOCK_READ},
    {VIEW_TLS, LANDLOCK_READ},
    {VIEW_AGENT, LANDLOCK_READ},
};

static enum err
allow(struct landlock *rules, const char *path, enum landlock_access access, bool must, struct why *why)
{
	enum err r = landlock_allow(rules, path, access, why);

	return must ? r : OK;
}

static enum err
allow_policy(
    struct landlock *rules, const struct msg_spawner_setup *setup, const struct places *places, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; r == OK && i < places->n; i++) {
		const struct place *place = &places->items[i];
		enum landlock_access access = place->device ? LANDLOCK_DEVICE : LANDLOCK_WRITE;

		if (place->kind != PLACE_MISSING)
			r = allow(
			    rules, place->path, place->write ? access : LANDLOCK_READ, setup->hard_requirement, why);
	}
	if (r == OK && setup->include_workdir)
		r = allow(rules, "/sandbox", LANDLOCK_WRITE, true, why);
	for (size_t i = 0; r == OK && i < COUNT(always); i++)
		r = allow(rules, always[i].path, always[i].access, false, why);
	for (size_t i = 0; r == OK && setup->host_root && i < account_files_n; i++)
		r = allow(rules, account_files[i].path, LANDLOCK_READ, false, why);
	return r;
}

static void
report_landlock(struct walls *walls, int abi, bool works)
{
	if (!works)
		wall_absent(walls, "landlock", "a file that no rule allows could still be opened");
	else if (abi < LANDLOCK_FILES_ABI)
		wall_partial(walls, "landlock", "ABI %d: files may be renamed across directories or truncated", abi);
	else
		wall_enforced(walls, "landlock");
}

static enum err
enter_landlock(const struct msg_spawner_setup *setup, const struct places *places, int witness_fd, struct walls *walls,
    struct why *why)
{
	struct landlock rules = {.fd = -1};
	struct why absent = {0};
	bool before;
	enum err r;

	if (landlock_begin(&rules, LANDLOCK_ABSTRACT | LANDLOCK_SIGNAL, &absent) != OK) {
		wall_absent(walls, "landlock", "%s", absent.text);
		return OK;
	}
	if ((r = allow_policy(&rules, setup, places, why)) != OK) {
		clean_fd(&rules.fd);
		return because(why, r, "landlock");
	}
	before = witness_opens(witness_fd);
	if ((r = landlock_end(&rules, &absent)) != OK) {
		wall_absent(walls, "landlock", "%s", absent.text);
		return OK;
	}
	report_landlock(walls, rules.abi, before && !witness_opens(witness_fd));
	return OK;
}

/* ---- seccomp ---- */

static bool
seccomp_stands(struct why *why)
{
	char value[16];

	if (!proc_status("Seccomp", value, sizeof(value)) || strcmp(value, "2") != 0)
		return fail(why, ERR_STATE, "no filter is loaded") == OK;
	/* Without the filter: a new namespace; EINVAL; EFAULT. */
	if (unshare(CLONE_NEWUSER) == 0 || errno != EPERM)
		return fail(why, ERR_STATE, "a user namespace can be made") == OK;
	if (syscall(SYS_clone3, NULL, 0) == 0 || errno != ENOSYS)
		return fail(why, ERR_STATE, "clone3 is not refused") == OK;
	if (syscall(SYS_bpf, 0, NULL, 0) == 0 || errno != EPERM)
		return fail(why, ERR_STATE, "bpf is not refused") == OK;
	return true;
}

static enum err
enter_seccomp(struct walls *walls, int *listener, struct why *why)
{
	struct why absent = {0};
	enum err r = seccomp_agent(listener, why);

	if (r == OK)
		wall_check(walls, "seccomp", seccomp_stands(&absent), &absent);
	return r;
}

/* ---- all of it ---- */

static bool
no_new_privs_stands(struct why *why)
{
	char value[16];

	if (!proc_status("NoNewPrivs", value, sizeof(value)) || strcmp(value, "1") != 0)
		return fail(why, ERR_STATE, "NoNewPrivs is not set") == OK;
	return true;
}

static bool
pid_namespace_stands(struct why *why)
{
	char self[16] = {0};

	if (getpid() != 1 || readlink("/proc/self", self, sizeof(self) - 1) != 1 || self[0] != '1')
		return fail(why, ERR_STATE, "the process namespace is not the sandbox's own") == OK;
	return true;
}

enum err
confine(const struct msg_spawner_setup *setup, const struct places *places, struct walls *walls, int *listener,
    struct why *why)
{
	auto_fd int witness = witness_make();
	struct why absent = {0};
	enum err r;

	wall_check(walls, "mount_view", view_verify(places, &absent) == OK, &absent);
	wall_check(walls, "pid_namespace", pid_namespace_stands(&absent), &absent);
	if ((r = own_user_namespace(setup, why)) != OK || (r = drop_capabilities(why)) != OK)
		return r;
	wall_check(walls, "user_namespace", user_namespace_stands(setup, &absent), &absent);
	wall_check(walls, "capabilities", capabilities_gone(&absent), &absent);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail_errno(why, ERR_SYSTEM, "PR_SET_NO_NEW_PRIVS");
	wall_check(walls, "no_new_privs", no_new_privs_stands(&absent), &absent);
	set_limits(walls);
	if ((r = enter_landlock(setup, places, witness, walls, why)) != OK)
		return r;
	return enter_seccomp(walls, listener, why);
}
