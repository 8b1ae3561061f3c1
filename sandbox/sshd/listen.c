/* Listeners: the socket comes from the supervisor, in the agent's network; it is bound to loopback here. */
#include "sandbox/sshd/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libssh/server.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "common/base/clean.h"
#include "common/base/log.h"
#include "sandbox/sshd/forward.h"
#include "sandbox/sshd/loopback.h"

#define MAKE_MS 8000
#define BACKLOG 64

struct listener {
	struct sshd *sshd;
	struct list in_sshd;
	ssh_message request; /* to be answered; NULL: it has been */
	uint64_t call;	     /* socket_make that is not answered */
	char address[ADDRESS_BYTES];
	uint16_t asked, port; /* by the client; what it is */
	int fd;
	struct watch watch;
};

static void
listener_free(struct listener *listener)
{
	struct sshd *sshd = listener->sshd;

	call_cancel(sshd->supervisor, listener->call);
	loop_remove(sshd->loop, &listener->watch);
	clean_fd(&listener->fd);
	SSH_MESSAGE_FREE(listener->request);
	list_remove(&listener->in_sshd);
	sshd->listeners_n--;
	free(listener);
}

void
listeners_end(struct sshd *sshd)
{
	struct listener *listener;

	list_each(listener, &sshd->listeners, struct listener, in_sshd)
		listener_free(listener);
}

bool
listen_stop(struct sshd *sshd, const char *address, uint16_t port)
{
	struct listener *listener;

	list_each(listener, &sshd->listeners, struct listener, in_sshd)
		if (listener->request == NULL && listener->port == port && strcmp(listener->address, address) == 0) {
			listener_free(listener);
			return true;
		}
	return false;
}

static void
came(void *self, uint32_t events)
{
	struct listener *listener = self;
	struct sockaddr_in from = {0};
	socklen_t size = sizeof(from);
	int fd = accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		forward_back(listener->sshd, fd, ntohs(from.sin_port), listener->address, listener->port);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_warning("listener.accept", "errno=%d", errno);
}

static enum err
listen_on(struct listener *listener, struct why *why)
{
	struct sockaddr_storage address;
	socklen_t size = loopback_address(false, listener->asked, &address);

	if (bind(listener->fd, (struct sockaddr *)&address, size) < 0 || listen(listener->fd, BACKLOG) < 0 ||
	    getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0)
		return fail_errno(why, ERR_UNAVAILABLE, "listen on port %u", listener->asked);
	listener->port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return loop_add(listener->sshd->loop, &listener->watch, listener->fd, EPOLLIN, came, listener, why);
}

static void
made(void *self, enum err r, struct msg *answer, const struct why *why)
{
	struct listener *listener = self;
	struct why reason = {0};

	listener->call = 0;
	if (r != OK)
		reason = *why;
	else if (answer->id != SOCKET_MADE || answer->fds_n != 1)
		r = fail(&reason, ERR_PROTOCOL, "the supervisor answered socket_make without a socket");
	if (r == OK) {
		listener->fd = fd_take(&answer->fds[0]);
		r = listen_on(listener, &reason);
	}
	if (r != OK) {
		log_info("listener.refused", "port=%u why=\"%s\"", listener->asked, reason.text);
		(void)ssh_message_reply_default(listener->request);
		listener_free(listener);
		return;
	}
	(void)ssh_message_global_request_reply_success(listener->request, listener->port);
	SSH_MESSAGE_FREE(listener->request);
}

void
listen_start(struct sshd *sshd, ssh_message request, const char *address, uint16_t port)
{
	const struct msg m = {.id = SOCKET_MAKE};
	struct listener *listener;

	if (sshd->listeners_n >= LISTENERS_MAX || strlen(address) >= ADDRESS_BYTES) {
		(void)ssh_message_reply_default(request);
		SSH_MESSAGE_FREE(request);
		return;
	}
	if ((listener = calloc(1, sizeof(*listener))) == NULL)
		abort();
	*listener = (struct listener){.sshd = sshd, .request = request, .asked = port, .fd = -1};
	(void)span_copy(span_of_text(address), listener->address, sizeof(listener->address));
	list_append(&sshd->listeners, &listener->in_sshd);
	sshd->listeners_n++;
	listener->call = peer_call(sshd->supervisor, &m, MAKE_MS, made, listener);
}
