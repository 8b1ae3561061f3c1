/* What the agent may not ask of the kernel: a table, one reason a row. Everything else is allowed. */
#include "sandbox/supervisor/filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define FILTER_MAX 4096	       /* instructions: BPF_MAXINSNS */
#define LOW	   0xffffffffu /* the kernel takes these arguments as 32 bits: what stands above must not hide a match */

enum test { ANY, EQUAL, BITS, NOT_EQUAL, ABOVE };

/* A call, refused always or where one argument, and perhaps a second, is so. */
struct refusal {
	const char *call;
	struct {
		unsigned argument;
		enum test test;
		uint64_t mask, value;
	} when[2];
	int error; /* 0: EPERM */
};

/* clang-format off */
#define CALL(name)		       {(name), {{0}}, 0}
#define WHEN(name, n, test, mask, v)   {(name), {{(n), (test), (mask), (v)}}, 0}
#define FAMILY(family)		       WHEN("socket", 0, EQUAL, LOW, (family))
#define TO_FIRST(name, n)	       WHEN(name, n, EQUAL, LOW, 1)
/* clang-format on */

/* clang-format off */
static const struct refusal refusals[] = {
	/* libc falls back to clone, whose flags can be looked at */
	{"clone3", {{0}}, ENOSYS},

	/* of the families of sockets those of Unix and IP: others sniff, leave this network namespace, or are seldom looked at */
	FAMILY(AF_AX25), FAMILY(AF_IPX), FAMILY(AF_APPLETALK), FAMILY(AF_NETROM), FAMILY(AF_BRIDGE), FAMILY(AF_ATMPVC),
	FAMILY(AF_X25), FAMILY(AF_ROSE), FAMILY(AF_DECnet), FAMILY(AF_NETBEUI), FAMILY(AF_SECURITY), FAMILY(AF_KEY),
	WHEN("socket", 0, ABOVE, LOW, AF_NETLINK),
	WHEN("socketpair", 0, ABOVE, LOW, AF_UNIX),
	/* of netlink only routes, which getifaddrs reads */
	{"socket", {{0, EQUAL, LOW, AF_NETLINK}, {2, NOT_EQUAL, LOW, 0}}, 0},

	/* data that travels with the first packet goes round connect(), which is asked about; as where it is switched off */
	{"sendto", {{3, BITS, MSG_FASTOPEN, MSG_FASTOPEN}}, EOPNOTSUPP},
	{"sendmsg", {{2, BITS, MSG_FASTOPEN, MSG_FASTOPEN}}, EOPNOTSUPP},
	{"sendmmsg", {{3, BITS, MSG_FASTOPEN, MSG_FASTOPEN}}, EOPNOTSUPP},
	{"setsockopt", {{1, EQUAL, LOW, IPPROTO_TCP}, {2, EQUAL, LOW, TCP_FASTOPEN_CONNECT}}, ENOPROTOOPT},

	/* ... and MPTCP opens further connections by itself */
	{"socket", {{2, EQUAL, LOW, IPPROTO_MPTCP}}, EPROTONOSUPPORT},

	/* code that has no path defeats file rules and the identity of programs */
	CALL("memfd_create"),
	WHEN("execveat", 4, BITS, 0x1000 /* AT_EMPTY_PATH */, 0x1000),

	/* into other processes */
	CALL("ptrace"), CALL("process_vm_readv"), CALL("process_vm_writev"), CALL("pidfd_open"), CALL("pidfd_getfd"),
	CALL("pidfd_send_signal"), CALL("process_madvise"), CALL("kcmp"),

	/* parts of the kernel with a history, or that work past this filter */
	CALL("bpf"), CALL("io_uring_setup"), CALL("io_uring_enter"), CALL("io_uring_register"), CALL("userfaultfd"),
	CALL("perf_event_open"), CALL("add_key"), CALL("request_key"), CALL("keyctl"), CALL("kexec_load"),
	CALL("kexec_file_load"), CALL("init_module"), CALL("finit_module"), CALL("delete_module"), CALL("create_module"),
	CALL("get_kernel_syms"), CALL("query_module"), CALL("acct"), CALL("swapon"), CALL("swapoff"), CALL("reboot"),
	CALL("lookup_dcookie"), CALL("syslog"), CALL("uselib"), CALL("vmsplice"), CALL("open_by_handle_at"),
	CALL("quotactl"), CALL("quotactl_fd"), CALL("nfsservctl"), CALL("move_pages"), CALL("migrate_pages"),
	/* other kinds of execution than Linux's own, and addresses laid bare; asking what is set stays possible */
	WHEN("personality", 0, NOT_EQUAL, LOW, 0xffffffff),

	/* would change what file rules mean */
	CALL("mount"), CALL("umount"), CALL("umount2"), CALL("pivot_root"), CALL("chroot"), CALL("fsopen"),
	CALL("fsconfig"), CALL("fsmount"), CALL("fspick"), CALL("move_mount"), CALL("open_tree"), CALL("mount_setattr"),

	/* a fresh user namespace gives capabilities */
	CALL("setns"),
	WHEN("unshare", 0, BITS, CLONE_NEWUSER, CLONE_NEWUSER),
	WHEN("clone", 0, BITS, CLONE_NEWUSER, CLONE_NEWUSER),

	/* no further filters */
	WHEN("seccomp", 0, EQUAL, LOW, 1 /* SECCOMP_SET_MODE_FILTER */),
	WHEN("prctl", 0, EQUAL, LOW, PR_SET_SECCOMP),

	/* pushing input into a terminal that someone else reads; line disciplines are drivers of modems and radios */
	WHEN("ioctl", 1, EQUAL, LOW, TIOCSTI),
	WHEN("ioctl", 1, EQUAL, LOW, TIOCLINUX),
	WHEN("ioctl", 1, EQUAL, LOW, TIOCSETD),

	/* process 1 is the spawner, which started everything here */
	TO_FIRST("kill", 0), TO_FIRST("tkill", 0), TO_FIRST("tgkill", 0), TO_FIRST("tgkill", 1),
	TO_FIRST("rt_sigqueueinfo", 0), TO_FIRST("rt_tgsigqueueinfo", 0), TO_FIRST("rt_tgsigqueueinfo", 1),
	TO_FIRST("prlimit64", 0), TO_FIRST("sched_setaffinity", 0), TO_FIRST("sched_setattr", 0),
	TO_FIRST("sched_setparam", 0), TO_FIRST("sched_setscheduler", 0), TO_FIRST("ioprio_set", 1),
	TO_FIRST("setpriority", 1),
	WHEN("setpriority", 0, EQUAL, LOW, PRIO_USER),
	WHEN("ioprio_set", 0, EQUAL, LOW, 3 /* IOPRIO_WHO_USER */),
};
/* clang-format on */

