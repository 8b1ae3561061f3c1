/* The lists of system calls, one a promise, and the filter made of them. */
#include "common/os/promise.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"

#define CALL(name) SCMP_SYS(name)
#define SOCKETS	   (PROMISE_INET | PROMISE_UNIX | PROMISE_BUS | PROMISE_GIVEN)
#define READS	   (PROMISE_RPATH | PROMISE_WPATH | PROMISE_PROC)
#define ALWAYS	   (~0u)
#define NAMESPACES                                                                                                     \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define OPEN_CHANGES (O_ACCMODE | O_CREAT | O_TRUNC)
#define LOW_32	     0xffffffffu /* the kernel looks at no more of these arguments */
#define ANYTHING     0		 /* as a mask: any value passes */

static const int stdio_calls[] = {
    /* its own descriptors */
    CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(close), CALL(close_range), CALL(fstat), CALL(newfstatat),
    CALL(dup), CALL(dup2), CALL(dup3), CALL(pipe), CALL(pipe2), CALL(fsync), CALL(fdatasync), CALL(tee),
    CALL(memfd_create), CALL(poll), CALL(ppoll), CALL(select), CALL(pselect6), CALL(epoll_create), CALL(epoll_create1),
    CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(eventfd), CALL(eventfd2),
    CALL(signalfd), CALL(signalfd4), CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_gettime),
    /* memory and threads; who may make one is said below */
    CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise), CALL(mlock), CALL(mlock2), CALL(munlock), CALL(msync),
    CALL(mincore), CALL(futex), CALL(membarrier), CALL(rseq), CALL(set_robust_list), CALL(get_robust_list),
    CALL(set_tid_address), CALL(sched_yield), CALL(sched_getaffinity), CALL(getcpu), CALL(restart_syscall),
    /* time */
    CALL(nanosleep), CALL(clock_nanosleep), CALL(clock_gettime), CALL(clock_getres), CALL(gettimeofday), CALL(time),
    CALL(times), CALL(getrusage), CALL(getitimer), CALL(setitimer), CALL(alarm),
    /* its own signals, its end */
    CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(rt_sigtimedwait), CALL(rt_sigpending),
    CALL(rt_sigsuspend), CALL(sigaltstack), CALL(pause), CALL(exit), CALL(exit_group),
    /* who am I */
    CALL(getpid), CALL(gettid), CALL(getppid), CALL(getpgrp), CALL(getpgid), CALL(getsid), CALL(getuid), CALL(geteuid),
    CALL(getgid), CALL(getegid), CALL(getresuid), CALL(getresgid), CALL(getgroups), CALL(capget), CALL(uname),
    CALL(sysinfo), CALL(getrlimit), CALL(getpriority), CALL(getrandom), CALL(umask)};

/* What could turn a file that is to be appended to into one that is cut: see PROMISE_APPEND for which fcntl stays. */
static const int shape_calls[] = {CALL(fcntl), CALL(ftruncate), CALL(fallocate)};

/*
 * At a place in a file that the caller chooses. Who may look into other processes reads from the beginning alone: there
 * is nothing at the beginning of anyone's memory, so /proc/PID/mem cannot be read (and mmap of it does not exist).
 */
static const int seek_calls[] = {CALL(lseek), CALL(pread64), CALL(preadv), CALL(preadv2), CALL(pwrite64), CALL(pwritev),
    CALL(splice), CALL(sendfile), CALL(copy_file_range)};

/* With RWF_NOAPPEND (Linux 6.9) it writes anywhere in a file that is to be appended to. */
static const int place_calls[] = {CALL(pwritev2)};

static const int socket_calls[] = {CALL(bind), CALL(connect), CALL(listen), CALL(accept), CALL(accept4), CALL(shutdown),
    CALL(sendto), CALL(sendmsg), CALL(sendmmsg), CALL(recvfrom), CALL(recvmsg), CALL(recvmmsg), CALL(getsockopt),
    CALL(setsockopt), CALL(getsockname), CALL(getpeername)};

