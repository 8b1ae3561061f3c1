/* Fetching: a stream socket for each job; its length in 4 bytes and the message, then the same from the child. */
#include "services/credentials/fetching.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "services/credentials/keeper.h"
#include "services/credentials/onward.h"
#include "services/credentials/room.h"
#include "services/credentials/underway.h"

#define HEAD_BYTES 4
#define JOB_MAX	   (1u << 20)
#define ANSWER_MAX (512u << 10) /* 20 values of 16 KiB, and the rest */

struct fetching {
	struct list link; /* in credentials.fetches */
	struct credentials *credentials;
	int fd;
	struct watch watch;
	struct timer timer;
	struct room job, answer;
	size_t sent, length, got;
	const struct ledger_whose *whose; /* NULL: it changes nothing that could be lost */
	fetch_done *done;
	void *self;
};

static void next_begin(struct credentials *credentials);

static void
fetching_end(struct fetching *fetching, enum err r, const struct msg_fetch_done *done, const struct why *why)
{
	struct credentials *credentials = fetching->credentials;
	struct loop *loop = credentials->loop;

	loop_timer_stop(loop, &fetching->timer);
	loop_remove(loop, &fetching->watch);
	list_remove(&fetching->link);
	if (fetching->fd >= 0)
		credentials->fetches_n--;
	else
		credentials->waiting_n--;
	clean_fd(&fetching->fd);
	room_close(&fetching->job);
	fetching->done(fetching->self, r, done, why);
	room_close(&fetching->answer);
	free(fetching);
	next_begin(credentials);
}

static void
fetching_failed(struct fetching *fetching, enum err r, const char *words)
{
	struct why why;

	fail(&why, r, "%s", words);
	fetching_end(fetching, r, NULL, &why);
}

static void
too_late(void *self)
{
	fetching_failed(self, ERR_TIMEOUT, "no answer in time");
}

/* ---- the answer ---- */

static void
answer_whole(struct fetching *fetching)
{
	auto_arena struct arena arena = {.max_bytes = 64u << 10}; /* for lists: no value is copied */
	struct span bytes = span_of_bytes(fetching->answer.at + HEAD_BYTES, fetching->got - HEAD_BYTES);
	struct why why = {""};
	struct msg answer;
	enum err r;

	if ((r = msg_decode(bytes, &arena, &answer, &why)) != OK ||
	    (answer.id != FETCH_DONE && answer.id != FETCH_FAILED)) {
		log_warning("fetch.malformed", "why=\"%s\"", why.text);
		fetching_failed(fetching, ERR_INTERNAL, "what the child answered is malformed");
	} else if (answer.id == FETCH_FAILED) {
		r = answer.fetch_failed.error < ERR_COUNT ? (enum err)answer.fetch_failed.error : ERR_INTERNAL;
		fail(&why, r, SPAN_FORMAT, SPAN_ARGS(answer.fetch_failed.words));
		fetching_end(fetching, r, NULL, &why);
	} else {
		fetching_end(fetching, OK, &answer.fetch_done, NULL);
	}
}

