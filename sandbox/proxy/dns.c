/* DNS: the two sockets; 64 questions over UDP may be under way, those past that are dropped (they are asked again). */
#include "sandbox/proxy/dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/clean.h"
#include "sandbox/proxy/dns_answer.h"
#include "sandbox/proxy/dns_tcp.h"
#include "sandbox/proxy/events.h"
#include "sandbox/proxy/proxy.h"

#define UDP_MAX	  64
#define EACH_TURN 32

/* Where a datagram came from, and beside it where it went to: given to sendmsg, that is where the answer comes from. */
struct ends {
	struct sockaddr_in from;
	socklen_t from_length;
	_Alignas(struct cmsghdr) char beside[CMSG_SPACE(sizeof(struct in_pktinfo))];
	size_t beside_length;
};

/* A question over UDP. */
struct datagram {
	struct dns_asked asked; /* first */
	struct list link;
	struct dns *dns;
	struct ends ends;
};

struct dns {
	struct proxy *proxy;
	int udp_fd, tcp_fd;
	struct watch udp, tcp;
	struct list datagrams, tcp_all;
	unsigned datagrams_n, tcp_n;
};

static void
datagram_free(struct datagram *datagram)
{
	list_remove(&datagram->link);
	datagram->dns->datagrams_n--;
	free(datagram);
}

static struct msghdr
message_of(struct ends *ends, struct iovec *part)
{
	return (struct msghdr){.msg_name = &ends->from,
	    .msg_namelen = ends->from_length,
	    .msg_iov = part,
	    .msg_iovlen = 1,
	    .msg_control = ends->beside,
	    .msg_controllen = ends->beside_length};
}

static ssize_t
datagram_read(int fd, void *bytes, size_t size, struct ends *ends)
{
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	struct msghdr message;
	ssize_t n;

	ends->from_length = sizeof(ends->from);
	ends->beside_length = sizeof(ends->beside);
	message = message_of(ends, &part);
	n = recvmsg(fd, &message, MSG_DONTWAIT);
	ends->from_length = message.msg_namelen;
	ends->beside_length = message.msg_controllen;
	return n;
}

/* Lost like any datagram where it cannot be sent. */
static void
datagram_send(struct datagram *datagram, const uint8_t *bytes, size_t length)
{
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = message_of(&datagram->ends, &part);

	sendmsg(datagram->dns->udp_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
datagram_answered(struct dns_asked *asked, const uint8_t *bytes, size_t length)
{
	struct datagram *datagram = (struct datagram *)(void *)asked;

	if (length > 0)
		datagram_send(datagram, bytes, length);
	datagram_free(datagram);
}

static void
tell_full(struct proxy *proxy)
{
	static const struct event event = {.class = EVENT_FINDING,
	    .severity = EVENT_MED,
	    .action = EVENT_DENIED,
	    .activity = "LIMIT",
	    .head = "DNS questions dropped",
	    .engine = "proxy",
	    .code = {"dns_max", 7},
	    .reason = {"as many questions are being answered as may be", 46}};

	event_add(proxy, NULL, &event);
}

static void
udp_ready(void *self, uint32_t events)
{
	struct dns *dns = self;
	uint8_t bytes[DNS_MESSAGE_BYTES + 1];

	(void)events;
	for (int i = 0; i < EACH_TURN; i++) {
		struct ends ends;
		ssize_t n = datagram_read(dns->udp_fd, bytes, sizeof(bytes), &ends);
		struct datagram *datagram;

		if (n < 0)
			return;
		if (dns->datagrams_n >= UDP_MAX) {
			tell_full(dns->proxy);
			continue;
		}
		if ((datagram = calloc(1, sizeof(*datagram))) == NULL)
			abort();
		datagram->dns = dns;
		datagram->ends = ends;
		list_append(&dns->datagrams, &datagram->link);
		dns->datagrams_n++;
		dns_ask(&datagram->asked, dns->proxy, span_of_bytes(bytes, (size_t)n), datagram_answered);
	}
}

static void
tcp_ready(void *self, uint32_t events)
{
	struct dns *dns = self;

	(void)events;
	for (int i = 0; i < EACH_TURN; i++) {
		int fd = accept4(dns->tcp_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (dns->tcp_n >= DNS_TCP_MAX)
			close(fd);
		else
			dns_tcp_begin(dns->proxy, fd, &dns->tcp_all, &dns->tcp_n);
	}
}

enum err
dns_new(struct proxy *proxy, int udp_fd, int tcp_fd, struct dns **out, struct why *why)
{
	struct dns *dns = calloc(1, sizeof(*dns));
	int on = 1;
	enum err r = OK;

	if (dns == NULL)
		abort();
	*dns = (struct dns){.proxy = proxy, .udp_fd = udp_fd, .tcp_fd = tcp_fd};
	list_init(&dns->datagrams);
	list_init(&dns->tcp_all);
	if (udp_fd >= 0 && setsockopt(udp_fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0)
		r = fail_errno(why, ERR_SYSTEM, "the address that a question is sent to");
	if (r == OK && udp_fd >= 0)
		r = loop_add(proxy->loop, &dns->udp, udp_fd, EPOLLIN, udp_ready, dns, why);
	if (r == OK && tcp_fd >= 0)
		r = loop_add(proxy->loop, &dns->tcp, tcp_fd, EPOLLIN, tcp_ready, dns, why);
	if (r != OK)
		dns_free(dns);
	else
		*out = dns;
	return r;
}

void
dns_free(struct dns *dns)
{
	struct datagram *datagram;

	if (dns == NULL)
		return;
	loop_remove(dns->proxy->loop, &dns->udp);
	loop_remove(dns->proxy->loop, &dns->tcp);
	list_each(datagram, &dns->datagrams, struct datagram, link) {
		dns_forget(&datagram->asked);
		datagram_free(datagram);
	}
	dns_tcp_end(&dns->tcp_all);
	clean_fd(&dns->udp_fd);
	clean_fd(&dns->tcp_fd);
	free(dns);
}
