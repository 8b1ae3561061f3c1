/* Pipes: PIPES_SPARE of them are kept, others are closed when they are given back. */
#include "sandbox/proxy/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#define PIPE_BYTES (256 << 10) /* as far as the user's limit goes (pipe(7)); else it stays as it is */

bool
pipes_take(struct pipes *pipes, int pipe[2])
{
	if (pipes->spare_n > 0) {
		pipes->spare_n--;
		pipe[0] = pipes->spare[pipes->spare_n][0];
		pipe[1] = pipes->spare[pipes->spare_n][1];
		return true;
	}
	if (pipe2(pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
		pipe[0] = pipe[1] = -1;
		return false;
	}
	fcntl(pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	return true;
}

void
pipes_give(struct pipes *pipes, int pipe[2], bool empty)
{
	if (pipe[0] < 0)
		return;
	if (empty && pipes->spare_n < PIPES_SPARE) {
		pipes->spare[pipes->spare_n][0] = pipe[0];
		pipes->spare[pipes->spare_n++][1] = pipe[1];
	} else {
		close(pipe[0]);
		close(pipe[1]);
	}
	pipe[0] = pipe[1] = -1;
}

void
pipes_done(struct pipes *pipes)
{
	while (pipes->spare_n > 0) {
		pipes->spare_n--;
		close(pipes->spare[pipes->spare_n][0]);
		close(pipes->spare[pipes->spare_n][1]);
	}
}