/* Files of libzmq's own ipc sockets; its threads ask for their scheduling. */
static const int bus_calls[] = {
    CALL(unlink), CALL(unlinkat), CALL(chmod), CALL(sched_getparam), CALL(sched_getscheduler)};

static const int read_calls[] = {CALL(stat), CALL(lstat), CALL(statx), CALL(access), CALL(faccessat), CALL(faccessat2),
    CALL(readlink), CALL(readlinkat), CALL(getdents), CALL(getdents64), CALL(getcwd), CALL(chdir), CALL(fchdir),
    CALL(statfs), CALL(fstatfs), CALL(flock), CALL(fadvise64), CALL(getxattr), CALL(lgetxattr), CALL(fgetxattr),
    CALL(inotify_init), CALL(inotify_init1), CALL(inotify_add_watch), CALL(inotify_rm_watch)};

static const int write_calls[] = {CALL(openat2), CALL(creat), CALL(mkdir), CALL(mkdirat), CALL(rmdir), CALL(unlink),
    CALL(unlinkat), CALL(rename), CALL(renameat), CALL(renameat2), CALL(link), CALL(linkat), CALL(symlink),
    CALL(symlinkat), CALL(truncate), CALL(chmod), CALL(fchmod), CALL(fchmodat), CALL(chown), CALL(lchown), CALL(fchown),
    CALL(fchownat), CALL(utime), CALL(utimes), CALL(utimensat), CALL(futimesat), CALL(sync), CALL(syncfs),
    CALL(sync_file_range)};

/* What it starts inherits the list, so the few calls with which a program confines itself are here too. */
static const int proc_calls[] = {CALL(fork), CALL(vfork), CALL(execve), CALL(execveat), CALL(wait4), CALL(waitid),
    CALL(setpgid), CALL(setsid), CALL(pidfd_open), CALL(arch_prctl), CALL(prctl), CALL(prlimit64), CALL(setrlimit),
    CALL(capset), CALL(seccomp), CALL(landlock_create_ruleset), CALL(landlock_add_rule), CALL(landlock_restrict_self),
    CALL(setpriority), CALL(mmap), CALL(mprotect)};

static const int kill_calls[] = {CALL(kill), CALL(tkill), CALL(tgkill), CALL(rt_sigqueueinfo), CALL(rt_tgsigqueueinfo),
    CALL(pidfd_open), CALL(pidfd_send_signal)};

static const int id_calls[] = {CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid), CALL(setresuid),
    CALL(setresgid), CALL(setgroups), CALL(setfsuid), CALL(setfsgid), CALL(capset)};

static const int channel_calls[] = {CALL(sendmsg), CALL(recvmsg), CALL(sendto), CALL(recvfrom), CALL(shutdown)};

static const int notify_calls[] = {CALL(kcmp)};

static const struct {
	uint32_t promises, unless; /* any of these, and none of those */
	const int *calls;
	size_t n;
} lists[] = {
    {ALWAYS, 0, stdio_calls, COUNT(stdio_calls)},
    {ALWAYS, PROMISE_APPEND, shape_calls, COUNT(shape_calls)},
    {ALWAYS, PROMISE_NOTIFY, seek_calls, COUNT(seek_calls)},
    {ALWAYS, PROMISE_NOTIFY | PROMISE_APPEND, place_calls, COUNT(place_calls)},
    {SOCKETS, 0, socket_calls, COUNT(socket_calls)},
    {PROMISE_BUS, 0, bus_calls, COUNT(bus_calls)},
    {READS, 0, read_calls, COUNT(read_calls)},
    {PROMISE_WPATH, 0, write_calls, COUNT(write_calls)},
    {PROMISE_PROC, 0, proc_calls, COUNT(proc_calls)},
    {PROMISE_KILL, 0, kill_calls, COUNT(kill_calls)},
    {PROMISE_ID, 0, id_calls, COUNT(id_calls)},
    {PROMISE_CHANNEL, 0, channel_calls, COUNT(channel_calls)},
    {PROMISE_NOTIFY, 0, notify_calls, COUNT(notify_calls)},
};

