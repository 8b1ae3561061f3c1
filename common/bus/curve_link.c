/* The peers of CURVE sockets: links of a ROUTER, known by their keys, and the one server that a DEALER dialled. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/text.h"
#include "common/bus/curve_inside.h"

/* ---- links of a ROUTER ---- */

static struct list *
bucket_of(struct socket *socket, const void *routing, size_t n)
{
	const uint8_t *p = routing;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return &socket->buckets[hash % BUCKETS];
}

struct link *
link_find(struct socket *socket, const void *routing, size_t n)
{
	struct link *link;

	list_each(link, bucket_of(socket, routing, n), struct link, in_bucket)
		if (link->routing_n == n && memcmp(link->routing, routing, n) == 0)
			return link;
	return NULL;
}

/* Out of the tables; the struct stays with its peer. */
static void
link_forget(struct link *link)
{
	link->gone = true;
	list_remove(&link->in_all);
	list_remove(&link->in_bucket);
}

void
link_down(struct link *link, const char *words)
{
	struct why why = {0};

	if (link->gone)
		return;
	link_forget(link);
	fail(&why, ERR_UNAVAILABLE, "%s", words);
	peer_is_down(link->peer, &why);
}

/* libzmq is done with a message: it may have held a key or a token. Runs on its I/O thread. */
static void
wipe(void *bytes, void *length)
{
	explicit_bzero(bytes, (size_t)(uintptr_t)length);
	free(bytes);
}

/* zmq_send of a copy that is wiped when it has been sent. */
static bool
send_wiped(void *zmq, struct span bytes)
{
	char *copy = malloc(bytes.length + 1);
	zmq_msg_t message;

	if (copy == NULL)
		abort();
	memcpy(copy, bytes.at, bytes.length);
	if (zmq_msg_init_data(&message, copy, bytes.length, wipe, (void *)(uintptr_t)bytes.length) < 0)
		abort();
	if (zmq_msg_send(&message, zmq, ZMQ_DONTWAIT) >= 0)
		return true;
	zmq_msg_close(&message);
	return false;
}

static enum err
link_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct link *link = peer->wire;

	(void)fds;
	assert(fds_n == 0);
	if (link->gone)
		return fail(why, ERR_UNAVAILABLE, "%s is gone", peer->name);
	if (zmq_send(link->socket->zmq, link->routing, link->routing_n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return fail(why, errno == EHOSTUNREACH ? ERR_UNAVAILABLE : ERR_LIMIT, "send to %s: %s", peer->name,
		    zmq_strerror(errno));
	if (!send_wiped(link->socket->zmq, bytes))
		return fail(why, ERR_UNAVAILABLE, "send to %s: %s", peer->name, zmq_strerror(errno));
	return OK;
}

bool
severed_find(struct socket *socket, const void *routing, size_t n)
{
	struct severed *severed;

	list_each(severed, &socket->severed, struct severed, link)
		if (severed->routing_n == n && memcmp(severed->routing, routing, n) == 0)
			return true;
	return false;
}

void
severed_forget(struct severed *severed)
{
	list_remove(&severed->link);
	free(severed);
}

static void
sever(struct link *link)
{
	struct severed *severed = calloc(1, sizeof(*severed));

	if (severed == NULL)
		abort();
	severed->fd = link->fd;
	severed->routing_n = link->routing_n;
	memcpy(severed->routing, link->routing, link->routing_n);
	list_append(&link->socket->severed, &severed->link);
	shutdown(link->fd, SHUT_RDWR);
}

/*
 * A ROUTER cannot drop one of its peers: shut its descriptor down and let the I/O thread find out. Descriptors that it
 * has closed meanwhile must be known first, so that none of their numbers' new owners is hit.
 */
static void
link_cut(struct peer *peer)
{
	struct link *link = peer->wire;

	peer_ref(peer);
	while (!link->gone && monitor_serve(link->socket))
		continue;
	if (!link->gone && link->fd >= 0)
		sever(link);
	link_down(link, "it broke the rules or was ended");
	peer_unref(peer);
}

static void
link_free(struct peer *peer)
{
	struct link *link = peer->wire;

	link_forget(link);
	free(link);
}

static const struct transport link_transport = {link_send, link_cut, link_free};

struct link *
link_new(struct socket *socket, zmq_msg_t *routing, zmq_msg_t *first)
{
	const char *user = zmq_msg_gets(first, "User-Id");
	struct link *link = calloc(1, sizeof(*link)), *other;
	const struct roster_entry *entry;
	uint8_t key[32];

	if (link == NULL)
		abort();
	if (user == NULL || !hex_read(span_of_text(user), key, sizeof(key)) ||
	    zmq_msg_size(routing) > sizeof(link->routing)) {
		free(link);
		return NULL;
	}
	entry = socket->strangers ? NULL : roster_find(socket->curve, key);
	if (entry != NULL)
		list_each(other, &socket->links, struct link, in_all)
			if (memcmp(other->peer->key, key, sizeof(key)) == 0) {
				link_down(other, "it connected anew");
				break;
			}
	link->socket = socket;
	link->routing_n = zmq_msg_size(routing);
	memcpy(link->routing, zmq_msg_data(routing), link->routing_n);
	link->fd = zmq_msg_get(first, ZMQ_SRCFD);
	silent_ended(socket, link->fd);
	link->peer = peer_new(socket->curve->bus, entry == NULL ? ROLE_STRANGER : entry->role,
	    entry == NULL ? "stranger" : entry->name, &link_transport, link);
	memcpy(link->peer->key, key, sizeof(key));
	list_append(&socket->links, &link->in_all);
	list_append(bucket_of(socket, link->routing, link->routing_n), &link->in_bucket);
	return link;
}

void
peer_enrol(struct peer *peer, struct id sandbox, uint32_t epoch)
{
	assert(peer->role == ROLE_STRANGER || peer->role == ROLE_LINK);
	peer->role = ROLE_LINK;
	peer->sandbox = sandbox;
	peer->epoch = epoch;
	snprintf(peer->name, sizeof(peer->name), "sandbox %s", id_text(sandbox));
}

/* ---- the peer of a DEALER ---- */

static enum err
dialled_send(struct peer *peer, struct span bytes, const int *fds, size_t fds_n, struct why *why)
{
	struct socket *socket = peer->wire;

	(void)fds;
	assert(fds_n == 0);
	if (socket == NULL)
		return fail(why, ERR_UNAVAILABLE, "%s is gone", peer->name);
	if (!send_wiped(socket->zmq, bytes))
		return fail(why, ERR_UNAVAILABLE, "send to %s: %s", peer->name, zmq_strerror(errno));
	return OK;
}

/* End this connection; a new one is dialled. */
static void
dialled_cut(struct peer *peer)
{
	struct socket *socket = peer->wire;
	struct why why = {0};

	if (socket == NULL)
		return;
	zmq_disconnect(socket->zmq, socket->endpoint);
	fail(&why, ERR_UNAVAILABLE, "it broke the rules or was ended");
	peer_is_down(peer, &why);
	if (peer->wire != NULL)
		zmq_connect(socket->zmq, socket->endpoint);
}

static void
dialled_free(struct peer *peer)
{
	(void)peer;
}

const struct transport dialled_transport = {dialled_send, dialled_cut, dialled_free};