static struct scmp_arg_cmp
comparison(const struct refusal *refusal, size_t at)
{
	enum test test = refusal->when[at].test;
	enum scmp_compare op = test == NOT_EQUAL ? SCMP_CMP_NE : test == ABOVE ? SCMP_CMP_GT : SCMP_CMP_MASKED_EQ;

	/* Compared whole: bits above what the kernel looks at can only make these two refuse more. */
	return (struct scmp_arg_cmp){
	    .arg = refusal->when[at].argument,
	    .op = op,
	    .datum_a = op == SCMP_CMP_MASKED_EQ ? refusal->when[at].mask : refusal->when[at].value,
	    .datum_b = refusal->when[at].value,
	};
}

static enum err
refuse(scmp_filter_ctx filter, const struct refusal *refusal, struct why *why)
{
	int number = seccomp_syscall_resolve_name(refusal->call);
	int error = refusal->error == 0 ? EPERM : refusal->error;
	struct scmp_arg_cmp when[2];
	unsigned n = 0;
	int r;

	if (number == __NR_SCMP_ERROR)
		return fail(why, ERR_SYSTEM, "libseccomp does not know %s", refusal->call);
	if (number < 0)
		return OK; /* not on this machine */
	while (n < COUNT(when) && refusal->when[n].test != ANY) {
		when[n] = comparison(refusal, n);
		n++;
	}
	if ((r = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint16_t)error), number, n, when)) < 0) {
		errno = -r;
		return fail_errno(why, ERR_SYSTEM, "refuse %s", refusal->call);
	}
	return OK;
}

