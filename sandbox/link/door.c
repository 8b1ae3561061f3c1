/* Doors: a socket to what listens in the sandbox, pumped both ways; each way ends by itself. */
#include "sandbox/link/door.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/link/flow.h"
#include "sandbox/link/pump.h"

#define OPEN_MS	  8000	/* for the supervisor and whoever listens: less than the relay waits for us */
#define LINGER_MS 30000 /* for a server to take what its client has sent, once both have said all */

enum channel { CHANNEL_IN, CHANNEL_OUT };
enum door_kind { DOOR_SSH = 1, DOOR_TCP };

struct door {
	struct flow flow; /* under the relay's number */
	struct link *link;
	struct list in_link;
	bool open, out_ended;
	struct reply reply; /* to door_open, until it is open */
	uint64_t asked;	    /* the call that the supervisor has not answered; 0: none */
	uint16_t port;
	bool six, other_too; /* the address that is tried; ::1 is tried when 127.0.0.1 refuses */
	int fd;		     /* ours, until it is open */
	struct watch connecting;
	struct timer late;
	struct source out;
	struct sink in;
};

static void socket_ask(struct door *door);

/* ---- the end ---- */

static void
connecting_end(struct door *door)
{
	if (door->fd < 0)
		return;
	loop_remove(door->link->loop, &door->connecting);
	close(fd_take(&door->fd));
}

static void
door_free(struct door *door)
{
	struct link *link = door->link;

	call_cancel(link->supervisor, door->asked);
	connecting_end(door);
	loop_timer_stop(link->loop, &door->late);
	source_close(&door->out);
	sink_close(&door->in);
	peer_unref(door->reply.peer);
	flow_remove(&door->flow);
	list_remove(&door->in_link);
	link->doors_n--;
	flow_over(link, door->out.out.sent + door->in.in.used);
	free(door);
}

static void
tell_closed(const struct door *door, const char *words)
{
	const struct msg m = {
	    .id = DOOR_CLOSED, .door_closed = {door->flow.stream, span_head(span_of_text(words), 512)}};
	struct why why;

	if (peer_tell(door->link->relay, &m, &why) != OK)
		log_debug("door.untold", "why=\"%s\"", why.text);
}

static void
refuse(struct door *door, enum err r, const struct why *why)
{
	reply_fail(&door->reply, r, why);
	door_free(door);
}

/* It cannot go on: its caller hears why. */
static void
lose(struct door *door, const char *words)
{
	struct why why = {0};

	log_info("door.lost", "why=\"%s\"", words);
	if (door->open) {
		tell_closed(door, words);
		door_free(door);
	} else {
		refuse(door, fail(&why, ERR_PROTOCOL, "%s", words), &why);
	}
}

void
door_end_all(struct link *link)
{
	struct door *door;

	list_each(door, &link->doors, struct door, in_link)
		door_free(door);
}

static void
lingered(void *self)
{
	door_free(self);
}

/* Over when nothing flows out any more and nothing can flow in. */
static void
settle(struct door *door)
{
	if (!door->out_ended)
		return;
	if (door->in.fd >= 0) {
		if (door->in.in.ended) /* all is said, not all is read; the relay has forgotten it */
			loop_timer_set(door->link->loop, &door->late, LINGER_MS, lingered, door);
		return;
	}
	if (!door->in.in.ended)
		tell_closed(door, ""); /* its client has not ended its way in, which leads nowhere */
	door_free(door);
}

static void
out_done(void *self, enum err r)
{
	struct door *door = self;

	door->out_ended = true;
	if (r != OK)
		lose(
		    door, r == ERR_SYSTEM ? "the connection in the sandbox was reset" : "its output could not be sent");
	else
		settle(door);
}

static void
in_done(void *self, enum err r)
{
	if (r != OK)
		lose(self, "its input could not be taken");
	else
		settle(self);
}

/* ---- the beginning ---- */

static enum err
pumps_open(struct door *door, struct why *why)
{
	struct link *link = door->link;
	auto_fd int in = fcntl(door->fd, F_DUPFD_CLOEXEC, 3); /* each way is watched by itself */
	enum err r;

	if (in < 0)
		return fail_errno(why, ERR_LIMIT, "a descriptor of the door");
	loop_remove(link->loop, &door->connecting);
	r = source_open(&door->out, link->loop, fd_take(&door->fd), link->relay, door->flow.stream, CHANNEL_OUT,
	    PUMP_SOCKET, out_done, door, why);
	if (r == OK)
		r = sink_open(&door->in, link->loop, fd_take(&in), link->relay, door->flow.stream, PUMP_SOCKET, in_done,
		    door, why);
	return r;
}