/* Calls that depend on one argument: allowed where (argument & mask) == value. */
static const struct {
	uint32_t promises, unless; /* any of these, and none of those */
	int call;
	unsigned argument;
	uint64_t mask, value;
} rows[] = {
    /* a page is never both written by and run in a process that starts no program */
    {ALWAYS, PROMISE_PROC, CALL(mmap), 2, PROT_EXEC, 0}, {ALWAYS, PROMISE_PROC, CALL(mprotect), 2, PROT_EXEC, 0},
    {ALWAYS, PROMISE_PROC, CALL(prlimit64), 2, UINT64_MAX, 0}, /* no new limit: reads only */
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_SET_NAME},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_GET_NAME},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_SET_PDEATHSIG},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_GET_DUMPABLE},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_GET_SECCOMP},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_GET_NO_NEW_PRIVS},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, PR_CAPBSET_READ},
    {ALWAYS, PROMISE_PROC, CALL(prctl), 0, LOW_32, 0x53564d41}, /* PR_SET_VMA: malloc names its memory */
    {ALWAYS, 0, CALL(ioctl), 1, LOW_32, TCGETS},		/* isatty */
    {ALWAYS, 0, CALL(ioctl), 1, LOW_32, FIONREAD}, {ALWAYS, 0, CALL(ioctl), 1, LOW_32, FIONBIO},
    {ALWAYS, 0, CALL(ioctl), 1, LOW_32, FIOCLEX}, {PROMISE_PTY, 0, CALL(ioctl), 1, LOW_32, TIOCSWINSZ},
    /* O_APPEND stays: no F_SETFL */
    {PROMISE_APPEND, 0, CALL(fcntl), 1, LOW_32, F_GETFD}, {PROMISE_APPEND, 0, CALL(fcntl), 1, LOW_32, F_SETFD},
    {PROMISE_APPEND, 0, CALL(fcntl), 1, LOW_32, F_GETFL}, {PROMISE_APPEND, 0, CALL(fcntl), 1, LOW_32, F_DUPFD_CLOEXEC},
    {PROMISE_NOTIFY, 0, CALL(ioctl), 1, LOW_32, SECCOMP_IOCTL_NOTIF_RECV},
    {PROMISE_NOTIFY, 0, CALL(ioctl), 1, LOW_32, SECCOMP_IOCTL_NOTIF_SEND},
    {PROMISE_NOTIFY, 0, CALL(ioctl), 1, LOW_32, SECCOMP_IOCTL_NOTIF_ID_VALID},
    {READS, PROMISE_WPATH, CALL(open), 1, OPEN_CHANGES, O_RDONLY},
    {READS, PROMISE_WPATH, CALL(openat), 2, OPEN_CHANGES, O_RDONLY}, {PROMISE_WPATH, 0, CALL(open), 1, ANYTHING, 0},
    {PROMISE_WPATH, 0, CALL(openat), 2, ANYTHING, 0}, {PROMISE_INET | PROMISE_BUS, 0, CALL(socket), 0, LOW_32, AF_INET},
    {PROMISE_INET | PROMISE_BUS, 0, CALL(socket), 0, LOW_32, AF_INET6},
    {PROMISE_UNIX | PROMISE_BUS, 0, CALL(socket), 0, LOW_32, AF_UNIX},
    {PROMISE_UNIX | PROMISE_BUS, 0, CALL(socketpair), 0, LOW_32, AF_UNIX},
    {PROMISE_BUS, 0, CALL(sched_setscheduler), 1, LOW_32, SCHED_OTHER}, /* libzmq sets what is set */
    {PROMISE_BUS, PROMISE_PROC, CALL(clone), 0, CLONE_THREAD | NAMESPACES, CLONE_THREAD},
    {PROMISE_PROC, 0, CALL(clone), 0, NAMESPACES, 0},
    {PROMISE_PROC, 0, CALL(unshare), 0, UINT64_MAX, CLONE_THREAD}, /* the jail's question: am I one thread? */
};

