/* A raw relay: two flows; each holds a pipe (or a buffer, where TLS is on an end) only while bytes are in it. */
#include "sandbox/proxy/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "common/base/clock.h"
#include "sandbox/proxy/admit.h"
#include "sandbox/proxy/event.h"
#include "sandbox/proxy/proxy.h"

#define IDLE_MS	     3600000 /* nothing either way */
#define HALF_IDLE_MS 300000  /* and one side has ended */
#define PIECE_BYTES  (256u << 10)
#define BUFFER_BYTES 16384u
#define ROUNDS	     8 /* then others have their turn */

struct flow {
	struct leg *from, *to;
	int pipe[2];	 /* -1: none */
	char *buffer;	 /* instead of it */
	size_t at, held; /* of the buffer; bytes on their way */
	bool ended;	 /* from has ended its sending */
	bool finished;	 /* and to was told */
};

struct raw {
	struct connection *connection;
	struct leg *upstream;
	bool copy; /* splice cannot be used */
	struct flow up, down;
	uint64_t last_ms;
	struct timer idle;
};

/* ---- its end ---- */

static void
flow_done(struct raw *raw, struct flow *flow)
{
	pipes_give(&raw->connection->proxy->pipes, flow->pipe, flow->held == 0);
	free(flow->buffer);
}

static void
raw_end(struct raw *raw)
{
	struct connection *connection = raw->connection;

	loop_timer_stop(connection->proxy->loop, &raw->idle);
	flow_done(raw, &raw->up);
	flow_done(raw, &raw->down);
	leg_close(raw->upstream);
	free(raw);
	connection->relay = NULL;
	connection->relay_end = NULL;
	connection_end(connection);
}

static void
raw_ended(struct connection *connection, const char *why)
{
	struct event event = {.class = EVENT_NET,
	    .severity = EVENT_INFO,
	    .action = EVENT_ENDED,
	    .activity = "CLOSE",
	    .head = "tunnel closed",
	    .reason = span_of_text(why)};

	connection_event(connection, &event);
	raw_end(connection->relay);
}

/* ---- bytes; OK, ERR_MORE (wait), or an error ---- */

static enum err
splice_in(struct raw *raw, struct flow *flow)
{
	ssize_t n;

	if (flow->pipe[0] < 0 && !pipes_take(&raw->connection->proxy->pipes, flow->pipe))
		return ERR_LIMIT;
	n = splice(leg_fd(flow->from), NULL, flow->pipe[1], NULL, PIECE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n > 0)
		flow->held = (size_t)n;
	flow->ended = n == 0;
	if (n > 0)
		return OK;
	pipes_give(&raw->connection->proxy->pipes, flow->pipe, true);
	return n == 0 || errno == EAGAIN || errno == EINTR ? ERR_MORE : ERR_UNAVAILABLE;
}

