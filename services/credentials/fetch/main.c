/* credentials-fetch: "keeper" waits for a socket from credentials and starts "fetch" with it, which does one job and ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/codec.h"
#include "common/os/child.h"
#include "common/os/jail.h"
#include "services/credentials/fetch/jobs.h"
#include "services/credentials/fetch/tls.h"

enum { FD_SOCKET = 3, FD_AUTHORITIES = 4, FD_PROGRAM = 5 };

#define JOB_MAX	   (2u << 20)
#define PATHS_MAX  32
#define ALARM_S	   2 /* after the job's limit: for what does not heed it, as the resolver */

/* What names, certificates and programs are read from; those that a machine does not have are left out. */
static const char *const world_paths[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf",
    "/etc/gai.conf", "/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
    "/run/systemd/resolve", "/run/resolvconf", "/var/run/secrets/kubernetes.io/serviceaccount", NULL};
static const char *const program_paths[] = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache", NULL};

static size_t
paths_add(const char **to, size_t n, const char *const *from)
{
	for (; *from != NULL && n < PATHS_MAX - 2; from++)
		if (access(*from, F_OK) == 0)
			to[n++] = *from;
	return n;
}

/* ---- fetch ---- */

static bool
read_whole(int fd, void *to, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t more = read(fd, (char *)to + got, n - got);

		if (more <= 0 && !(more < 0 && errno == EINTR))
			return false;
		got += more > 0 ? (size_t)more : 0;
	}
	return true;
}

static bool
write_whole(int fd, const void *from, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t more = send(fd, (const char *)from + sent, n - sent, MSG_NOSIGNAL);

		if (more <= 0 && !(more < 0 && errno == EINTR))
			return false;
		sent += more > 0 ? (size_t)more : 0;
	}
	return true;
}

static enum err
job_read(struct arena *arena, struct msg *out, struct why *why)
{
	uint8_t head[4];
	size_t length;
	char *bytes;
	enum err r;

	if (!read_whole(FD_SOCKET, head, sizeof(head)))
		return fail(why, ERR_UNAVAILABLE, "no job came");
	length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (length > JOB_MAX || (bytes = arena_alloc(arena, length)) == NULL || !read_whole(FD_SOCKET, bytes, length))
		return fail(why, ERR_PROTOCOL, "a job of %zu bytes", length);
	if ((r = msg_decode(span_of_bytes(bytes, length), arena, out, why)) != OK)
		return r;
	return out->id == FETCH_JOB ? OK : fail(why, ERR_PROTOCOL, "no job");
}

static bool
answer_write(const struct msg *answer)
{
	auto_free char *bytes = NULL;
	size_t room = 0, length;
	uint8_t head[4];
	struct why why;

	if (msg_encode(answer, &bytes, &room, &length, &why) != OK)
		return false;
	head[0] = (uint8_t)(length >> 24);
	head[1] = (uint8_t)(length >> 16);
	head[2] = (uint8_t)(length >> 8);
	head[3] = (uint8_t)length;
	return write_whole(FD_SOCKET, head, sizeof(head)) && write_whole(FD_SOCKET, bytes, length);
}

static enum err
fetch_jail(const char *token_file, struct why *why)
{
	const char *const own[] = {token_file[0] == '\0' ? NULL : token_file, NULL};
	const char *paths[PATHS_MAX] = {NULL};
	const struct jail jail = {.process = "credentials-fetch",
	    .root = "/",
	    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_RPATH,
	    .files_max = 32,
	    .read_paths = paths,
	    .keep_from = FD_SOCKET,
	    .keep_to = FD_AUTHORITIES};

	paths_add(paths, paths_add(paths, 0, world_paths), own);
	return jail_enter(&jail, why);
}

static int
run_fetch(const char *token_file)
{
	struct arena arena = {.max_bytes = 16u << 20}; /* never given back: the process ends */
	struct msg asked, done = {.id = FETCH_DONE};
	struct fetch fetch = {.job = &asked.fetch_job, .arena = &arena, .now_ms = clock_wall_ms()};
	struct why why = {""};
	struct stat st;
	enum err r;

	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	fetch.authorities = fstat(FD_AUTHORITIES, &st) == 0 ? FD_AUTHORITIES : -1;
	if ((r = fetch_jail(token_file, &why)) == OK && (r = job_read(&arena, &asked, &why)) == OK) {
		alarm(ALARM_S + asked.fetch_job.limit_ms / 1000);
		r = job_run(&fetch, &done.fetch_done, &why);
	}
	if (r != OK)
		done = (struct msg){.id = FETCH_FAILED, .fetch_failed = {(uint8_t)r, span_of_text(why.text)}};
	return answer_write(&done) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- keeper ---- */

/* The socket that credentials hands over; -1 at the end. */
static int
socket_receive(void)
{
	char byte;
	struct iovec iov = {&byte, 1};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *part;
	ssize_t n;
	int fd = -1;

	do
		n = recvmsg(FD_SOCKET, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n > 0 && (part = CMSG_FIRSTHDR(&header)) != NULL && part->cmsg_type == SCM_RIGHTS &&
	    part->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(part), sizeof(int));
	return fd;
}

static void
fetch_start(int socket, bool authorities, const char *token_file)
{
	const char *const argv[] = {"credentials-fetch", "fetch", token_file, NULL};
	struct child_plan plan = {.path = "credentials-fetch", .exec_fd = FD_PROGRAM, .argv = argv,
	    .fds = {-1, STDERR_FILENO, STDERR_FILENO, socket, authorities ? FD_AUTHORITIES : -1}, .fds_count = 5,
	    .die_with_parent = true};
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

static int
run_keeper(const char *uid_text, const char *gid_text, const char *token_file)
{
	char directory[1024];
	struct why why = {""};
	uint64_t uid = 0, gid = 0;
	struct stat st;
	int socket;
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
	while ((socket = socket_receive()) >= 0) {
		fetch_start(socket, fstat(FD_AUTHORITIES, &st) == 0, token_file);
		close(socket);
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "keeper") == 0)
		return run_keeper(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "fetch") == 0)
		return run_fetch(argv[2]);
	fprintf(stderr, "credentials-fetch: credentials starts it\n");
	return 2;
}