/* What nothing below a builder of sandboxes may ever do. */
static const int never_calls[] = {CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load),
    CALL(kexec_file_load), CALL(reboot), CALL(swapon), CALL(swapoff), CALL(acct), CALL(quotactl), CALL(quotactl_fd),
    CALL(iopl), CALL(ioperm), CALL(settimeofday), CALL(clock_settime), CALL(stime), CALL(syslog), CALL(bpf),
    CALL(perf_event_open), CALL(userfaultfd), CALL(open_by_handle_at), CALL(lookup_dcookie), CALL(add_key),
    CALL(request_key), CALL(keyctl), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register), CALL(vhangup),
    CALL(modify_ldt), CALL(vm86), CALL(vm86old), CALL(nfsservctl), CALL(uselib), CALL(ustat), CALL(sysfs),
    CALL(_sysctl), CALL(fanotify_init)};

static enum err
refused(struct why *why, int code, const char *what)
{
	errno = code < 0 ? -code : code;
	return fail_errno(why, ERR_SYSTEM, "seccomp: %s", what);
}

static int
never_add(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; i < COUNT(never_calls) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), never_calls[i], 0);
	return r;
}

static int
lists_add(scmp_filter_ctx filter, uint32_t promises)
{
	int r = 0;

	for (size_t i = 0; i < COUNT(lists) && r == 0; i++) {
		if ((lists[i].promises & promises) == 0 || (lists[i].unless & promises) != 0)
			continue;
		for (size_t j = 0; j < lists[i].n && r == 0; j++)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, lists[i].calls[j], 0);
	}
	return r;
}

static int
rows_add(scmp_filter_ctx filter, uint32_t promises)
{
	int r = 0;

	for (size_t i = 0; i < COUNT(rows) && r == 0; i++) {
		if ((rows[i].promises & promises) == 0 || (rows[i].unless & promises) != 0)
			continue;
		if (rows[i].mask == ANYTHING)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rows[i].call, 0);
		else
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, rows[i].call, 1,
			    SCMP_CMP64(rows[i].argument, SCMP_CMP_MASKED_EQ, rows[i].mask, rows[i].value));
	}
	return r;
}

/* Signals to itself are part of stdio: abort() and raise() use them. */
static int
self_add(scmp_filter_ctx filter, uint32_t promises)
{
	int r = 0;

	if ((promises & PROMISE_KILL) != 0)
		return 0;
	if ((r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1,
		 SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, LOW_32, (uint64_t)getpid()))) != 0)
		return r;
	return seccomp_rule_add(
	    filter, SCMP_ACT_ALLOW, CALL(kill), 1, SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, LOW_32, (uint64_t)getpid()));
}

static int
rules_add(scmp_filter_ctx filter, uint32_t promises)
{
	int r;

	if ((promises & PROMISE_NAMESPACE) != 0)
		return never_add(filter);
	if ((r = lists_add(filter, promises)) != 0 || (r = rows_add(filter, promises)) != 0 ||
	    (r = self_add(filter, promises)) != 0 ||
	    (r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0)) != 0)
		return r;
	/* libzmq asks getifaddrs for names of interfaces, aborts on any error but this one, and can do without. */
	if ((promises & PROMISE_BUS) == 0)
		return 0;
	return seccomp_rule_add(
	    filter, SCMP_ACT_ERRNO(EOPNOTSUPP), CALL(socket), 1, SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, LOW_32, AF_NETLINK));
}

static void
filter_free(scmp_filter_ctx *filter)
{
	if (*filter != NULL)
		seccomp_release(*filter);
}

enum err
promise_keep(uint32_t promises, struct why *why)
{
	uint32_t otherwise = (promises & PROMISE_NAMESPACE) != 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx filter __attribute__((cleanup(filter_free))) = seccomp_init(otherwise);
	int r;

	promises |= PROMISE_STDIO; /* without it a process could not even end */
	if (filter == NULL)
		return refused(why, ENOMEM, "init");
	if ((r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) != 0 ||
	    (r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1)) != 0 ||
	    (r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS))) != 0)
		return refused(why, r, "attributes");
	if ((r = rules_add(filter, promises)) != 0)
		return refused(why, r, "rules");
	if ((r = seccomp_load(filter)) != 0)
		return refused(why, r, "load");
	if (prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER)
		return fail(why, ERR_SYSTEM, "seccomp: the filter is not in force");
	return OK;
}
