/* The maker of a box, and the box's first process until it becomes the launcher. */
#include "services/driver-local/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/os/file.h"
#include "common/os/namespaces.h"
#include "services/driver-local/record.h"

#define LAUNCHER   "/opt/openshell/bin/launcher"
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS)

/* Both to the driver and to the sandbox's log. */
static void
report(const struct why *why)
{
	size_t length = strlen(why->text);

	if (write(BOX_FD_REPORT, why->text, length) != (ssize_t)length)
		dprintf(STDERR_FILENO, "box: the driver does not listen\n");
	dprintf(STDERR_FILENO, "box: %s\n", why->text);
}

/* ---- the box's first process ---- */

static enum err
released(int fd, struct why *why)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		return fail(why, ERR_CANCELLED, "the maker is gone");
	return OK;
}

static enum err
exec_launcher(struct why *why)
{
	char name[] = "launcher", *const argv[] = {name, NULL}, *const environment[] = {NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (close_range(BOX_FD_BOOTSTRAP + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return fail_errno(why, ERR_SYSTEM, "close_range");
	execve(LAUNCHER, argv, environment);
	return fail_errno(why, ERR_SYSTEM, "the bundle's launcher");
}

static void __attribute__((noreturn)) inside(const struct box_plan *plan, int wait_fd)
{
	struct why why = {0};
	enum err r;

	close(BOX_FD_LOCK); /* the maker alone holds it */
	if ((r = released(wait_fd, &why)) == OK) {
		if (unshare(CLONE_NEWCGROUP) < 0)
			r = namespaces_failed(&why, CLONE_NEWCGROUP, "the box");
		else if ((r = box_view(plan, &why)) == OK)
			r = exec_launcher(&why);
	}
	if (r != ERR_CANCELLED)
		report(&why);
	_exit(1);
}

/* ---- its maker ---- */

static enum err
proc_write(pid_t pid, const char *name, const char *text, struct why *why)
{
	char path[64];
	enum err r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return (r = file_put(path, text, why)) == OK ? OK : because(why, r, "box");
}

/* As root its ids are a range of its own; as a user, id 0 inside is the user outside and there is no other. */
static enum err
ids_map(const struct box_plan *plan, pid_t pid, struct why *why)
{
	const bool range = plan->uid_base != 0;
	char uids[64], gids[64];
	enum err r;

	snprintf(uids, sizeof(uids), "0 %u %d", range ? plan->uid_base : geteuid(), range ? UIDS_PER_SANDBOX : 1);
	snprintf(gids, sizeof(gids), "0 %u %d", range ? plan->uid_base : getegid(), range ? UIDS_PER_SANDBOX : 1);
	if ((!range && (r = proc_write(pid, "setgroups", "deny", why)) != OK) ||
	    (r = proc_write(pid, "uid_map", uids, why)) != OK)
		return r;
	return proc_write(pid, "gid_map", gids, why);
}

static enum err
record_start(const struct box_plan *plan, pid_t pid, struct why *why)
{
	struct record record;
	enum err r;

	if ((r = record_of(pid, &record, why)) != OK)
		return r;
	record.epoch = plan->epoch;
	record.release = plan->release;
	return record_write(BOX_FD_DIR, &record, why);
}

static enum err
let_go(const struct box_plan *plan, pid_t pid, int release_fd, struct why *why)
{
	enum err r;

	if ((r = ids_map(plan, pid, why)) != OK || (r = record_start(plan, pid, why)) != OK)
		return r;
	if (write(release_fd, "", 1) != 1)
		return fail_errno(why, ERR_SYSTEM, "box: release");
	return OK;
}

/* In its control groups from birth: in ours (version 1), in the one that is named (version 2). */
static pid_t
clone_box(int unified)
{
	struct clone_args args = {
	    .flags = NAMESPACES | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)unified};

	if (unified < 0)
		return (pid_t)syscall(SYS_clone, NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static enum err
make(const struct box_plan *plan, struct why *why)
{
	auto_fd int unified = -1;
	int fds[2];
	pid_t pid;
	enum err r;

	if ((r = cgroup_enter(&plan->cgroups, &unified, why)) != OK)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail_errno(why, ERR_SYSTEM, "pipe");
	pid = clone_box(unified);
	if (pid < 0)
		return namespaces_failed(why, NAMESPACES, "the box");
	if (pid == 0) {
		close(fds[1]);
		inside(plan, fds[0]);
	}
	close(fds[0]);
	if ((r = let_go(plan, pid, fds[1], why)) != OK) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(fds[1]);
	return r;
}

/*
 * Enter the box's control groups, clone its first process, map its ids, write its record, and only then let it go; when
 * the maker dies before, that process ends by itself.
 */
int
main(void)
{
	static struct box_plan plan;
	struct why why = {0};

	for (int fd = BOX_FD_BOOTSTRAP; fd < BOX_FD_COUNT; fd++)
		fcntl(fd, F_SETFD, fd == BOX_FD_BOOTSTRAP ? 0 : FD_CLOEXEC);
	if (pread(BOX_FD_PLAN, &plan, sizeof(plan), 0) != sizeof(plan)) {
		fail(&why, ERR_INVALID, "driver-local starts this program, one for each box");
		dprintf(STDERR_FILENO, "driver-local-box: %s\n", why.text);
		return 2;
	}
	if (make(&plan, &why) == OK)
		return 0;
	report(&why);
	return 1;
}