/* door->fd is connected. */
static void
opened(struct door *door)
{
	struct why why = {0};

	loop_timer_stop(door->link->loop, &door->late);
	reply_send(&door->reply, &(struct msg){.id = DOOR_OPENED});
	door->open = true;
	if (pumps_open(door, &why) != OK)
		lose(door, why.text);
}

static void
late(void *self)
{
	struct door *door = self;
	struct why why = {0};
	enum err r = fail(&why, ERR_TIMEOUT, "%s did not take the connection within %d s",
	    door->port == 0 ? "the sandbox's SSH server" : "whoever listens", OPEN_MS / 1000);

	refuse(door, r, &why);
}

/* ---- to a port of the agent's ---- */

static enum err
connect_loopback(int fd, bool six, uint16_t port)
{
	const struct sockaddr_in four_at = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 six_at = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int r = six ? connect(fd, (const struct sockaddr *)&six_at, sizeof(six_at))
		    : connect(fd, (const struct sockaddr *)&four_at, sizeof(four_at));

	return r == 0 ? OK : errno == EINPROGRESS ? ERR_MORE : ERR_SYSTEM;
}

/* errno says why. */
static void
not_connected(struct door *door)
{
	struct why why = {0};
	enum err r;

	if (door->other_too) {
		connecting_end(door);
		door->other_too = false;
		door->six = true;
		socket_ask(door);
		return;
	}
	r = errno == ECONNREFUSED ? fail(&why, ERR_SYSTEM, "nothing listens on port %u of the sandbox", door->port)
				  : fail_errno(&why, ERR_SYSTEM, "port %u of the sandbox", door->port);
	refuse(door, r, &why);
}