static enum err
splice_out(struct raw *raw, struct flow *flow)
{
	ssize_t n = splice(flow->pipe[0], NULL, leg_fd(flow->to), NULL, flow->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? ERR_MORE : ERR_UNAVAILABLE;
	flow->held -= (size_t)n;
	if (flow->held == 0)
		pipes_give(&raw->connection->proxy->pipes, flow->pipe, true);
	return OK;
}

static enum err
copy_in(struct flow *flow)
{
	struct why why;
	enum err r;

	if (flow->buffer == NULL && (flow->buffer = malloc(BUFFER_BYTES)) == NULL)
		abort();
	r = leg_read(flow->from, flow->buffer, BUFFER_BYTES, &flow->held, &why);
	flow->at = 0;
	flow->ended = r == OK && flow->held == 0;
	if (r == OK && flow->held > 0)
		return OK;
	free(flow->buffer);
	flow->buffer = NULL;
	return r == OK ? ERR_MORE : r;
}

static enum err
copy_out(struct flow *flow)
{
	struct why why;
	size_t put;
	enum err r;

	if ((r = leg_write(flow->to, flow->buffer + flow->at, flow->held, &put, &why)) != OK)
		return r;
	flow->at += put;
	flow->held -= put;
	if (flow->held == 0) {
		free(flow->buffer);
		flow->buffer = NULL;
	}
	return OK;
}

/* Move what can be moved. */
static enum err
flow_run(struct raw *raw, struct flow *flow)
{
	enum err r = OK;

	for (int i = 0; i < ROUNDS && r == OK; i++) {
		if (flow->held > 0)
			r = raw->copy ? copy_out(flow) : splice_out(raw, flow);
		else if (flow->ended)
			r = ERR_MORE;
		else
			r = raw->copy ? copy_in(flow) : splice_in(raw, flow);
	}
	if (flow->ended && flow->held == 0 && !flow->finished) {
		flow->finished = true;
		leg_finish(flow->to);
	}
	return r == ERR_MORE ? OK : r;
}

/* ---- the loop ---- */

static void raw_ready(void *self, uint32_t events);

static uint32_t
wanted(const struct flow *reads, const struct flow *writes)
{
	return (!reads->ended && reads->held == 0 ? EPOLLIN : 0) | (writes->held > 0 ? EPOLLOUT : 0);
}

static void
raw_run(struct raw *raw)
{
	enum err up = flow_run(raw, &raw->up), down = flow_run(raw, &raw->down);

	raw->last_ms = clock_ms();
	if (up != OK || down != OK || (raw->up.finished && raw->down.finished)) {
		raw_end(raw);
		return;
	}
	leg_watch(raw->connection->agent, wanted(&raw->up, &raw->down), raw_ready, raw);
	leg_watch(raw->upstream, wanted(&raw->down, &raw->up), raw_ready, raw);
}

static void
raw_ready(void *self, uint32_t events)
{
	if ((events & (EPOLLIN | EPOLLOUT)) != 0) /* an end alone: what it left is read when there is room for it */
		raw_run(self);
}

static void
idle_check(void *self)
{
	struct raw *raw = self;
	uint64_t limit = raw->up.ended || raw->down.ended ? HALF_IDLE_MS : IDLE_MS;
	uint64_t idle = clock_ms() - raw->last_ms;

	if (idle >= limit)
		raw_ended(raw->connection, "idle");
	else
		loop_timer_set(raw->connection->proxy->loop, &raw->idle,
		    limit - idle < HALF_IDLE_MS ? limit - idle : HALF_IDLE_MS, idle_check, raw);
}

void
raw_relay(struct connection *connection, struct leg *upstream)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	if (raw == NULL)
		abort();
	loop_timer_stop(connection->proxy->loop, &connection->timer);
	admit_opened(connection);
	raw->connection = connection;
	raw->upstream = upstream;
	raw->copy = leg_tls(connection->agent) || leg_tls(upstream);
	raw->up = (struct flow){.from = connection->agent, .to = upstream, .pipe = {-1, -1}};
	raw->down = (struct flow){.from = upstream, .to = connection->agent, .pipe = {-1, -1}};
	connection->relay = raw;
	connection->relay_end = raw_ended;
	raw->last_ms = clock_ms();
	idle_check(raw);
	leg_watch(connection->agent, EPOLLIN, raw_ready, raw);
	leg_watch(upstream, EPOLLIN, raw_ready, raw);
}

/* ---- the way there ---- */

static void
opened(void *self, enum err r, struct leg *leg, const struct why *why)
{
	struct connection *connection = self;

	connection->dialling = 0;
	if (r == OK) {
		raw_relay(connection, leg);
		return;
	}
	if (r == ERR_DENIED)
		admit_tell(connection, false, "ssrf", SPAN("ssrf_denied"), span_of_text(why->text));
	else
		admit_failed(connection, SPAN("upstream_unreachable"), span_of_text(why->text));
	connection_end(connection);
}

void
raw_open(struct connection *connection)
{
	connection->dialling = upstream_open(connection, connection->tls, NULL, opened, connection);
}
