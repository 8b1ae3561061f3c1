/* Bytes between an end of a transfer and two pipes, without ever waiting for one while the other could go on. */
#include "sandbox/pack/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/transfer/parcel.h"

#define BUFFER_BYTES  (256u << 10)
#define PIPE_BYTES    (1 << 20) /* asked for, not needed: fewer turns between us and whoever is at the other end */
#define LAST_WORDS_MS 2000

struct buffers {
	char *in, *out;
	size_t length, at; /* of out: bytes that wait */
};

static enum err
gone(struct why *why)
{
	return fail(why, ERR_UNAVAILABLE, "the other end is gone");
}

/* EAGAIN is no error. */
static enum err
flush(struct buffers *buffers, struct why *why)
{
	while (buffers->at < buffers->length) {
		ssize_t n = write(STDOUT_FILENO, buffers->out + buffers->at, buffers->length - buffers->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? OK : gone(why);
		buffers->at += (size_t)n;
	}
	buffers->at = buffers->length = 0;
	return OK;
}

static enum err
take_in(const struct pipe_end *end, struct buffers *buffers, struct why *why)
{
	ssize_t n = read(STDIN_FILENO, buffers->in, BUFFER_BYTES);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? OK : gone(why);
	return n == 0 ? gone(why) : end->feed(end->self, span_of_bytes(buffers->in, (size_t)n), why);
}

/* One turn: write what there is, read what came, sleep where there is neither. */
static enum err
turn(const struct pipe_end *end, struct buffers *buffers, struct why *why)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = STDOUT_FILENO}};
	bool idle;
	enum err r;

	if (buffers->length == 0 && (r = end->pull(end->self, buffers->out, BUFFER_BYTES, &buffers->length, why)) != OK)
		return r;
	idle = buffers->length == 0 && !end->busy(end->self);
	if ((r = flush(buffers, why)) != OK || (end->over(end->self) && buffers->length == 0))
		return r;
	fds[1].events = buffers->length > 0 ? POLLOUT : 0;
	if (poll(fds, COUNT(fds), idle || buffers->length > 0 ? -1 : 0) < 0 && errno != EINTR)
		return fail_errno(why, ERR_SYSTEM, "poll");
	if (fds[0].revents != 0) /* first: it may be the word that all was taken */
		return take_in(end, buffers, why);
	return fds[1].revents & POLLERR ? gone(why) : OK;
}

/* Why it failed, as the last parcel; nobody waits long for whoever does not listen. */
static void
last_words(struct buffers *buffers, const struct why *why)
{
	struct parcel failed = {.type = PARCEL_FAILED, .text = span_of_text(why->text)};
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	struct why unused;

	while (buffers->length > 0 && poll(&out, 1, LAST_WORDS_MS) == 1 && flush(buffers, &unused) == OK)
		;
	if (buffers->length > 0)
		return;
	buffers->length = parcel_write(&failed, buffers->out);
	while (buffers->length > 0 && poll(&out, 1, LAST_WORDS_MS) == 1 && flush(buffers, &unused) == OK)
		;
}

static void
prepare(int fd)
{
	(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

enum err
pipe_run(const struct pipe_end *end, struct why *why)
{
	auto_free char *in = malloc(BUFFER_BYTES);
	auto_free char *out = malloc(BUFFER_BYTES);
	struct buffers buffers = {in, out, 0, 0};
	enum err r = OK;

	if (in == NULL || out == NULL)
		abort();
	prepare(STDIN_FILENO);
	prepare(STDOUT_FILENO);
	while (r == OK && !(end->over(end->self) && buffers.length == 0))
		r = turn(end, &buffers, why);
	if (r != OK && r != ERR_UNAVAILABLE && r != ERR_CANCELLED)
		last_words(&buffers, why);
	return r;
}
