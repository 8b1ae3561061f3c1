/* Facts about a process: thin readings of /proc, each with its error told apart: gone, or not to be read. */
#include "sandbox/policyd/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/text.h"

#define ENTRIES_BYTES 8192

static enum err
failed(struct why *why, const char *what)
{
	switch (errno) {
	case ENOENT:
	case ESRCH:
	case EBADF:
		return fail_errno(why, ERR_NOT_FOUND, "%s", what);
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return fail_errno(why, ERR_LIMIT, "%s", what);
	default:
		return fail_errno(why, ERR_DENIED, "%s", what);
	}
}

enum err
proc_open(pid_t pid, int *out, struct why *why)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/%d", (int)pid);
	if ((fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return failed(why, "process");
	*out = fd;
	return OK;
}

enum err
proc_read(int dir, const char *name, char *to, size_t size, struct span *out, struct why *why)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	/* One read: these files are made when they are read, and are whole when they fit. */
	if (fd < 0 || (n = read(fd, to, size)) < 0)
		return failed(why, name);
	if (n == 0 || (size_t)n == size)
		return fail(why, ERR_NOT_FOUND, "%s has %zd bytes", name, n);
	*out = span_of_bytes(to, (size_t)n);
	return OK;
}

enum err
proc_stat(int dir, struct proc_stat *out, struct why *why)
{
	char bytes[1024];
	struct span text;
	enum err r = proc_read(dir, "stat", bytes, sizeof(bytes), &text, why);

	return r != OK ? r : proc_stat_parse(text, out, why);
}

uint32_t
proc_inner_pid(int dir)
{
	char bytes[8192];
	struct span text;
	uint32_t pid;

	if (proc_read(dir, "status", bytes, sizeof(bytes), &text, NULL) != OK ||
	    proc_inner_pid_parse(text, &pid, NULL) != OK)
		return 0;
	return pid;
}

enum err
proc_threads(int dir, uint32_t *out, struct why *why)
{
	struct stat st;

	if (fstatat(dir, "task", &st, 0) < 0)
		return failed(why, "task");
	if (st.st_nlink < 2)
		return fail(why, ERR_DENIED, "task has %lu links", (unsigned long)st.st_nlink);
	*out = (uint32_t)st.st_nlink - 2; /* itself, and the entry above */
	return OK;
}

enum err
proc_exe_stat(int dir, struct stat *out, struct why *why)
{
	return fstatat(dir, "exe", out, 0) < 0 ? failed(why, "exe") : OK;
}

enum err
proc_exe_path(int dir, char to[PROC_PATH_BYTES], struct why *why)
{
	ssize_t n = readlinkat(dir, "exe", to, PROC_PATH_BYTES);

	if (n < 0)
		return failed(why, "exe");
	if (n == PROC_PATH_BYTES)
		return fail(why, ERR_RANGE, "the executable's path is too long");
	to[n] = '\0';
	return OK;
}

enum err
proc_namespace(int dir, const char *kind, uint64_t *out, struct why *why)
{
	char name[32];
	struct stat st;

	snprintf(name, sizeof(name), "ns/%s", kind);
	if (fstatat(dir, name, &st, 0) < 0)
		return failed(why, name);
	*out = (uint64_t)st.st_ino;
	return OK;
}

enum err
proc_descriptor(int dir, const char *number, struct proc_fdinfo *out, struct why *why)
{
	char name[64], bytes[4096];
	struct span text;
	enum err r;

	snprintf(name, sizeof(name), "fdinfo/%s", number);
	if ((r = proc_read(dir, name, bytes, sizeof(bytes), &text, why)) != OK)
		return r;
	return proc_fdinfo_parse(text, out, why);
}

enum err
proc_socket_mount(int own_socket, uint64_t *out, struct why *why)
{
	auto_fd int self = open("/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct proc_fdinfo info;
	struct stat st;
	char number[16];
	enum err r;

	snprintf(number, sizeof(number), "%d", own_socket);
	if (self < 0 || fstat(own_socket, &st) < 0)
		return fail_errno(why, ERR_SYSTEM, "look at the own socket");
	if ((r = proc_descriptor(self, number, &info, why)) != OK)
		return because(why, ERR_SYSTEM, "look at the own socket");
	if (info.inode != (uint64_t)st.st_ino)
		return fail(why, ERR_SYSTEM, "fdinfo and fstat differ about a socket");
	*out = info.mount;
	return OK;
}

/* Those entries of one buffer of getdents64 whose names are numbers. */
static bool
each_entry(const char *bytes, size_t length, bool (*each)(void *, const char *, uint32_t), void *self)
{
	for (size_t at = 0; at < length;) {
		const struct dirent64 *entry = (const void *)(bytes + at);
		uint64_t number;

		if (number_parse(span_of_text(entry->d_name), 0, UINT32_MAX, &number, NULL) == OK &&
		    !each(self, entry->d_name, (uint32_t)number))
			return false;
		at += entry->d_reclen;
	}
	return true;
}

enum err
proc_each(
    int dir, const char *name, bool (*each)(void *self, const char *name, uint32_t number), void *self, struct why *why)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(struct dirent64) char bytes[ENTRIES_BYTES];
	long n = 0;

	if (fd < 0)
		return failed(why, name);
	while ((n = syscall(SYS_getdents64, fd, bytes, sizeof(bytes))) > 0)
		if (!each_entry(bytes, (size_t)n, each, self))
			return OK;
	return n < 0 ? failed(why, name) : OK;
}
