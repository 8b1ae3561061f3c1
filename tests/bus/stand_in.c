/* Stand-ins for the world, and what they wrote down. */
#include "tests/unit/test.h"

#include "tests/bus/stand_in.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

struct stand_in
stand_in_start(const char *script, const char *log, const char *cert, const char *key)
{
	struct stand_in stand_in;
	char text[16] = "";
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if ((stand_in.pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], 1);
		execlp("python3", "python3", script, log, cert, key, NULL);
		_exit(127);
	}
	close(ends[1]);
	for (size_t used = 0; strchr(text, '\n') == NULL; used++)
		assert_true(used < sizeof(text) - 1 && read(ends[0], text + used, 1) == 1);
	close(ends[0]);
	stand_in.port = (unsigned)strtoul(text, NULL, 10);
	return stand_in;
}

void
stand_in_end(const struct stand_in *stand_in)
{
	kill(stand_in->pid, SIGKILL);
	waitpid(stand_in->pid, NULL, 0);
}

unsigned
log_count(const char *path, const char *words)
{
	static char bytes[1 << 20];
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);
	unsigned count = 0;

	close(fd);
	assert_true(n >= 0);
	bytes[n] = '\0';
	for (const char *at = bytes; (at = strstr(at, words)) != NULL; at++)
		count++;
	return count;
}

void
watch(struct loop *loop, uint64_t until_ms, const char *what)
{
	struct why why;

	if (clock_ms() >= until_ms)
		fail_msg("waited in vain: %s", what);
	assert_int_equal(loop_turn(loop, 10, &why), OK);
}
