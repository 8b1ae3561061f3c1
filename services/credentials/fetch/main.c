/* credentials-fetch: "keeper" waits for a socket from credentials and starts "fetch" with it, which does one job and ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/codec.h"
#include "common/os/jail.h"
#include "common/seal/ledger_entry.h"
#include "services/credentials/fetch/jobs.h"
#include "services/credentials/fetch/note.h"
#include "services/credentials/fetch/process.h"
#include "common/leg/openssl.h"

#define JOB_MAX	 (2u << 20)
#define ALARM_S	 2  /* after the job's limit: for what does not heed it, as the resolver */
#define NO_JOB_S 30 /* for a job to come */

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

/* What it is for may be lost for good if it ended now: it ends in time by itself, and makes no file longer than a ledger may be. */
static void
outlive(void)
{
	const struct rlimit most = {LEDGER_BYTES_MAX, LEDGER_BYTES_MAX};

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &most);
	alarm(NO_JOB_S);
}

static enum err
fetch_jail(const char *token_file, struct why *why)
{
	const char *const own[] = {token_file[0] == '\0' ? NULL : token_file, NULL};
	const char *paths[PATHS_MAX] = {NULL};
	const struct jail jail = {.process = "credentials-fetch",
	    .root = "/",
	    .promises = PROMISE_STDIO | PROMISE_INET | PROMISE_RPATH | PROMISE_APPEND,
	    .files_max = 32,
	    .read_paths = paths,
	    .keep_from = FD_SOCKET,
	    .keep_to = FD_LEDGER};

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

	log_open("credentials-fetch", LOG_LEVEL_INFO);
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	fetch.ledger = fstat(FD_LEDGER, &st) == 0 ? FD_LEDGER : -1;
	if (fetch.ledger >= 0)
		outlive();
	fetch.authorities = fstat(FD_AUTHORITIES, &st) == 0 ? FD_AUTHORITIES : -1;
	if ((r = fetch_jail(token_file, &why)) == OK && (r = job_read(&arena, &asked, &why)) == OK) {
		alarm(ALARM_S + asked.fetch_job.limit_ms / 1000);
		r = note_answer(&fetch, job_run(&fetch, &done.fetch_done, &why), &done, &why);
	}
	if (r != OK)
		done = (struct msg){.id = FETCH_FAILED, .fetch_failed = {(uint8_t)r, span_of_text(why.text)}};
	return answer_write(&done) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "keeper") == 0)
		return keeper_run(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(argv[1], "fetch") == 0)
		return run_fetch(argv[2]);
	fprintf(stderr, "credentials-fetch: credentials starts it\n");
	return 2;
}
