/* The keeper: waits for a socket from credentials and starts "fetch" with it; it reads no byte of what goes over it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/os/child.h"
#include "common/os/jail.h"
#include "services/credentials/fetch/process.h"

static const char *const program_paths[] = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache", NULL};

enum { HANDED_SOCKET, HANDED_LEDGER, HANDED };

/* What credentials hands over: a socket, and the ledger or -1; false at the end. */
static bool
handed_receive(int fds[HANDED])
{
	char byte;
	struct iovec iov = {&byte, 1};
	union {
		char space[CMSG_SPACE(HANDED * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr header = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *part;
	ssize_t n;

	fds[HANDED_SOCKET] = fds[HANDED_LEDGER] = -1;
	do
		n = recvmsg(FD_SOCKET, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0 && (part = CMSG_FIRSTHDR(&header)) != NULL && part->cmsg_type == SCM_RIGHTS &&
	    part->cmsg_len <= CMSG_LEN(HANDED * sizeof(int)))
		memcpy(fds, CMSG_DATA(part), part->cmsg_len - CMSG_LEN(0));
	return fds[HANDED_SOCKET] >= 0;
}

/* One that writes the ledger outlives us: what it brings may be the only one of its kind. It ends by itself. */
static void
fetch_start(const int fds[HANDED], bool authorities, const char *token_file)
{
	const char *const argv[] = {"credentials-fetch", "fetch", token_file, NULL};
	struct child_plan plan = {.path = "credentials-fetch",
	    .exec_fd = FD_PROGRAM,
	    .argv = argv,
	    .fds = {-1, STDERR_FILENO, STDERR_FILENO, fds[HANDED_SOCKET], authorities ? FD_AUTHORITIES : -1,
		fds[HANDED_LEDGER]},
	    .fds_count = 6,
	    .die_with_parent = fds[HANDED_LEDGER] < 0};
	struct child child;
	struct why why;
	enum err r;

	if ((r = child_start(&child, &plan, &why)) != OK)
		log_failure("fetch.start", r, &why);
	else
		child_done(&child);
}

static enum err
keeper_jail(uid_t uid, gid_t gid, const char *directory, const char *token_file, struct why *why)
{
	const char *const own[] = {directory, token_file[0] == '\0' ? NULL : token_file, NULL};
	const char *paths[PATHS_MAX + 1] = {NULL};
	const struct jail jail = {.process = "credentials-keeper",
	    .uid = uid,
	    .gid = gid,
	    .root = "/",
	    .promises = PROMISE_STDIO | PROMISE_CHANNEL | PROMISE_INET | PROMISE_RPATH | PROMISE_PROC,
	    .files_max = 64,
	    .read_paths = paths,
	    .keep_from = FD_SOCKET,
	    .keep_to = FD_PROGRAM};
	size_t n = paths_add(paths, 0, world_paths);

	n = paths_add(paths, n, program_paths);
	paths_add(paths, n, own);
	return jail_enter(&jail, why);
}

/* Where the program is, so that it may still be executed behind the jail. */
static enum err
program_open(char directory[1024], struct why *why)
{
	ssize_t n = readlink("/proc/self/exe", directory, 1023);
	char *slash;
	int fd;

	if (n <= 0)
		return fail_errno(why, ERR_SYSTEM, "readlink");
	directory[n] = '\0';
	if ((fd = open(directory, O_PATH | O_CLOEXEC)) < 0 || (fd != FD_PROGRAM && dup3(fd, FD_PROGRAM, O_CLOEXEC) < 0))
		return fail_errno(why, ERR_SYSTEM, "open %s", directory);
	if (fd != FD_PROGRAM)
		close(fd);
	if ((slash = strrchr(directory, '/')) != NULL)
		*slash = '\0';
	return OK;
}

int
keeper_run(const char *uid_text, const char *gid_text, const char *token_file)
{
	char directory[1024];
	struct why why = {""};
	uint64_t uid = 0, gid = 0;
	struct stat st;
	int fds[HANDED];
	enum err r;

	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	log_open("credentials-keeper", LOG_LEVEL_INFO);
	if ((r = number_parse(span_of_text(uid_text), 0, UINT32_MAX - 1, &uid, &why)) != OK ||
	    (r = number_parse(span_of_text(gid_text), 0, UINT32_MAX - 1, &gid, &why)) != OK ||
	    (r = program_open(directory, &why)) != OK ||
	    (r = keeper_jail((uid_t)uid, (gid_t)gid, directory, token_file, &why)) != OK) {
		log_failure("keeper.stopped", r, &why);
		return EXIT_FAILURE;
	}
	while (handed_receive(fds)) {
		fetch_start(fds, fstat(FD_AUTHORITIES, &st) == 0, token_file);
		for (size_t i = 0; i < HANDED; i++)
			clean_fd(&fds[i]);
	}
	return EXIT_SUCCESS;
}
