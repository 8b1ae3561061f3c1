/* DNS: the two sockets; 64 questions over UDP may be under way, those past that are dropped (they are asked again). */
#include "sandbox/proxy/dns.h"

#include <errno.h>
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

/* A question over UDP. */
struct datagram {
	struct dns_asked asked; /* first */
	struct list link;
	struct dns *dns;
	struct sockaddr_storage from;
	socklen_t from_length;
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

static void
datagram_answered(struct dns_asked *asked, const uint8_t *bytes, size_t length)
{
	struct datagram *datagram = (struct datagram *)(void *)asked;

	if (length > 0) /* lost like any datagram where it cannot be sent */
		sendto(datagram->dns->udp_fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (struct sockaddr *)&datagram->from, datagram->from_length);
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
		struct sockaddr_storage from;
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(dns->udp_fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
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
		datagram->from = from;
		datagram->from_length = length;
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
	enum err r = OK;

	if (dns == NULL)
		abort();
	*dns = (struct dns){.proxy = proxy, .udp_fd = udp_fd, .tcp_fd = tcp_fd};
	list_init(&dns->datagrams);
	list_init(&dns->tcp_all);
	if (udp_fd >= 0)
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
	list_each (datagram, &dns->datagrams, struct datagram, link) {
		dns_forget(&datagram->asked);
		datagram_free(datagram);
	}
	dns_tcp_end(&dns->tcp_all);
	clean_fd(&dns->udp_fd);
	clean_fd(&dns->tcp_fd);
	free(dns);
}