static void
connected(void *self, uint32_t events)
{
	struct door *door = self;
	int error = 0, yes = 1;
	socklen_t size = sizeof(error);

	(void)events;
	if (getsockopt(door->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
		errno = error != 0 ? error : errno;
		not_connected(door);
		return;
	}
	(void)setsockopt(door->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	opened(door);
}

static void
socket_made(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct door *door = self;
	struct why reason = {0};

	door->asked = 0;
	if (r != OK)
		reason = *why;
	else if (answer->id != SOCKET_MADE || answer->fds_n != 1)
		r = fail(&reason, ERR_PROTOCOL, "the supervisor answered socket_make without a socket");
	if (r != OK) {
		refuse(door, r, &reason);
		return;
	}
	door->fd = fd_take(&answer->fds[0]);
	if ((r = connect_loopback(door->fd, door->six, door->port)) == ERR_SYSTEM)
		not_connected(door);
	else if ((r = loop_add(door->link->loop, &door->connecting, door->fd, EPOLLOUT, connected, door, &reason)) !=
		 OK)
		refuse(door, r, &reason);
}

static void
socket_ask(struct door *door)
{
	const struct msg m = {.id = SOCKET_MAKE, .socket_make = {.six = door->six}};

	door->asked = peer_call(door->link->supervisor, &m, OPEN_MS, socket_made, door);
}

/* ---- to an SSH server of its own ---- */

static void
ssh_started(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct door *door = self;

	(void)answer;
	door->asked = 0;
	if (r != OK)
		refuse(door, r, why);
	else
		opened(door);
}

static enum err
ssh_ask(struct door *door, struct why *why)
{
	struct msg m = {.id = SSH_START, .fds_n = 1};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return fail_errno(why, ERR_LIMIT, "a connection to an SSH server");
	door->fd = ends[0];
	m.fds[0] = ends[1];
	door->asked = peer_call(door->link->supervisor, &m, OPEN_MS, ssh_started, door);
	close(ends[1]);
	return OK;
}

/* ---- what is asked and told ---- */

static enum err
tcp_ask(struct door *door, const struct msg_door_open *m, struct why *why)
{
	if (m->port == 0)
		return fail(why, ERR_INVALID, "port 0 is not within 1 to 65535");
	if (!span_is(m->host, "127.0.0.1") && !span_is(m->host, "::1") && !span_is(m->host, "localhost"))
		return fail(why, ERR_DENIED, "only 127.0.0.1, ::1 and localhost of a sandbox can be reached");
	door->port = m->port;
	door->six = span_is(m->host, "::1");
	door->other_too = span_is(m->host, "localhost");
	socket_ask(door);
	return OK;
}

static enum err
open_allowed(struct link *link, const struct msg *m, struct why *why)
{
	if (m->from != link->relay || !link->enrolment.done)
		return fail(why, ERR_DENIED, "doors are opened by the relay, once this sandbox is enrolled");
	if (m->call == 0)
		return fail(why, ERR_PROTOCOL, "door_open wants an answer: send it as a request");
	if (flow_find(link, link->relay, m->door_open.stream) != NULL)
		return fail(why, ERR_EXISTS, "the stream's number is in use");
	if (link->doors_n >= DOORS_MAX)
		return fail(why, ERR_LIMIT, "%d doors are open", DOORS_MAX);
	return OK;
}

static const struct flow_kind door_flow;

static struct door *
door_new(struct link *link, const struct msg *m)
{
	struct door *door = calloc(1, sizeof(*door));

	if (door == NULL)
		abort();
	door->link = link;
	door->fd = door->in.fd = door->out.fd = -1;
	flow_add(link, &door->flow, &door_flow, link->relay, m->door_open.stream);
	list_append(&link->doors, &door->in_link);
	link->doors_n++;
	return door;
}

/*
 * Open a stream to a port of the agent's, or to an SSH server that is started for it.
 *
 * in      door_open, from the relay
 * out     door_opened; then its channels are open
 * errors  ERR_DENIED before enrolment, or a host that is not loopback; ERR_INVALID; ERR_EXISTS; ERR_LIMIT; ERR_SYSTEM
 *         nothing listens; ERR_TIMEOUT it does not take the connection; the supervisor's
 */
enum err
door_open(void *self, struct msg *m, struct msg *answer, struct why *why)
{
	struct link *link = self;
	struct door *door;
	enum err r;

	(void)answer;
	if ((r = open_allowed(link, m, why)) != OK)
		return r;
	door = door_new(link, m);
	r = m->door_open.kind == DOOR_TCP ? tcp_ask(door, &m->door_open, why) : ssh_ask(door, why);
	if (r != OK) {
		door_free(door);
		return r;
	}
	door->reply = reply_later(m);
	loop_timer_set(link->loop, &door->late, OPEN_MS, late, door);
	return OK;
}

/* ---- bytes, credit, ends ---- */

static enum err
door_data(struct flow *flow, const struct msg_stream_data *m, struct why *why)
{
	struct door *door = (struct door *)flow;
	enum err r;

	if (!door->open || m->channel != CHANNEL_IN)
		return fail(why, ERR_PROTOCOL, "channel %u takes no bytes", m->channel);
	if ((r = sink_take(&door->in, m, why)) == OK && door->in.fd < 0)
		settle(door);
	return r;
}

static enum err
door_grant(struct flow *flow, const struct msg_stream_grant *m, struct why *why)
{
	if (m->channel != CHANNEL_OUT)
		return fail(why, ERR_PROTOCOL, "channel %u needs no credit", m->channel);
	return source_granted(&((struct door *)flow)->out, m, why);
}

static enum err
door_end(struct flow *flow, const struct msg_stream_end *m, struct why *why)
{
	struct door *door = (struct door *)flow;
	enum err r;

	if (!door->open || m->channel != CHANNEL_IN)
		return fail(why, ERR_PROTOCOL, "channel %u does not end", m->channel);
	if ((r = sink_ended(&door->in, m, why)) == OK)
		settle(door);
	return r;
}

static void
door_drop(struct flow *flow, const char *words)
{
	lose((struct door *)flow, words);
}

static void
door_closed(struct flow *flow)
{
	struct door *door = (struct door *)flow;
	struct why why = {0};

	if (door->open)
		door_free(door);
	else
		refuse(door, fail(&why, ERR_CANCELLED, "closed before it was open"), &why);
}

static const struct flow_kind door_flow = {door_data, door_grant, door_end, door_drop, .closed = door_closed};
