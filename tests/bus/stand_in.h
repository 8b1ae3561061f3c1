/* Stand-ins for the world: Python servers that say their port, and write down what they were asked. */
#ifndef TESTS_BUS_STAND_IN_H
#define TESTS_BUS_STAND_IN_H

#include <sys/types.h>

#include "tests/bus/script.h"

struct stand_in {
	pid_t pid;
	unsigned port;
};

/* Start a script with a log's path, and a certificate and key (NULL: none); it dies with us. */
struct stand_in stand_in_start(const char *script, const char *log, const char *cert, const char *key);
void stand_in_end(const struct stand_in *stand_in);

/* How often words are in a file, which is made where it is not there. */
unsigned log_count(const char *path, const char *words);

/* Wait for what comes as no event of the loop: a line of a log, a file's length. */
#define WATCH(loop, condition)                                                                                         \
	for (uint64_t until_ = clock_ms() + PATIENCE_MS; !(condition);)                                                \
	watch((loop), until_, #condition)
void watch(struct loop *loop, uint64_t until_ms, const char *what);

#endif
