/* What libzmq keeps to itself and its monitors tell: connections that came, went, or say nothing. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/bus/curve_inside.h"

#define SILENT_MS  15000 /* from connecting to the first message; the CURVE handshake alone has 10 s */
#define SILENT_MAX 1000	 /* connections at a time that have said nothing yet */

/* ---- connections that say nothing ---- */

void
silent_forget(struct socket *socket, struct silent *silent)
{
	list_remove(&silent->link);
	socket->silent_n--;
	free(silent);
}

void
silent_ended(struct socket *socket, int fd)
{
	struct silent *silent;

	list_each(silent, &socket->silent, struct silent, link)
		if (silent->fd == fd) {
			silent_forget(socket, silent);
			return;
		}
}

static void
silence_over(void *self)
{
	struct socket *socket = self;
	uint64_t now = clock_ms();
	struct silent *silent;

	while (monitor_serve(socket))
		continue;
	list_each(silent, &socket->silent, struct silent, link) {
		if (now - silent->since_ms < SILENT_MS && socket->silent_n <= SILENT_MAX)
			break;
		shutdown(silent->fd, SHUT_RDWR);
		silent_forget(socket, silent);
	}
	if (!list_empty(&socket->silent))
		loop_timer_set(socket->curve->bus->loop, &socket->silence, SILENT_MS, silence_over, socket);
}

static void
silent_began(struct socket *socket, int fd)
{
	struct silent *silent = calloc(1, sizeof(*silent));

	if (silent == NULL)
		abort();
	silent->fd = fd;
	silent->since_ms = clock_ms();
	list_append(&socket->silent, &silent->link);
	if (socket->silent_n++ == 0)
		loop_timer_set(socket->curve->bus->loop, &socket->silence, SILENT_MS, silence_over, socket);
	else if (socket->silent_n > SILENT_MAX) /* from the loop: here we may be inside silence_over, any number deep */
		loop_timer_set(socket->curve->bus->loop, &socket->silence, 0, silence_over, socket);
}

/* ---- monitors ---- */

static void
descriptor_gone(struct socket *socket, int fd)
{
	struct severed *severed;
	struct link *link;

	silent_ended(socket, fd);
	list_each(severed, &socket->severed, struct severed, link)
		if (severed->fd == fd)
			severed_forget(severed);
	list_each(link, &socket->links, struct link, in_all)
		if (link->fd == fd) {
			link->fd = SRCFD_NONE;
			link_down(link, "its connection ended");
			return;
		}
}

static void
monitor_event(struct socket *socket, uint16_t event, uint32_t value)
{
	struct why why = {0};

	if (socket->dialled == NULL) {
		if (event == ZMQ_EVENT_DISCONNECTED)
			descriptor_gone(socket, (int)value);
		else if (event == ZMQ_EVENT_ACCEPTED)
			silent_began(socket, (int)value);
		return;
	}
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
		peer_greet(socket->dialled);
	} else if (event == ZMQ_EVENT_DISCONNECTED) {
		fail(&why, ERR_UNAVAILABLE, "its connection ended");
		peer_is_down(socket->dialled, &why);
	} else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
		log_warning("bus.handshake", "peer=%s refused our key or we its", socket->dialled->name);
	}
}

/* Two frames an event: number (16 bit) and value (32 bit), then the address (zmq_socket_monitor(3)). */
bool
monitor_serve(struct socket *socket)
{
	uint8_t frame[6];
	char address[8];
	uint16_t event;
	uint32_t value;

	if (socket->monitor == NULL || zmq_recv(socket->monitor, frame, sizeof(frame), ZMQ_DONTWAIT) != sizeof(frame))
		return false;
	zmq_recv(socket->monitor, address, sizeof(address), ZMQ_DONTWAIT);
	memcpy(&event, frame, sizeof(event));
	memcpy(&value, frame + 2, sizeof(value));
	monitor_event(socket, event, value);
	return true;
}