/* Until an answer has come only a fatal signal ends the call (Linux 5.19); others would begin it anew, and ask again. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* By the system call itself: libseccomp 2.5 does not know the flag. */
static enum err
install(const struct sock_fprog *program, int *listener, struct why *why)
{
	unsigned long flags = listener == NULL ? 0 : SECCOMP_FILTER_FLAG_NEW_LISTENER;
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	    listener == NULL ? 0 : flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, program);

	if (r < 0 && errno == EINVAL && listener != NULL)
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	if (r < 0)
		return fail_errno(why, ERR_SYSTEM, "load the filter of system calls");
	if (listener != NULL)
		*listener = (int)r;
	return OK;
}

static enum err
load_written(int fd, int *listener, struct why *why)
{
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog program = {.filter = code};
	ssize_t n = pread(fd, code, sizeof(code), 0);

	if (n <= 0 || (size_t)n == sizeof(code) || n % (ssize_t)sizeof(code[0]) != 0)
		return fail(why, ERR_SYSTEM, "the filter of system calls is too long");
	program.len = (unsigned short)((size_t)n / sizeof(code[0]));
	return install(&program, listener, why);
}

static enum err
write_and_load(scmp_filter_ctx filter, int *listener, struct why *why)
{
	auto_fd int fd = memfd_create("filter", MFD_CLOEXEC);

	if (fd < 0 || seccomp_export_bpf(filter, fd) < 0)
		return fail(why, ERR_SYSTEM, "write the filter of system calls");
	return load_written(fd, listener, why);
}

static enum err
add_all(scmp_filter_ctx filter, const struct refusal *list, size_t n, bool ask, struct why *why)
{
	enum err r = OK;

	for (size_t i = 0; r == OK && i < n; i++)
		r = refuse(filter, &list[i], why);
	if (r == OK && ask && seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(connect), 0) < 0)
		r = fail(why, ERR_SYSTEM, "this system cannot ask about connect");
	return r;
}

static enum err
load(const struct refusal *list, size_t n, int *listener, struct why *why)
{
	/* Calls of another machine's numbering end the process: libseccomp's answer to a bad architecture. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	enum err r = OK;

	if (filter == NULL)
		return fail(why, ERR_SYSTEM, "seccomp_init");
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) < 0 ||
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0)
		r = fail(why, ERR_SYSTEM, "seccomp_attr_set");
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree; without it only slower */
	if (r == OK && (r = add_all(filter, list, n, listener != NULL, why)) == OK)
		r = write_and_load(filter, listener, why);
	seccomp_release(filter);
	return r;
}

enum err
seccomp_agent(int *listener, struct why *why)
{
	return load(refusals, COUNT(refusals), listener, why);
}

/*
 * The supervisor needs none of these once its sandbox stands. A link that it starts again inherits the list, and may
 * make a file system that is mounted nowhere for its empty root: fsopen, fsconfig and fsmount stay, without move_mount.
 */
/* clang-format off */
static const struct refusal supervisor_refusals[] = {
	CALL("mount"), CALL("umount"), CALL("umount2"), CALL("pivot_root"), CALL("fspick"), CALL("move_mount"),
	CALL("open_tree"), CALL("mount_setattr"), CALL("bpf"), CALL("perf_event_open"), CALL("userfaultfd"), CALL("init_module"), CALL("finit_module"), CALL("delete_module"),
	CALL("kexec_load"), CALL("kexec_file_load"), CALL("ptrace"), CALL("process_vm_readv"), CALL("process_vm_writev"),
	CALL("io_uring_setup"), CALL("memfd_create"), CALL("add_key"), CALL("request_key"), CALL("keyctl"),
	CALL("open_by_handle_at"), CALL("setns"),
};
/* clang-format on */

enum err
seccomp_supervisor(struct why *why)
{
	return load(supervisor_refusals, COUNT(supervisor_refusals), NULL, why);
}
