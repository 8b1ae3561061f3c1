/* A gateway for tests: a process of its own that answers by the names it is asked about, and writes down
 * every call. */
#ifndef TESTS_UNIT_CLI_FAKE_H
#define TESTS_UNIT_CLI_FAKE_H

#include <stddef.h>
#include <sys/types.h>

#define FAKE_LOG_BYTES (1u << 20)

struct fake {
	pid_t pid;
	char endpoint[64]; /* http://127.0.0.1:PORT */
	struct fake_log {  /* shared with the process */
		size_t length;
		char text[FAKE_LOG_BYTES]; /* "Method {json of the request}\n" for each call; "cancelled\n" */
	} * log;
};

/*
 * Start it. What it does, by name of the sandbox: missing (not found), starting (never ready), broken (ends
 * in Error), taken (exists already), ended (ready, then its main process exits 3), weak (a wall is partial),
 * flaky (the first watch ends UNAVAILABLE), lost (the watch ends), else ready after two states; by first word
 * of a command: see fake.c.
 */
void fake_start(struct fake *fake);
void fake_stop(struct fake *fake);

/* Forget the calls so far. */
void fake_clear(struct fake *fake);

#endif
