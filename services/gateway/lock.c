/* Lock: flock on the pid file; the kernel lets it go when the process ends, however that happens. */
#include "services/gateway/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/text.h"

#define PATIENCE_MS 1000

static pid_t
pid_in(int fd)
{
	char text[16];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	uint64_t pid;
	struct span line;
	struct why why;

	if (n <= 0)
		return 0;
	line = span_of_bytes(text, (size_t)n);
	line = span_cut(&line, '\n');
	return number_parse(line, 1, INT_MAX, &pid, &why) == OK ? (pid_t)pid : 0;
}

/*
 * A holder that was killed a moment ago lets go when the kernel has taken it apart, and one that only looks (status)
 * holds for an instant: neither is a gateway that runs.
 */
static bool
lock_patiently(int fd)
{
	uint64_t until = clock_ms() + PATIENCE_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || clock_ms() >= until)
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}

enum err
lock_take(const struct config *config, int *out, struct why *why)
{
	const char *path = data_path(config, "gateway.pid");
	auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[16];
	int n;

	if (fd < 0)
		return fail_errno(why, ERR_SYSTEM, "open %s", path);
	if (!lock_patiently(fd))
		return errno != EWOULDBLOCK
			   ? fail_errno(why, ERR_SYSTEM, "lock %s", path)
			   : fail(why, ERR_EXISTS, "a gateway is already running with the data directory %s (pid %d)",
				 config->data_dir, (int)pid_in(fd));
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return fail_errno(why, ERR_SYSTEM, "write %s", path);
	*out = fd_take(&fd);
	return OK;
}

enum err
lock_holder(const struct config *config, pid_t *pid, struct why *why)
{
	const char *path = data_path(config, "gateway.pid");
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*pid = 0;
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return fail_errno(why, ERR_SYSTEM, "open %s", path);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return OK;
	*pid = pid_in(fd);
	if (*pid == 0)
		return fail(why, ERR_BUSY, "a gateway is starting with the data directory %s", config->data_dir);
	return OK;
}

/* The pid is the gateway's if the gateway is still there after it was opened. */
enum err
lock_signal(const struct config *config, int number, int *pidfd, struct why *why)
{
	auto_fd int fd = -1;
	pid_t pid, again = 0;
	enum err r = lock_holder(config, &pid, why);

	if (r == OK && pid != 0) {
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
		r = lock_holder(config, &again, why);
	}
	if (r != OK)
		return r;
	if (fd < 0 || again != pid) {
		clean_fd(&fd);
		if (pidfd == NULL)
			return fail(why, ERR_UNAVAILABLE, "the gateway ended");
	} else if (syscall(SYS_pidfd_send_signal, fd, number, NULL, 0) < 0) {
		return fail_errno(why, ERR_SYSTEM, "signal the gateway (pid %d)", (int)pid);
	}
	if (pidfd != NULL)
		*pidfd = fd_take(&fd);
	return OK;
}
