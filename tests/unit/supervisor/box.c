/* The box, made as services/driver-local makes it, in as few lines as a test needs. */
#include "tests/unit/supervisor/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(step)                                                                                                     \
	do {                                                                                                           \
		if ((step) < 0) {                                                                                      \
			dprintf(2, "box: %s: %s\n", #step, strerror(errno));                                           \
			_exit(99);                                                                                     \
		}                                                                                                      \
	} while (0)

static void
bind_in(const char *from, const char *to, unsigned long more)
{
	MUST(mkdir(to, 0755));
	MUST(mount(from, to, NULL, MS_BIND | MS_REC, NULL));
	if (more != 0)
		MUST(mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | more, NULL));
}

static void __attribute__((noreturn)) inside(const struct box_options *options, int go_fd, int boot_fd, int log_fd)
{
	char *const argv[] = {(char *)"launcher", NULL}, *const envp[] = {(char *)"LD_PRELOAD=/evil.so", NULL};
	char byte, path[4096];

	MUST(read(go_fd, &byte, 1) - 1);
	if (options->range != 0)
		MUST(setgroups(0, NULL));
	MUST(setresgid(0, 0, 0));
	MUST(setresuid(0, 0, 0));
	MUST(prctl(PR_SET_PDEATHSIG, SIGKILL));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	snprintf(path, sizeof(path), "%s/box", options->work);
	MUST(mount("box", path, "tmpfs", 0, NULL));
	MUST(chdir(path));
	MUST(mkdir("opt", 0755));
	bind_in(options->bundle, "opt/openshell", MS_RDONLY);
	bind_in("/", "host", 0);
	snprintf(path, sizeof(path), "%s/workspace", options->work);
	bind_in(path, "workspace", 0);
	snprintf(path, sizeof(path), "%s/script", options->work);
	bind_in(path, "script", MS_RDONLY);
	MUST(mkdir("proc", 0755));
	MUST(mount("proc", "proc", "proc", 0, NULL));
	MUST(syscall(SYS_pivot_root, ".", "."));
	MUST(umount2(".", MNT_DETACH));
	MUST(chdir("/"));
	MUST(dup2(log_fd, 2));
	MUST(boot_fd = fcntl(boot_fd, F_DUPFD, 10)); /* dup2 of 3 onto itself would keep close-on-exec */
	MUST(dup2(boot_fd, 3));
	close(0);
	close(1);
	MUST(execve("/opt/openshell/bin/launcher", argv, envp));
	_exit(98);
}

static int
write_map(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	r = fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close(fd);
	return r;
}

static int
map_ids(const struct box_options *options, pid_t pid)
{
	char uids[64], gids[64];

	snprintf(
	    uids, sizeof(uids), "0 %u %u", options->range ? options->range : geteuid(), options->range ? 65536 : 1);
	snprintf(
	    gids, sizeof(gids), "0 %u %u", options->range ? options->range : getegid(), options->range ? 65536 : 1);
	if (options->range == 0 && write_map(pid, "setgroups", "deny") < 0)
		return -1;
	return write_map(pid, "uid_map", uids) < 0 || write_map(pid, "gid_map", gids) < 0 ? -1 : 0;
}

int
box_start(const struct box_options *options, struct box *out)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD;
	int go[2], log[2], boot = memfd_create("bootstrap", MFD_CLOEXEC);

	if (boot < 0 || write(boot, options->bootstrap.at, options->bootstrap.length) < 0 || pipe2(go, O_CLOEXEC) < 0 ||
	    pipe2(log, O_CLOEXEC) < 0)
		return -1;
	out->pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (out->pid == 0)
		inside(options, go[0], boot, log[1]);
	close(log[1]);
	close(boot);
	out->log_fd = log[0];
	if (out->pid < 0 || map_ids(options, out->pid) < 0 || write(go[1], "x", 1) != 1)
		return -1;
	close(go[0]);
	close(go[1]);
	return 0;
}

void
box_stop(struct box *box)
{
	kill(box->pid, SIGKILL);
	waitpid(box->pid, NULL, 0);
	close(box->log_fd);
}