static size_t
answer_length(const struct fetching *fetching)
{
	const uint8_t *at = fetching->answer.at;

	if (fetching->got < HEAD_BYTES)
		return SIZE_MAX;
	return HEAD_BYTES + ((size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
}

static void
job_readable(struct fetching *fetching)
{
	size_t room = fetching->answer.size - fetching->got, want;
	ssize_t n = recv(fetching->fd, fetching->answer.at + fetching->got, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fetching_failed(fetching, ERR_UNAVAILABLE, "the child that was to fetch it ended without an answer");
		return;
	}
	fetching->got += (size_t)n;
	fetching->answer.used = fetching->got; /* so much of it is wiped */
	want = answer_length(fetching);
	if (want != SIZE_MAX && (want > ANSWER_MAX || fetching->got > want))
		fetching_failed(fetching, ERR_INTERNAL, "what the child answered is malformed");
	else if (fetching->got == want)
		answer_whole(fetching);
	else if (fetching->got == fetching->answer.size)
		fetching_failed(fetching, ERR_INTERNAL, "what the child answered is too long");
}

/* ---- the job ---- */

static void
job_writable(struct fetching *fetching)
{
	ssize_t n = send(fetching->fd, fetching->job.at + fetching->sent, fetching->length - fetching->sent,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fetching_failed(fetching, ERR_UNAVAILABLE, "no child took the job");
		return;
	}
	fetching->sent += (size_t)n;
	if (fetching->sent < fetching->length)
		return;
	room_close(&fetching->job);
	loop_change(fetching->credentials->loop, &fetching->watch, EPOLLIN);
}

static void
ready(void *self, uint32_t events)
{
	struct fetching *fetching = self;

	if (fetching->sent < fetching->length && (events & EPOLLOUT) != 0)
		job_writable(fetching);
	else
		job_readable(fetching);
}

static size_t
texts_bytes(const struct span *texts, size_t n)
{
	size_t bytes = 8;

	for (size_t i = 0; i < n; i++)
		bytes += 8 + texts[i].length;
	return bytes;
}

/* At least as many as its msgpack has. */
static size_t
job_bytes(const struct msg_fetch_job *job)
{
	size_t bytes = 64 + job->what.length + job->key.length + job->body.length + job->ledger.length +
		       job->upstream_proxy.length + job->upstream_direct.length + job->upstream_login.length +
		       texts_bytes(job->texts, job->texts_n) + texts_bytes(job->scopes, job->scopes_n) +
		       texts_bytes(job->outputs, job->outputs_n) + texts_bytes(job->fields, job->fields_n);

	for (size_t i = 0; i < job->secrets_n; i++)
		bytes += 24 + job->secrets[i].key.length + job->secrets[i].value.length;
	return bytes;
}

static enum err
job_encode(const struct credentials *credentials, const struct msg_fetch_job *job, struct room *room, size_t *length,
    struct why *why)
{
	struct msg m = {.id = FETCH_JOB, .fetch_job = *job};
	size_t size, clear = 0, given;
	char *at;
	enum err r;

	m.fetch_job.limit_ms = credentials->config->fetch_limit_ms;
	if ((r = onward_say(credentials, &m.fetch_job, why)) != OK)
		return r;
	size = given = job_bytes(&m.fetch_job);
	if (size > JOB_MAX)
		return fail(why, ERR_LIMIT, "the material is too long");
	room_open(room, HEAD_BYTES + size);
	room_take(room, HEAD_BYTES + size);
	at = (char *)room->at + HEAD_BYTES;
	r = msg_encode(&m, &at, &given, &clear, why);
	assert(at == (char *)room->at + HEAD_BYTES); /* it was large enough: nothing was copied elsewhere */
	for (unsigned i = 0; i < HEAD_BYTES; i++)
		room->at[i] = (uint8_t)(clear >> (8 * (3 - i)));
	*length = HEAD_BYTES + clear;
	return r;
}

/* ---- beginning and end ---- */

static enum err
begin(struct fetching *fetching, struct why *why)
{
	struct credentials *credentials = fetching->credentials;
	auto_fd int ours = -1, theirs = -1;
	int pair[2];
	enum err r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(why, ERR_LIMIT, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	if (fetching->whose != NULL && (r = underway_note(credentials, fetching->whose, why)) != OK)
		return r;
	if ((r = loop_add(credentials->loop, &fetching->watch, ours, EPOLLIN | EPOLLOUT, ready, fetching, why)) != OK)
		return r;
	if ((r = keeper_hand(credentials, theirs, fetching->whose != NULL, why)) != OK) {
		loop_remove(credentials->loop, &fetching->watch);
		return r;
	}
	fetching->fd = fd_take(&ours);
	room_open(&fetching->answer, ANSWER_MAX);
	list_remove(&fetching->link);
	list_append(&credentials->fetches, &fetching->link);
	credentials->waiting_n--;
	credentials->fetches_n++;
	loop_timer_set(credentials->loop, &fetching->timer, credentials->config->fetch_limit_ms + FETCH_WAIT_MS,
	    too_late, fetching);
	return OK;
}

static struct fetching *
first(struct list *list)
{
	struct fetching *fetching;

	list_each(fetching, list, struct fetching, link)
		return fetching;
	return NULL;
}

static void
could_not_begin(void *self)
{
	fetching_failed(self, ERR_LIMIT, "no child could be started");
}

/* One that cannot begin is told so by the loop, never from within the call that wanted it. */
static void
next_begin(struct credentials *credentials)
{
	struct fetching *fetching;
	struct why why;

	while (credentials->fetches_n < FETCHES_MAX && (fetching = first(&credentials->waiting)) != NULL)
		if (begin(fetching, &why) != OK) {
			log_failure("fetch.begin", ERR_LIMIT, &why);
			loop_timer_set(credentials->loop, &fetching->timer, 0, could_not_begin, fetching);
			return;
		}
}

enum err
fetch_start(struct credentials *credentials, const struct msg_fetch_job *job, const struct ledger_whose *whose,
    fetch_done *done, void *self, struct why *why)
{
	struct fetching *fetching;
	auto_room struct room room = {0};
	size_t length = 0;
	enum err r;

	if (credentials->waiting_n >= FETCHES_WAIT)
		return fail(why, ERR_LIMIT, "%d fetches are waiting", FETCHES_WAIT);
	if ((r = job_encode(credentials, job, &room, &length, why)) != OK)
		return r;
	if ((fetching = calloc(1, sizeof(*fetching))) == NULL)
		abort();
	*fetching = (struct fetching){.credentials = credentials,
	    .fd = -1,
	    .job = room,
	    .length = length,
	    .whose = whose,
	    .done = done,
	    .self = self};
	room = (struct room){0};
	list_append(&credentials->waiting, &fetching->link);
	credentials->waiting_n++;
	next_begin(credentials);
	return OK;
}

void
fetches_init(struct credentials *credentials)
{
	list_init(&credentials->fetches);
	list_init(&credentials->waiting);
}

void
fetches_end(struct credentials *credentials)
{
	struct fetching *fetching;

	while ((fetching = first(&credentials->waiting)) != NULL)
		fetching_failed(fetching, ERR_UNAVAILABLE, "credentials ends");
	while ((fetching = first(&credentials->fetches)) != NULL)
		fetching_failed(fetching, ERR_UNAVAILABLE, "credentials ends");
}
